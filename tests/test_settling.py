"""What an activation owes follows beside the requests: everybody's history and tasks, once, whatever interrupts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from conftest import Server
from patience import PATIENCE_S, until_told
from rules_bank import SECOND, RulesBank, activated, drafted, rules_bank, simulated, values
from small_bank import SmallBank

from api.settling import settling
from domain.conditions import Compare, Operator
from domain.segmentation.rules import Rule, RuleSet
from tenants.actions import rule_sets
from tenants.actions.once import Command, Done, Outcome, once
from tenants.organisation import Directory
from tenants.playbooks.settling import Settled
from tenants.playbooks.shipped import ensure_playbooks
from tenants.scope import scope_of_staff
from tenants.segments.settling import Settlement, is_owed, settle, take_snapshot
from tenants.transaction import Transaction

GRADES = ("A", "B", "C")
EVERYBODY_B = RuleSet("creditGrade", GRADES, (), "B")
TYPES = ("STRATEGIC", "GROWTH", "STABLE", "AT_RISK", "LAPSING")
EVERYBODY_STABLE = RuleSet("relationshipType", TYPES, (), "STABLE")
BY_GRADE = RuleSet(
    "relationshipType", TYPES, (Rule("GROWTH", Compare("segment.creditGrade", Operator.EQ, "B")),), "STABLE"
)


@pytest.fixture(scope="module")
def bank(server: Server, template: str) -> Iterator[RulesBank]:
    """With playbooks, and tasks for everybody; what a test does stays for those after it."""
    with rules_bank(server, template) as made:

        async def furnish() -> Settlement:
            async with made.database.transaction(made.scope, write=True) as transaction:
                await ensure_playbooks(transaction)
            return await take_snapshot(made.database, Directory(made.database), str)

        assert made.runner.run(furnish()) == Settlement(7, 0, Settled(made=35))
        yield made


async def put_into_force(bank: RulesBank, made: RuleSet) -> None:
    async with bank.database.transaction(bank.scope, write=True) as transaction:
        await activated(transaction, made)


async def said_and_recorded(bank: RulesBank, dimension: str) -> tuple[list[str], list[str]]:
    """What the rules say of each client now, and what its history says."""
    async with bank.database.transaction(bank.scope) as transaction:
        rows = await transaction.connection.fetch(
            "select value from bank.segment_history where dimension_code = $1 and valid_until = 'infinity' "
            "order by client_id",
            dimension,
        )
        said = [value for _, value in await values(transaction, dimension)]
    return said, [row["value"] for row in rows]


def activate(row: Any) -> Callable[[Transaction], Awaitable[Outcome]]:
    async def act(transaction: Transaction) -> Outcome:
        return await rule_sets.activate(transaction, SECOND, row["id"], row["version"], effective_from=None)

    return act


async def nothing_owed(bank: RulesBank) -> bool:
    return not await is_owed(bank.database)


def test_an_activation_counts_at_once_and_is_settled_afterwards(bank: RulesBank) -> None:
    async def act() -> None:
        directory = Directory(bank.database)
        assert not await is_owed(bank.database)
        await put_into_force(bank, EVERYBODY_STABLE)
        said, recorded = await said_and_recorded(bank, "relationshipType")
        assert (set(said), set(recorded)) == ({"STABLE"}, {"AT_RISK"})
        assert await is_owed(bank.database)
        told: list[str] = []
        # The tasks of the other type are cancelled, those of this one made.
        done = Settlement(7, 7, Settled(made=28, cancelled=35))
        assert await settle(bank.database, directory, told.append) == done
        assert told == ["settling begins: other rules, playbooks or divisions have come into force"]
        said, recorded = await said_and_recorded(bank, "relationshipType")
        assert said == recorded
        assert await settle(bank.database, directory, told.append) is None, "nothing is owed any more"
        again = await take_snapshot(bank.database, directory, told.append)
        assert again == Settlement(7, 0, Settled()), "nothing was left undone"

    bank.runner.run(act())


def test_one_settles_at_a_time_and_what_is_interrupted_is_done_by_the_next(bank: RulesBank) -> None:
    async def has_begun(before: list[str]) -> bool:
        return (await said_and_recorded(bank, "creditGrade"))[1] != before

    async def act() -> None:
        directory = Directory(bank.database)
        await put_into_force(bank, EVERYBODY_B)
        _, before = await said_and_recorded(bank, "creditGrade")
        beijing = scope_of_staff(SmallBank.beijing, await directory.organisation())
        async with bank.database.transaction(beijing, write=True) as transaction:
            # A writer of one branch holds the first up at its clients.
            await transaction.connection.execute("select from bank.segment_history for update")
            first = asyncio.create_task(settle(bank.database, directory, str, at_once=2))
            await until_told(lambda: has_begun(before))
            assert await settle(bank.database, directory, str) is None, "another is at it"
            first.cancel()
            await asyncio.wait([first])
        said, recorded = await said_and_recorded(bank, "creditGrade")
        assert set(said) == {"B"}
        assert set(recorded) > {"B"}, "some are done, some are not"
        assert await is_owed(bank.database)
        left = await settle(bank.database, directory, str)
        assert left is not None
        assert 0 < left.moved < 7
        said, recorded = await said_and_recorded(bank, "creditGrade")
        assert said == recorded

    bank.runner.run(act())


def test_the_server_settles_by_itself_what_its_own_requests_owe(bank: RulesBank) -> None:
    async def act() -> None:
        directory = Directory(bank.database)
        organisation = await directory.organisation()
        async with bank.database.transaction(bank.scope, write=True) as transaction:
            row = await simulated(transaction, await drafted(transaction, BY_GRADE))
        # It would look by itself, too, but not as long as this test may last.
        async with settling(bank.database, directory, check_s=10 * PATIENCE_S):
            await asyncio.sleep(0.1)
            command = Command("activateRuleSet", "a key of the caller's", "0" * 64)
            outcome = await once(bank.database, bank.scope, organisation, command, activate(row))
            assert outcome == Done((row["id"],))
            await until_told(lambda: nothing_owed(bank))
        said, recorded = await said_and_recorded(bank, "relationshipType")
        assert said == recorded == ["GROWTH"] * 7

    bank.runner.run(act())


def test_the_daily_round_settles_what_is_owed(bank: RulesBank) -> None:
    async def act() -> None:
        await put_into_force(bank, EVERYBODY_STABLE)
        done = await take_snapshot(bank.database, Directory(bank.database), str)
        assert done.moved == 7
        assert not await is_owed(bank.database)
        async with bank.database.transaction(bank.scope) as transaction:
            causes = await transaction.connection.fetch(
                "select distinct cause from bank.segment_history where dimension_code = 'relationshipType' "
                "and valid_until = 'infinity'"
            )
        assert [row["cause"] for row in causes] == ["ACTIVATION"]

    bank.runner.run(act())
