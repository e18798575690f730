"""Whatever can go wrong can be looked up on the page of errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import drf_commons
from drf_commons import checks, errors
from drf_commons.inference.errors import Fault
from tests.pages import PAGES

PACKAGE: Final = Path(drf_commons.__file__).parent
TREES: Final = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for path in PACKAGE.rglob("*.py")
    if "inference" not in path.parts  # its codes are mypy's, and in an enumeration
}
#: Tables from a code to its message.
MESSAGES: Final = {"_MESSAGES", "_REASONS", "default_error_messages"}
#: What takes a code as its last argument.
FAULTS: Final = {"CellFault", "Fault", "_refuse_list", "blame"}


def read_section(title: str) -> str:
    """Return what the page says under *title*."""
    return PAGES["docs/errors.md"].read_text(encoding="utf-8").split(f"# {title}\n")[1].split("\n## ")[0]


def read_first_column(title: str) -> set[str]:
    """Return the words in backquotes in the first column of the table under *title*."""
    return {
        name
        for cell in re.findall(r"^\|([^|]+)\|", read_section(title), re.MULTILINE)
        for name in re.findall(r"`(.+?)`", cell)
    }


def get_name(node: ast.expr) -> str:
    """Return what is called, or assigned to, without what stands before a dot."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def find_texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts that *node* may be: ``"a"``, ``"a" if … else "b"``, the first of ``"a", {}``."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from find_texts(body)
            yield from find_texts(orelse)
        case ast.Tuple(elts=[first, *_]):
            yield from find_texts(first)
        case _:
            pass


def find_codes(node: ast.AST) -> Iterator[str]:
    """Yield the codes of errors that *node* names."""
    match node:
        case ast.keyword(arg="code", value=value):
            yield from find_texts(value)
        case ast.Call(func=func, args=[*_, last]) if get_name(func) in FAULTS:
            yield from find_texts(last)
        case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
            match get_name(target), target, value:
                case name, _, ast.Dict(keys=keys) if name in MESSAGES:
                    for key in keys:
                        yield from find_texts(key) if key else ()
                case "code" | "default_code", _, _:
                    yield from find_texts(value)
                case _, ast.Tuple(elts=[first, *_]), _ if get_name(first) == "code":
                    yield from find_texts(value)
                case _:
                    pass
        case _:
            pass


def test_the_error_tree_is_drawn_in_full() -> None:
    """The drawing shows every class."""
    assert set(re.findall(r"\w+Error", str(errors.__doc__))) >= {*errors.__all__}


def test_every_code_of_an_error_is_listed() -> None:
    """The table has each code that the library gives an error, and none that it does not."""
    found = {code for tree in TREES.values() for node in ast.walk(tree) for code in find_codes(node)}
    assert read_first_column("Codes") == found


def test_every_status_of_an_error_is_listed() -> None:
    """The table has each status that the library sets itself."""
    found = {match for path in TREES for match in re.findall(r"HTTP_(4\d\d)", path.read_text(encoding="utf-8"))}
    assert set(re.findall(r"^\| (\d{3}) \|", read_section("Answers"), re.MULTILINE)) >= found


def test_every_check_is_listed() -> None:
    """The table shows every identifier that ``manage.py check`` may print."""
    found = {
        match for path in TREES for match in re.findall(r"drf_commons\.[EW]\d{3}", path.read_text(encoding="utf-8"))
    }
    assert set(re.findall(r"drf_commons\.[EW]\d{3}", str(checks.__doc__))) == found


def test_every_code_of_the_plugin_is_listed() -> None:
    """The table has the codes that mypy prints for the plugin."""
    assert read_first_column("mypy") == {fault.code.code for fault in Fault}


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ("raise ValidationError('x', code='a')", ["a"]),
        ("self.fail(row, Fault('x', 'a'))", ["a"]),
        ("code = 'a' if taken else 'b'", ["a", "b"]),
        ("code, values = 'a', {}", ["a"]),
        ("default_error_messages: dict[str, str] = {'a': 'x', 'b': 'y'}", ["a", "b"]),
        ("status_code = 'a'", []),
    ],
)
def test_codes_are_found_wherever_they_are_named(source: str, codes: list[str]) -> None:
    """A new code cannot hide in another way of writing it."""
    assert [code for node in ast.walk(ast.parse(source)) for code in find_codes(node)] == codes
