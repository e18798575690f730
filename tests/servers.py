"""The database servers some tests need: where they are expected, and how to start them."""

from __future__ import annotations

import os
import shutil
import socket
import zlib
from dataclasses import dataclass
from typing import Final, NoReturn

import pymysql
import pytest

#: A database for each checkout, so that two of them can be tested at once.
_NAME: Final = f"drf_commons_{zlib.crc32(__file__.encode()):08x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server on this machine at its standard port."""

    alias: str
    port: int
    url: str
    start: str

    def is_reachable(self) -> bool:
        """Tell whether something listens on the port."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.5):
                return True
        except OSError:
            return False


POSTGRESQL: Final = Server(
    alias="postgresql",
    port=5432,
    url=os.environ.get("POSTGRESQL_URL", f"postgres://postgres@127.0.0.1:5432/{_NAME}"),
    start="docker run --rm -d -p 127.0.0.1:5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres",
)
MARIADB: Final = Server(
    alias="mariadb",
    port=3306,
    url=os.environ.get("MARIADB_URL", f"mysql://root@127.0.0.1:3306/{_NAME}"),
    start="docker run --rm -d -p 127.0.0.1:3306:3306 -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 mariadb",
)
REDIS: Final = Server(
    alias="redis",
    port=6379,
    url="redis://127.0.0.1:6379/0",
    start="docker run --rm -d -p 127.0.0.1:6379:6379 redis",
)
#: How to get a browser, and what installs TypeScript, where they are missing.
CHROMIUM: Final = "apt-get install --yes --no-install-recommends chromium"
NPM: Final = "apt-get install --yes --no-install-recommends npm"
SERVERS: Final = {server.alias: server for server in (POSTGRESQL, MARIADB, REDIS)}


def find_chromium() -> str | None:
    """Return where the browser is; ``None`` where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def find_npm() -> str:
    """Return where npm is; give the test up where it is missing."""
    npm = shutil.which("npm")
    return npm if npm is not None else give_up(f"needs npm; install it with: {NPM}")


def give_up(reason: str) -> NoReturn:
    """Skip a test that lacks something of the machine; in CI fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def use_pymysql() -> None:
    """Let Django reach MariaDB through PyMySQL, which installs everywhere without a compiler."""
    pymysql.install_as_MySQLdb()
