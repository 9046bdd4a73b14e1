"""Corners of the language and of the schema, each answered alike by the compiled plan "
"and the normal executor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from compared_answers import Bank, opened_bank
from conftest import Server
from drawn_values import Pool
from small_bank import BEIJING, JIANGSU, SHANGHAI, SmallBank, client_id, facility_id

from domain.access import Caller
from schema.ids import encode

# graphql-core drops what it has not begun to await beside a field that is refused.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CALLERS = [SmallBank.headquarters, SmallBank.east, SmallBank.shanghai, SmallBank.huaxia]
SHIPPING = encode("Client", (SHANGHAI, client_id(0)))
STEEL = encode("Client", (SHANGHAI, client_id(1)))
SILK = encode("Client", (JIANGSU, client_id(3)))
TELECOM = encode("Client", (BEIJING, client_id(5)))
NOBODY = SILK[:-1] + "f"
LOAN = encode("Facility", (SHANGHAI, facility_id(1)))
LONG, LONGER = "a" * 64, "b" * 200
WIDE = " ".join(f"n{i}: legalName m{i}: employees" for i in range(95))
WIDEST = " ".join(
    f"{name}{i}: {name} {{ amount currency }}"
    for i in range(5)
    for name in ("revenue", "ebit", "cash", "equity", "payables", "inventory", "borrowings", "receivables")
)
DEEP = "{ facilities(first: 2) { nodes { client { facilities(first: 1) { edges { node { client {"
DEEP += " branch { clients(first: 1) { nodes { id } } } } } } } } } } }"
PAGE_INFO = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
PAGE = f"{{ totalCount edges {{ cursor node {{ id }} }} {PAGE_INFO} }}"
TYPENAMES = """{ __typename clients(first: 1) { __typename pageInfo { __typename } edges { __typename cursor node {
  __typename registeredCapital { __typename } facilities { __typename groups(by: [{ field: STATUS }]) { __typename
  key { __typename } aggregates { __typename limit(currency: "CNY") { __typename sum { __typename } } } }
  aggregates { __typename termMonths { __typename } } } } } } viewer { __typename office { __typename } } }"""

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "aliases longer than a name of PostgreSQL may be": (
        f"{{ {LONG}: clients(first: 2) {{ {LONGER}: nodes {{ {LONG}: id {LONGER}: legalName }} }} }}",
        {},
    ),
    "two hundred fields in one object": (f"{{ clients(first: 3) {{ nodes {{ id {WIDE} }} }} }}", {}),
    "two hundred fields in one object's amounts": (
        f"{{ clients(first: 3) {{ nodes {{ statements {{ nodes {{ {WIDEST} }} }} }} }} }}",
        {},
    ),
    "aliases that are words of SQL": (
        "{ select: clients(first: 1) { from: nodes { null: id end: legalName user: city _: email "
        "table: branch { order: name } true: status s1: version t1: currency } } }",
        {},
    ),
    "one list under many aliases": (
        "{ clients(first: 1) { nodes { id } } "
        + " ".join(
            f"c{i}: clients(first: {i % 4}, orderBy: [{{ field: LEGAL_NAME }}]) {PAGE}" for i in range(12)
        )
        + " }",
        {},
    ),
    "deep nesting": (DEEP, {}),
    "the longest ways up": (
        "{ facilities { nodes { postings(last: 1) { nodes { facility { client { relationshipManager { unit "
        "{ region { units { nodes { code } } } } } } } } } } } }",
        {},
    ),
    "first 0": (f"{{ clients(first: 0) {PAGE} }}", {}),
    "last 0": (f"{{ clients(last: 0) {PAGE} }}", {}),
    "last 0 of a list within": (f"{{ clients {{ nodes {{ facilities(last: 0) {PAGE} }} }} }}", {}),
    "first -1": (f"{{ clients(first: -1) {PAGE} }}", {}),
    "first and last": (f"{{ clients(first: 1, last: 1) {PAGE} }}", {}),
    "a cursor of another list": (f'{{ clients(after: "WyJhIiwxXQ") {PAGE} }}', {}),
    "a wrong cursor where there is no parent": (
        f'{{ client(id: "{NOBODY}") {{ facilities(after: "x") {{ totalCount }} }} }}',
        {},
    ),
    "only whether there is more": ("{ clients(first: 2) { pageInfo { hasNextPage } } }", {}),
    "only the last cursor": ("{ clients(last: 2) { pageInfo { endCursor hasPreviousPage } } }", {}),
    "nothing of a row": (
        "query ($no: Boolean = false) { clients(first: 2) { nodes { id @include(if: $no) } "
        "pageInfo { hasNextPage } "
        "edges { cursor @skip(if: true) } } }",
        {},
    ),
    "nothing at all": ("{ clients @skip(if: true) { totalCount } }", {}),
    "nothing of an amount": ("{ clients { nodes { registeredCapital { amount @skip(if: true) } } } }", {}),
    "no rows": (f'{{ clients(where: {{ city: {{ eq: "nowhere" }} }}) {PAGE} }}', {}),
    "an empty list of values": (
        f"{{ a: clients(where: {{ id: [] }}) {PAGE} b: clients(where: {{ city: {{ notIn: [] }} }}) {PAGE} "
        f"c: clients(where: {{ or: [] }}) {PAGE} d: clients(where: {{ and: [] }}) {PAGE} }}",
        {},
    ),
    "groups compared with no values": (
        "{ facilities { groups(by: [{ field: STATUS }], having: { or: [{ maturesOn: { max: { in: [] } } }, "
        "{ count: { notIn: [] } }] }) { key { status } aggregates { count } } } }",
        {},
    ),
    "one key asked for with other arguments": (
        "{ clients(first: 1) { totalCount } clients(first: 2) { totalCount } }",
        {},
    ),
    "one key asked for twice alike": (
        "query ($n: Int!) { clients(first: $n) { nodes { id } } clients(first: $n) { nodes { legalName } "
        "totalCount } ...More } fragment More on Query { clients(first: $n) { nodes { id city } } }",
        {"n": 2},
    ),
    "null for every argument": (
        "{ clients(first: null, after: null, last: null, before: null, where: null, orderBy: "
        "null) { totalCount } }",
        {},
    ),
    "variables that are null": (
        "query ($f: Int, $w: ClientWhere, $o: [ClientOrder!], $c: StringCondition) { a: "
        "clients(first: $f, where: $w, "
        "orderBy: $o) { totalCount nodes { id } } b: clients(where: { city: $c }) { totalCount } }",
        {"f": None, "w": None, "o": None, "c": None},
    ),
    "variables that are absent": (
        "query ($f: Int, $w: ClientWhere, $o: [ClientOrder!], $c: StringCondition) { a: "
        "clients(first: $f, where: $w, "
        "orderBy: $o) { totalCount nodes { id } } b: clients(where: { city: $c }) { totalCount } }",
        {},
    ),
    "null where a default stands": (
        'query ($b: Boolean = true) { unit(code: "EAST") { clients(includeBelow: $b) { totalCount } } }',
        {"b": None},
    ),
    "defaults": (
        'query ($f: Int = 2, $s: SizeClass = LARGE, $b: Boolean) { unit(code: "EAST") { '
        "clients(first: $f, where: "
        "{ sizeClass: { eq: $s } }, includeBelow: $b) { nodes { id sizeClass } totalCount } } }",
        {},
    ),
    "enums by variables": (
        "query ($k: [UnitKind!], $d: Direction!, $f: OrganisationUnitOrderField) { units(where: "
        "{ kind: { in: $k } }, "
        "orderBy: [{ field: $f, direction: $d }]) { nodes { code kind } } }",
        {"k": ["BRANCH", "REGION"], "d": "DESC", "f": "NAME"},
    ),
    "an enum that does not exist": (
        "query ($k: UnitKind) { units(where: { kind: { eq: $k } }) { totalCount } }",
        {"k": "MOON"},
    ),
    "one value for a list": (
        "query ($o: [ClientOrder!], $i: [ID!]) { a: clients(orderBy: { field: CITY_NOT }) { totalCount } "
        "b: clients(orderBy: $o, where: { id: $i }) { totalCount nodes { id } } }",
        {"o": {"field": "LEGAL_NAME"}, "i": SHIPPING},
    ),
    "one value for a list, in place": (
        f'{{ a: clients(orderBy: {{ field: LEGAL_NAME }}, where: {{ id: "{SHIPPING}" and: {{ '
        f"status: {{ in: ACTIVE }} "
        f'}} }}) {{ nodes {{ legalName }} }} nodes(ids: "{STEEL}") {{ id }} }}',
        {},
    ),
    "__typename everywhere": (TYPENAMES, {}),
    "nodes of every kind, twice, missing, of others": (
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Client { legalName } ... "
        "on Facility { id "
        "reference limit { amount } } ... on OrganisationUnit { code } } }",
        {
            "ids": [
                LOAN,
                SHIPPING,
                NOBODY,
                STEEL,
                SILK,
                SHIPPING,
                TELECOM,
                "OrganisationUnit:1",
                "Region:s00",
                LOAN,
            ]
        },
    ),
    "a measure refused beside others": (
        '{ facilities { aggregates { count termMonths { sum percentile(at: "2") } '
        'limit(currency: "X") { count } } } }',
        {},
    ),
    "a refusal beside what another field awaits": (
        f'{{ a: client(id: "{SHIPPING}") {{ branch {{ name }} facilities(after: "x") {{ totalCount }} }} '
        f'b: client(id: "{STEEL}") {{ branch {{ name }} }} }}',
        {},
    ),
    "no nodes": ("{ nodes(ids: []) { id } }", {}),
    "a node that is none of ours": ('{ a: node(id: "Client:1") { id } b: node(id: "x") { id } }', {}),
    "101 nodes": ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [SHIPPING] * 101}),
    "interfaces within fragments within interfaces": (
        f'{{ node(id: "{LOAN}") {{ ... on Node {{ ... on Facility {{ ... on Node {{ id }} client '
        f"{{ ...N }} }} }} }} }} "
        "fragment N on Node { id __typename ... on Client { legalName } ... on Staff { name } }",
        {},
    ),
    "a number too large for a column": (
        "{ a: facilities(where: { termMonths: { eq: 2147483647 } }) { totalCount } "
        "imports(where: { fileBytes: "
        '{ gt: "9223372036854775807" } }) { totalCount } }',
        {},
    ),
    "amounts of every currency": (
        "{ clients { nodes { currency registeredCapital { amount currency } exposure { amount "
        "currency } facilities "
        "{ nodes { limit { amount } postings { nodes { principal { currency amount } } } } aggregates { "
        'j: limit(currency: "JPY") { sum { amount } avg { amount } } k: limit(currency: "KWD") { '
        "sum { amount } avg "
        "{ amount currency } } } } } } }",
        {},
    ),
    "texts hard to write": (
        "{ clients { nodes { legalName legalRepresentative city address phone email contacts { "
        "nodes { name position } "
        "} } } regions { edges { cursor node { id code name localName indicators { nodes { id "
        "unit source value } } } "
        "} } }",
        {},
    ),
    "the schema beside data": ("{ __schema { queryType { name } } viewer { role } }", {}),
    "a type by name beside data": ('{ __type(name: "Client") { name } viewer { role } }', {}),
    "who asks": ("{ viewer { subject role branchCount office { code } companies { id legalName } } }", {}),
}


@pytest.fixture(scope="module")
def bank(server: Server, odd_template: str) -> Iterator[Bank]:
    with opened_bank(server, odd_template) as bank:
        yield bank


@pytest.mark.parametrize("case", CASES)
def test_a_corner_is_answered_alike_both_ways(bank: Bank, case: str) -> None:
    query, variables = CASES[case]
    for caller in CALLERS:
        answers = bank.run(bank.answers(caller, query, variables))
        assert answers.compiled == answers.normal, caller.role
        assert not answers.faults


def test_a_node_of_every_type_is_answered_alike_both_ways(bank: Bank, odd_pool: Pool) -> None:
    query = "query ($id: ID!, $ids: [ID!]!) { node(id: $id) { id __typename } nodes(ids: $ids) { id __typename } }"
    for type_name, ids in odd_pool.ids.items():
        for caller in CALLERS:
            answers = bank.run(bank.answers(caller, query, {"id": ids[0], "ids": ids[-9:]}))
            assert answers.compiled == answers.normal, (type_name, caller.role)
            assert answers.plan["tier"] == "compiled" or type_name == "ImportJob"


def walked(bank: Bank, caller: Caller, arguments: str) -> list[bytes]:
    """The pages of a list one after the other, by the cursors of the answers."""
    seen, more = [], ""
    for _ in range(10):
        answers = bank.run(bank.answers(caller, f"{{ clients({arguments}{more}) {PAGE} }}"))
        assert answers.compiled == answers.normal
        seen.append(answers.compiled)
        info = orjson.loads(answers.compiled + b"}")["data"]["clients"]["pageInfo"]
        backward = "last" in arguments
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            break
        name, at = ("before", "startCursor") if backward else ("after", "endCursor")
        more = f', {name}: "{info[at]}"'
    return seen


@pytest.mark.parametrize(
    "order",
    [
        "",
        ", orderBy: [{ field: REGISTERED_CAPITAL, nulls: FIRST }, { field: EMPLOYEES, direction: DESC }]",
        ", orderBy: [{ branch: { field: NAME } }, { facilities: { measure: COUNT }, direction: DESC }]",
    ],
)
@pytest.mark.parametrize("size", ["first: 4", "last: 4"])
def test_pages_are_walked_alike_both_ways(bank: Bank, size: str, order: str) -> None:
    for caller in CALLERS:
        assert walked(bank, caller, size + order)
