"""Statements that speak of segments: which rules stand in front of them, and what they do when rules change."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import asyncpg
import orjson
import pytest
from compared_answers import Bank, opened_bank
from conftest import Server
from segment_rules import put_in_force
from small_bank import SHANGHAI, SmallBank, client_id

from domain.access import Caller
from domain.conditions import AllOf, AnyOf, Compare, Condition, Every, NoneOf, Not, One, Operator, Some
from schema.binding import binding
from schema.compiler.segments import spoken_of
from schema.graph import MOST_RULEBOOKS
from schema.ids import encode
from tenants.segments.rulebook import Rules, RulesInForce
from tenants.transaction import Transaction

SHIPPING = encode("Client", (SHANGHAI, client_id(0)))
ONE = """query ($id: ID!, $dimensions: [String!]) {
  client(id: $id) { segments(dimensions: $dimensions) { dimension value } } }"""
Asked = dict[str, Any]
ONE_OF_SCALE = (
    'query ($id: ID!) { client(id: $id) { segments(dimensions: ["scale"]) { value because { holds } } } }'
)
SCALE = Compare("dimension", Operator.EQ, "scale")
WEIGHT = Compare("dimension", Operator.IN, ("weight", "scale"))
BIG = Compare("value", Operator.EQ, "BIG")


@pytest.mark.parametrize(
    ("type_name", "condition", "spoken"),
    [
        ("Client", Compare("employees", Operator.EQ, 1), set()),
        ("Client", Some("segments", SCALE), {"scale"}),
        ("Client", Some("segments", AllOf((BIG, SCALE))), {"scale"}),
        ("Client", Some("segments", AnyOf((WEIGHT, SCALE))), {"scale", "weight"}),
        ("Client", NoneOf("segments", AllOf((SCALE, BIG))), {"scale"}),
        ("Client", Not(Some("segments", SCALE)), {"scale"}),
        ("Facility", One("client", Some("segments", SCALE)), {"scale"}),
        ("Client", Some("segments", One("client", Some("segments", SCALE))), None),
        (
            "Client",
            Some("segments", AllOf((SCALE, One("client", Some("segments", WEIGHT))))),
            {"scale", "weight"},
        ),
        # Whatever does not say the dimension may be of any.
        ("Client", Some("segments", BIG), None),
        ("Client", Some("segments", AllOf(())), None),
        ("Client", Some("segments", AnyOf((SCALE, BIG))), None),
        ("Client", Some("segments", Not(SCALE)), None),
        ("Client", Every("segments", SCALE), None),
        ("Client", Some("segments", Compare("dimension", Operator.EQ, "'; --")), None),
        ("Client", Some("segments", Compare("dimension", Operator.IN, ())), None),
    ],
)
def test_a_condition_speaks_of_the_dimensions_that_it_says(
    type_name: str, condition: Condition, spoken: set[str] | None
) -> None:
    assert spoken_of(condition, binding(type_name)) == spoken


@pytest.fixture(scope="module")
def bank(server: Server, template: str) -> Iterator[Bank]:
    with opened_bank(server, template) as bank:
        bank.run(_furnish(bank))
        yield bank


async def _furnish(bank: Bank) -> None:
    administrator = await asyncpg.connect(bank.dsn, timeout=20)
    try:
        await put_in_force(administrator)
    finally:
        await administrator.close()


async def told(
    bank: Bank, caller: Caller, query: str, variables: Asked | None = None, rules: Rules | None = None
) -> Any:
    """The data, how it was found, and the statements that it took."""
    statements: list[str] = []
    request = await bank.request(caller)
    if rules is not None:
        request.rules = request.snapshot._rules = rules
    bank.database.observer = statements.append
    faults: list[BaseException] = []
    body = orjson.loads(await bank.body(bank.engines[0], request, query, variables or {}, faults))
    bank.database.observer = None
    assert not faults
    assert "errors" not in body, body["errors"]
    return body["data"], body["extensions"]["plan"], statements


def test_only_the_rules_of_the_dimensions_asked_for_stand_in_front(bank: Bank) -> None:
    for dimensions, present, absent in (
        (["soundness"], ["soundness"], ["scale", "weight"]),
        (["scale", "soundness", "scale"], ["scale", "soundness"], ["weight"]),
        (None, ["scale", "soundness", "weight"], []),
        ([], [], ["scale", "soundness", "weight"]),
    ):
        data, plan, _ = bank.run(
            told(bank, SmallBank.shanghai, ONE, {"id": SHIPPING, "dimensions": dimensions})
        )
        assert plan["tier"] == "compiled"
        found = [one["dimension"] for one in data["client"]["segments"]]
        assert [name for name in found if name in (*present, *absent)] == present
        assert all(f"'{name}'::text as dimension" in plan["statement"] for name in present)
        assert not any(f"'{name}'::text as dimension" in plan["statement"] for name in absent)


def test_what_does_not_speak_of_segments_has_no_rules_in_front_and_asks_for_no_stamp(bank: Bank) -> None:
    _, plan, _ = bank.run(told(bank, SmallBank.shanghai, "{ clients { nodes { facts { daysPastDue } } } }"))
    assert "client_segment" not in plan["statement"]
    assert "rules_stamp" not in plan["statement"]


def test_as_long_as_rules_stay_one_statement_answers_and_the_rules_are_not_read_again(bank: Bank) -> None:
    asked = {"id": SHIPPING, "dimensions": ["scale"]}
    bank.run(told(bank, SmallBank.shanghai, ONE, asked))
    _, plan, statements = bank.run(told(bank, SmallBank.shanghai, ONE, asked))
    assert statements == [plan["statement"]]


def test_plans_are_for_a_kind_of_caller_and_hold_nobodys_branch(bank: Bank) -> None:
    asked = {"id": SHIPPING, "dimensions": ["scale"]}
    _, plan, _ = bank.run(told(bank, SmallBank.shanghai, ONE, asked))
    data, other, _ = bank.run(told(bank, SmallBank.beijing, ONE, asked))
    assert data == {"client": None}
    assert plan["statement"] == other["statement"]


class _Passed(Rules):
    """Rules that have always passed when they are used, as if somebody activated others all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = 0

    async def fresh(self, transaction: Transaction) -> RulesInForce:
        """The rules, by a stamp that no database has."""
        self.readings += 1
        self._kept = dataclasses.replace(await super().fresh(transaction), stamp=f"passed {self.readings}")
        return self._kept


def test_rules_that_pass_again_and_again_are_left_to_the_snapshot_of_the_normal_executor(bank: Bank) -> None:
    rules = _Passed()
    asked = {"id": SHIPPING, "dimensions": ["weight"]}
    data, plan, statements = bank.run(told(bank, SmallBank.shanghai, ONE, asked, rules))
    assert data["client"]["segments"] == [{"dimension": "weight", "value": "LIGHT"}]
    assert plan == {"tier": "normal", "reason": "the rules changed again and again while it was planned"}
    assert sum("case when app.rules_stamp() =" in one for one in statements) == MOST_RULEBOOKS
    assert rules.readings == MOST_RULEBOOKS + 2


def test_postgresql_plans_for_the_rules_of_one_dimension_and_finds_the_facts_by_their_key(bank: Bank) -> None:
    _, plan, _ = bank.run(told(bank, SmallBank.shanghai, ONE_OF_SCALE, {"id": SHIPPING}))
    assert plan["tier"] == "compiled"
    explained = bank.run(_explained(bank, plan["statement"]))
    assert "registered_capital_minor" in explained
    assert "assigned_grade =" not in explained
    assert "client_fact" in explained


async def _explained(bank: Bank, statement: str) -> str:
    administrator = await asyncpg.connect(bank.dsn, timeout=20)
    try:
        await administrator.execute(
            f"set plan_cache_mode = force_generic_plan; prepare asked as select {statement}"
        )
        values = f"{SHANGHAI}, '{client_id(0)}', 'x'"
        rows = await administrator.fetch(f"explain (verbose, costs off) execute asked({values})")
    finally:
        await administrator.close()
    return "\n".join(row[0] for row in rows)
