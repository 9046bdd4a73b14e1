"""Mutations without the normal executor: whatever they answer, it would have answered the same bytes.

Each is sent twice with one key: what the first has done, the second only shows, in the other way.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import orjson
import pytest
from compared_answers import Bank, opened_bank
from conftest import Server
from graphql import GraphQLInterfaceType, get_named_type, is_leaf_type, is_required_argument
from graphql.execution.values import VariableValues
from limit_bank import open_limits
from mutation_requests import (
    BO,
    CONTACT,
    EVENT,
    JUN,
    REGISTER,
    REMOVE,
    STATEMENT,
    UPDATE,
    change,
    event,
    figures,
    fresh,
    gid,
    newcomer,
    person,
)
from small_bank import CLIENTS

from domain.access import Caller, Role
from domain.organisation import Organisation, Unit, UnitKind
from schema.binding import Unread, binding, is_bound
from schema.compiler.payloads import ReadyMutation, plan_of_rows, ready_mutation
from schema.documents import Documents
from schema.graph import Engine, graph
from schema.request import Request
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory
from tenants.scope import scope_of_staff
from tenants.segments.shipped import ensure_defaults

SCHEMA = graph()._schema
assert SCHEMA.mutation_type is not None
MUTATIONS = SCHEMA.mutation_type.fields
BY_PYTHON = {("RuleSet", "findings"), ("RuleSet", "differences"), ("RuleSet", "moving")}
NO_VARIABLES = VariableValues({}, {})
Case = tuple[Caller, str, Callable[[], dict[str, Any]]]


# Every mutation can be answered so


@pytest.fixture(scope="module")
def asking() -> Request:
    """A branch's request that has asked nobody anything."""
    database = Database(Credentials("postgresql://nowhere/bank"))
    organisation = Organisation(
        [Unit(1, "HQ", UnitKind.HEADQUARTERS, None), Unit(4, "B", UnitKind.BRANCH, 1)]
    )
    return Request(
        database=database,
        directory=Directory(database),
        organisation=organisation,
        scope=scope_of_staff(Caller("bo", Role.BRANCH_MANAGER, office="B"), organisation),
        today=dt.date(2026, 1, 15),
    )


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_what_any_mutation_answers_is_shown_by_one_statement(asking: Request, name: str) -> None:
    types: Any = get_named_type(MUTATIONS[name].type).types
    selected = " ".join(f"... on {one.name} {{ {_fields(one)} }}" for one in types)
    given = MUTATIONS[name].args["input"].type
    text = f"mutation M($input: {given}) {{ {name}(input: $input) {{ {selected} }} }}"
    document = Documents(SCHEMA).find(text)
    assert not document.refused, document.refused
    ready = ready_mutation(SCHEMA, document.operation("M"), NO_VARIABLES)
    assert isinstance(ready, ReadyMutation), ready
    (asked,) = ready.fields
    shown = [(one, get_named_type(field.type).name) for one in types for field in one.fields.values()]
    rows = [(one.name, binding(name)) for one, name in shown if is_bound(name)]
    assert rows
    for answered, target in rows:
        row = Unread(target.type_name, tuple(1 for _ in target.key))
        plan, is_new = plan_of_rows(asked, asking, answered, row, 1_000_000)
        assert is_new
        assert plan_of_rows(asked, asking, answered, row, 1_000_000) == (plan, False)


def _fields(type_: Any, depth: int = 1) -> str:
    """All that can be asked of a type without arguments; under keys of its own, since others stand beside it."""
    if isinstance(type_, GraphQLInterfaceType):
        return "id"
    found = []
    for name, field in type_.fields.items():
        below = get_named_type(field.type)
        needs = any(map(is_required_argument, field.args.values()))
        if is_leaf_type(below) and not needs and (type_.name, name) not in BY_PYTHON:
            found.append(f"{type_.name}_{name}: {name}")
        elif depth:
            found.append(f"{type_.name}_{name}: {name} {{ {_fields(below, depth - 1)} }}")
    return " ".join(found)


# Both ways


@pytest.fixture(scope="module")
def bank(server: Server, template: str) -> Iterator[Bank]:
    with opened_bank(server, template) as bank:
        bank.run(_furnished(bank))
        yield bank


async def _furnished(bank: Bank) -> None:
    async with bank.database.transaction(await bank.directory.operator(), write=True) as transaction:
        await ensure_defaults(transaction)


def both(bank: Bank, caller: Caller, text: str, **variables: Any) -> dict[str, Any]:
    """The answer, which must be the same both ways; the first is compiled, unless something is refused."""
    answers = bank.run(bank.answers(caller, text, variables))
    assert answers.compiled == answers.normal
    assert not answers.faults
    assert answers.plan.get("tier") == "compiled", (answers.plan, answers.compiled)
    body: dict[str, Any] = orjson.loads(answers.compiled + b"}")
    return body


CLIENT_ROW = """client { id legalName version status employees registeredCapital { amount currency } branch { code }
    relationshipManager { code } contacts(first: $n) { totalCount nodes { name } } segments { dimension value }
    facilities { aggregates { count } nodes { id limit { amount } } } playbook { name } facts { nps } }"""
GOOD_ONES: dict[str, Case] = {
    "a client": (BO, REGISTER, lambda: newcomer(registeredCapital={"amount": "1.50", "currency": "CNY"})),
    "a client as it is now": (BO, UPDATE, lambda: change(2, city='苏州 "x" \\', employees=None)),
    "a contact": (BO, CONTACT, lambda: person(name="É \u0001", isPrimary=True)),
    "a statement": (BO, STATEMENT, lambda: figures(revenue="12.30")),
    "an event": (BO, EVENT, lambda: event(amount={"amount": "5", "currency": "JPY"})),
}
REFUSED: dict[str, Case] = {
    "INVALID_INPUT": (BO, REGISTER, lambda: newcomer(registrationNumber="1")),
    "NOT_FOUND": (BO, UPDATE, lambda: change(5)),
    "ALREADY_REGISTERED": (BO, REGISTER, lambda: newcomer(registrationNumber=CLIENTS[0][1])),
    "CONFLICT": (BO, UPDATE, lambda: change(0, expectedVersion=77)),
}


@pytest.mark.parametrize("what", GOOD_ONES)
def test_what_was_done_is_shown_alike(bank: Bank, what: str) -> None:
    caller, text, given = GOOD_ONES[what]
    (payload,) = both(bank, caller, text, input=given())["data"].values()
    assert payload["__typename"].endswith("Success")


@pytest.mark.parametrize("code", REFUSED)
def test_what_was_refused_is_said_alike(bank: Bank, code: str) -> None:
    caller, text, given = REFUSED[code]
    (payload,) = both(bank, caller, text, input=given())["data"].values()
    assert payload["code"] == code


def test_what_stands_in_the_way_is_shown_to_whoever_sees_it(bank: Bank) -> None:
    text = """mutation ($input: UpdateClientInput!) { updateClient(input: $input) { ... on Conflict {
        message current { __typename id ...Now again: id } code second: current { ...Now } } } }
        fragment Now on Client { version contacts(first: 1) { totalCount } }"""
    (payload,) = both(bank, BO, text, input=change(0, expectedVersion=77))["data"].values()
    assert payload["second"] == {"version": 1, "contacts": payload["current"]["contacts"]}
    assert list(payload) == ["message", "current", "code", "second"]


def test_a_payload_may_be_asked_for_in_every_way_that_the_language_has(bank: Bank) -> None:
    text = f"""mutation M($one: UpdateClientInput!, $two: SaveContactInput!, $n: Int, $no: Boolean!) {{
        __typename
        first: updateClient(input: $one) {{ ...Shown @skip(if: $no) ... on UpdateClientSuccess {{ {CLIENT_ROW} }} }}
        ... @include(if: $no) {{ second: updateClient(input: $one) {{ __typename }} }}
        ...Contact
        first: updateClient(input: $one) {{ ... on UpdateClientSuccess {{ client {{ again: version }} }} }}
      }}
      fragment Contact on Mutation {{ saveContact(input: $two) {{ kind: __typename ... on SaveContactSuccess {{
        contact {{ name }} other: contact {{ client {{ contacts(first: $n) {{ totalCount }} }} }} }} }} }}
      fragment Shown on UpdateClientPayload {{ ... on UserError {{ code path }}
        ... on UpdateClientSuccess {{ __typename }} }}"""
    said = both(bank, BO, text, one=change(1), two=person(), n=1, no=False)["data"]
    assert list(said) == ["__typename", "first", "saveContact"]
    assert said["first"]["client"]["again"] == said["first"]["client"]["version"] == 2
    assert said["saveContact"]["kind"] == "SaveContactSuccess"
    less = both(bank, BO, text, one=change(0), two=person(clientId=gid(1)), n=None, no=True)["data"]
    assert (less["second"]["__typename"], "__typename" in less["first"]) == ("UpdateClientSuccess", False)


def test_nothing_need_be_asked_of_what_was_done(bank: Bank) -> None:
    asked = "mutation ($input: SaveContactInput!) { saveContact(input: $input) { %s } }"
    for selected in (
        "... on Conflict { code }",
        "__typename",
        "... on SaveContactSuccess { contact @skip(if: true) { id } }",
    ):
        both(bank, BO, asked % selected, input=person())


def test_each_shows_what_is_so_after_it_and_none_what_comes_later(bank: Bank) -> None:
    text = """mutation ($one: UpdateClientInput!, $bad: UpdateClientInput!, $two: UpdateClientInput!) {
        one: updateClient(input: $one) { ...Shown }
        bad: updateClient(input: $bad) { ...Shown }
        two: updateClient(input: $two) { ...Shown } }
      fragment Shown on UpdateClientPayload { ... on UserError { code } ... on Conflict { current { id } }
        ... on UpdateClientSuccess { client { version city } } }"""
    variables = {
        "one": change(3, city="A"),
        "bad": change(3, city="B"),
        "two": change(3, expectedVersion=2, city="C"),
    }
    answered = bank.run(bank.answers(JUN, text, variables))
    shown = orjson.loads(answered.compiled + b"}")["data"]
    assert shown["one"] == {"client": {"version": 2, "city": "A"}}
    assert shown["bad"] == {"code": "CONFLICT", "current": {"id": gid(3)}}
    assert shown["two"] == {"client": {"version": 3, "city": "C"}}
    # Sent again it shows what is so now: alike both ways.
    assert both(bank, JUN, text, **variables)["data"]["one"] == {"client": {"version": 3, "city": "C"}}


def test_who_may_not_is_told_so_at_the_field_and_the_others_go_on(bank: Bank) -> None:
    text = """mutation ($one: SaveContactInput!, $two: MoveUnitInput!) {
        move: moveUnit(input: $two) { __typename }
        saveContact(input: $one) { __typename ... on UserError { code } } }"""
    moving = {"idempotencyKey": fresh(), "unitCode": "310000", "newParentCode": "NORTH", "expectedVersion": 1}
    body = both(bank, BO, text, one=person(), two=moving)
    assert body["data"] == {"move": None, "saveContact": {"__typename": "SaveContactSuccess"}}
    (error,) = body["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["move"], "FORBIDDEN")


def test_a_key_sent_again_for_a_row_that_is_gone_finds_nothing(bank: Bank) -> None:
    given_input = person()
    contact = both(bank, BO, CONTACT, input=given_input)["data"]["saveContact"]["contact"]
    removing = {"idempotencyKey": fresh(), "contactId": contact["id"], "expectedVersion": contact["version"]}
    both(bank, BO, REMOVE, input=removing)
    payload = both(bank, BO, CONTACT, input=given_input)["data"]["saveContact"]
    assert payload == {
        "__typename": "NotFound",
        "code": "NOT_FOUND",
        "message": payload["message"],
        "path": [],
    }


def test_what_cannot_be_compiled_is_shown_by_the_normal_executor_and_done_once(bank: Bank) -> None:
    """One payload by the executor, between two by statements; each change is there once."""
    text = """mutation ($one: SaveContactInput!, $two: DraftRuleSetInput!, $three: SaveContactInput!) {
        one: saveContact(input: $one) { __typename }
        draftRuleSet(input: $two) { ... on UserError { message }
          ... on DraftRuleSetSuccess { ruleSet { number findings { severity message } } } }
        three: saveContact(input: $three) { __typename } }"""
    drafting = {"idempotencyKey": fresh(), "dimension": "valueTier"}
    admin = Caller("hana", Role.HEADQUARTERS_ADMINISTRATOR)
    body = both(bank, admin, text, one=person(), two=drafting, three=person())
    assert body["data"]["draftRuleSet"]["ruleSet"]["number"] == 2
    assert list(body["data"]) == ["one", "draftRuleSet", "three"]


def test_an_argument_that_is_refused_is_refused_by_the_normal_executor_at_its_place(bank: Bank) -> None:
    text = """mutation ($input: UpdateClientInput!, $n: Int) { updateClient(input: $input) {
        ... on UpdateClientSuccess { client { contacts(first: $n) { totalCount } } } } }"""
    answers = bank.run(bank.answers(BO, text, {"input": change(2, expectedVersion=2), "n": -1}))
    assert answers.compiled == answers.normal
    assert answers.plan["tier"] == "normal"
    assert b'"path":["updateClient","client","contacts"]' in answers.compiled


def test_an_answer_that_is_too_long_is_refused_after_all_was_done(bank: Bank) -> None:
    text = """mutation ($one: SaveContactInput!, $two: SaveContactInput!) {
        one: saveContact(input: $one) { ... on SaveContactSuccess { contact { name } } }
        two: saveContact(input: $two) { ... on SaveContactSuccess { contact { id } } } }"""
    variables = {"one": person(name="N" * 90), "two": person()}
    bodies = []
    for compiled in (True, False):
        engine = Engine(compiled=compiled, answer_bytes=90)
        request = bank.run(bank.request(BO))
        bodies.append(bank.run(bank.body(engine, request, text, variables, [])))
    assert bodies[0] == bodies[1]
    assert orjson.loads(bodies[0])["errors"][0]["extensions"] == {"code": "COST_EXCEEDED"}


def test_what_one_shows_costs_one_statement(bank: Bank) -> None:
    statements: list[str] = []
    bank.database.observer = statements.append
    engine = Engine()
    bank.run(bank.body(engine, bank.run(bank.request(BO)), CONTACT, {"input": person()}, []))
    bank.database.observer = None
    assert sum("convert_to" in text for text in statements) == 1, statements


# Reservations, the mutation that many wait for


RESERVE = """mutation ($input: ReserveQuotaInput!) { reserveQuota(input: $input) { __typename
    ... on UserError { code path } ... on LimitRefused { available { amount currency } binding bindingNode {
      id ... on LimitNode { name kind } } }
    ... on ReserveQuotaSuccess { movement { id operation amount { amount } commitment { id status } } } } }"""


@pytest.fixture(scope="module")
def lending(bank: Bank) -> Bank:
    async def opened() -> None:
        connection = await asyncpg.connect(bank.dsn, timeout=20)
        await open_limits(connection)
        await connection.close()

    bank.run(opened())
    return bank


def wanted(**said: Any) -> dict[str, Any]:
    amount = {"amount": "1000.00", "currency": "CNY"}
    return {"idempotencyKey": fresh(), "clientId": gid(0), "product": "TERM_LOAN", "amount": amount} | said


def test_a_reservation_is_three_messages_and_none_of_them_waits_for_us(lending: Bank) -> None:
    statements: list[str] = []
    lending.database.observer = statements.append
    engine, request = Engine(), lending.run(lending.request(BO))
    statements.clear()
    body = lending.run(lending.body(engine, request, RESERVE, {"input": wanted()}, []))
    lending.database.observer = None
    assert orjson.loads(body)["data"]["reserveQuota"]["movement"]["operation"] == "RESERVE"
    # The tree and the bank's day are read anew once a second, by whoever comes then.
    own = [
        text for text in statements if "bank.unit" not in text and not text.startswith("SELECT app.today()")
    ]
    assert len(own) == 3, own


def test_a_reservation_is_shown_and_refused_alike(lending: Bank) -> None:
    shown = both(lending, BO, RESERVE, input=wanted())["data"]["reserveQuota"]
    assert shown["movement"]["commitment"]["status"] == "RESERVED"
    too_much = wanted(amount={"amount": "100000000.00", "currency": "CNY"})
    refused = both(lending, BO, RESERVE, input=too_much)["data"]["reserveQuota"]
    assert (refused["__typename"], refused["code"]) == ("LimitRefused", "EXCEEDS_AVAILABLE")
    assert refused["bindingNode"]["kind"] == "BRANCH"
    assert refused["available"]["currency"] == "CNY"


def test_a_reservations_key_is_good_for_one_however_it_is_sent(lending: Bank) -> None:
    asked = wanted()
    first = both(lending, BO, RESERVE, input=asked)["data"]["reserveQuota"]
    assert both(lending, BO, RESERVE, input=asked)["data"]["reserveQuota"] == first
    other = both(lending, BO, RESERVE, input=asked | {"product": "MORTGAGE"})["data"]["reserveQuota"]
    assert (other["code"], other["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])
