"""Plays the tutorial in a new project: types its files, gives its commands, sends its requests, one after the other."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import ClassVar, Final

from django.db import connection
from rest_framework.authtoken.models import Token
from sybil import Example
from sybil.parsers.myst import CodeBlockParser
from typing_extensions import override

from tests.pages import TUTORIAL, Reader

APP: Final = "flights"
#: What stands above the block of a file: its name, and what becomes of what is in it.
_HEADING: Final = re.compile(r"(?P<place>At the end of |In )?`(?P<path>[\w./]+\.\w+)`(?:,[^\n`]*)?:\n\n\Z")
#: The command of a shell, and the program that stands for it in this environment.
_PROGRAMS: Final = {"python": [sys.executable], "mypy": [sys.executable, "-m", "mypy"]}
_TOKEN: Final = re.compile(r"Generated token (\w+)")


class Typist(Reader):
    """Follows the tutorial in the current directory, which holds a new project."""

    modules: ClassVar = ()

    def __init__(self) -> None:
        super().__init__(TUTORIAL, app=APP, urlconf="mysite.urls")

    @override
    def build_parsers(self) -> list[CodeBlockParser]:
        files = [CodeBlockParser(language, self.type_file) for language in ("text", "ini")]
        return [*super().build_parsers(), *files, CodeBlockParser("console", self.give_commands)]

    @override
    def run(self, example: Example) -> None:
        if _HEADING.search(example.document.text, 0, example.start):
            self.type_file(example)
        else:
            super().run(example)

    def type_file(self, example: Example) -> None:
        """Write a file, or more of one, and let the next request see it."""
        heading = _HEADING.search(example.document.text, 0, example.start)
        assert heading is not None, "a file has no name"
        file = Path(heading["path"])
        if file.name == "settings.py":
            return  # nothing starts without them: they are there already
        match heading["place"]:
            case "At the end of ":
                text = file.read_text(encoding="utf-8") + example.parsed
            case "In ":
                text = replace_class(file.read_text(encoding="utf-8"), example.parsed)
            case _:
                text = example.parsed
        file.write_text(text, encoding="utf-8")
        for name in [*sys.modules]:
            if name.startswith((f"{APP}.", "mysite.")) and not name.endswith((".models", ".settings")):
                del sys.modules[name]

    def give_commands(self, example: Example) -> None:
        """Give each command that stands after a ``$``, and compare what it prints with what is shown."""
        for step in example.parsed.split("$ ")[1:]:
            command, _, shown = step.partition("\n")
            program, *arguments = shlex.split(command)
            done = subprocess.run(  # noqa: S603  # our own page
                [*_PROGRAMS[program], *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
            if token := _TOKEN.search(shown):
                Token.objects.update(key=token[1])  # everybody's is another one
                printed = _TOKEN.sub(token[0], printed)
            assert self.is_same_text(shown.strip(), printed.strip()), f"$ {command}\n{printed}"


def replace_class(source: str, block: str) -> str:
    """Return *source* with the class that *block* defines anew, and with what it imports for it."""
    lines = source.splitlines(keepends=True)
    (name,) = [node.name for node in ast.parse(block).body if isinstance(node, ast.ClassDef)]
    (old,) = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name]
    lines[old.lineno - 1 : old.end_lineno] = [block]
    return "".join(lines)


def play() -> None:
    """Follow the tutorial; its commands are processes of their own, on the same database."""
    Typist().read()
    connection.close()
