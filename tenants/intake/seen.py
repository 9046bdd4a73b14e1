"""Which entities this file has brought already, kept on disk so that memory does not grow with the file."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from domain.intake.problems import Problem, shown
from domain.intake.rows import Plan, Row

_SETTINGS = ("pragma journal_mode = off", "pragma synchronous = off", "pragma cache_size = -8192")


class Seen:
    """Knows of every entity in which line it was first met, and whether it looked the same."""

    def __init__(self, connection: sqlite3.Connection, plan: Plan) -> None:
        self._cursor = connection.cursor()
        self._plan = plan

    def recognise(self, row: Row) -> Problem | None:
        """None where the row agrees with all earlier ones; it is remembered then, and not otherwise.

        The same entity twice in one file with different values: whichever came last would win, and every
        further run would turn both around again. So the later line is refused.
        """
        met = []
        for entity, made in row.entities.items():
            for each in made:
                key = self._plan.key(entity, row, each)
                name, looks = _digest((entity, key)), _digest(self._content(entity, row, each))
                first = self._cursor.execute(
                    "select line, looks from seen where name = ?", (name,)
                ).fetchone()
                if first is None:
                    met.append((name, row.line, looks))
                elif first[1] != looks:
                    written = f"{entity} {' '.join(map(str, key))} (first in line {first[0]})"
                    return Problem(row.line, "", shown(written), "was given differently in an earlier line")
        self._cursor.executemany("insert or ignore into seen values (?, ?, ?)", met)
        return None

    def _content(self, entity: str, row: Row, made: tuple[object, ...]) -> tuple[object, ...]:
        """An entity's values and whose it is: the same loan of another client is another loan."""
        if entity != "client" and "client" in row.entities:
            return (*made, self._plan.key("client", row, row.entities["client"][0]))
        return made


@contextmanager
def seen(plan: Plan) -> Iterator[Seen]:
    """An empty memory, on disk in a directory that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="branchgraph-import-") as directory:
        connection = sqlite3.connect(Path(directory, "seen.db"), isolation_level=None)
        try:
            for setting in _SETTINGS:
                connection.execute(setting)
            connection.execute(
                "create table seen (name blob primary key, line integer, looks blob) without rowid"
            )
            connection.execute("begin")
            yield Seen(connection, plan)
        finally:
            connection.close()


def _digest(values: object) -> bytes:
    return blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=12).digest()
