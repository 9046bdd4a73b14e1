"""Many at once: nothing is sold twice, nobody waits in a circle, and nobody goes around the books."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from limit_bank import (
    DAY,
    HANA,
    OFFICER,
    Books,
    add_node,
    asked,
    balance,
    client_of,
    node,
    open_limits,
    top,
    yuan,
)
from small_bank import JIANGSU, SHANGHAI

from domain.access import Caller, Role
from domain.limits import booking
from domain.limits.movements import Ask, Booked, Place
from domain.limits.nodes import Balance, LimitNode
from domain.money import Money
from tenants.actions import limits
from tenants.actions.limits import Partner
from tenants.actions.once import Done, Outcome, Refused, once
from tenants.database import Database
from tenants.limits.reading import Path, lock_nodes, path_of_draw
from tenants.limits.verifying import verify
from tenants.limits.writing import Author, WrittenElsewhere, write
from tenants.organisation import Directory
from tenants.roles import Login
from tenants.scope import Scope
from tenants.transaction import Transaction

PRODUCT = "TERM_LOAN"
CLIENT = client_of(0, SHANGHAI)


@pytest.fixture
async def books(database: Database, directory: Directory, administrator: asyncpg.Connection) -> Books:
    """A credit officer of Shanghai, whose branch has limits."""
    await open_limits(administrator)
    return Books(database, directory, OFFICER)


async def differences(books: Books) -> list[str]:
    async with books.database.transaction(await books.directory.operator()) as transaction:
        return [str(difference) for difference in await verify(transaction)]


def told(outcomes: list[Outcome]) -> Counter[str]:
    return Counter(
        "DONE" if isinstance(outcome, Done) else outcome.refusal.code.value for outcome in outcomes
    )


# Nothing is sold twice


async def test_of_many_overrides_at_once_only_those_within_authority_together_are_granted(
    books: Books, administrator: asyncpg.Connection
) -> None:
    await add_node(administrator, SHANGHAI, 1, 0, client_id=CLIENT[1])
    await administrator.execute(
        "insert into bank.delegated_authority values ('BRANCH_MANAGER', 1000, 'CNY') "
        "on conflict (role) do update set amount_minor = 1000"
    )
    bo = Books(books.database, books.directory, Caller("bo", Role.BRANCH_MANAGER, office="310000"))
    each = [bo(limits.override, CLIENT, PRODUCT, yuan(3), "a bridge") for _ in range(5)]
    assert told(await asyncio.gather(*each)) == {"DONE": 3, "BEYOND_AUTHORITY": 2}


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "in a transaction"])
async def test_of_many_who_draw_together_as_many_succeed_as_there_is_room_for(
    books: Books, administrator: asyncpg.Connection, at_once: bool
) -> None:
    books.at_once = at_once
    line = await add_node(administrator, SHANGHAI, 1, 100_00, client_id=CLIENT[1])
    keys = [f"key {number}" for number in range(20)]
    sent = [books(limits.reserve, CLIENT, PRODUCT, yuan(10), key=key) for key in keys for _ in range(3)]
    outcomes = list(await asyncio.gather(*sent))
    assert told(outcomes) == {"DONE": 30, "EXCEEDS_AVAILABLE": 30}
    answers = [outcomes[place : place + 3] for place in range(0, 60, 3)]
    assert all(first == second == third for first, second, third in answers)
    assert await balance(administrator, line) == (0, 100, 0)
    assert await administrator.fetchval("select count(*) from bank.limit_movement") == 10
    again = await books(limits.reserve, CLIENT, PRODUCT, yuan(11), key=keys[0])
    assert isinstance(again, Refused)
    assert again.refusal.code == "IDEMPOTENCY_KEY_REUSED"
    assert await differences(books) == []


async def test_draws_and_repayments_of_one_commitment_follow_each_other(
    books: Books, administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 100_00, client_id=CLIENT[1])
    movement = await books.done(limits.reserve, CLIENT, PRODUCT, yuan(100))
    commitment = (
        SHANGHAI,
        await administrator.fetchval(
            "select commitment_id from bank.limit_movement where id = $1", movement[1]
        ),
    )
    drawn = [books(limits.utilise, commitment, yuan(30)) for _ in range(6)]
    assert told(list(await asyncio.gather(*drawn))) == {"DONE": 3, "EXCEEDS_HELD": 3}
    paid = [books(limits.repay, commitment, yuan(45)) for _ in range(4)]
    assert told(list(await asyncio.gather(*paid))) == {"DONE": 2, "EXCEEDS_HELD": 2}
    assert await balance(administrator, line) == (0, 10, 0)
    assert await differences(books) == []


async def test_even_a_mistake_above_sells_nothing_that_is_not_there(
    books: Books, administrator: asyncpg.Connection
) -> None:
    """The decision is doctored; the database has the last word."""
    line = await add_node(administrator, SHANGHAI, 1, 100_00, client_id=CLIENT[1])
    scope = await books.directory.scope(OFFICER)
    ask = Ask(client_id=CLIENT[1], product=PRODUCT, amount=101_00, currency="CNY", commitment_id=uuid4())

    async with books.database.transaction(scope) as transaction:
        found = await path_of_draw(transaction, CLIENT, PRODUCT, None, DAY)
    assert isinstance(found, Path)
    moment, keys = found.moment, found.keys

    def oversold(path: tuple[LimitNode, ...]) -> Booked:
        lifted = tuple(dataclasses.replace(one, sanctioned=10**12) for one in path)
        booked = booking.reserve(Place(lifted, (), DAY, moment), ask)
        assert isinstance(booked, Booked)
        return booked

    async def written(booked: Booked) -> None:
        async with books.database.transaction(scope, write=True) as transaction:
            await lock_nodes(transaction, keys)
            await write(transaction, booked, Author("bug"))

    with pytest.raises(asyncpg.CheckViolationError, match="ck_limit_node_within_its_limit"):
        await written(oversold(found.nodes))
    stale = [dataclasses.replace(one, balance=Balance(reserved=5)) for one in found.nodes]
    with pytest.raises(WrittenElsewhere):
        await written(oversold(tuple(stale)))
    assert await balance(administrator, line) == (0, 0, 0)
    assert await administrator.fetchval("select count(*) from bank.limit_movement") == 0


# Nobody waits in a circle


async def test_deals_over_two_branches_in_opposite_order_do_not_deadlock(
    books: Books, administrator: asyncpg.Connection
) -> None:
    here, there = client_of(1, SHANGHAI), client_of(4, JIANGSU)
    rhea = Books(books.database, books.directory, Caller("rhea", Role.REGIONAL_MANAGER, office="EAST"))
    one = [Partner(here, Decimal(1)), Partner(there, Decimal(2))]
    sent = [
        rhea(limits.syndicate, PRODUCT, Money(100_00, "CNY"), one[:: 1 if number % 2 else -1])
        for number in range(16)
    ]
    own = [books(limits.reserve, here, PRODUCT, yuan(1)) for _ in range(16)]
    assert told(list(await asyncio.gather(*sent, *own))) == {"DONE": 32}
    shares = await administrator.fetch(
        "select sum(granted_minor) as whole, count(*) as parts from bank.limit_commitment "
        "where syndication_id is not null group by syndication_id"
    )
    assert {(row["whole"], row["parts"]) for row in shares} == {(100_00, 2)}
    refused = await rhea(limits.syndicate, PRODUCT, yuan(100_000_000), one)
    assert isinstance(refused, Refused)
    assert await administrator.fetchval("select count(*) from bank.limit_commitment") == 48
    assert await differences(books) == []


# Nobody goes around the books


async def test_a_booking_whose_answer_was_lost_on_the_way_is_told_when_it_is_put_again(
    books: Books, administrator: asyncpg.Connection
) -> None:
    who = asked(OFFICER)
    scope, organisation = await books.directory.scope(OFFICER), await books.directory.organisation()

    async def act(transaction: Transaction) -> Outcome:
        write = transaction.write

        async def put_again(text: str, values: Sequence[Any], **said: Any) -> list[Any]:
            await write(text, values, **said)
            return await write(text, values, **said)

        transaction.write = put_again  # type: ignore[method-assign]
        return await limits.reserve(transaction, who, CLIENT, PRODUCT, yuan(3))

    outcome = await once(books.database, scope, organisation, who.command, act, at_once=True)
    assert isinstance(outcome, Done)
    assert await balance(administrator, (SHANGHAI, top(SHANGHAI))) == (0, 3, 0)


@pytest.mark.parametrize("login", Login)
async def test_no_login_changes_the_ledger(
    books: Books, administrator: asyncpg.Connection, login: Login
) -> None:
    await books.done(limits.reserve, CLIENT, PRODUCT, yuan(1))
    scope = Scope(HANA, login, (SHANGHAI,))
    for statement in (
        "update bank.limit_movement set amount_minor = 1",
        "delete from bank.limit_movement",
        "update bank.limit_posting set delta_minor = 1",
        "delete from bank.limit_posting",
        "truncate bank.limit_posting, bank.limit_movement cascade",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with books.database.transaction(scope, write=True) as transaction:
                await transaction.fetch(statement, ())
        if login is Login.PORTAL:
            with pytest.raises(asyncpg.RestrictViolationError, match="only grows"):
                await administrator.execute(statement)


async def test_a_branch_may_book_and_never_raise_its_own_limit(
    books: Books, administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 100_00, client_id=CLIENT[1])
    scope = await books.directory.scope(OFFICER)
    own = f"where branch_id = {SHANGHAI} and id = '{top(SHANGHAI)}'"
    values = "'2020-01-01', '2030-01-01', 'o', 'a', 'ACTIVE'"
    columns = "valid_from, valid_until, created_by, approved_by, status"
    for statement in (
        f"update bank.limit_node set sanctioned_minor = 9 {own}",
        f"update bank.limit_node set addition_minor = 9, addition_from = now(), addition_until = now() {own}",
        f"update bank.limit_node set tolerance = 1 {own}",
        f"update bank.limit_node set status = 'CLOSED' {own}",
        f"update bank.limit_node set valid_until = '2099-12-31' {own}",
        f"update bank.limit_node set dealt_minor = 1 {own}",
        f"update bank.limit_node set kind = 'SUBLIMIT' {own}",
        f"delete from bank.limit_node {own}",
        "insert into bank.limit_node (branch_id, id, kind, name, currency, sanctioned_minor, sharing, "
        f"{columns}) values (8, gen_random_uuid(), 'BRANCH', 'x', 'CNY', 9, 'RING_FENCED', {values})",
        "insert into bank.limit_node (branch_id, id, kind, name, currency, sanctioned_minor, parent_branch_id, "
        f"parent_id, client_id, reserved_minor, {columns}) values ({SHANGHAI}, '{node(9)}', 'FACILITY', 'x', "
        f"'CNY', 9, {SHANGHAI}, '{top(SHANGHAI)}', '{CLIENT[1]}', 5, {values})",
        "update bank.delegated_authority set amount_minor = 1",
        "update bank.limit_policy set earmark_days = 1",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with books.database.transaction(scope, write=True) as transaction:
                await transaction.fetch(statement, ())
    foreign = "update bank.limit_node set reserved_minor = 1 where branch_id <> 4 returning branch_id"
    async with books.database.transaction(scope, write=True) as transaction:
        assert {row[0] for row in await transaction.fetch(foreign, ())} <= set(scope.branches)
        await transaction.connection.execute("rollback; begin")
    assert await balance(administrator, line) == (0, 0, 0)


async def test_the_books_say_which_figure_was_tampered_with(
    books: Books, administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 100_00, client_id=CLIENT[1], sharing="RING_FENCED")
    await administrator.execute(
        f"update bank.limit_node set idle_fenced_minor = 10000 where id = '{top(SHANGHAI)}'"
    )
    movement = await books.done(limits.reserve, CLIENT, PRODUCT, yuan(30))
    assert await differences(books) == []
    of_it = f"where id = (select commitment_id from bank.limit_movement where id = '{movement[1]}')"
    for tampering, named in (
        (
            f"update bank.limit_node set utilised_minor = 5 where id = '{line[1]}'",
            "utilised is 5, should be 0",
        ),
        (
            f"update bank.limit_node set idle_fenced_minor = 5 where id = '{top(SHANGHAI)}'",
            "idle behind fences",
        ),
        (
            f"update bank.limit_node set dealt_minor = 5 where id = '{top(SHANGHAI)}'",
            "dealt to other units is 5",
        ),
        (f"update bank.limit_commitment set reserved_minor = 1 {of_it}", "reserved is 1, should be 3000"),
    ):
        await administrator.execute(f"begin; {tampering}")
        found = [str(one) for one in await verify(Transaction(administrator, None))]
        await administrator.execute("rollback")
        assert any(named in one for one in found), (named, found)


async def test_a_limit_below_another_tenants_is_refused_as_one_below_none(books: Books) -> None:
    scope = await books.directory.scope(OFFICER)
    told = set()
    for parent in (top(JIANGSU), uuid4()):
        with pytest.raises(asyncpg.ForeignKeyViolationError) as refused:
            async with books.database.transaction(scope, write=True) as transaction:
                await transaction.fetch(
                    "insert into bank.limit_node (branch_id, id, kind, name, parent_branch_id, parent_id, "
                    "currency, sanctioned_minor, valid_from, valid_until, created_by) values ($1, $2, 'SUBLIMIT', "
                    "'x', $1, $3, 'CNY', 1, '2020-01-01', '2030-01-01', 'o')",
                    (SHANGHAI, uuid4(), parent),
                )
        told.add((refused.value.constraint_name, (refused.value.detail or "").replace(str(parent), "…")))
    assert len(told) == 1
