"""``python example/manage.py demo``: everything from an empty folder to a served API."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.core.management import BaseCommand, CommandError, call_command
from rest_framework.authtoken.models import Token
from typing_extensions import override

from aviation.models import Airport
from aviation.tour import build_commands, build_trials, find_free_code
from drf_commons.conf import get_settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from django.core.management import CommandParser

HOST: Final = "127.0.0.1"
USERNAME: Final = "demo"
PASSWORD: Final = "demo"  # noqa: S105  # printed for the reader, and it opens nothing but this demo


class Command(BaseCommand):
    """Migrate and fill the embedded database, print what to try, and serve."""

    help = "Serve the example API with real data on this machine; the database is made on the first run."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1; 0 takes any that is free")
        parser.add_argument("--workers", type=int, default=0, help="how many Celery workers do the jobs; needs Redis")

    @override
    def handle(self, *args: Any, port: int, workers: int, **options: Any) -> None:
        if workers:
            check_broker()
            # Whatever ends this process ends its workers, too.
            for end in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(end, signal.default_int_handler)
        with suppress(KeyboardInterrupt), self.listen(port) as listener, ExitStack() as stack:
            self.prepare_database()
            for number in range(workers):
                stack.enter_context(run_worker(number + 1))
            base = f"http://{HOST}:{listener.getsockname()[1]}"
            self.stdout.write("\n".join(build_guide(base, self.get_token(), find_free_code())))
            self.stdout.flush()
            self.serve(listener)
        self.stdout.write("\nStopped. The data stays; the next start is quick.")

    def listen(self, port: int) -> socket.socket:
        """Take the port before anything else is done, so that a failure comes at once."""
        try:
            return socket.create_server((HOST, port))
        except (OSError, OverflowError) as exc:
            reason = os.strerror(exc.errno) if isinstance(exc, OSError) and exc.errno else exc
            msg = f"Cannot listen on {HOST}:{port}: {reason}. Choose another port: make demo PORT={port % 65535 + 1}"
            raise CommandError(msg) from exc

    def prepare_database(self) -> None:
        """Make the tables and, the first time, load the data."""
        call_command("migrate", verbosity=0, interactive=False)
        if not Airport.objects.exists():
            call_command("load_aviation", stdout=self.stdout)

    def get_token(self) -> str:
        """Return the token of the demo user, who is made the first time and kept."""
        user = User.objects.filter(username=USERNAME).first()
        if user is None:
            user = User.objects.create_superuser(USERNAME, password=PASSWORD)
        token, _ = Token.objects.get_or_create(user=user)
        return str(token.key)

    def serve(self, listener: socket.socket) -> None:
        """Answer requests until Ctrl-C."""
        application = ASGIStaticFilesHandler(get_asgi_application())
        config = uvicorn.Config(application, lifespan="off", log_level="warning", timeout_graceful_shutdown=2)
        uvicorn.Server(config).run(sockets=[listener])


def check_broker() -> None:
    """Say how to start Redis where it does not answer."""
    # Celery is there for those who want workers.
    from kombu.exceptions import OperationalError  # noqa: PLC0415

    from config.celery import BROKER, app  # noqa: PLC0415

    if get_settings().TRANSFER_RUNNER != "celery":
        msg = "Jobs run in this process: start workers with make demo-workers"
        raise CommandError(msg)
    try:
        with app.connection() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except OperationalError as exc:
        msg = (
            f"Redis does not answer at {BROKER}: {str(exc).rstrip('.')}. "
            "Start it with redis-server (apt-get install redis-server) or "
            "docker run --publish 127.0.0.1:6379:6379 redis, or name another: make demo-workers DEMO_BROKER=redis://..."
        )
        raise CommandError(msg) from exc


@contextmanager
def run_worker(number: int) -> Generator[None]:
    """Run a Celery worker beside this process, and end it with it."""
    command = [sys.executable, "-m", "celery", "--app", "config", "--quiet", "worker", "--concurrency", "1"]
    command += ["--hostname", f"demo{number}@%h", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    paths = os.pathsep.join([str(Path(__file__).resolve().parents[3]), os.environ.get("PYTHONPATH", "")])
    # A group of its own: Ctrl-C reaches this process, which then ends the workers once.
    worker = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, start_new_session=True)  # noqa: S603
    try:
        yield
    finally:
        worker.terminate()
        worker.wait()


def build_guide(base: str, token: str, code: str) -> Iterator[str]:
    """Yield the lines to print."""
    yield f"\nServing on {base}/api/ (browsable). Try:\n"
    for trial in build_trials(token, code):
        yield f"  # {trial.title}"
        yield f"  {trial.build_command(base)}"
    yield "\nAnd without a request:\n"
    for title, line in build_commands(f"{sys.executable} {sys.argv[0]}"):
        yield f"  # {title}"
        yield f"  {line}"
    folder = get_settings().DEBUG_PROFILE_DIRECTORY
    yield f"\n  Login:  {base}/accounts/login/  user {USERNAME}, password {PASSWORD}"
    yield f"  Admin:  {base}/admin/"
    yield f"  Docs:   {base}/docs/  and {base}/redoc/, from the schema at {base}/schema/"
    yield f'  Jobs:   {base}/admin/drf_commons_jobs/importjob/  or, as they go on: curl -N with a job\'s "events" link'
    yield f"  Token:  {token}"
    yield f"  Flame view, once you are signed in: {base}/api/airlines/?_profile writes one to {folder}"
    yield "\nCtrl-C stops."
