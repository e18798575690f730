"""Types written out for other checkers: the same as mypy's, and always the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.inference.checkers import CHECKERS, find_seen, prepare
from tests.inference.expectations import PROJECT, build_environment
from tests.servers import find_npm, give_up

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("codegen")]

ROOT: Final = Path(__file__).parents[1]
#: The environment of this repository's own settings.
OWN: Final = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": f"{ROOT}/src:{ROOT}/example:{ROOT}"}
PROJECTS: Final = {"DJANGO_SETTINGS_MODULE": "settings"}
SEEN: Final = "tests/inference/seen.py"


def run(*arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] = OWN) -> subprocess.CompletedProcess[str]:
    """Run a module of Python."""
    return subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={**build_environment(cwd), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def generate(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py generate_types`` in a project."""
    return run("django", "generate_types", *arguments, cwd=project, environment=PROJECTS)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose types have been written."""
    root = shutil.copytree(
        PROJECT,
        tmp_path_factory.mktemp("codegen") / "project",
        ignore=shutil.ignore_patterns(".mypy_cache", "__pycache__"),
    )
    done = generate(root, "zoo", "--typescript", "api.ts")
    assert done.returncode == 0, done.stderr
    return root


def read_written(project: Path) -> dict[str, str]:
    """Return what has been written."""
    return {path.name: path.read_text(encoding="utf-8") for path in [*project.rglob("*_types.py"), project / "api.ts"]}


def test_the_same_serializers_give_the_same_files(project: Path) -> None:
    """A second run, from a warm cache, and one without a cache write nothing new."""
    before = read_written(project)
    assert generate(project, "zoo", "--typescript", "api.ts").stdout == ""
    shutil.rmtree(project / ".mypy_cache")
    assert generate(project, "zoo", "--typescript", "api.ts").stdout == ""
    assert read_written(project) == before


def test_a_stale_file_fails_the_check(project: Path) -> None:
    """CI sees that a serializer was changed and its types were not."""
    path = project / "zoo" / "circle_one_types.py"
    written = path.read_text(encoding="utf-8")
    assert generate(project, "zoo", "--check").returncode == 0
    path.write_text(written.replace("code: str", "code: int"), encoding="utf-8")
    done = generate(project, "zoo", "--check")
    path.write_text(written, encoding="utf-8")
    assert done.returncode == 1
    assert "Out of date:" in done.stderr
    assert str(path) in done.stderr


def test_what_is_written_runs(project: Path) -> None:
    """The modules can be imported, though they refer to each other in circles, and their annotations resolve."""
    done = run(
        "django", "shell", "-c", "import typing, zoo.circle_one_types as one, zoo.circle_two_types as two\n"
        "print(typing.get_type_hints(one.OneSerializerData)['species'] is two.TwoSerializerData)\n"
        "print(sorted(two.TwoSerializerValidatedData.__optional_keys__))",
        cwd=project, environment=PROJECTS,
    )  # fmt: skip
    assert done.stdout.splitlines()[-2:] == ["True", "[]"], done.stderr


def test_what_is_written_is_free_of_errors(project: Path) -> None:
    """Checkers without the plugin accept the modules as they are."""
    files = sorted(str(path.relative_to(project)) for path in (project / "zoo").glob("*_types.py"))
    pyright = run("pyright", "--pythonpath", sys.executable, *files, cwd=project)
    assert pyright.returncode == 0, pyright.stdout
    ty = run("ty", "check", "--python", sys.executable, *files, cwd=project)
    assert ty.returncode == 0, ty.stdout


def test_front_ends_get_interfaces(project: Path) -> None:
    """An answer is an envelope around a serializer's interface, circles included; names that clash say their module."""
    written = (project / "api.ts").read_text(encoding="utf-8")
    assert "export interface Envelope<T> {" in written
    assert "export interface ErrorEnvelope {" in written
    assert "export interface ZooCircleOneOne {\n  code: string;\n  species: ZooCircleTwoTwo;\n}" in written
    assert "animals: ZooCircleOneOne[];\n  name: string;\n  parent: ZooCircleTwoTwo | null;\n}" in written


def read_type(project: Path, name: str) -> dict[str, str]:
    """Return the keys of an interface, each with the type that is written for it."""
    written = (project / "api.ts").read_text(encoding="utf-8")
    body = written.partition(f"export interface {name} {{\n")[2].partition("\n}")[0]
    return dict(line.strip(" ;").split(": ", 1) for line in body.splitlines())


def read_endpoint(project: Path, name: str) -> tuple[str, str]:
    """Return what an endpoint takes and answers."""
    written = (project / "api.ts").read_text(encoding="utf-8")
    body = written.partition(f'  "{name}": {{\n')[2].partition("\n  };")[0]
    parts = dict(line.strip(" ;").split(": ", 1) for line in body.splitlines())
    return parts["request"], parts["response"]


def test_requests_are_what_clients_send(project: Path) -> None:
    """A body has the keys that are read, those optional that may be left out, with what each field takes."""
    assert read_type(project, "ApiAnimalRequest") == {
        "born?": "string | null",
        "coat?": '"a" | "b" | ""',
        "code": "string",
        "friends?": "string[]",
        "keeper": "string | null",
        "level": "1 | 2",
        "notes?": "unknown",
        "photo?": "File | null",
        "price?": "number | string | null",
        "shout": "unknown",
        "species": "number | string | (ApiSpeciesRequest & { id?: number })",
        "tags": "string[]",
        "tame?": "boolean | null",
        "weight": "number",
    }


@pytest.mark.parametrize(
    ("endpoint", "request_type", "response_type"),
    [
        ("GET /api/animals/", "undefined", "Envelope<ApiAnimal[]>"),
        ("POST /api/animals/", "ApiAnimalRequest", "Envelope<ApiAnimal>"),
        ("GET /api/animals/{pk}/", "undefined", "Envelope<ApiAnimal>"),
        ("PUT /api/animals/{pk}/", "unknown", "unknown"),
        ("PATCH /api/animals/{pk}/", "unknown", "unknown"),
        ("DELETE /api/animals/{pk}/", "undefined", "Envelope<null>"),
        (
            "GET /api/keepers/",
            "undefined",
            "Page<(ApiKeeper & { index: number })> | Envelope<(ApiKeeper & { index: number })[]>",
        ),
        ("POST /api/keepers/", "ApiKeeperRequest", "Envelope<null>"),
        ("PATCH /api/keepers/{pk}/", "Partial<ApiKeeperRequest>", "Envelope<ApiKeeper>"),
        ("POST /api/keepers/count/", "unknown", "unknown"),
        ("GET /api/species/", "undefined", "PlainPage<ApiSpecies>"),
        ("DELETE /api/species/{pk}/", "undefined", "undefined"),
        ("GET /plain/species/", "undefined", "ApiSpecies[]"),
        ("POST /plain/choosing/", "unknown", "unknown"),
    ],
)
def test_endpoints_take_and_answer(project: Path, endpoint: str, request_type: str, response_type: str) -> None:
    """The table says what the libraries' actions do, and claims nothing of what a view does in its own way."""
    assert read_endpoint(project, endpoint) == (request_type, response_type)


FRONT_END: Final = """
import type { ApiKeeper, Endpoints, ErrorEnvelope } from "./api";

declare function call<K extends keyof Endpoints>(
  endpoint: K, params: Endpoints[K]["params"], body: Endpoints[K]["request"],
): Promise<Endpoints[K]["response"] | Endpoints[K]["error"]>;

export async function rename(id: string): Promise<ApiKeeper | ErrorEnvelope["errors"]> {
  const answer = await call("PATCH /api/keepers/{pk}/", { pk: id }, { name: "Ada" });
  return answer.success ? answer.data : answer.errors;
}
export const wrong = [
  // @ts-expect-error: a key nobody reads
  call("PATCH /api/keepers/{pk}/", { pk: "1" }, { nam: "Ada" }),
  // @ts-expect-error: the address lacks its id
  call("GET /api/keepers/{pk}/", {}, undefined),
  // @ts-expect-error: no such address
  call("GET /api/keeper/", {}, undefined),
  // @ts-expect-error: a row has to name its species
  call("POST /api/animals/", {}, { code: "a", keeper: null, level: 1, shout: "", tags: [], weight: 1 }),
];
"""


def test_a_front_end_is_checked_against_the_table(project: Path) -> None:
    """TypeScript's own compiler accepts what is right, and finds what is not."""
    compiler = [find_npm(), "exec", "--yes", "--package=typescript@5.9.3", "--", "tsc"]
    found = subprocess.run([*compiler, "--version"], cwd=project, capture_output=True, check=False)  # noqa: S603
    if found.returncode != 0:
        give_up("npm cannot get TypeScript's compiler")
    (project / "front_end.ts").write_text(FRONT_END, encoding="utf-8")
    done = subprocess.run(  # noqa: S603  # the compiler from above
        [*compiler, "--noEmit", "--strict", "--target", "es2020", "front_end.ts"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_stubs_of_the_example_are_fresh() -> None:
    """The stubs in this repository are what the example's serializers give."""
    done = run("django", "generate_types", "aviation", "--stubs=stubs", "--check")
    assert done.returncode == 0, done.stderr


STUBTEST: Final = """[mypy]
plugins = mypy_django_plugin.main

[mypy.plugins.django-stubs]
django_settings_module = config.settings
"""
#: What stubtest does not know how to compare: aliases of ``Literal[...]``, and of text.
ALIASES: Final = r"drf_commons\.openapi\.spectacular\.(Direction|_SerializerOrClass)"


@pytest.mark.parametrize(
    "arguments",
    [
        ("aviation.serializers",),
        ("drf_commons.openapi.spectacular", "--ignore-missing-stub", "--allowlist=aliases"),
    ],
    ids=["generated", "spectacular"],
)
def test_stubs_are_true_of_what_runs(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Stubtest compares with the running module what is described apart from it.

    Those are the generated stubs, and the parts of drf-spectacular that its own annotations leave out.
    """
    example = shutil.copytree(ROOT / "example", tmp_path / "example")
    for stub in (ROOT / "stubs" / "aviation-stubs").glob("*.pyi"):
        shutil.copy(stub, example / "aviation")
    (example / "mypy.ini").write_text(STUBTEST, encoding="utf-8")
    (example / "aliases").write_text(ALIASES, encoding="utf-8")
    found = build_environment(example)
    done = run(
        "mypy.stubtest", "--mypy-config-file=mypy.ini", "--concise", *arguments,
        cwd=example,
        environment={
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": found["PYTHONPATH"],
            "MYPYPATH": found["PYTHONPATH"],
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "checker",
    [
        ("mypy", SEEN),
        ("pyright", "--pythonpath", sys.executable, SEEN),
        ("ty", "check", "--python", sys.executable, SEEN),
    ],
    ids=lambda arguments: arguments[0],
)
def test_every_checker_sees_the_same(checker: tuple[str, ...]) -> None:
    """Types are those of the example: mypy through its plugin, pyright and ty through the stubs."""
    done = run(*checker)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", CHECKERS)
def test_stubs_show_other_checkers_what_the_page_says(name: str, tmp_path: Path) -> None:
    """The page on types counts how many of the plugin's cases a checker sees the same through stubs."""
    root = shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns(".mypy_cache", "__pycache__"))
    assert generate(root, "zoo", "--stubs", "stubs").returncode == 0
    expectations = prepare(root)
    seen = find_seen(root, expectations, CHECKERS[name])
    page = (ROOT / "docs" / "types.md").read_text(encoding="utf-8")
    missed = [str(expectation) for expectation in expectations if expectation not in seen]
    assert f"| {name} with stubs | {len(seen)} of {len(expectations)} |" in page, missed


def test_an_unknown_app_is_named() -> None:
    """A slip in an app's label is told, not traced."""
    done = run("django", "generate_types", "aviaton")
    assert done.returncode == 1
    assert "aviaton" in done.stderr
    assert "Traceback" not in done.stderr
