"""Reservations while the network to the database is sick, and while processes are killed: all accounted for.

Whoever is not answered sends the same key again. In the end every key that was ever granted is booked once, under
the movement that was answered, every other one not at all, and `verify` finds nothing.

`LIMIT_FAULTS=20 python -m pytest -s tests/test_limit_faults.py` takes as many random kills, and each fault of the
network for ten seconds under the deadlines that a bank has; it says the figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from faulty_network import FAULTS, FaultyNetwork
from limit_bank import add_node, client_of, open_limits
from limit_driving import client, document, money
from patience import PATIENCE_S, free_port
from served_processes import Serve, Served, base, copied, furnished, numbers, serve
from serving_http import Site, checked
from small_bank import SHANGHAI

from api.bank import running_bank
from api.settings import Settings
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.limits.verifying import verify
from tenants.organisation import Directory

__all__ = ["base", "furnished", "serve"]

FAULTS_WANTED = int(os.environ.get("LIMIT_FAULTS", "0"))
OFFICER = "officer:310000"
RESERVE = document("reserveQuota")
WRITERS = 8
ROOM = 10**9
UNITS, KEYS, SENDS, THREADS = 100, 600, 3, 40
CODED = {"TIMEOUT", "UNAVAILABLE", "RATE_LIMITED"}
# The server gives up after 7.5 s; its answer has to be written, too.
DEADLINE_S = 8.0 if FAULTS_WANTED else PATIENCE_S
BACK_S = 5.0


def reservation(key: str, index: int = 0) -> dict[str, Any]:
    """One that is small."""
    said = {"clientId": client(index), "product": "TERM_LOAN", "amount": money(1)}
    return {"query": RESERVE, "variables": {"input": said | {"idempotencyKey": key}}}


async def booked_exactly(connection: asyncpg.Connection, granted: dict[str, str]) -> None:
    """Every key that was granted is booked, once, as it was answered; and nothing else is."""
    rows = await connection.fetch(
        "select idempotency_key, array_agg(id::text) as ids from bank.limit_movement "
        "where operation = 'RESERVE' group by 1"
    )
    kept = {row["idempotency_key"]: row["ids"] for row in rows}
    assert {key: [movement.rpartition(":")[2]] for key, movement in granted.items()} == kept
    held = await connection.fetchval("select sum(reserved_minor) from bank.limit_node where kind = 'CLIENT'")
    assert held == len(granted)


# The network


@pytest.fixture
async def network(
    credentials: Credentials, administrator: asyncpg.Connection
) -> AsyncIterator[FaultyNetwork]:
    """What lies between."""
    await open_limits(administrator)
    await add_node(administrator, SHANGHAI, 1, ROOM, client_id=client_of(0, SHANGHAI)[1])
    network = FaultyNetwork(credentials.url)
    await network.open()
    yield network
    await network.close()


class Senders:
    """Some that reserve over a site, one after another, each until it is answered."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.granted: dict[str, str] = {}
        self.told: Counter[str] = Counter()
        self.longest_s = 0.0
        self.over = False
        self._keys = itertools.count(1)
        self.good = 0

    async def sends(self) -> None:
        """One of them."""
        while not self.over:
            key = f"k{next(self._keys)}"
            while not await self._is_answered(key):  # noqa: ASYNC110 - it is sent again, not waited for
                await asyncio.sleep(0.02)

    async def _is_answered(self, key: str) -> bool:
        began = time.monotonic()
        sent = reservation(key)
        response = await self.site.ask(sent["query"], sent["variables"], persona=OFFICER)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        body = checked(response)
        if errors := body.get("errors"):
            code = errors[0]["extensions"]["code"]
            assert code in CODED, body
            self.told[code] += 1
            return False
        payload = body["data"]["reserveQuota"]
        assert "movement" in payload, payload
        self.granted[key] = payload["movement"]["id"]
        self.good += 1
        return True


async def test_a_sick_network_costs_time_and_nothing_else(
    network: FaultyNetwork, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    database = Database(Credentials(network.url), connections=4)
    await database.open()
    directory = Directory(database)
    # What a bank has is measured; the suite has less time.
    timeouts = {} if FAULTS_WANTED else {"request_timeout_s": 1}
    senders = Senders(Site(database, directory, tmp_path, **timeouts))
    tasks = [asyncio.create_task(senders.sends()) for _ in range(WRITERS)]
    faults = FAULTS if FAULTS_WANTED else ("resets", "cut after some bytes")
    try:
        for fault in faults:
            senders.longest_s, before = 0.0, senders.told.copy()
            await network.breaks(fault)
            await asyncio.sleep(10 if FAULTS_WANTED else 0.4)
            await network.mends()
            mended, good = time.monotonic(), senders.good
            while senders.good == good:
                assert time.monotonic() - mended < (BACK_S if FAULTS_WANTED else PATIENCE_S), fault
                for task in tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)
            back_s = time.monotonic() - mended
            await asyncio.sleep(1 if FAULTS_WANTED else 0.1)
            print(  # noqa: T201
                f"{fault}: {dict(senders.told - before)}, longest {senders.longest_s:.1f} s, "
                f"first success {back_s:.2f} s after"
            )
            assert senders.longest_s < DEADLINE_S, (fault, senders.longest_s)
    finally:
        senders.over = True
        await asyncio.wait(tasks, timeout=PATIENCE_S)
        for task in tasks:
            task.cancel()
    for task in tasks:
        await task
    await database.close()
    healthy = Database(Credentials(network.url))
    await healthy.open()
    async with healthy.transaction(await Directory(healthy).operator()) as transaction:
        assert await verify(transaction) == []
    await healthy.close()
    await booked_exactly(administrator, senders.granted)


# Kills


@pytest.fixture(scope="module")
def with_limits(furnished: Path) -> Path:
    """The data home with limits in it."""
    environment = dict(os.environ)
    settings = Settings(environment="development", data_home=furnished, database_url=None)
    with running_bank(settings, alone=True) as bank:

        async def furnish() -> None:
            connection = await asyncpg.connect(bank.credentials.url, timeout=20)
            await open_limits(connection)
            await add_node(connection, SHANGHAI, 1, ROOM, client_id=client_of(0, SHANGHAI)[1])
            await add_node(connection, SHANGHAI, 2, UNITS, client_id=client_of(1, SHANGHAI)[1])
            await connection.close()

        asyncio.run(furnish())
    os.environ.update(environment)
    return furnished


class Writers:
    """Threads that reserve at a server which may be gone for a while."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.headers = url, {"Authorization": f"Bearer {token}"}
        self.granted: dict[str, str] = {}
        self.answered_at: list[float] = []
        self.longest_s = 0.0
        self.faults: list[Any] = []
        self.over = False
        self._keys = itertools.count(1)
        self.threads = [threading.Thread(target=self._writes) for _ in range(WRITERS)]

    def __enter__(self) -> Writers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        for thread in self.threads:
            thread.join(PATIENCE_S)

    def _writes(self) -> None:
        with httpx.Client(timeout=10) as http:
            while not self.over:
                key = f"k{next(self._keys)}"
                while not self._is_answered(http, key):
                    time.sleep(0.05)

    def _is_answered(self, http: httpx.Client, key: str) -> bool:
        began = time.monotonic()
        try:
            body = http.post(f"{self.url}/graphql", json=reservation(key), headers=self.headers).json()
        except httpx.TransportError as lost:
            if isinstance(lost, httpx.ReadTimeout):
                # Nobody can do better than the server that is still starting; what is measured shows it.
                self.longest_s = max(self.longest_s, time.monotonic() - began)
            return False
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        if errors := body.get("errors"):
            if errors[0]["extensions"]["code"] not in CODED:
                self.faults.append((key, body))
                return True
            return False
        movement = body["data"]["reserveQuota"].get("movement")
        if movement is None:
            self.faults.append((key, body))
            return True
        self.granted[key] = movement["id"]
        self.answered_at.append(time.monotonic())
        return True

    def go_on(self) -> None:
        """Wait until every one of them has been answered again."""
        deadline = time.monotonic() + PATIENCE_S
        known = len(self.answered_at)
        while len(self.answered_at) < known + 3 * WRITERS:
            assert time.monotonic() < deadline, "it is not back"
            assert not self.faults, self.faults
            time.sleep(0.01)

    def silence_s(self, began: float, ended: float) -> float:
        """The longest time without an answer in between."""
        moments = [began, *sorted(one for one in self.answered_at if one > began)]
        return max(min(then, ended) - one for one, then in pairwise(moments) if one < ended)


def backend_of(served: Served) -> int | None:
    """The process id of one of the database's backends that serve us."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            status = (entry / "status").read_text() if entry.name.isdigit() else ""
            line = (entry / "cmdline").read_bytes() if status else b""
            if f"PPid:\t{served.postmaster()}\n" in status and b"_portal" in line:
                return int(entry.name)
    return None


@pytest.mark.skipif(not FAULTS_WANTED, reason="takes long: LIMIT_FAULTS says how many faults")
def test_kills_under_load_lose_nothing_and_book_nothing_twice(
    serve: Serve, base: Path, with_limits: Path
) -> None:
    home = copied(with_limits, base / f"killed{next(numbers)}")
    port = str(free_port())
    served = serve(home, PORT=port).ready()
    dice = random.Random()
    kinds = ["backend", "postmaster", "server"]
    faults: list[tuple[str, float]] = []
    with Writers(served.url, served.token(OFFICER)) as writers:
        for _ in range(FAULTS_WANTED):
            time.sleep(dice.uniform(0.3, 2.5))
            kind = dice.choice(kinds)
            began = time.monotonic()
            if kind == "server":
                served.process.kill()
                served.process.wait(PATIENCE_S)
                served = serve(home, PORT=port)
            else:
                pid = served.postmaster() if kind == "postmaster" else backend_of(served)
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
            faults.append((kind, began))
            writers.go_on()
        time.sleep(3)
    assert writers.faults == []
    figures: dict[str, list[float]] = {kind: [] for kind in kinds}
    ends = [*(began for _, began in faults[1:]), time.monotonic()]
    for (kind, began), ended in zip(faults, ends, strict=True):
        figures[kind].append(writers.silence_s(began, ended))
    for kind, seconds in figures.items():
        if seconds:
            told = f"{len(seconds)} times, back after {sorted(seconds)[len(seconds) // 2]:.1f} s"
            print(f"{kind}: {told}, at most {max(seconds):.1f} s")  # noqa: T201
    print(f"{len(writers.granted)} granted, the longest answer {writers.longest_s:.1f} s")  # noqa: T201
    served.ready()
    checked_books = serve(home, "limits", "verify")
    assert checked_books.process.wait(PATIENCE_S) == 0, checked_books.complaint
    assert "the books are right" in checked_books.said
    settings = Settings(environment="development", data_home=home, database_url=None)
    with running_bank(settings) as bank:
        asyncio.run(_counted(bank.credentials.url, writers.granted))
    assert writers.longest_s < DEADLINE_S, writers.longest_s
    slow = {kind: max(seconds) for kind, seconds in figures.items() if seconds and max(seconds) >= BACK_S}
    assert not slow, slow


async def _counted(url: str, granted: dict[str, str]) -> None:
    connection = await asyncpg.connect(url, timeout=20)
    await booked_exactly(connection, granted)
    await connection.close()


# Many at once


@pytest.mark.skipif(not FAULTS_WANTED, reason="takes long: LIMIT_FAULTS says that there is time")
def test_of_600_keys_sent_three_times_each_exactly_as_many_are_granted_as_there_are_units(
    serve: Serve, base: Path, with_limits: Path
) -> None:
    home = copied(with_limits, base / f"raced{next(numbers)}")
    served = serve(home).ready()
    headers = {"Authorization": f"Bearer {served.token(OFFICER)}"}
    sends = [f"race-{number % KEYS}" for number in range(KEYS * SENDS)]
    random.Random(1).shuffle(sends)
    answers: dict[str, list[str]] = {}
    began = time.monotonic()
    with httpx.Client(timeout=30, limits=httpx.Limits(max_connections=THREADS)) as http:

        def send(key: str) -> tuple[str, str]:
            sent = reservation(key, 1)
            payload = http.post(f"{served.url}/graphql", json=sent, headers=headers).json()
            told = payload["data"]["reserveQuota"]
            return key, told["movement"]["id"] if "movement" in told else f"refused {told['code']}"

        with ThreadPoolExecutor(THREADS) as pool:
            for key, told in pool.map(send, sends):
                answers.setdefault(key, []).append(told)
    took_s = time.monotonic() - began
    assert all(len(told) == SENDS and len(set(told)) == 1 for told in answers.values())
    granted = {key: told[0] for key, told in answers.items() if not told[0].startswith("refused")}
    refused = Counter(told[0] for told in answers.values() if told[0].startswith("refused"))
    print(f"{len(granted)} of {len(answers)} granted, {dict(refused)}, {took_s:.1f} s")  # noqa: T201
    assert len(granted) == UNITS
    assert refused == {"refused EXCEEDS_AVAILABLE": KEYS - UNITS}
    settings = Settings(environment="development", data_home=home, database_url=None)
    with running_bank(settings) as bank:
        asyncio.run(_counted(bank.credentials.url, granted))
    assert serve(home, "limits", "verify").process.wait(PATIENCE_S) == 0
