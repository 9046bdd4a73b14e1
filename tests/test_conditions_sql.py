"""A condition means the same in SQL as in Python: over real rows, for every kind of caller, policies or none."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from bank_conditions import BankConditions
from bank_facts import Facts, bound_types, enrich, read_facts
from conftest import Server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from segment_rules import put_in_force
from small_bank import SHANGHAI, SmallBank, client_id
from sqlalchemy import ARRAY, ColumnElement, FromClause, Integer, bindparam, func, literal, select

from domain.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Every,
    NoneOf,
    Not,
    One,
    Operator,
    Some,
    evaluate,
    fold,
)
from domain.money import Money
from schema.binding import Binding, binding, bindings
from schema.condition_sql import SqlContext, shape_of, to_sql, values_of
from schema.errors import BadInput
from schema.ids import encode
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory
from tenants.scope import Scope
from tenants.segments.statements import mentions_segments, with_segments
from tenants.transaction import DIALECT, compiled

FOR_A_WHILE = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
CALLERS = {
    "headquarters": SmallBank.headquarters,
    "a region": SmallBank.east,
    "a branch": SmallBank.jiangsu,
    "a client": SmallBank.huaxia,
}


# Facts lead to one another without end: written out, they would never be done.
@dataclass(frozen=True, repr=False)
class Bank:
    """One database for this module, open, and how it looks from everywhere."""

    run: Callable[[Any], Any]
    database: Database
    administrator: asyncpg.Connection
    scopes: dict[str, Scope]
    facts: dict[str, dict[str, list[Facts]]]


@pytest.fixture(scope="module")
def bank(server: Server, template: str) -> Iterator[Bank]:
    name = f"{template}_{os.urandom(4).hex()}"
    with asyncio.Runner() as runner:
        runner.run(server.run(f"create database {name} template {template} strategy file_copy"))
        database = Database(Credentials(server.to(name)), connections=1)
        administrator = runner.run(asyncpg.connect(server.to(name), timeout=20))
        runner.run(database.open())
        try:
            yield runner.run(_open(runner.run, database, administrator))
        finally:
            runner.run(administrator.close())
            runner.run(database.close())
            runner.run(server.run(f"drop database {name} with (force)"))


async def _open(run: Any, database: Database, administrator: asyncpg.Connection) -> Bank:
    directory = Directory(database)
    async with database.transaction(await directory.operator(), write=True) as transaction:
        await enrich(transaction)
    await put_in_force(administrator)
    async with database.transaction(await directory.operator()) as transaction:
        await database.rules.fresh(transaction)
    scopes = {name: await directory.scope(caller) for name, caller in CALLERS.items()}
    facts = {}
    for name, scope in scopes.items():
        readable = [bound for bound in bound_types() if not _hidden(scope, bound)]
        async with database.transaction(scope) as transaction:
            facts[name] = await read_facts(transaction, await directory.organisation(), readable)
    return Bank(run, database, administrator, scopes, facts)


def _hidden(scope: Scope, bound: Binding) -> bool:
    return bound.is_hidden_from(scope.login)


def context(scope: Scope) -> SqlContext:
    def in_scope(table: FromClause) -> ColumnElement[bool] | None:
        if scope.sees_everything:
            return None
        in_sight: ColumnElement[bool] = table.c.branch_id == func.any(
            literal(list(scope.branches), ARRAY(Integer))
        )
        return in_sight

    return SqlContext(in_scope=in_scope, hides=lambda bound: _hidden(scope, bound))


def selecting(condition: Condition, target: Binding, of: SqlContext) -> Any:
    found = select(*(target.table.c[name] for name in target.key))
    found = found.where(to_sql(condition, target, target.table, of))
    scope = of.in_scope(target.table) if target.is_tenant else None
    return found if scope is None else found.where(scope)


async def through_the_door(bank: Bank, viewpoint: str, statement: Any) -> list[Any]:
    async with bank.database.transaction(bank.scopes[viewpoint]) as transaction:
        return await transaction.fetch(*by_the_rules(bank, statement))


async def past_the_policies(bank: Bank, _: str, statement: Any) -> list[Any]:
    text, values = by_the_rules(bank, statement)
    rows: list[Any] = await bank.administrator.fetch(text, *values)
    return rows


def by_the_rules(bank: Bank, statement: Any) -> tuple[str, list[Any]]:
    text, values = compiled(statement)
    rulebook = bank.database.rules.known()
    assert rulebook is not None
    return with_segments(text, rulebook) if mentions_segments(text) else text, values


@pytest.fixture(scope="module")
def conditions(bank: Bank) -> BankConditions:
    return BankConditions(bank.facts["headquarters"])


# What random conditions seldom come upon.
TELLING: list[tuple[str, Condition]] = [
    ("OrganisationUnit", Some("clients", AllOf(()))),
    ("OrganisationUnit", Every("staff", AnyOf(()))),
    ("Region", Some("units", NoneOf("facilities", AllOf(())))),
    ("Client", Compare("registeredCapital.currency", Operator.EQ, "CNY")),
    ("Client", Compare("registeredCapital.currency", Operator.IS_NULL, True)),
    ("Client", Not(Compare("registeredCapital", Operator.NE, Money(1, "CNY")))),
    ("Client", Compare("registeredCapital", Operator.NOT_IN, ())),
    ("Client", Compare("employees", Operator.NOT_IN, ())),
    ("Client", Not(Compare("creditGrade", Operator.EQ, "A"))),
    ("Client", Every("facilities", Compare("annualRate", Operator.GT, Decimal("0.0435000001")))),
    ("Client", Some("segments", Compare("dimension", Operator.EQ, "scale"))),
    ("Client", Every("segments", Compare("value", Operator.NE, "BIG"))),
    ("Client", NoneOf("segments", Compare("dimension", Operator.IN, ("scale", "'; --")))),
    ("Client", One("facts", Compare("registeredCapital", Operator.GT, Money(1, "CNY")))),
    ("Facility", Not(One("client", Compare("employees", Operator.GT, 5)))),
]


@pytest.mark.parametrize(
    ("viewpoint", "answering"),
    [
        ("headquarters", through_the_door),
        ("a region", through_the_door),
        ("a region", past_the_policies),
        ("a branch", past_the_policies),
        ("a client", through_the_door),
    ],
)
def test_sql_selects_exactly_the_rows_for_which_the_condition_holds(
    bank: Bank, conditions: BankConditions, viewpoint: str, answering: Any
) -> None:
    seen = bank.facts[viewpoint]
    cases = st.sampled_from(sorted(seen)).flatmap(lambda name: st.tuples(st.just(name), conditions.of(name)))

    def agree(type_name: str, condition: Condition) -> None:
        statement = selecting(condition, binding(type_name), context(bank.scopes[viewpoint]))
        rows = bank.run(answering(bank, viewpoint, statement))
        selected = {encode(type_name, tuple(row.values())) for row in rows}
        assert selected == {facts["id"] for facts in seen[type_name] if evaluate(condition, facts)}

    for type_name, condition in TELLING:
        agree(type_name, condition)
    FOR_A_WHILE(given(cases)(lambda case: agree(*case)))()


def revalued(condition: Condition) -> Condition:
    """The same condition with other values."""
    match condition:
        case Compare("id" | "dimension") | Compare(operator=Operator.IS_NULL):
            return condition
        case Compare(field, operator, tuple() as values):
            return Compare(
                field, operator, tuple(map(_other, values * (operator is not Operator.BETWEEN or 1)))
            )
        case Compare(field, operator, value):
            return Compare(field, operator, _other(value))
        case AllOf(parts) | AnyOf(parts):
            return type(condition)(tuple(map(revalued, parts)))
        case Not(part):
            return Not(revalued(part))
    return type(condition)(condition.relation, revalued(condition.part))


def _other(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case Money():
            return Money(7, "EUR")
        case dt.datetime():
            return dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
        case dt.date():
            return dt.date(2000, 1, 1)
    return type(value)(7)


def test_shape_values_and_sql_belong_together(bank: Bank, conditions: BankConditions) -> None:
    cases = st.sampled_from(sorted(bindings())).flatmap(
        lambda name: st.tuples(st.just(name), conditions.of(name))
    )

    def written(condition: Condition, target: Binding) -> tuple[str, list[Any], list[str]]:
        bound: list[Any] = []

        def bind(value: Any, type_: Any) -> Any:
            bound.append(value)
            return bindparam(f"p{len(bound)}", type_=type_)

        own = context(bank.scopes["a region"])
        given = SqlContext(in_scope=own.in_scope, hides=lambda _: False, bind=bind)
        made = select(target.table).where(to_sql(condition, target, target.table, given))
        sql = made.compile(dialect=DIALECT)
        allotted = [name for name in sql.positiontup or () if name.startswith("p") and name[1:].isdigit()]
        return str(sql), bound, allotted

    @FOR_A_WHILE
    @given(cases)
    def belong(case: tuple[str, Condition]) -> None:
        type_name, condition = case
        target = binding(type_name)
        text, bound, allotted = written(condition, target)
        assert values_of(condition, target) == bound
        assert allotted == [f"p{number}" for number in range(1, len(bound) + 1)], "a parameter was lost"
        other = revalued(condition)
        assert shape_of(other, target) == shape_of(condition, target)
        assert hash(shape_of(other, target)) == hash(shape_of(condition, target))
        assert written(other, target)[0] == text

    belong()


def test_values_are_what_the_driver_takes(bank: Bank) -> None:
    condition = AllOf(
        (
            Compare("employees", Operator.IN, (1, 2**40)),
            Compare("registeredCapital", Operator.BETWEEN, (Money(1, "CNY"), Money(2, "CNY"))),
            Compare("createdAt", Operator.GT, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
            Compare(
                "id", Operator.IN, (encode("Client", (SHANGHAI, client_id(0))), encode("Region", ("x",)))
            ),
            Some("facilities", Compare("annualRate", Operator.EQ, 1)),
        )
    )
    target = binding("Client")
    _, sent = compiled(selecting(condition, target, context(bank.scopes["headquarters"])))
    assert values_of(condition, target) == sent
    assert sent == [
        [1, 2**40],
        "CNY",
        1,
        2,
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        [SHANGHAI],
        [client_id(0)],
        Decimal(1),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Compare("employees", Operator.EQ, 1), Compare("employees", Operator.NE, 1)),
        (Compare("employees", Operator.IS_NULL, True), Compare("employees", Operator.IS_NULL, False)),
        (Compare("city", Operator.EQ, "a"), Compare("legalName", Operator.EQ, "a")),
        (AllOf(()), AnyOf(())),
        (Some("facilities", AllOf(())), NoneOf("facilities", AllOf(()))),
        (Some("facilities", AllOf(())), Some("statements", AllOf(()))),
        (Not(AllOf(())), AllOf(())),
    ],
)
def test_what_is_other_sql_is_another_shape(one: Condition, other: Condition) -> None:
    assert shape_of(one, binding("Client")) != shape_of(other, binding("Client"))


@pytest.mark.parametrize(
    ("type_name", "condition"),
    [
        ("Client", Compare("colour", Operator.EQ, "red")),
        ("Client", Compare("facilities", Operator.EQ, "red")),
        ("Client", Compare("legalName.currency", Operator.EQ, "CNY")),
        ("Client", Compare("employees", Operator.EQ, "1")),
        ("Client", Compare("employees", Operator.EQ, Decimal("1.5"))),
        ("Client", Compare("employees", Operator.IN, (1, "a"))),
        ("Client", Compare("employees", Operator.EQ, 2**63)),
        ("Client", Compare("legalName", Operator.GT, "a")),
        ("Client", Compare("legalName", Operator.EQ, dt.date(2024, 1, 1))),
        ("Client", Compare("createdAt", Operator.EQ, dt.date(2024, 1, 1))),
        ("Client", Compare("registeredCapital", Operator.EQ, 1)),
        ("Client", Compare("registeredCapital", Operator.IN, (Money(1, "CNY"), Money(1, "USD")))),
        ("Client", Compare("id", Operator.STARTS_WITH, "Client")),
        ("Client", Compare("id", Operator.EQ, "no id")),
        ("Client", Some("branch", AllOf(()))),
        ("Client", One("facilities", AllOf(()))),
        ("Client", Every("colours", AllOf(()))),
        ("Client", Some("facilities", Compare("colour", Operator.EQ, "red"))),
        ("OrganisationUnit", Compare("kind", Operator.EQ, 1)),
    ],
)
def test_what_a_type_does_not_have_is_bad_input(type_name: str, condition: Condition) -> None:
    everywhere = SqlContext(in_scope=lambda _: None, hides=lambda _: False)
    for _ in range(2):
        with pytest.raises(BadInput):
            to_sql(condition, binding(type_name), binding(type_name).table, everywhere)
        with pytest.raises(BadInput):
            values_of(condition, binding(type_name))


def asked_for_scope(type_name: str, condition: Condition) -> list[str]:
    asked: list[str] = []

    def in_scope(table: FromClause) -> None:
        asked.append(table.element.name)  # type: ignore[attr-defined]

    of = SqlContext(in_scope=in_scope, hides=lambda _: False)
    to_sql(condition, binding(type_name), binding(type_name).table, of)
    return asked


def test_the_callers_branches_are_stated_wherever_a_relation_does_not_state_the_rows_own() -> None:
    rows = AllOf(())
    assert asked_for_scope("Client", Some("facilities", Some("postings", rows))) == []
    assert asked_for_scope("Client", One("branch", Some("clients", rows))) == ["client"]
    assert asked_for_scope("Region", Some("units", Every("staff", One("unit", rows)))) == ["staff"]
    assert asked_for_scope("Facility", One("client", One("relationshipManager", rows))) == []


def test_a_relation_to_what_is_hidden_leads_to_nothing_and_keeps_its_values() -> None:
    hiding = SqlContext(in_scope=lambda _: None, hides=lambda bound: bound.type_name == "Facility")
    leaf = Compare("reference", Operator.EQ, "x")
    relations: list[Condition] = [made("facilities", leaf) for made in (Some, NoneOf, Every)]
    for relation, expected in zip(relations, ["false", "NOT false", "NOT false"], strict=True):
        found = to_sql(relation, binding("Client"), binding("Client").table, hiding)
        assert str(found) == expected
    assert values_of(Some("facilities", leaf), binding("Client")) == ["x"]


def test_texts_are_folded_as_the_database_folds_them(bank: Bank) -> None:
    folded = bank.run(
        bank.administrator.fetch(
            "select i, lower(chr(i)) as folded from generate_series(1, 1114111) as i "
            "where i not between 55296 and 57343 and lower(chr(i)) <> chr(i)"
        )
    )
    theirs = {chr(row["i"]): row["folded"] for row in folded}
    ours = {chr(i): fold(chr(i)) for i in range(1, 0x110000) if fold(chr(i)) != chr(i)}
    differing = {c for c in theirs.keys() | ours.keys() if theirs.get(c, c) != ours.get(c, c)}
    # Only letters that one of the two Unicodes does not know yet.
    assert all(unicodedata.category(c) == "Cn" for c in differing), differing
    assert len(ours) > 1300
