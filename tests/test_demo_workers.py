"""The example with Celery workers: what it says where Redis is missing, and that it leaves nobody behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.clusters import ROOT, Redis, wait_for
from tests.servers import give_up

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("example")]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """Start a Redis."""
    if shutil.which("redis-server") is None:
        give_up("needs redis-server; install it with: apt-get install redis-server")
    redis = Redis(directory=tmp_path)
    redis.start()
    yield redis
    redis.stop()


def start(folder: Path, broker: str) -> subprocess.Popen[str]:
    """Start the demo with two workers."""
    environment: Mapping[str, str] = {
        **os.environ,
        "DEMO_BROKER": broker,
        "DEMO_DATABASE": str(folder / "demo.sqlite3"),
        "DEMO_MEDIA": str(folder / "media"),
        "DRF_COMMONS_TRANSFER_RUNNER": "celery",
    }
    command = [sys.executable, str(ROOT / "example" / "manage.py"), "demo", "--port", "0", "--workers", "2"]
    return subprocess.Popen(  # noqa: S603  # a fixed command
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def is_alive(pid: int) -> bool:
    """Tell whether a process of another parent still runs."""
    return Path(f"/proc/{pid}").exists()


def test_without_redis_the_demo_says_how_to_start_it(tmp_path: Path) -> None:
    """In one line, and nothing is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        demo = start(tmp_path, f"redis://127.0.0.1:{taken.getsockname()[1]}/0")
        text, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert text.startswith("CommandError: Redis does not answer at redis://127.0.0.1:")
    assert "Start it with redis-server (apt-get install redis-server) or docker run" in text
    assert len(text.splitlines()) == 1


@pytest.mark.skipif(not Path("/proc").exists(), reason="asks Linux for the children of a process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whatever_ends_the_demo_ends_its_workers(tmp_path: Path, redis: Redis, number: signal.Signals) -> None:
    """Ctrl-C as well as kill: no worker goes on alone."""
    with start(tmp_path, redis.url) as demo:
        assert demo.stdout is not None
        while line := demo.stdout.readline():
            if line.startswith("Ctrl-C stops"):
                break
        workers = [int(pid) for pid in Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()]
        assert len(workers) == 2
        demo.send_signal(number)
        assert "Stopped." in demo.stdout.read()
    assert demo.returncode == 0
    wait_for(lambda: not any(map(is_alive, workers)))
