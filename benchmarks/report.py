"""What was measured, for the documentation: a JSON file of results, the tables made of it, and a chart."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeAlias

from benchmarks.charts import Bars, build_chart
from benchmarks.interleave import Result

__all__ = ["CHARTS", "PAGE", "RESULTS", "SECTIONS", "build_charts", "build_page", "load_results", "store_results"]

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "performance.md"
CHARTS: Final = ROOT / "docs" / "charts"
RESULTS: Final = CHARTS / "results.json"

OURS: Final = "drf_commons"
DATABASES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB"}

#: The file of results: where it was measured, by database, and each race, by name.
Results: TypeAlias = dict[str, Any]

_RACE: Final = re.compile(r"(?P<race>\w+)\[(?P<vendor>\w+)\]")
_MARKED: Final = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- /results -->)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One comparison: the contender of a race that this library is held against."""

    race: str
    contender: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table, and the chart of it."""

    lines: Sequence[Line]
    #: The columns of the table by what stands in brackets behind the name of a race; nothing does where all is in one.
    columns: Mapping[str, str] = field(default_factory=lambda: DATABASES)

    def get_race(self, line: Line, column: str) -> str:
        """Return the name of the race that *column* shows in a line."""
        return f"{line.race}[{column}]" if column else line.race


#: What the page shows: each section is a chart, too.
SECTIONS: Final[Mapping[str, Section]] = {
    "Rows in the database": Section(
        lines=(
            Line(
                race="bulk_update_1000",
                contender="queryset_bulk_update",
                text="1,000 rows x 5 columns: `QuerySet.bulk_update()`",
            ),
            Line(
                race="bulk_update_10000",
                contender="queryset_bulk_update_by_500",
                text="10,000 rows x 5 columns: the same, `batch_size=500`",
            ),
            Line(
                race="bulk_update_1000_peer",
                contender="django_fast_update",
                text="1,000 rows x 5 columns: django-fast-update",
            ),
            Line(
                race="bulk_update_1000_driver",
                contender="driver",
                text="1,000 rows x 5 columns: the driver, values ready",
            ),
            Line(
                race="bulk_create_1000",
                contender="queryset_bulk_create",
                text="1,000 new rows: `QuerySet.bulk_create()`",
            ),
            Line(
                race="bulk_delete_1000",
                contender="delete_each",
                text="980 of 1,000 ids: `delete()` in a loop",
            ),
            Line(
                race="bulk_delete_1000",
                contender="select_and_delete",
                text="980 of 1,000 ids: a query, `QuerySet.delete()`",
            ),
        )
    ),
    "Requests of 1,000 rows": Section(
        lines=(
            Line(race="bulk_put_1000", contender="drf", text="PUT, 8 fields: DRF, `save()` for each row"),
            Line(race="bulk_put_1000", contender="drf_bulk", text="PUT, 8 fields: djangorestframework-bulk"),
            Line(race="bulk_put_1000", contender="drf_commons_1_0_3", text="PUT, 8 fields: drf-commons 1.0.3"),
            Line(race="bulk_patch_1000", contender="drf", text="PATCH, 8 fields: DRF, `save()` for each row"),
            Line(race="bulk_put_unique_1000", contender="drf", text="PUT with two rules of uniqueness: DRF"),
            Line(race="bulk_post_1000", contender="drf", text="POST with two rules of uniqueness: DRF"),
            Line(race="bulk_post_1000", contender="drf_commons_1_0_3", text="POST with two rules: drf-commons 1.0.3"),
            Line(race="bulk_put_1000_limit", contender="limit", text="PUT, 8 fields: a decoder and one statement"),
        )
    ),
    "Files": Section(
        columns={"": "processor time, SQLite in memory"},
        lines=(
            Line(
                race="import_create_import_export",
                contender="import_export",
                text="CSV, 10,000 new rows: django-import-export 4.4.3",
            ),
            Line(
                race="import_create_import_export_tuned",
                contender="import_export_tuned",
                text="CSV, 10,000 new rows: the same with `use_bulk`",
            ),
            Line(
                race="import_create_drf_commons_1_0_3",
                contender="drf_commons_1_0_3",
                text="CSV, 10,000 new rows: drf-commons 1.0.3",
            ),
            Line(
                race="import_update_import_export",
                contender="import_export",
                text="CSV, 10,000 changed rows: django-import-export 4.4.3",
            ),
            Line(
                race="import_update_import_export_tuned",
                contender="import_export_tuned",
                text="CSV, 10,000 changed rows: the same with `use_bulk`",
            ),
            Line(
                race="import_update_drf_commons_1_0_3",
                contender="drf_commons_1_0_3",
                text="CSV, 10,000 changed rows: drf-commons 1.0.3",
            ),
            Line(race="import_create", contender="limit", text="CSV, 10,000 new rows: the driver, values ready"),
            Line(race="import_update", contender="limit", text="CSV, 10,000 changed rows: the driver, values ready"),
            Line(race="import_bad_clean", contender="clean", text="CSV, 10,000 rows, 1 % with faults: the clean file"),
            Line(race="xlsx_read", contender="openpyxl", text="XLSX, 100,000 rows read: openpyxl, read-only"),
            Line(race="export_csv", contender="csv_module", text="CSV, 100,000 rows written: the csv module"),
            Line(
                race="export_xlsx",
                contender="django_import_export",
                text="XLSX, 10,000 rows written: django-import-export 4.4.3",
            ),
            Line(race="export_xlsx", contender="drf_excel", text="XLSX, 10,000 rows written: drf-excel 2.6.0"),
        ),
    ),
}


def load_results() -> Results:
    """Return what was stored last."""
    stored: Results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return {"grounds": {}, "races": {}, **stored}


def store_results(results: Sequence[Result], ground: Mapping[str, str]) -> None:
    """Add *results*, measured on *ground*, to the file, and write the page and its charts anew."""
    shown = {line.race for section in SECTIONS.values() for line in section.lines}
    measured = {result.race: asdict(result) for result in results if result.race.partition("[")[0] in shown}
    if not measured:
        return
    stored = load_results()
    stored["races"] = dict(sorted({**stored["races"], **measured}.items()))
    for race in measured:
        if match := _RACE.fullmatch(race):
            stored["grounds"][match["vendor"]] = dict(ground)
    CHARTS.mkdir(exist_ok=True)
    RESULTS.write_text(f"{json.dumps(_rounded(stored), indent=1)}\n", encoding="utf-8")
    PAGE.write_text(build_page(PAGE.read_text(encoding="utf-8"), load_results()), encoding="utf-8")
    for name, chart in build_charts(load_results()).items():
        (CHARTS / name).write_text(chart, encoding="utf-8")


def describe_ground(connection: Any) -> dict[str, str]:
    """Return the versions of what a measurement stands on."""
    driver = {"postgresql": "psycopg", "mysql": "PyMySQL"}.get(connection.vendor)
    return {
        "database": ".".join(map(str, connection.get_database_version())),
        "django": version("django"),
        "djangorestframework": version("djangorestframework"),
        "driver": "" if driver is None else f"{driver} {version(driver)}",
        "python": platform.python_version(),
    }


def build_page(page: str, results: Results) -> str:
    """Return *page* with the tables between its marks made anew."""
    parts = [build_section(title, section, results) for title, section in SECTIONS.items()]
    parts.append(build_grounds(results))
    tables = "\n".join(parts)
    return _MARKED.sub(lambda _: f"\n{tables}\n", page)


def build_charts(results: Results) -> dict[str, str]:
    """Return the charts by the names of their files."""
    return {
        get_chart_name(title): build_chart(
            f"{title}: how many times as long as drf-commons",
            [*section.columns.values()],
            [
                Bars(
                    label=line.text.replace("`", ""),
                    values=[find_speed(line, section.get_race(line, column), results) for column in section.columns],
                )
                for line in section.lines
            ],
        )
        for title, section in SECTIONS.items()
    }


def get_chart_name(title: str) -> str:
    """Return the name of the file of a section's chart."""
    return f"{re.sub(r'[^a-z0-9]+', '_', title.lower())}.svg"


def build_section(title: str, section: Section, results: Results) -> str:
    """Return the heading, the chart and the table of a section."""
    rows = [f"| against | {' | '.join(section.columns.values())} |", f"|---|{'---:|' * len(section.columns)}"]
    for line in section.lines:
        cells = [build_cell(line, section.get_race(line, column), results) for column in section.columns]
        rows.append(f"| {line.text} | {' | '.join(cells)} |")
    return "\n".join([f"### {title}", "", f"![{title}](charts/{get_chart_name(title)})", "", *rows, ""])


def build_cell(line: Line, name: str, results: Results) -> str:
    """Return how the two compare, and their times, in the race called *name*."""
    race = results["races"].get(name)
    speed = find_speed(line, name, results)
    if race is None or speed is None:
        return "…"
    seconds = {outcome["name"]: outcome["seconds"] for outcome in race["outcomes"]}
    times = " / ".join(f"{seconds[name] * 1000:,.{0 if seconds[name] > 1 else 1}f}" for name in (line.contender, OURS))
    return f"**{format_speed(speed)}** ({times} ms)"


def find_speed(line: Line, name: str, results: Results) -> float | None:
    """Return how many times as long as this library the contender of *line* takes in the race called *name*."""
    race = results["races"].get(name)
    if race is None:
        return None
    ratios: dict[str, float] = {outcome["name"]: outcome["ratio"] for outcome in race["outcomes"]}
    return ratios[line.contender] / ratios[OURS]


def format_speed(speed: float) -> str:
    """Return *speed* with two digits that count."""
    return f"{speed:,.0f}x" if speed >= 10 else f"{speed:.1f}x" if speed >= 1.95 else f"{speed:.2f}x"  # noqa: PLR2004


def build_grounds(results: Results) -> str:
    """Return what was measured on what."""
    lines = [
        f"{name} {ground['database']}{ground['driver'] and ' through ' + ground['driver']}, Python {ground['python']}, "
        f"Django {ground['django']}, DRF {ground['djangorestframework']}"
        for vendor, name in DATABASES.items()
        if (ground := results["grounds"].get(vendor))
    ]
    return "Measured on: " + "; ".join(lines) + ".\n"


def _rounded(value: Any) -> Any:
    """Return *value* with numbers no longer than they are sure."""
    match value:
        case dict():
            return {key: _rounded(item) for key, item in value.items()}
        case list() | tuple():
            return [_rounded(item) for item in value]
        case float():
            return float(f"{value:.4g}")
        case _:
            return value
