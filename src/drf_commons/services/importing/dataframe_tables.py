"""pandas DataFrames as tables, and tables as DataFrames: a door to every format that pandas knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from typing_extensions import override

from drf_commons.errors import MissingExtraError
from drf_commons.services.importing.number_formats import show_duration
from drf_commons.services.importing.sheets import CellFault, SheetRow, SheetTable, check_text, shorten
from drf_commons.services.importing.tables import ReadOptions, Table

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["DataFrameTable", "build_dataframe"]

_BLOCK = 2_000


class DataFrameTable(SheetTable):
    """A DataFrame as a table: the columns are the header, and rows count from 1; missing values are ``None``."""

    def __init__(self, frame: DataFrame, name: str, options: ReadOptions) -> None:
        self._frame = frame
        super().__init__(name, options)

    @property
    @override
    def file_format(self) -> Literal["dataframe"]:
        return "dataframe"

    @override
    def guess_rows(self) -> int:
        return len(self._frame)

    @override
    def iterate(self, *, first: int, width: int, is_header: bool) -> Iterator[SheetRow]:
        if is_header:
            yield 0, [*self._frame.columns], None
            return
        for start in range(max(first, 1) - 1, len(self._frame), _BLOCK):
            part = self._frame.iloc[start : start + _BLOCK]
            missing = part.isna()
            columns = [
                [None if gone else _show(value) for value, gone in zip(values, gaps, strict=True)]
                for values, gaps in (
                    (part.iloc[:, place].astype(object).tolist(), missing.iloc[:, place].tolist())
                    for place in range(width)
                )
            ]
            for number, row in enumerate(zip(*columns, strict=True), start + 1):
                if any(cell is not None and cell != "" for cell in row):
                    yield number, [*row], self._find_fault(row)

    def _find_fault(self, row: tuple[object, ...]) -> CellFault | None:
        longest = self._limits.max_cell_length
        texts = ((place, cell) for place, cell in enumerate(row) if isinstance(cell, str))
        faults = (check_text(place, cell, longest) or _check_halves(place, cell) for place, cell in texts)
        return next((fault for fault in faults if fault is not None), None)


def build_dataframe(table: Table, *, chunk_size: int = 10_000) -> DataFrame:
    """Return the rows of *table* that could be read as a DataFrame of plain objects, by their numbers.

    Nothing is guessed: ``007`` stays a text, and a blank cell of a sheet is ``None``.
    """
    try:
        from pandas import DataFrame  # noqa: PLC0415  # an extra, and slow to import
    except ImportError as exc:
        msg = "a DataFrame needs pandas: pip install 'drf-commons[import]'"
        raise MissingExtraError(msg) from exc
    numbers: list[int] = []
    rows: list[Any] = []
    for chunk in table.read_chunks(chunk_size):
        numbers += chunk.numbers
        rows += chunk.rows
    return DataFrame(rows, index=numbers, columns=[*table.header], dtype=object)


def _check_halves(place: int, text: str) -> CellFault | None:
    """Refuse half a surrogate pair, which no database can hold; a file cannot have one, a DataFrame can."""
    if text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in {*text}):
        return None
    shown = text.encode(errors="backslashreplace").decode()
    return CellFault(place, shorten(shown), "the cell holds half a surrogate pair; remove it", "invalid_cell")


def _show(value: object) -> object:
    """Return what pandas holds as the value of the standard library that it is."""
    if type(value).__module__.partition(".")[0] in {"numpy", "pandas"}:
        for method in ("to_pydatetime", "to_pytimedelta", "item"):
            convert = getattr(value, method, None)
            if convert is not None:
                value = cast("object", convert())
                break
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return show_duration(value) if isinstance(value, timedelta) else value
