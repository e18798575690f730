"""Expectations stand beside the code they are about, and are compared with what mypy says of that line.

``# R: str`` is a revealed type, ``# E: has no key`` a part of an error's text or code. A line may have several.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from typing_extensions import override

PROJECT: Final = Path(__file__).parent / "project"
_SOURCE: Final = Path(__file__).parents[2] / "src"
_EXPECTATION: Final = re.compile(r"# ([RE]): ([^#]*)")
_MESSAGE: Final = re.compile(r"(?P<file>[\w/]+\.pyi?):(?P<line>\d+): (?:error|note): (?P<text>.*)")

#: A file and a line of it.
Place: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What mypy has to say of a line."""

    place: Place
    kind: Literal["R", "E"]
    text: str

    def is_met(self, messages: Sequence[str]) -> bool:
        """Tell whether one of *messages* is the expected one."""
        return any(self.matches(message) for message in messages)

    def matches(self, message: str) -> bool:
        """Tell whether *message* is the expected one."""
        return message == f'Revealed type is "{self.text}"' if self.kind == "R" else self.text in message

    @override
    def __str__(self) -> str:
        return f"{Path(self.place[0]).name}:{self.place[1]} {self.kind}: {self.text}"


def read_expectations(root: Path = PROJECT) -> list[Expectation]:
    """Return every expectation of the project's cases."""
    return [
        Expectation(
            place=(path.relative_to(root).as_posix(), number), kind="R" if kind == "R" else "E", text=text.strip()
        )
        for path in sorted(root.rglob("cases_*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for kind, text in _EXPECTATION.findall(line)
    ]


def run_mypy(root: Path, cache: Path, *arguments: str) -> str:
    """Return what mypy says of the project at *root*."""
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "mypy", f"--cache-dir={cache}", "--show-traceback", *arguments],
        cwd=root,
        env=build_environment(root),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in {0, 1}:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


def build_environment(root: Path) -> dict[str, str]:
    """Return the environment in which mypy finds the project at *root*, and this source before an installed one."""
    return {**os.environ, "PYTHONPATH": f"{_SOURCE}:{root}", "MYPYPATH": str(_SOURCE), "NO_COLOR": "1"}


def parse_messages(output: str) -> dict[Place, list[str]]:
    """Return mypy's messages by the line they are about."""
    messages: dict[Place, list[str]] = {}
    for match in map(_MESSAGE.match, output.splitlines()):
        if match is not None:
            messages.setdefault((match["file"], int(match["line"])), []).append(match["text"])
    return messages
