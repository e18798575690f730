"""Write the types of serializers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from drf_commons.errors import ConfigurationError, MissingExtraError


class Command(BaseCommand):
    """``manage.py generate_types blog [--check] [--stubs DIR] [--typescript FILE]``."""

    help = "Writes the types of an app's serializers: TypedDicts beside them, and TypeScript."
    requires_system_checks: list[str] | tuple[str, ...] | Literal["__all__"] = ()

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("apps", nargs="+", metavar="app", help="Label of an app whose serializers are read.")
        parser.add_argument("--check", action="store_true", help="Write nothing; fail where something would change.")
        parser.add_argument(
            "--stubs", type=Path, metavar="DIR", help="Write a tree of stubs there, and nothing beside."
        )
        parser.add_argument("--typescript", type=Path, metavar="FILE", help="Write interfaces for the front end too.")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        wanted = _render(options["apps"], options["stubs"], options["typescript"])
        changed = [path for path, text in sorted(wanted.items()) if _read(path) != text]
        if options["check"]:
            if changed:
                listed = "\n".join(f"  {path}" for path in changed)
                msg = f"Out of date:\n{listed}\nRun the same command without --check."
                raise CommandError(msg)
            return
        for path in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
            self.stdout.write(f"wrote {path}")


def _render(labels: list[str], stubs: Path | None, typescript: Path | None) -> dict[Path, str]:
    """Return what the files have to hold."""
    try:
        from drf_commons.codegen.endpoints import find_endpoints  # noqa: PLC0415  # needs an extra
        from drf_commons.codegen.reading import find_modules, read_modules  # noqa: PLC0415
        from drf_commons.codegen.stubs import render_stub  # noqa: PLC0415
        from drf_commons.codegen.typed_dicts import SUFFIX, render_module  # noqa: PLC0415
        from drf_commons.codegen.typescript import render_typescript  # noqa: PLC0415
    except ImportError as exc:
        msg = "generate_types reads serializers with mypy: pip install 'drf-commons[mypy]'"
        raise MissingExtraError(msg) from exc
    paths: dict[str, Path] = {}
    for label in labels:
        try:
            app = apps.get_app_config(label)
        except LookupError as exc:
            raise CommandError(str(exc)) from exc
        paths |= find_modules(app.name, Path(app.path))
    try:
        modules = read_modules(paths)
    except ConfigurationError as exc:
        raise CommandError(str(exc)) from exc
    wanted: dict[Path, str] = {}
    for module in modules:
        if stubs is None:
            wanted[module.path.with_name(f"{module.path.stem}{SUFFIX}.py")] = render_module(module)
        else:
            # A partial stub package: what it does not have is looked up in the package itself.
            package, *path = module.name.split(".")
            place = stubs.joinpath(f"{package}-stubs", *path)
            wanted[stubs / f"{package}-stubs" / "py.typed"] = "partial\n"
            inner = place / "__init__.pyi" if module.path.stem == "__init__" else place.with_suffix(".pyi")
            wanted[inner] = render_stub(module)
            wanted[place.with_name(f"{place.name}{SUFFIX}.pyi")] = render_module(module)
    if typescript is not None:
        wanted[typescript] = render_typescript(modules, find_endpoints())
    return wanted


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
