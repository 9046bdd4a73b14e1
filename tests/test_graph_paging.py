"""Laws of pages: every row once, in one order, from either end, whatever is written meanwhile."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import asyncpg
import orjson
import pytest
from conftest import Ask
from small_bank import SHANGHAI, SmallBank, client_id

from schema.binding import binding
from schema.ids import encode
from schema.ordering import OrderKey, complete_order
from schema.paging import mark_of

HQ = SmallBank.headquarters
WALK = """
query ($first: Int, $after: String, $last: Int, $before: String, $order: [%(type)sOrder!]) {
  %(field)s(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id } } nodes { id } } }
"""
CLIENTS_PAGE = WALK % {"type": "Client", "field": "clients"}
FACILITIES_PAGE = WALK % {"type": "Facility", "field": "facilities"}
CLIENT_FIELDS = [
    "LEGAL_NAME",
    "REGISTRATION_NUMBER",
    "REGISTERED_CAPITAL",
    "INDUSTRY_CODE",
    "EMPLOYEES",
    "ESTABLISHED_ON",
    "RELATIONSHIP_SINCE",
    "CREDIT_GRADE",
    "CREATED_AT",
]
FACILITY_FIELDS = [
    "REFERENCE",
    "LIMIT",
    "OUTSTANDING",
    "TERM_MONTHS",
    "APPROVED_ON",
    "DISBURSED_ON",
    "MATURES_ON",
]
WAYS = [
    {"direction": direction, "nulls": nulls}
    for direction, nulls in itertools.product(("ASC", "DESC"), ("FIRST", "LAST"))
]
Order = list[dict[str, Any]]


async def page(ask: Ask, query: str, **asked: Any) -> dict[str, Any]:
    (found,) = (await ask(HQ, query, **asked)).values()
    assert [edge["node"] for edge in found["edges"]] == found["nodes"]
    assert isinstance(found, dict)
    return found


def ids_of(found: dict[str, Any]) -> list[str]:
    return [node["id"] for node in found["nodes"]]


async def forward(ask: Ask, query: str, order: Order | None, size: int) -> list[str]:
    seen: list[str] = []
    after = None
    while True:
        found = await page(ask, query, first=size, after=after, order=order)
        assert found["pageInfo"]["hasPreviousPage"] is (after is not None)
        seen += ids_of(found)
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            return seen


async def backward(ask: Ask, query: str, order: Order | None, size: int) -> list[str]:
    seen: list[str] = []
    before = None
    while True:
        found = await page(ask, query, last=size, before=before, order=order)
        assert found["pageInfo"]["hasNextPage"] is (before is not None)
        seen = ids_of(found) + seen
        before = found["pageInfo"]["startCursor"]
        if not found["pageInfo"]["hasPreviousPage"]:
            return seen


@pytest.fixture
async def varied(administrator: asyncpg.Connection) -> None:
    """Values and gaps in every column that can be ordered by; ties, too."""
    for index, (employees, founded, code) in enumerate(
        [
            (5, "1999-01-01", "C"),
            (None, None, None),
            (5, "1999-01-01", None),
            (0, None, "A"),
            (None, "2001-05-05", "C"),
        ]
    ):
        await administrator.execute(
            "update bank.client set employees = $2, established_on = $3::text::date, industry_code = $4, "
            "created_at = now() - $5 * interval '1 microsecond' where id = $1",
            client_id(index),
            employees,
            founded,
            code,
            index * 7 % 3,
        )
    await administrator.execute(
        "update bank.facility set term_months = nullif(limit_minor / 100000000 % 3, 0), "
        "approved_on = case when limit_minor / 100000000 % 2 = 0 then date '2020-02-29' end, "
        "disbursed_on = case when outstanding_minor % 2 = 0 then disbursed_on end"
    )


@pytest.mark.usefixtures("varied")
@pytest.mark.parametrize("field", CLIENT_FIELDS)
async def test_walking_gives_every_client_once_in_the_order_of_one_big_page(ask: Ask, field: str) -> None:
    for way in WAYS:
        order = [{"field": field, **way}]
        whole = ids_of(await page(ask, CLIENTS_PAGE, order=order))
        assert len(set(whole)) == 7
        for size in (1, 3):
            assert await forward(ask, CLIENTS_PAGE, order, size) == whole, way
            assert await backward(ask, CLIENTS_PAGE, order, size) == whole, way


@pytest.mark.usefixtures("varied")
@pytest.mark.parametrize("field", FACILITY_FIELDS)
async def test_walking_gives_every_facility_once_in_the_order_of_one_big_page(ask: Ask, field: str) -> None:
    for way in WAYS:
        order = [{"field": field, **way}]
        whole = ids_of(await page(ask, FACILITIES_PAGE, order=order))
        assert len(set(whole)) == 14
        assert await forward(ask, FACILITIES_PAGE, order, 3) == whole, way
        assert await backward(ask, FACILITIES_PAGE, order, 4) == whole, way


@pytest.mark.usefixtures("varied")
async def test_walking_by_several_keys_with_gaps_gives_every_row_once(ask: Ask) -> None:
    for one, other in itertools.product(WAYS, WAYS):
        order = [{"field": "INDUSTRY_CODE", **one}, {"field": "EMPLOYEES", **other}]
        whole = ids_of(await page(ask, CLIENTS_PAGE, order=order))
        assert await forward(ask, CLIENTS_PAGE, order, 2) == whole
        assert await backward(ask, CLIENTS_PAGE, order, 2) == whole


@pytest.mark.usefixtures("varied")
async def test_rows_stand_in_the_order_that_was_asked_for(ask: Ask) -> None:
    query = """query ($order: [ClientOrder!]) { clients(orderBy: $order) {
        nodes { employees creditGrade registeredCapital { amount } } } }"""

    async def column(name: str, **way: str) -> list[Any]:
        field = {"employees": "EMPLOYEES", "creditGrade": "CREDIT_GRADE"}.get(name, "REGISTERED_CAPITAL")
        data = await ask(HQ, query, order=[{"field": field, **way}])
        values = [node[name] for node in data["clients"]["nodes"]]
        return [float(value["amount"]) if isinstance(value, dict) else value for value in values]

    assert await column("employees") == [0, 5, 5, None, None, None, None]
    assert await column("employees", nulls="FIRST") == [None, None, None, None, 0, 5, 5]
    assert await column("employees", direction="DESC") == [5, 5, 0, None, None, None, None]
    assert await column("employees", direction="DESC", nulls="FIRST") == [None] * 4 + [5, 5, 0]
    assert await column("creditGrade") == ["A", "A", "A", "B", "B", "C", None]
    capitals = await column("registeredCapital", direction="DESC")
    assert capitals == [9e8, 8e7, 8e7, 5e7, 1.2e7, 3e6, None]


async def test_an_order_may_be_left_out_empty_or_null_and_is_then_the_lists_own(ask: Ask) -> None:
    whole = ids_of(await page(ask, CLIENTS_PAGE))
    orders: list[Order | None] = [None, []]
    for order in orders:
        assert ids_of(await page(ask, CLIENTS_PAGE, order=order)) == whole
    assert await forward(ask, CLIENTS_PAGE, None, 2) == whole


@pytest.mark.parametrize("field", ["REGISTERED_CAPITAL", "LEGAL_NAME"])
async def test_what_is_written_between_two_pages_neither_repeats_nor_drops_a_row(
    ask: Ask, administrator: asyncpg.Connection, field: str
) -> None:
    order = [{"field": field}]
    whole = ids_of(await page(ask, CLIENTS_PAGE, order=order))
    seen: list[str] = []
    after, number = None, 0
    while True:
        found = await page(ask, CLIENTS_PAGE, first=2, after=after, order=order)
        seen += ids_of(found)
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
        for name, capital in (("AAA", 1), ("zzz", 10**15), ("Miss", None)):
            number += 1
            await administrator.execute(
                "insert into bank.client (branch_id, id, registration_country, registration_number, legal_name, "
                "currency, registered_capital_minor) values ($1, gen_random_uuid(), 'US', $2, $3, 'CNY', $4)",
                SHANGHAI,
                f"N{number}",
                name,
                capital,
            )
    assert len(seen) == len(set(seen))
    assert [row_id for row_id in seen if row_id in whole] == whole


async def test_the_row_that_a_cursor_names_may_be_gone(ask: Ask, administrator: asyncpg.Connection) -> None:
    order = [{"field": "REFERENCE"}]
    found = await page(ask, FACILITIES_PAGE, first=4, order=order)
    rest = ids_of(await page(ask, FACILITIES_PAGE, after=found["pageInfo"]["endCursor"], order=order))
    await administrator.execute("delete from bank.facility where reference = 'F-1-1'")
    again = await page(ask, FACILITIES_PAGE, after=found["pageInfo"]["endCursor"], order=order)
    assert ids_of(again) == rest


async def test_a_window_between_two_cursors_holds_what_lies_between(ask: Ask) -> None:
    order = [{"field": "LEGAL_NAME"}]
    edges = (await page(ask, CLIENTS_PAGE, order=order))["edges"]
    places, names = [e["cursor"] for e in edges], [e["node"]["id"] for e in edges]
    between = {"after": places[1], "before": places[5], "order": order}
    assert ids_of(await page(ask, CLIENTS_PAGE, **between)) == names[2:5]
    first = await page(ask, CLIENTS_PAGE, first=2, **between)
    assert ids_of(first) == names[2:4]
    assert (first["pageInfo"]["hasPreviousPage"], first["pageInfo"]["hasNextPage"]) == (True, True)
    last = await page(ask, CLIENTS_PAGE, last=2, **between)
    assert ids_of(last) == names[3:5]
    assert (last["pageInfo"]["startCursor"], last["pageInfo"]["endCursor"]) == (places[3], places[4])
    assert ids_of(await page(ask, CLIENTS_PAGE, after=places[5], before=places[1], order=order)) == []
    assert {first["totalCount"], last["totalCount"]} == {7}


async def test_the_total_does_not_depend_on_the_page(ask: Ask) -> None:
    end = (await page(ask, CLIENTS_PAGE))["pageInfo"]["endCursor"]
    for asked in ({"first": 0}, {"first": 1}, {"last": 3}, {"after": end}, {"before": end}, {"first": 1000}):
        assert (await page(ask, CLIENTS_PAGE, **asked))["totalCount"] == 7, asked


async def test_a_page_of_nothing_has_no_cursors_and_says_whether_there_is_more(ask: Ask) -> None:
    found = await page(ask, CLIENTS_PAGE, first=0)
    assert found["nodes"] == []
    assert found["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


@pytest.mark.parametrize(
    "asked",
    [
        {"first": -1},
        {"last": -1},
        {"first": 1001},
        {"last": 1001},
        {"first": 2, "last": 2},
        {"first": 0, "last": 0},
        {"first": 2**31 - 1},
        {"first": 2**31},
        {"first": "1"},
        {"first": 1.5},
        {"first": True},
    ],
    ids=str,
)
async def test_a_page_size_that_is_none_is_bad_input(ask: Ask, asked: dict[str, Any]) -> None:
    assert (await ask.error(HQ, CLIENTS_PAGE, **asked))["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_a_size_of_null_is_a_size_left_out(ask: Ask) -> None:
    assert len(ids_of(await page(ask, CLIENTS_PAGE, first=None, last=None))) == 7
    assert len(ids_of(await page(ask, CLIENTS_PAGE, first=None, last=2))) == 2


async def test_an_order_that_names_a_field_twice_is_bad_input(ask: Ask) -> None:
    twice = [{"field": "LEGAL_NAME"}, {"field": "LEGAL_NAME", "direction": "DESC"}]
    assert (await ask.error(HQ, CLIENTS_PAGE, order=twice))["extensions"] == {"code": "BAD_USER_INPUT"}


def forged(order: tuple[OrderKey, ...], values: list[Any]) -> str:
    """A cursor with a right mark, as anybody who reads our source can make it."""
    mark = mark_of(binding("Client"), complete_order(binding("Client"), order))
    return base64.urlsafe_b64encode(orjson.dumps([mark, *values])).decode().rstrip("=")


async def test_a_cursor_of_another_list_or_order_or_a_changed_one_is_bad_input(ask: Ask) -> None:
    by_name, by_capital = [{"field": "LEGAL_NAME"}], [{"field": "REGISTERED_CAPITAL"}]
    cursor = (await page(ask, CLIENTS_PAGE, first=1, order=by_name))["pageInfo"]["endCursor"]
    own = (await page(ask, CLIENTS_PAGE, first=1))["pageInfo"]["endCursor"]
    other = (await page(ask, FACILITIES_PAGE, first=1))["pageInfo"]["endCursor"]
    odd = ["", "x", "=", "MQ", "客户", "A" * 50_000, cursor[:-2], cursor + "AA", cursor[::-1], cursor + "\n"]
    odd += [other, own, ("B" if cursor[0] == "A" else "A") + cursor[1:], encode("Client", (4, client_id(0)))]
    for text in odd:
        for end in ("after", "before"):
            error = await ask.error(HQ, CLIENTS_PAGE, order=by_name, **{end: text})
            assert error["extensions"] == {"code": "BAD_USER_INPUT"}, text
            assert "cursor" in error["message"], text
    for order in (by_capital, [{**by_name[0], "direction": "DESC"}], by_name + by_capital, None):
        error = await ask.error(HQ, CLIENTS_PAGE, order=order, after=cursor)
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}, order


UUID_0 = str(client_id(0))


@pytest.mark.parametrize(
    ("column", "field", "values"),
    [
        ("legal_name_lc", "LEGAL_NAME", ["a\x00b", 4, UUID_0]),
        ("legal_name_lc", "LEGAL_NAME", [5, 4, UUID_0]),
        ("legal_name_lc", "LEGAL_NAME", ["a", 4]),
        ("legal_name_lc", "LEGAL_NAME", ["a", 4, UUID_0, 1]),
        ("legal_name_lc", "LEGAL_NAME", ["a", 2**31, UUID_0]),
        ("legal_name_lc", "LEGAL_NAME", ["a", 2**63, UUID_0]),
        ("legal_name_lc", "LEGAL_NAME", ["a", 1e300, UUID_0]),
        ("legal_name_lc", "LEGAL_NAME", ["a", [], UUID_0]),
        ("legal_name_lc", "LEGAL_NAME", ["a", 4, "no uuid"]),
        ("employees", "EMPLOYEES", [2**31, 4, UUID_0]),
        ("registered_capital_minor", "REGISTERED_CAPITAL", [2**63, 4, UUID_0]),
        ("registered_capital_minor", "REGISTERED_CAPITAL", [-1e19, 4, UUID_0]),
        ("established_on", "ESTABLISHED_ON", ["9999-99-99", 4, UUID_0]),
        ("established_on", "ESTABLISHED_ON", [20240101, 4, UUID_0]),
        ("created_at", "CREATED_AT", ["0001-01-01T00:00:00+14:00", 4, UUID_0]),
        ("created_at", "CREATED_AT", ["9999-12-31T23:59:59-14:00", 4, UUID_0]),
        ("created_at", "CREATED_AT", ["yesterday", 4, UUID_0]),
        ("created_at", "CREATED_AT", [{}, 4, UUID_0]),
    ],
)
async def test_a_forged_cursor_is_bad_input_and_never_a_fault(
    ask: Ask, column: str, field: str, values: list[Any]
) -> None:
    cursor = forged((OrderKey(column),), values)
    error = await ask.error(HQ, CLIENTS_PAGE, order=[{"field": field}], after=cursor)
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_a_forged_cursor_shows_nobody_more(ask: Ask) -> None:
    cursor = forged((OrderKey("legal_name_lc"),), ["", 0, str(client_id(0))])
    found = (await ask(SmallBank.shanghai, CLIENTS_PAGE, order=[{"field": "LEGAL_NAME"}], after=cursor))[
        "clients"
    ]
    assert len(found["nodes"]) == found["totalCount"] == 3
    nulls = forged((OrderKey("employees"),), [None, None, None])
    found = (await ask(SmallBank.shanghai, CLIENTS_PAGE, order=[{"field": "EMPLOYEES"}], after=nulls))[
        "clients"
    ]
    assert found["totalCount"] == 3


async def test_nested_lists_page_by_themselves_for_every_parent(ask: Ask) -> None:
    query = """query ($after: String, $of: [ID!]) { clients(where: {id: $of}) { nodes { id
        facilities(first: 1, after: $after) { totalCount pageInfo { hasNextPage endCursor }
          nodes { reference } } } } }"""
    nodes = (await ask(HQ, query))["clients"]["nodes"]
    assert all(n["facilities"]["pageInfo"]["hasNextPage"] for n in nodes)
    assert len({n["facilities"]["nodes"][0]["reference"] for n in nodes}) == 7
    for node in nodes:
        after = node["facilities"]["pageInfo"]["endCursor"]
        (own,) = (await ask(HQ, query, after=after, of=[node["id"]]))["clients"]["nodes"]
        first = node["facilities"]["nodes"][0]["reference"]
        assert own["facilities"]["nodes"] == [{"reference": first[:-1] + "1"}]
        assert own["facilities"]["totalCount"] == 2


async def test_a_cursor_is_a_place_in_an_ordering_whatever_the_filter_or_the_parent(ask: Ask) -> None:
    query = """query ($after: String, $grade: CreditGrade) {
        clients(after: $after, orderBy: [{field: LEGAL_NAME}], where: {creditGrade: {eq: $grade}}) {
          edges { cursor node { legalName facilities(first: 1) { edges { cursor } } } } } }"""
    graded = (await ask(HQ, query, grade="A"))["clients"]["edges"]
    names = [edge["node"]["legalName"] for edge in (await ask(HQ, query, grade="B"))["clients"]["edges"]]
    after = graded[0]["cursor"]
    place = graded[0]["node"]["legalName"]
    rest = (await ask(HQ, query, grade="B", after=after))["clients"]["edges"]
    assert [e["node"]["legalName"] for e in rest] == [n for n in names if n.lower() > place.lower()]
    nested = graded[0]["node"]["facilities"]["edges"][0]["cursor"]
    of_all = (
        "query ($after: String) { clients { nodes { facilities(after: $after) { nodes { reference } } } } }"
    )
    assert "errors" not in await ask.full(HQ, of_all, after=nested)


async def test_one_list_asked_for_twice_with_other_arguments_is_two_lists(ask: Ask) -> None:
    data = await ask(
        HQ,
        """{ a: clients(first: 1) { totalCount nodes { id } } b: clients(last: 1) { nodes { id } }
             c: clients(where: {creditGrade: {eq: A}}) { totalCount }
             d: clients(where: {creditGrade: {eq: B}}) { totalCount }
             e: clients(orderBy: [{field: LEGAL_NAME}], first: 1) { nodes { id } }
             f: clients(orderBy: [{field: LEGAL_NAME, direction: DESC}], first: 1) { nodes { id } }
             unit(code: "310000") { below: clients { totalCount } own: clients(includeBelow: false) { totalCount }
               none: clients(where: {or: []}) { totalCount nodes { id } } } }""",
    )
    (a,), (b,), (e,), (f,) = (data[name]["nodes"] for name in "abef")
    assert a != b
    assert e != f
    assert (data["a"]["totalCount"], data["c"]["totalCount"], data["d"]["totalCount"]) == (7, 3, 2)
    assert data["unit"] == {
        "below": {"totalCount": 3},
        "own": {"totalCount": 2},
        "none": {"totalCount": 0, "nodes": []},
    }
