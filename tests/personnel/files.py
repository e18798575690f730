"""Files of employees, good ones and ones with every fault a file can have, made anew from a seed."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.personnel.models import Department, Employee, Skill

__all__ = ["COLUMNS", "CONFIG", "FAULTS", "PlantedFault", "build_rows", "make_departments", "plant_faults", "write_csv"]

COLUMNS: Final = [
    "email",
    "first_name",
    "last_name",
    "badge",
    "phone",
    "age",
    "salary",
    "rating",
    "hired",
    "seen_at",
    "is_remote",
    "level",
    "contract",
    "website",
    "department_code",
    "skills",
]

#: Employees by their mail address, their department by its code.
CONFIG: Final[dict[str, Any]] = {
    "models": {
        "employee": {
            "model": Employee,
            "fields": COLUMNS,
            "unique_fields": ["email"],
            "update_if_exists": True,
            "foreign_keys": {"department": {"lookup_field": "code", "source_field": "department_code"}},
            "many_to_many": {"skills": {"lookup_field": "name", "delimiter": ","}},
        }
    }
}

#: Words that look like something else to other readers.
NAMES: Final = ["NA", "Null", "None", "José", "Zoë", "Ngọc", "O'Neil", "=Anne", "True", "007", "李", "Smith, Jr."]
SKILLS: Final = ["welding", "python", "singing"]

Row = dict[str, str]


def make_departments(count: int = 20) -> Sequence[str]:
    """Store departments whose codes have leading zeros; return the codes."""
    codes = [f"{number:03d}" for number in range(count)]
    Department.objects.bulk_create([Department(code=code, name=f"Department {code}") for code in codes])
    Skill.objects.bulk_create([Skill(name=name) for name in SKILLS])
    return codes


def build_rows(count: int, codes: Sequence[str], *, seed: int = 1, start: int = 0) -> list[Row]:
    """Return rows that are all good, with blanks wherever blanks are allowed."""
    chance = random.Random(seed)  # noqa: S311  # the same file at every run
    return [_build_row(number, codes, chance) for number in range(start, start + count)]


def _build_row(number: int, codes: Sequence[str], chance: random.Random) -> Row:
    def maybe(text: str) -> str:
        return text if chance.random() < 0.8 else ""

    return {
        "email": f"person{number}@example.com",
        "first_name": chance.choice(NAMES),
        "last_name": f"{chance.choice(NAMES)} {number}",
        "badge": maybe(f"{number:06d}"),
        "phone": maybe(f"+49 30 {number:05d}"),
        "age": maybe(str(chance.randint(16, 99))),
        "salary": f"{chance.randint(0, 9_999_999) / 100:.2f}",
        "rating": maybe(repr(round(chance.uniform(-5, 5), 6))),
        "hired": f"20{chance.randint(0, 25):02d}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
        "seen_at": maybe(f"2026-01-{chance.randint(1, 28):02d}T{chance.randint(0, 23):02d}:30:00Z"),
        "is_remote": chance.choice(["true", "False", "yes", "0"]),
        "level": chance.choice(["1", "2", "3", "Lead"]),
        "contract": chance.choice(["f", "p", "Fixed term"]),
        "website": maybe(f"https://example.com/{number}"),
        "department_code": chance.choice(codes),
        "skills": ", ".join(chance.sample(SKILLS, chance.randint(0, 3))),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFault:
    """What was done to a row."""

    #: Its index.
    row: int
    column: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    column: str
    code: str
    #: Given the row, and the first row of the file, which stays as it is.
    spoil: Callable[[Row, Row], Mapping[str, str]]


def _set(column: str, text: str, code: str) -> _Fault:
    return _Fault(column=column, code=code, spoil=lambda _row, _first: {column: text})


#: Every kind of fault that a row can have by itself.
FAULTS: Final = [
    _set("email", "no address", "invalid"),
    _set("email", "", "blank"),
    _set("email", "x" * 250 + "@example.com", "max_length"),
    _set("first_name", "", "blank"),
    _set("first_name", "x" * 41, "max_length"),
    _set("badge", "12a", "invalid"),
    _set("age", "15", "min_value"),
    _set("age", "100", "max_value"),
    _set("age", "twelve", "invalid"),
    _set("age", "17.5", "invalid"),
    _set("age", "99999999999999999999", "max_value"),
    _set("salary", "1234567890.00", "max_digits"),
    _set("salary", "1.001", "max_decimal_places"),
    _set("salary", "NaN", "invalid"),
    _set("salary", "", "blank"),
    _set("salary", "-0.01", "invalid"),
    _set("rating", "nan", "invalid"),
    _set("rating", "high", "invalid"),
    _set("hired", "2026-02-30", "invalid_date"),
    _set("hired", "01.02.2026", "invalid"),
    _set("seen_at", "yesterday", "invalid"),
    _set("is_remote", "maybe", "invalid"),
    _set("level", "9", "invalid_choice"),
    _set("contract", "x", "invalid_choice"),
    _set("website", "example", "invalid"),
    _set("department_code", "1", "does_not_exist"),
    _set("department_code", "", "blank"),
    _set("skills", "python, flying", "does_not_exist"),
    _Fault(column="email", code="duplicate", spoil=lambda _row, first: {"email": first["email"]}),
    _Fault(column="badge", code="duplicate", spoil=lambda _row, first: {"badge": first["badge"]}),
    _Fault(
        column="first_name",
        code="duplicate",
        spoil=lambda _row, first: {name: first[name] for name in ("first_name", "last_name", "hired")},
    ),
]


def plant_faults(rows: list[Row], *, every: int = 10) -> list[PlantedFault]:
    """Spoil some of *rows*, each in another way; return what was done."""
    planted: list[PlantedFault] = []
    rows[0]["badge"] = "999999"
    for row, fault in zip(range(every, len(rows), every), FAULTS * len(rows), strict=False):
        rows[row].update(fault.spoil(rows[row], rows[0]))
        planted.append(PlantedFault(row=row, column=fault.column, code=fault.code))
    return planted


def write_csv(rows: Sequence[Mapping[str, str]], columns: Sequence[str] = COLUMNS) -> io.BytesIO:
    """Return *rows* as the file somebody would send."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(text.getvalue().encode())
