"""Exports without a view: rows go to a path, to a file, into a data frame, or out as a stream of bytes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias, assert_never, cast

from django.db.models import Model, QuerySet

from drf_commons.conf import get_settings
from drf_commons.errors import ExportTooLargeError, MissingExtraError
from drf_commons.services.exporting import pdf
from drf_commons.services.exporting.columns import Column, ExportFieldConfig, read_columns, select_columns
from drf_commons.services.exporting.delimited import CsvOptions, write_csv
from drf_commons.services.exporting.formats import FileType, build_formatter, get_number_format
from drf_commons.services.exporting.rows import Columns, read_blocks, read_mappings
from drf_commons.services.exporting.xlsx import MAX_CELL_LENGTH, Block, Sheet, SheetColumn, write_workbook
from drf_commons.types import StrOrPromise

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["CONTENT_TYPES", "ExportResult", "ExportService"]

#: The media types of the files.
CONTENT_TYPES: Final[Mapping[FileType, str]] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}

#: Rows of a model, or rows that are at hand.
Source: TypeAlias = "QuerySet[Any, Any] | Iterable[Mapping[str, object]]"

_ELLIPSIS: Final = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What was written."""

    file_type: FileType
    rows: int
    size: int
    seconds: float


class ExportService:
    """Writes the rows of *source* with the columns of *config*, which is the allow-list, the order and the labels.

    Raises :class:`~drf_commons.errors.InvalidExportConfigError` for a column that the model does not have, and
    :class:`LookupError` with the names in *includes* that are no columns.
    """

    def __init__(
        self,
        source: Source,
        config: ExportFieldConfig,
        *,
        includes: Iterable[str] | None = None,
        title: StrOrPromise = "",
        csv: CsvOptions | None = None,
        template: str = pdf.TEMPLATE,
        owner: str = "export_field_config",
        on_progress: Callable[[int], object] | None = None,
    ) -> None:
        self._queryset: QuerySet[Any, Any] | None = source if isinstance(source, QuerySet) else None
        self._rows = cast("Iterable[Mapping[str, object]]", source)  # where there is no queryset
        queryset = self._queryset
        model: type[Model] | None = None if queryset is None else queryset.model
        #: The alias of the database that the rows are read from; ``None`` for rows that are at hand.
        self.database: str | None = None if queryset is None else queryset.db
        annotations = () if queryset is None else queryset.query.annotations
        self.columns: Sequence[Column] = select_columns(read_columns(owner, config, model, annotations), includes)
        #: What stands above the rows, and what the sheet is called.
        default = "Export" if model is None else str(model._meta.verbose_name_plural).capitalize()
        self.title: str = str(title) or default
        self._csv = csv or CsvOptions()
        self._template = template
        #: Called with the number of rows written so far, after each block.
        self.on_progress: Callable[[int], object] | None = on_progress

    def stream(self, file_type: FileType) -> Iterator[bytes]:
        """Yield the file; CSV and XLSX block by block, a PDF when it is whole.

        Raises :class:`~drf_commons.errors.ExportTooLargeError` for a PDF of too many rows, and
        :class:`~drf_commons.errors.UnwritableCellError` for a text that no cell of a spreadsheet holds.
        """
        labels = [column.label for column in self.columns]
        match file_type:
            case "csv":
                return write_csv(labels, self._format("csv"), self._csv)
            case "xlsx":
                return write_workbook([self._build_sheet()])
            case "pdf":
                return self._stream_pdf(labels)
            case _:
                assert_never(file_type)

    def write(self, file_type: FileType, target: str | os.PathLike[str] | IO[bytes]) -> ExportResult:
        """Write the file to a path, where it appears when it is whole, or into a file that is open for bytes."""
        if isinstance(target, str | os.PathLike):
            with _replacing(Path(target)) as file:
                return self._write(file_type, file)
        return self._write(file_type, target)

    def to_dataframe(self) -> DataFrame:
        """Return the rows as a pandas DataFrame, with the labels as columns and every value as it is."""
        try:
            pandas = import_module("pandas")  # takes seconds, and is an extra
        except ImportError as exc:
            msg = "A data frame needs pandas: pip install 'drf-commons[import]'"
            raise MissingExtraError(msg) from exc
        rows = chain.from_iterable(zip(*block, strict=True) for block in self._read())
        labels = [column.label for column in self.columns]
        return cast("DataFrame", pandas.DataFrame.from_records([*rows], columns=labels))  # a module is of any type

    def count_rows(self) -> int | None:
        """Return how many rows there are, with one query; ``None`` for rows that are at hand."""
        return None if self._queryset is None else self._queryset.count()

    def check_size(self, file_type: FileType) -> None:
        """Raise :class:`~drf_commons.errors.ExportTooLargeError` where there are more rows than a PDF may have."""
        rows = self._queryset
        if file_type != "pdf" or rows is None:
            return
        limit = get_settings().EXPORT_PDF_MAX_ROWS
        if not rows.query.is_sliced:
            rows = rows[: limit + 1]
        if rows.count() > limit:
            raise ExportTooLargeError(limit)

    def _write(self, file_type: FileType, file: IO[bytes]) -> ExportResult:
        start, size, done = time.perf_counter(), 0, 0

        def count(rows: int) -> None:
            nonlocal done
            done = rows
            if before is not None:
                before(rows)

        before, self.on_progress = self.on_progress, count
        try:
            for data in self.stream(file_type):
                size += len(data)
                file.write(data)
        finally:
            self.on_progress = before
        return ExportResult(file_type=file_type, rows=done, size=size, seconds=time.perf_counter() - start)

    def _read(self) -> Iterator[Columns]:
        if self._queryset is None:
            return read_mappings(self._rows, self.columns)
        return read_blocks(self._queryset, self.columns)

    def _format(self, file_type: FileType) -> Iterator[Columns]:
        """Yield the blocks as they are shown, and tell of each when the next one is asked for."""
        formatters = [build_formatter(column, file_type) for column in self.columns]
        done = 0
        for block in self._read():
            yield [format_(values) for format_, values in zip(formatters, block, strict=True)]
            done += len(block[0])
            if self.on_progress is not None:
                self.on_progress(done)

    def _build_sheet(self) -> Sheet:
        columns = [
            SheetColumn(header=column.label, width=column.options.width, format=get_number_format(column))
            for column in self.columns
        ]
        return Sheet(name=self.title, columns=columns, blocks=self._build_sheet_rows())

    def _build_sheet_rows(self) -> Iterator[Block]:
        cut = [position for position, column in enumerate(self.columns) if column.options.truncate]
        for block in self._format("xlsx"):
            values = [*block]
            for position in cut:
                values[position] = [_truncate(value) for value in values[position]]
            yield [*zip(*values, strict=True)]

    def _stream_pdf(self, labels: Sequence[str]) -> Iterator[bytes]:
        self.check_size("pdf")
        blocks = self._limit(self._format("pdf"))
        first = next(blocks, [()] * len(labels))
        is_number = [
            column.field is not None and column.field.get_internal_type() in _NUMBERS for column in self.columns
        ]
        headings = pdf.measure_headings(labels, first, is_number)
        yield from pdf.write_pdf(self.title, headings, chain([first] if first[0] else [], blocks), self._template)

    def _limit(self, blocks: Iterable[Columns]) -> Iterator[Columns]:
        """Yield *blocks*; rows that are at hand are counted as they come."""
        limit, done = get_settings().EXPORT_PDF_MAX_ROWS, 0
        for block in blocks:
            done += len(block[0])
            if done > limit:
                raise ExportTooLargeError(limit)
            yield block


_NUMBERS: Final = frozenset(
    {
        *("AutoField", "BigAutoField", "BigIntegerField", "DecimalField", "FloatField", "IntegerField"),
        *("PositiveBigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField"),
        *("SmallAutoField", "SmallIntegerField"),
    }
)


def _truncate(value: object) -> object:
    if not isinstance(value, str) or len(value.encode("utf-16-le", "replace")) // 2 <= MAX_CELL_LENGTH:
        return value
    units = value.encode("utf-16-le", "replace")[: 2 * (MAX_CELL_LENGTH - 1)]
    return units.decode("utf-16-le", "ignore") + _ELLIPSIS


class _replacing:  # noqa: N801  # reads as a statement: with _replacing(path) as file
    """A file beside *path*, which takes its place when all went well, and is gone when not."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> IO[bytes]:
        self._file = tempfile.NamedTemporaryFile(dir=self._path.parent, prefix=f".{self._path.name}.", delete=False)
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        self._file.close()
        written = Path(self._file.name)
        if kind is None:
            # Others may read what the umask lets them read, as in a file that was opened by its name.
            mask = os.umask(0)
            os.umask(mask)
            written.chmod(0o666 & ~mask)
            written.replace(self._path)
        else:
            with suppress(FileNotFoundError):
                written.unlink()
