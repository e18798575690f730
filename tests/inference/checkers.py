"""The cases of the plugin as checkers without it see them: through the stubs that were generated for them."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from tests.inference.expectations import Expectation, build_environment, read_expectations

__all__ = ["CHECKERS", "find_seen", "prepare"]

#: Whether a message reveals a type, and what it says.
Message: TypeAlias = tuple[bool, str]
#: Messages by the file of cases and the line they are about.
Messages: TypeAlias = Mapping[tuple[str, int], list[Message]]

_TY: Final = re.compile(r"(\S+?):(\d+):\d+: \w+\[([\w-]+)\] (?:Revealed type: `(.*)`)?")
_LITERALS: Final = re.compile(r"Literal\[[^\]]*\](?: \| Literal\[[^\]]*\])+")


def prepare(project: Path) -> list[Expectation]:
    """Write a module beside each module of cases that uses it from outside; return what there is to be seen in them.

    A stub says nothing inside of the module it is about.
    """
    visible: set[tuple[str, int]] = set()
    for path in sorted((project / "zoo").glob("cases_*.py")):
        text = path.read_text(encoding="utf-8")
        kept = {number for node in ast.parse(text).body if _is_use(node) for number in _get_lines(node)}
        lines = [line if number in kept else "" for number, line in enumerate(text.splitlines(), 1)]
        first = next(number for number, line in enumerate(lines) if line.startswith("from __future__"))
        lines[first] += f"; from zoo.{path.stem} import *"
        path.with_stem(path.stem.replace("cases", "uses")).write_text("\n".join(lines), encoding="utf-8")
        visible |= {(f"zoo/{path.name}", number) for number in kept}
    return [
        expectation
        for expectation in read_expectations(project)
        if expectation.place in visible and (expectation.kind == "R" or "has no key" in expectation.text)
    ]


def _is_use(node: ast.stmt) -> bool:
    is_revealing = isinstance(node, ast.FunctionDef) and "reveal_type(" in ast.unparse(node)
    return is_revealing or isinstance(node, ast.Import | ast.ImportFrom)


def _get_lines(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def find_seen(project: Path, expectations: list[Expectation], check: Callable[[Path], Messages]) -> list[Expectation]:
    """Return the expectations that a checker meets."""
    messages = check(project)
    return [
        expectation
        for expectation in expectations
        if any(
            is_type == (expectation.kind == "R") and (not is_type or _fold(text) == _fold(expectation.text))
            for is_type, text in messages.get(expectation.place, [])
        )
    ]


def _fold(text: str) -> str:
    """Spell a type in one way: without modules, and with the values of literals in one list."""
    short = re.sub(r"\b\w+(?:\.\w+)+", lambda match: match[0].rpartition(".")[2], text.replace('"', "'"))
    return _LITERALS.sub(lambda match: f"Literal[{', '.join(re.findall(r'Literal.([^]]*)', match[0]))}]", short)


def _run_pyright(project: Path) -> Messages:
    options = {"stubPath": "stubs", "include": ["zoo/uses_*.py"]}
    (project / "pyrightconfig.json").write_text(json.dumps(options), encoding="utf-8")
    said = _run(project, "pyright", "--outputjson", "--pythonpath", sys.executable)
    return _collect(
        (
            Path(item["file"]).name,
            item["range"]["start"]["line"] + 1,
            (item["severity"] == "information", item["message"].rpartition(' is "')[2][:-1]),
        )
        for item in json.loads(said)["generalDiagnostics"]
    )


def _run_ty(project: Path) -> Messages:
    files = [str(path.relative_to(project)) for path in (project / "zoo").glob("uses_*.py")]
    options = ["--python", sys.executable, "--extra-search-path=stubs", "--output-format=concise"]
    found = map(_TY.match, _run(project, "ty", "check", *options, *files).splitlines())
    return _collect(
        (Path(match[1]).name, int(match[2]), (match[4] is not None, match[4] or ""))
        for match in found
        if match is not None and match[3] != "undefined-reveal"
    )


def _collect(found: Iterator[tuple[str, int, Message]]) -> Messages:
    messages: dict[tuple[str, int], list[Message]] = {}
    for name, line, message in found:
        messages.setdefault((f"zoo/{name.replace('uses', 'cases')}", line), []).append(message)
    return messages


def _run(project: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", *arguments],
        cwd=project,
        env=build_environment(project),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


#: How the checkers are asked what they see.
CHECKERS: Final[Mapping[str, Callable[[Path], Messages]]] = {"pyright": _run_pyright, "ty": _run_ty}
