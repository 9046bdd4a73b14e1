"""The demo bank is the same at every load, whoever loads it, interrupted or not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from conftest import Server
from demo_banks import (
    CHECKSUM,
    CLIENTS,
    PowerCutError,
    checksums,
    empty_database,
    is_loaded,
    load,
    power_cut_after_the_first_clients,
    rows_of,
    silent,
)

from tenants.credentials import Credentials
from tenants.database import Database
from tenants.demo import ForeignBank, demo_is_loaded, load_demo, loading
from tenants.organisation import Directory


@pytest.fixture
def empty(server: Server, blank: str) -> Iterator[Credentials]:
    """A migrated database without a row."""
    with empty_database(server, blank) as credentials:
        yield credentials


async def test_a_load_that_was_cut_off_ends_in_the_same_bank_to_the_last_digit(
    empty: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "CLIENTS_A_TRANSACTION", 1_100)

    with pytest.raises(PowerCutError):
        await load(empty, CLIENTS, say=power_cut_after_the_first_clients)
    assert not await is_loaded(empty)
    await load(empty, CLIENTS)

    assert await is_loaded(empty)
    assert (await checksums(empty))["all"] == CHECKSUM


async def test_nothing_is_loaded_twice_and_a_small_bank_can_be_made_larger(empty: Credentials) -> None:
    await load(empty, 20)
    before = await checksums(empty)
    await load(empty, 20)
    assert await checksums(empty) == before

    await load(empty, 40)

    assert await rows_of(empty, "client") == 40


async def test_two_loaders_at_once_share_the_work(
    empty: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "CLIENTS_A_TRANSACTION", 10)

    await asyncio.gather(load(empty, 40), load(empty, 40))

    assert await rows_of(empty, "client") == 40
    assert await rows_of(empty, "financial_statement") == 200
    assert await is_loaded(empty)


async def test_nothing_stays_on_the_connection(empty: Credentials) -> None:
    database = Database(empty, connections=1)
    await database.open()
    try:
        directory = Directory(database)
        await load_demo(database, directory, say=silent, clients=10)
        async with database.transaction(await directory.operator()) as transaction:
            left = await transaction.connection.fetchval(
                "select (select count(*) from pg_class where relnamespace = pg_my_temp_schema())"
                " + (select count(*) from pg_proc where pronamespace = pg_my_temp_schema())"
            )
    finally:
        await database.close()

    assert left == 0


async def test_another_bank_is_left_alone(database: Database, directory: Directory) -> None:
    with pytest.raises(ForeignBank, match="another bank"):
        await load_demo(database, directory, say=silent, clients=10)

    assert not await demo_is_loaded(database)
    assert len(await directory.organisation()) == 7
