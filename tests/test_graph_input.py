"""What a hostile or careless hand writes into an operation: refused with a code, never a fault."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import orjson
import pytest
from conftest import Ask
from hypothesis import given
from hypothesis import strategies as st
from small_bank import SmallBank

from schema.answers import Phase
from schema.errors import BadInput
from schema.request import Request
from schema.scalars import SCALARS, parse_big_int, parse_day, parse_decimal, parse_moment, parse_text

HQ = SmallBank.headquarters
AMOUNT_VARIABLE = """query ($amount: Decimal!) {
    clients(where: {registeredCapital: {currency: "CNY", gte: $amount}}) { totalCount } }"""
AMOUNT_LITERAL = '{ clients(where: {registeredCapital: {currency: "CNY", gte: %s}}) { totalCount } }'

NO_AMOUNTS: list[Any] = [
    "NaN",
    "nan",
    "sNaN",
    "Infinity",
    "-Infinity",
    "inf",
    "1e5",
    "1E5",
    "1_0",
    "1,000",
    "1 000",
    " 1",
    "1 ",
    "1\n",
    "+1",
    "--1",
    "01",
    "1.",
    ".5",
    "-",
    "",
    "0x10",
    "١٢",
    "１２",
    "一",
    "1.٥",
    "1" * 40,
    "0." + "1" * 40,
    "1" * 100_000,
    "1\x00",
    1,
    1.5,
    1e400,
    10**40,
    True,
    [],
    ["1"],
    {},
]


async def test_what_is_no_amount_is_bad_input_as_a_variable(ask: Ask) -> None:
    for amount in NO_AMOUNTS:
        if amount == ["1"]:
            continue
        error = await ask.error(HQ, AMOUNT_VARIABLE, amount=amount)
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}, amount


async def test_what_is_no_amount_is_bad_input_as_a_literal(ask: Ask) -> None:
    for text in (
        '"NaN"',
        '"1e5"',
        '"1_0"',
        '"١٢"',
        "1.5",
        "1e5",
        "1",
        "-1",
        "true",
        "NaN",
        "[1]",
        "{a: 1}",
        f'"{"1" * 40}"',
    ):
        error = await ask.error(HQ, AMOUNT_LITERAL % text)
        assert error["extensions"]["code"] in ("BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"), text


@pytest.mark.parametrize(
    ("amount", "count"), [("0", 6), ("-0", 6), ("900000000.00", 1), ("900000000.01", 0), ("-1.5", 6)]
)
async def test_an_amount_is_a_string_of_digits(ask: Ask, amount: str, count: int) -> None:
    assert (await ask(HQ, AMOUNT_VARIABLE, amount=amount))["clients"]["totalCount"] == count


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**17), max_value=10**17, places=9))
def test_what_is_written_can_be_read_back(amount: Any) -> None:
    for scalar in SCALARS.values():
        if scalar.name == "Decimal":
            assert scalar.serialize
            assert parse_decimal(scalar.serialize(amount)) == amount


@given(st.text() | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(st.text()))
def test_every_scalar_takes_anything_or_says_bad_input(value: Any) -> None:
    for parse in (parse_decimal, parse_big_int, parse_text, parse_day, parse_moment):
        with contextlib.suppress(BadInput):
            parse(value)


@given(st.dates(dt.date(1, 1, 2), dt.date(9999, 12, 30)))
def test_a_day_is_read_as_it_is_written(day: dt.date) -> None:
    assert parse_day(day.isoformat()) == day


@pytest.mark.parametrize("day", [dt.date.min, dt.date.max])
def test_the_ends_of_the_calendar_are_no_days(day: dt.date) -> None:
    """The driver makes them infinite, and then no day is answered."""
    with pytest.raises(BadInput, match="leave it out for an open end"):
        parse_day(day.isoformat())


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_big_integer_survives(number: int) -> None:
    assert parse_big_int(str(number)) == number


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "1.0", "1e3", "", "-", " 1", "٣", True, None, 1.0])
def test_what_is_no_big_integer_is_bad_input(value: Any) -> None:
    with pytest.raises(BadInput):
        parse_big_int(value)


NUL = "a\x00b"
NUL_VARIABLES: list[tuple[str, dict[str, Any]]] = [
    ("query ($v: String!) { unit(code: $v) { id } }", {"v": NUL}),
    ("query ($v: ID!) { node(id: $v) { id } }", {"v": NUL}),
    ("query ($v: [ID!]!) { nodes(ids: $v) { id } }", {"v": ["x", NUL]}),
    ("query ($v: String) { clients(after: $v) { totalCount } }", {"v": NUL}),
    ("query ($v: ClientWhere) { clients(where: $v) { totalCount } }", {"v": {"city": {"in": [NUL]}}}),
    (
        "query ($v: ClientWhere) { clients(where: $v) { totalCount } }",
        {"v": {"not": {"legalName": {"eq": NUL}}}},
    ),
    ("{ viewer { subject } }", {"unused": {"deep": [NUL]}}),
    ("{ viewer { subject } }", {NUL: 1}),
    ("query ($v: String!) { unit(code: $v) { id } }", {"v": "\udfff"}),
]


async def test_nul_in_a_variable_is_bad_input_wherever_it_stands(ask: Ask) -> None:
    for query, variables in NUL_VARIABLES:
        body = await ask.full(HQ, query, **variables)
        assert [e["extensions"] for e in body["errors"]] == [{"code": "BAD_USER_INPUT"}], query
        assert "data" not in body


async def test_nul_in_a_literal_is_bad_input_wherever_it_stands(ask: Ask) -> None:
    for field in (
        'unit(code: "a\\u0000b") { id }',
        'unit(code: "\\u{0}") { id }',
        'node(id: "\\u0000") { id }',
        'clients(after: "\\u0000") { totalCount }',
        'clients(where: {city: {eq: "\\u0000"}}) { totalCount }',
        'clients(where: {legalName: {startsWith: "\\u0000"}}) { totalCount }',
        'clients(where: {or: [{not: {city: {in: ["x", "\\u0000"]}}}]}) { totalCount }',
    ):
        body = await ask.full(HQ, f"{{ {field} }}")
        assert {e["extensions"]["code"] for e in body["errors"]} == {"BAD_USER_INPUT"}, field
    raw = await ask.error(HQ, '{ unit(code: """a\x00b""") { id } }')
    assert raw["extensions"]["code"] in ("GRAPHQL_PARSE_FAILED", "BAD_USER_INPUT")


async def test_nul_in_a_mutation_is_bad_input_and_changes_nothing(ask: Ask) -> None:
    query = "mutation ($input: RegisterClientInput!) { registerClient(input: $input) { __typename } }"
    good = {
        "idempotencyKey": "k",
        "branchCode": "310000",
        "registrationNumber": "91310000132149237G",
        "legalName": "X",
    }
    for field in (*good, "city", "regionCode", "relationshipManagerId"):
        error = await ask.error(HQ, query, input=good | {field: NUL})
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}, field
    assert (await ask(HQ, "{ clients { totalCount } }"))["clients"]["totalCount"] == 7


DOCUMENTS: list[tuple[str, str, str]] = [
    ("nothing", "", "GRAPHQL_PARSE_FAILED"),
    ("blank", " \n# just a comment", "GRAPHQL_PARSE_FAILED"),
    ("half", "{ viewer { subject }", "GRAPHQL_PARSE_FAILED"),
    ("unknown field", "{ secrets }", "GRAPHQL_VALIDATION_FAILED"),
    ("unknown argument", "{ clients(limit: 1) { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
    ("no selection", "{ viewer }", "GRAPHQL_VALIDATION_FAILED"),
    ("missing argument", "{ unit { id } }", "GRAPHQL_VALIDATION_FAILED"),
    ("unused fragment", "{ viewer { subject } } fragment F on Viewer { role }", "GRAPHQL_VALIDATION_FAILED"),
    ("circle of fragments", "{ viewer { ...F } } fragment F on Viewer { ...F }", "GRAPHQL_VALIDATION_FAILED"),
    ("a subscription", "subscription { clients { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
    (
        "conflicting aliases",
        "{ a: viewer { subject } a: regions { totalCount } }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    ("missing variable", "query ($c: String!) { unit(code: $c) { id } }", "BAD_USER_INPUT"),
    ("only a type", "type X { y: Int }", "GRAPHQL_VALIDATION_FAILED"),
    ("two operations", "query A { viewer { subject } } query B { viewer { role } }", "BAD_REQUEST"),
    ("too many tokens", "{ " + "a " * 20_000 + "}", "GRAPHQL_PARSE_FAILED"),
    ("deep selection", "{ units { nodes " + "{ parent " * 3000 + "{ id }" + " }" * 3000 + " } }", "*"),
    ("deep list", "{ nodes(ids: " + "[" * 4000 + "]" * 4000 + ") { id } }", "*"),
    ("deep type", "query ($v: " + "[" * 4000 + "ID" + "]" * 4000 + ") { nodes(ids: $v) { id } }", "*"),
]


async def test_a_document_that_cannot_be_executed_is_refused_with_a_code_and_no_data(ask: Ask) -> None:
    for name, query, code in DOCUMENTS:
        body = await ask.full(HQ, query)
        assert "data" not in body, name
        codes = {e["extensions"]["code"] for e in body["errors"]}
        assert (
            codes == {code}
            if code != "*"
            else codes <= {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_REQUEST"}
        ), (name, body)
        for error in body["errors"]:
            assert "recursion" not in error["message"], name
            assert "Traceback" not in error["message"], name
            assert "OperationType" not in error["message"], name


async def test_reading_only_refuses_mutations(ask: Ask) -> None:
    request = Request(
        database=ask.database,
        directory=ask.directory,
        organisation=await ask.directory.organisation(),
        scope=await ask.directory.scope(HQ),
        today=dt.date(2026, 1, 15),
    )
    query = """mutation { moveUnit(input: {idempotencyKey: "k", unitCode: "320000", newParentCode: "NORTH",
        expectedVersion: 1}) { __typename } }"""
    told = await ask.engine.answer(
        request,
        ask.engine.documents.find(query),
        variables=None,
        operation=None,
        reading_only=True,
        report=lambda _: "id",
    )
    body = orjson.loads(told.body)
    assert told.phase is Phase.MUST_POST
    assert [e["extensions"]["code"] for e in body["errors"]] == ["BAD_REQUEST"]
    assert "data" not in body
    assert await ask(HQ, '{ unit(code: "320000") { parent { code } } }') == {
        "unit": {"parent": {"code": "EAST"}}
    }
