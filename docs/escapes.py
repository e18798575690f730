"""Counts where the source leaves the type system, and keeps the table in CONTRIBUTING true.

``python -m docs.escapes`` writes the numbers; what is new there gets its reason by hand.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

__all__ = ["MISSING", "Escapes", "count_escapes", "refresh"]

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "src" / "drf_commons"
CONTRIBUTING: Final = ROOT / "CONTRIBUTING.md"
#: Stands where a reason has to be written.
MISSING: Final = "?"
_TABLE: Final = re.compile(r"^\| Part \| `type: ignore` .*?\n\n", re.MULTILINE | re.DOTALL)
_HEAD: Final = "| Part | `type: ignore` | `pyright: ignore` | `cast` | `Any` | Because |\n|---|---|---|---|---|---|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Escapes:
    """How often a part of the source leaves the type system."""

    mypy_ignores: int
    pyright_ignores: int
    casts: int
    anys: int

    @property
    def numbers(self) -> list[int]:
        """The numbers, in the order of the table."""
        return [getattr(self, field.name) for field in fields(self)]


def count_escapes() -> dict[str, Escapes]:
    """Return what each top-level module or package of the library has, those with none left out."""
    counted: dict[str, Escapes] = {}
    for part in sorted(SOURCE.iterdir(), key=lambda path: path.stem):
        if part.suffix not in {"", ".py"} or part.name == "__pycache__":
            continue
        files = [part] if part.is_file() else sorted(part.rglob("*.py"))
        found = [kind for file in files for kind in _find(file.read_text(encoding="utf-8"))]
        escapes = Escapes(
            mypy_ignores=found.count("type: ignore"),
            pyright_ignores=found.count("pyright: ignore"),
            casts=found.count("cast"),
            anys=found.count("Any"),
        )
        if any(escapes.numbers):
            counted[part.stem] = escapes
    return counted


def refresh(page: str) -> str:
    """Return *page* with the numbers of today; reasons stay."""
    table = _TABLE.search(page)
    if table is None:
        msg = f"{CONTRIBUTING.name} has no table of escapes"
        raise ValueError(msg)
    reasons = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*?) \|$", table[0], re.MULTILINE))
    counted = count_escapes()
    rows = [
        f"| `{part}` | {' | '.join(map(str, escapes.numbers))} | {reasons.get(part, MISSING)} |"
        for part, escapes in counted.items()
    ]
    sums = map(sum, zip(*(escapes.numbers for escapes in counted.values()), strict=True))
    total = f"| all | {' | '.join(map(str, sums))} | |"
    return page.replace(table[0], "\n".join([_HEAD, *rows, total, "", ""]))


def _find(source: str) -> Iterator[str]:
    """Yield each escape in *source*; imports do not count, nor does what a text says."""
    is_import = False
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield from re.findall(r"(?:type|pyright): ignore", token.string)
        elif (
            token.type == tokenize.NAME
            and token.string in {"from", "import"}
            and not token.line[: token.start[1]].strip()
        ):
            is_import = True
        elif token.type == tokenize.NEWLINE:
            is_import = False
        elif token.type == tokenize.NAME and token.string in {"Any", "cast"} and not is_import:
            yield token.string


if __name__ == "__main__":
    CONTRIBUTING.write_text(refresh(CONTRIBUTING.read_text(encoding="utf-8")), encoding="utf-8")
