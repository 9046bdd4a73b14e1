"""Throw-away embedded servers on homes of a test's own."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from api.embedded import EmbeddedPostgres

CHECKOUT = Path(__file__).resolve().parent.parent
IS_ROOT = os.geteuid() == 0

Opener = Callable[..., EmbeddedPostgres]


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory that everybody may enter; pytest's tmp_path is closed to root's unprivileged server."""
    directory = Path(tempfile.mkdtemp(prefix="bg-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def opened(base: Path) -> Iterator[Opener]:
    """Start a throw-away server on a home; all are stopped at the end."""
    servers: list[EmbeddedPostgres] = []

    def open_on(home: Path = base / "home", **options: int) -> EmbeddedPostgres:
        server = EmbeddedPostgres(home, durable=False, **options)
        servers.append(server)
        server.start()
        return server

    yield open_on
    for server in servers:
        server.stop()


async def fetch(server: EmbeddedPostgres, query: str) -> object:
    connection = await asyncpg.connect(server.dsn())
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def postmaster_of(home: Path) -> int:
    return int((home / "pgdata" / "postmaster.pid").read_text().splitlines()[0])
