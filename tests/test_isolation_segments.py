"""What is made of all branches' rows stays with headquarters; what a branch writes stays in it; rules are text."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from both_ways import AskBothWays
from conftest import Server
from rules_bank import (
    DAY,
    THIRD,
    WRITER,
    RulesBank,
    activated,
    become,
    code_of,
    drafted,
    in_force,
    row_of,
    rules_bank,
    simulated,
)
from small_bank import BEIJING, SHANGHAI, SmallBank, client_id

from domain.access import Caller
from domain.conditions import Compare, Operator
from domain.segmentation.rules import Remark, Rule, RuleSet
from tenants.actions import rule_sets
from tenants.actions.once import Done
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory
from tenants.roles import Login
from tenants.segments.rulebook import rule_set_of
from tenants.transaction import Transaction

BROWSING = """{ ruleSets(where: { status: { eq: SIMULATED } }) { nodes {
    simulation { clients moved matrix { clients exposure { amount } } byBranch { branchCode } } } } }"""
RULES = '{ clients(first: 1) { nodes { segments(dimensions: ["valueTier"]) { value note } } } }'
OTHERS = f"array[{BEIJING}], array['{client_id(5)}']::uuid[]"

HOSTILE = [
    "'; drop table bank.client; --",
    "\\'; select 1; --",
    "$1 $$ %s %(x)s :name ::text {0} {segments}",
    "\u0001 client_segment f.exposure_minor 'f.client_id'",
    "\\x02 E'\\\\' \" \n </script> \u2028",
    "''''\\\\' /* -- */ '||(select current_user)||'",
]


@dataclass(frozen=True)
class Servers:
    """Two servers of one bank, each with what it remembers of its own."""

    bank: RulesBank
    one: AskBothWays
    other: AskBothWays

    def ask(self, of: AskBothWays, caller: Caller, query: str) -> Any:
        return self.bank.runner.run(of(caller, query))

    def put_in_force(self, made: RuleSet, *, unit: str | None = None) -> None:
        """By the first server."""

        async def acted() -> None:
            async with self.bank.database.transaction(self.bank.scope, write=True) as transaction:
                await activated(transaction, made, unit=unit)

        self.bank.runner.run(acted())

    def as_portal(self, branches: str, *statements: str) -> list[Any]:
        """What the portal's login is answered under a scope, whoever wrote the SQL; nothing of it stays."""
        return self.bank.runner.run(_told(Credentials(self.bank.dsn).dsn(Login.PORTAL), branches, statements))


async def _told(dsn: str, branches: str, statements: tuple[str, ...]) -> list[Any]:
    connection = await asyncpg.connect(dsn, timeout=20)
    try:
        await connection.execute(f"begin; set local app.branches = '{branches}'")
        return [await connection.fetchval(statement) for statement in statements]
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def servers(server: Server, template: str) -> Iterator[Servers]:
    with rules_bank(server, template) as bank:
        other = Database(Credentials(bank.dsn), connections=2)
        bank.runner.run(other.open())
        try:
            yield Servers(
                bank,
                AskBothWays(bank.database, Directory(bank.database)),
                AskBothWays(other, Directory(other)),
            )
        finally:
            bank.runner.run(other.close())


def shipped(servers: Servers, dimension: str) -> RuleSet:
    """The rules of a dimension in force."""

    async def read(transaction: Transaction) -> RuleSet:
        return rule_set_of((await in_force(transaction, dimension))["body"])

    made: RuleSet = servers.bank.undone(read)
    return made


def always(servers: Servers, value: str) -> RuleSet:
    """Rules by which every client is of this value tier."""
    return replace(shipped(servers, "valueTier"), rules=(), scores=(), remarks=(), default=value)


def test_a_simulation_counts_all_branches_clients_and_is_for_headquarters_alone(servers: Servers) -> None:
    made = always(servers, "V2")

    async def kept() -> None:
        async with servers.bank.database.transaction(servers.bank.scope, write=True) as transaction:
            await simulated(transaction, await drafted(transaction, made))

    servers.bank.runner.run(kept())
    (seen,) = servers.ask(servers.one, SmallBank.analyst, BROWSING)["ruleSets"]["nodes"]
    assert seen["simulation"]["clients"] == 7
    assert len(seen["simulation"]["byBranch"]) == 4
    for part in (SmallBank.shanghai, SmallBank.east):
        (seen,) = servers.ask(servers.one, part, BROWSING)["ruleSets"]["nodes"]
        assert seen == {"simulation": None}, part.subject
    assert servers.ask(servers.one, SmallBank.huaxia, BROWSING)["ruleSets"]["nodes"] == []


@pytest.mark.parametrize("table", ["rule_set_simulation", "division_move", "division_move_exposure"])
def test_whom_rules_or_divisions_would_move_is_for_headquarters_alone(servers: Servers, table: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        servers.as_portal(f"{{{SHANGHAI}}}", f"select count(*) from bank.{table}")
    asked = "{ divisionModels { nodes { moves { totalCount } movedExposure { amount } } } }"
    assert servers.ask(servers.one, SmallBank.shanghai, asked) == {"divisionModels": {"nodes": []}}


def test_the_functions_behind_facts_show_and_change_nothing_of_other_branches(servers: Servers) -> None:
    day = "(select app.today() + 5000)"
    found = servers.as_portal(
        f"{{{SHANGHAI}}}",
        "select array_agg(distinct branch_id) from bank.client_facts",
        f"select array_agg(distinct branch_id) from app.client_facts_at({day})",
        f"select sum(exposure_minor) from app.facts_of_facility({OTHERS})",
        f"select count(*) from app.facts_of_client({OTHERS})",
        f"select count(*) from app.related({BEIJING}, '{client_id(5)}', 6, 100)",
        f"select count(*) from app.most_held({BEIJING}, 'CN', '91110000600037341L')",
        f"select app.make_facts({OTHERS})::text || app.keep_facts({OTHERS})::text",
        "select count(*) from app.segments_due()",
    )
    assert found == [[SHANGHAI], [SHANGHAI], 0, 0, 0, 0, "", 0]


def test_a_second_server_answers_by_the_rules_that_the_first_has_put_in_force(servers: Servers) -> None:
    for value in ("V1", "V3"):
        servers.put_in_force(always(servers, value))
        for of in (servers.other, servers.one):
            for caller in (SmallBank.shanghai, SmallBank.analyst):
                (one,) = servers.ask(of, caller, RULES)["clients"]["nodes"]
                assert one["segments"][0]["value"] == value


def test_whatever_stands_in_a_rule_is_text(servers: Servers) -> None:
    compared = tuple(Compare("industryCode", Operator.EQ, text) for text in HOSTILE)
    rules = tuple(Rule("V1", leaf, leaf.value) for leaf in compared)  # type: ignore[arg-type]
    known = Compare("industryCode", Operator.IS_NULL, True)
    last = Rule("V2", known, HOSTILE[2])
    remarks = tuple(Remark(known, text) for text in HOSTILE)
    servers.put_in_force(replace(always(servers, "V3"), rules=(*rules, last), remarks=remarks))
    (one,) = servers.ask(servers.other, SmallBank.shanghai, RULES)["clients"]["nodes"]
    (segment,) = one["segments"]
    assert segment["value"] == "V2"
    assert segment["note"] == "; ".join([HOSTILE[2], *HOSTILE])


def test_of_two_who_write_of_one_client_the_later_misses_nothing(servers: Servers) -> None:
    insert = """insert into bank.credit_event (branch_id, id, client_id, kind, occurred_on, source, reference)
        values ($1, $2, $3, 'DEFAULT', '2025-01-01', 'test', $4)"""

    async def raced() -> int:
        one, other = [await asyncpg.connect(servers.bank.dsn, timeout=20) for _ in range(2)]
        try:
            first = one.transaction()
            await first.start()
            await one.execute(insert, SHANGHAI, uuid4(), client_id(0), "race 1")
            later = asyncio.create_task(other.execute(insert, SHANGHAI, uuid4(), client_id(0), "race 2"))
            await asyncio.sleep(0.05)
            await first.commit()
            await later
            counted: int = await one.fetchval(
                "select default_count from bank.client_fact where branch_id = $1 and client_id = $2",
                SHANGHAI,
                client_id(0),
            )
            return counted
        finally:
            await one.close()
            await other.close()

    assert servers.bank.runner.run(raced()) == 2


@pytest.mark.parametrize(("day", "known"), [("9999-12-30", True), ("0001-01-02", False)])
def test_facts_are_asked_for_as_of_any_day_of_the_calendar(servers: Servers, day: str, known: bool) -> None:
    asked = f'{{ clients(first: 1) {{ nodes {{ factsAsOf(day: "{day}") {{ daysPastDue tenureYears }} }} }} }}'
    (found,) = servers.ask(servers.one, SmallBank.shanghai, asked)["clients"]["nodes"]
    assert (found["factsAsOf"] is not None) is known


def test_what_is_over_already_is_put_away_without_being_made_longer(servers: Servers) -> None:
    async def acted(transaction: Transaction) -> tuple[Any, Any]:
        await transaction.connection.execute(
            "update bank.dimension set overridable = true where code = 'valueTier'"
        )
        made = rule_set_of((await in_force(transaction, "valueTier"))["body"])
        first = await activated(transaction, made, unit="EAST")
        await activated(transaction, made, unit="EAST", on=DAY + dt.timedelta(days=10))
        await become(transaction, DAY + dt.timedelta(days=15))
        version = (await row_of(transaction, first))["version"]
        outcome = await rule_sets.archive(transaction, THIRD, first, version)
        return outcome, await row_of(transaction, first)

    outcome, row = servers.bank.undone(acted)
    assert isinstance(outcome, Done)
    assert (row["status"], row["effective_until"]) == ("ARCHIVED", DAY + dt.timedelta(days=10))


@pytest.mark.parametrize(("unit", "later"), [("EAST", 0), (None, 10)], ids=["at a unit", "on a later day"])
def test_rules_that_would_meet_in_a_circle_are_refused(
    servers: Servers, unit: str | None, later: int
) -> None:
    async def acted(transaction: Transaction) -> Any:
        await transaction.connection.execute("update bank.dimension set overridable = true")
        known = {name: await in_force(transaction, name) for name in ("valueTier", "sizeClass")}
        tier, size = (rule_set_of(row["body"]) for row in known.values())
        by_size = Rule(tier.default, Compare("segment.sizeClass", Operator.EQ, size.default))
        by_tier = Rule(size.default, Compare("segment.valueTier", Operator.EQ, tier.default))
        begins = DAY + dt.timedelta(days=later)
        await activated(
            transaction, replace(tier, rules=(by_size,), scores=(), remarks=()), unit=unit, on=begins
        )
        other = await drafted(transaction, replace(size, rules=(by_tier,), scores=(), remarks=()), unit=unit)
        return await rule_sets.simulate(transaction, WRITER, other, 1)

    assert code_of(servers.bank.undone(acted)) == "RULES_HAVE_ERRORS"
