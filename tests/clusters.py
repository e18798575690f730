"""Machines of the tests' own: PostgreSQL, Redis and Celery workers, which may be killed and started anew."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, connections

from tests.servers import give_up

__all__ = ["Cluster", "Machine", "run_cluster"]

ROOT: Final = Path(__file__).parents[1]


@dataclass(kw_only=True)
class Machine:
    """Where the servers listen, and what they keep."""

    directory: Path
    port: int = 0

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])


@dataclass(kw_only=True)
class Postgres(Machine):
    """A PostgreSQL of its own: root may not run one, so that the user of Debian's package does."""

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Make the server, and start it."""
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres")
        # What is written survives the death of the server, and need not survive that of the machine.
        settings = f"-c port={self.port} -c fsync=off -c unix_socket_directories={self.directory}"
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync")
        self._run("pg_ctl", "start", "--wait", f"--options={settings}", f"--log={self.directory}/log")

    def restart(self, mode: Literal["fast", "immediate"]) -> None:
        """Stop the server, *fast* as an administrator would or *immediate* as a crash would, and start it anew."""
        self._run("pg_ctl", "restart", "--wait", f"--mode={mode}", f"--log={self.directory}/log")

    def stop(self) -> None:
        """Stop the server."""
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate")

    def _run(self, program: str, *arguments: str) -> None:
        path = find_postgres(program)
        assert path is not None
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*user, path, f"--pgdata={self.directory}/data", *arguments]
        subprocess.run(command, check=True, cwd=self.directory, stdout=subprocess.DEVNULL)  # noqa: S603  # a fixed command


@dataclass(kw_only=True)
class Redis(Machine):
    """A Redis of its own, which remembers what it was told."""

    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start Redis, with what it held before."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)]
        self.process = subprocess.Popen(  # noqa: S603  # a fixed command
            [*command, "--appendonly", "yes", "--appendfsync", "always"], stdout=subprocess.DEVNULL
        )
        wait_for(self.answers, seconds=10)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def restart(self) -> None:
        """Kill Redis, and start it anew."""
        self.stop()
        time.sleep(0.3)
        self.start()

    def stop(self) -> None:
        """Kill Redis."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@dataclass(kw_only=True)
class Cluster:
    """A database, a broker, and workers on both."""

    directory: Path
    postgres: Postgres
    redis: Redis
    environment: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])
    #: How many workers were started: each has a name and a log of its own.
    started: int = 0

    @property
    def media(self) -> Path:
        """Where the workers look for files."""
        return Path(self.environment["MEDIA_ROOT"])

    def start_worker(self, **environment: str) -> None:
        """Start one worker, which is one process."""
        self.started += 1
        name = f"worker{self.started}"
        command = [sys.executable, "-m", "celery", "-A", "tests.celery_app", "worker", "-P", "solo", "-l", "warning"]
        command += ["-n", f"{name}@test", "--without-gossip", "--without-mingle"]
        variables = self.environment | environment
        with (self.directory / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)  # noqa: S603
        self.workers.append(process)

    def kill_worker(self) -> None:
        """Kill a worker as the machine would, and start another."""
        self.stop_worker(signal.SIGKILL)
        self.start_worker()

    def stop_worker(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the oldest worker."""
        worker = self.workers.pop(0)
        worker.send_signal(how)
        worker.wait()

    def restart_postgres(self, mode: Literal["fast", "immediate"]) -> None:
        """Restart the database; this process has to reach for it again."""
        self.postgres.restart(mode)
        connection.close()


@contextmanager
def run_cluster(directory: Path, common: dict[str, Any]) -> Iterator[Cluster]:
    """Start the machines, with the tables of the tests, for as long as the context is open.

    The database is then the one of this process, too, whatever the other tests run on.
    """
    from tests.celery_app import build_app  # noqa: PLC0415  # it is a worker's

    if shutil.which("redis-server") is None:
        give_up("needs redis-server; install it with: apt-get install redis-server")
    if find_postgres("pg_ctl") is None:
        give_up("needs the programs of PostgreSQL's server; install them with: apt-get install postgresql")
    # The user who runs PostgreSQL does not get into the folders of pytest.
    with tempfile.TemporaryDirectory(prefix="drf-commons-", ignore_cleanup_errors=True) as folder:
        postgres, redis = Postgres(directory=Path(folder)), Redis(directory=directory)
        environment = {
            **os.environ,
            "BROKER_URL": redis.url,
            "DATABASE_URL": postgres.url,
            "MEDIA_ROOT": str(directory / "media"),
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'example'}:{ROOT}",
            **{f"DRF_COMMONS_{key}": str(value) for key, value in common.items()},
        }
        cluster = Cluster(directory=directory, postgres=postgres, redis=redis, environment=environment)
        build_app(redis.url).set_default()
        redis.start()
        postgres.start()
        try:
            with _use_database(postgres.url):
                call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
                for _ in range(2):
                    cluster.start_worker()
                yield cluster
        finally:
            while cluster.workers:
                cluster.stop_worker(signal.SIGKILL)
            postgres.stop()
            redis.stop()


def find_postgres(program: str) -> str | None:
    """Return where *program* of PostgreSQL's server is; Debian keeps it out of the path."""
    if (found := shutil.which(program)) is not None:
        return found
    paths: Sequence[Path] = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(paths[-1]) if paths else None


def wait_for(test: Callable[[], object], seconds: float = 180) -> None:
    """Wait until *test* is true; a busy machine takes its time to start a worker."""
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


@contextmanager
def _use_database(url: str) -> Iterator[None]:
    """Let the default database be the one at *url*, and then the one before."""
    from tests.settings import parse_database  # noqa: PLC0415  # settings are Django's to read first

    handler: Any = connections
    before, settings = connections["default"], handler.settings["default"]
    handler.settings["default"] = handler.configure_settings({"default": parse_database(url)})["default"]
    connections["default"] = handler.create_connection("default")
    ContentType.objects.clear_cache()
    try:
        yield
    finally:
        connections["default"].close()
        handler.settings["default"] = settings
        connections["default"] = before
        ContentType.objects.clear_cache()
