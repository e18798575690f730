"""Contenders from elsewhere: another version of Python's world, in a process of its own, that waits for its turn."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import IO, Final, Self, cast

import pytest

from benchmarks.interleave import Clock

__all__ = ["Worker", "build_clock", "install_peer"]

#: Where environments of peers are kept from one run to the next.
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "drf-commons-peers"

#: What a peer runs on: the versions that this process runs on.
GROUND: Final = ("Django", "djangorestframework")


def install_peer(*requirements: str) -> Path:
    """Return the Python of an environment that has *requirements*, made when it is first asked for.

    The test is skipped where they cannot be had.
    """
    pins = [*requirements, *(f"{name}=={version(name)}" for name in GROUND)]
    name = hashlib.sha256(repr((sys.version, pins)).encode()).hexdigest()[:16]
    root = CACHE / name
    python = root / "bin" / "python"
    if (root / "done").exists():
        return python
    venv.create(root, with_pip=True, clear=True)
    installed = subprocess.run(  # noqa: S603  # pip, with requirements of ours
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        pytest.skip(f"cannot install {', '.join(requirements)}: {installed.stderr.strip().splitlines()[-1]}")
    (root / "done").touch()
    return python


class Worker:
    """A process that does a job when it is told to: a line goes in, a line of JSON comes out."""

    def __init__(self, python: str | Path, script: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # a script of ours
            [python, script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_list_paths(python))},
        )

    def do(self, job: str) -> object:
        """Have *job* done, and return what the process says of it."""
        stdin, stdout = cast("tuple[IO[str], IO[str]]", (self._process.stdin, self._process.stdout))  # both are pipes
        stdin.write(f"{job}\n")
        answer = stdout.readline()
        if not answer:
            msg = f"{job}: the process ended with {self._process.wait()}"
            raise RuntimeError(msg)
        return json.loads(answer)

    @property
    def schedule(self) -> Path:
        """Where Linux says for how long the process has worked."""
        return Path(f"/proc/{self._process.pid}/schedstat")

    def measure_peak(self, job: str) -> int:
        """Have *job* done, and return how many kilobytes more than before the process needed at most; on Linux."""
        place = Path(f"/proc/{self._process.pid}")
        (place / "clear_refs").write_text("5", encoding="ascii")  # the highest so far is forgotten
        before = _read_memory(place, "VmRSS")
        self.do(job)
        return _read_memory(place, "VmHWM") - before

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Let the process end."""
        self._process.communicate()


def build_clock(*workers: Worker) -> Clock:
    """Return a clock that runs while one of *workers* works, whoever else does; where none tells, that on the wall."""
    paths = [worker.schedule for worker in workers]
    if not all(path.exists() for path in paths):
        return time.perf_counter
    return lambda: sum(int(path.read_text(encoding="ascii").split()[0]) for path in paths) / 1e9


def _read_memory(place: Path, name: str) -> int:
    lines = (place / "status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def _list_paths(python: str | Path) -> Sequence[str]:
    """Return where a process looks for modules besides its environment: our own sources, if it is our Python."""
    return [str(Path(__file__).parents[1] / "src")] if str(python) == sys.executable else []
