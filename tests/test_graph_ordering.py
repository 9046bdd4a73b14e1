"""Lists ordered by what their rows belong to and by what belongs to them; walking them gives every row once."""

from __future__ import annotations

import itertools
from typing import Any

import asyncpg
import pytest
from both_ways import AskBothWays as Ask
from small_bank import SmallBank, client_id

from tenants.database import Database
from tenants.organisation import Directory

HQ = SmallBank.headquarters
CLIENTS = """
query ($first: Int, $after: String, $last: Int, $before: String, $order: [ClientOrder!]) {
  clients(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { legalName branch { name } region { name } } } } }
"""
BY_BRANCH = {"branch": {"field": "NAME"}}
BY_REGION = {"region": {"field": "NAME"}}
BY_PARENT = {"branch": {"parent": {"field": "CODE"}}}
BY_COUNT = {"facilities": {"measure": "COUNT"}}
BY_DEBT = {"facilities": {"measure": "SUM", "field": "OUTSTANDING", "currency": "CNY"}}
BY_DOLLARS = {"facilities": {"measure": "AVG", "field": "LIMIT", "currency": "USD"}}
BY_MATURITY = {"facilities": {"measure": "MAX", "field": "MATURES_ON"}}
BY_TERM = {"facilities": {"measure": "AVG", "field": "TERM_MONTHS"}}
BY_MEDIAN = {"facilities": {"measure": "PERCENTILE", "field": "ANNUAL_RATE", "at": "0.5"}}
BY_STAFF = {"relationshipManager": {"clients": {"measure": "COUNT"}}}
KEYS: list[dict[str, Any]] = [
    BY_BRANCH,
    BY_REGION,
    BY_PARENT,
    BY_COUNT,
    BY_DEBT,
    BY_DOLLARS,
    BY_MATURITY,
    BY_TERM,
    BY_MEDIAN,
    BY_STAFF,
]
WAYS = [{"direction": "ASC", "nulls": "FIRST"}, {"direction": "DESC", "nulls": "LAST"}]
Order = list[dict[str, Any]]


@pytest.fixture
def ask(database: Database, directory: Directory) -> Ask:
    """The graph over this test's database, asked both ways."""
    return Ask(database, directory)


@pytest.fixture
async def varied(administrator: asyncpg.Connection) -> None:
    """Gaps and ties in what clients belong to and in what belongs to them."""
    await administrator.execute(
        """
        update bank.client set region_code = '310000' where legal_name like 'H%' or legal_name like 'B%';
        update bank.client set region_code = '110000' where legal_name like 'S%';
        update bank.client set relationship_manager_id = null where legal_name like 'B%';
        delete from bank.posting where facility_id in (select id from bank.facility where reference = 'F-0-0');
        delete from bank.credit_event where facility_id in (select id from bank.facility where reference = 'F-0-0');
        delete from bank.facility where reference in ('F-0-0', 'F-0-1', 'F-1-1');
        update bank.facility set currency = 'USD' where reference like 'F-6-%' or reference = 'F-5-0';
        update bank.facility set matures_on = null where reference like 'F-2-%';
        update bank.facility set term_months = 7 * right(reference, 1)::int + 5 where reference < 'F-3';
        update bank.facility set annual_rate = 0.035 + right(reference, 1)::int * 0.001 where reference > 'F-4';
        """
    )


async def page(ask: Ask, **asked: Any) -> dict[str, Any]:
    found = (await ask(HQ, CLIENTS, **asked))["clients"]
    assert isinstance(found, dict)
    return found


def names(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(edge["node"]["legalName"], edge["node"]["branch"]["name"]) for edge in found["edges"]]


async def walked(ask: Ask, order: Order, size: int, *, backward: bool) -> list[tuple[str, str]]:
    size_of, place, end, more = (
        ("last", "before", "startCursor", "hasPreviousPage")
        if backward
        else ("first", "after", "endCursor", "hasNextPage")
    )
    seen: list[tuple[str, str]] = []
    asked: dict[str, Any] = {size_of: size, "order": order}
    while True:
        found = await page(ask, **asked)
        seen = names(found) + seen if backward else seen + names(found)
        asked[place] = found["pageInfo"][end]
        if not found["pageInfo"][more]:
            return seen


@pytest.mark.usefixtures("varied")
async def test_walking_gives_every_client_once_in_the_order_of_one_big_page(ask: Ask) -> None:
    for key, way in itertools.product(KEYS, WAYS):
        order = [{**key, **way}]
        whole = names(await page(ask, order=order))
        assert len(set(whole)) == 7
        assert await walked(ask, order, 3, backward=False) == whole, order
        assert await walked(ask, order, 4, backward=True) == whole, order


@pytest.mark.usefixtures("varied")
async def test_rows_stand_in_the_order_of_what_they_belong_to(ask: Ask) -> None:
    by_branch = await page(ask, order=[BY_BRANCH, {"field": "LEGAL_NAME"}])
    assert [branch for _, branch in names(by_branch)] == sorted(branch for _, branch in names(by_branch))
    by_region = await page(ask, order=[{**BY_REGION, "direction": "DESC", "nulls": "FIRST"}])
    regions = [(edge["node"]["region"] or {"name": None})["name"] for edge in by_region["edges"]]
    assert regions == [None, None, None, None, "Shanghai", "Shanghai", "Beijing"]


@pytest.mark.usefixtures("varied")
async def test_rows_stand_in_the_order_of_what_belongs_to_them(ask: Ask) -> None:
    query = """query ($order: [ClientOrder!]) { clients(orderBy: $order) { nodes { facilities { aggregates {
        count outstanding(currency: "CNY") { sum { amount } } maturesOn { max } } } } } }"""

    async def measured(key: dict[str, Any], *path: str) -> list[Any]:
        found = []
        for node in (await ask(HQ, query, order=[key]))["clients"]["nodes"]:
            value = node["facilities"]["aggregates"]
            for name in path:
                value = value and value[name]
            found.append(value)
        return found

    assert await measured({**BY_COUNT, "direction": "DESC"}, "count") == [2, 2, 2, 2, 2, 1, 0]
    debts = await measured({**BY_DEBT, "direction": "DESC"}, "outstanding", "sum", "amount")
    assert debts == ["4000000.01", "3200000.01", "2400000.01", "2400000.01", "800000.00", None, None]
    days = await measured({**BY_MATURITY, "nulls": "FIRST"}, "maturesOn", "max")
    assert days == [None, None, "2027-01-01", *["2027-01-02"] * 4]


async def test_units_are_ordered_by_what_the_caller_sees_of_them(ask: Ask) -> None:
    query = """query ($order: [OrganisationUnitOrder!]) { units(orderBy: $order) { nodes {
        code clients { totalCount } } } }"""
    order = [{"clients": {"measure": "COUNT"}, "direction": "DESC"}, {"field": "CODE"}]
    for caller, expected in [
        (HQ, ["HQ", "EAST", "310000", "110000", "320000", "NORTH", "310000-01"]),
        (SmallBank.shanghai, ["310000", "EAST", "HQ", "310000-01", "110000", "320000", "NORTH"]),
        (SmallBank.beijing, ["110000", "HQ", "NORTH", "310000", "310000-01", "320000", "EAST"]),
    ]:
        found = (await ask(caller, query, order=order))["units"]["nodes"]
        assert [unit["code"] for unit in found] == expected
        totals = [unit["clients"]["totalCount"] for unit in found]
        assert totals == sorted(totals, reverse=True)


@pytest.mark.usefixtures("varied")
async def test_a_nested_list_is_ordered_over_relations_for_every_parent(ask: Ask) -> None:
    query = """query ($after: String) { units(orderBy: [{field: CODE}]) { nodes { code
        facilities(first: 2, after: $after, orderBy: [
          {client: {field: LEGAL_NAME}}, {postings: {measure: COUNT}, direction: DESC}]) {
          edges { cursor node { reference } } } } } }"""
    units = {u["code"]: u["facilities"]["edges"] for u in (await ask(HQ, query))["units"]["nodes"]}
    assert [edge["node"]["reference"] for edge in units["NORTH"]] == ["F-5-0", "F-5-1"]
    assert [edge["node"]["reference"] for edge in units["310000"]] == ["F-2-0", "F-2-1"]
    after = units["NORTH"][1]["cursor"]
    rest = {
        u["code"]: u["facilities"]["edges"] for u in (await ask(HQ, query, after=after))["units"]["nodes"]
    }
    assert [edge["node"]["reference"] for edge in rest["NORTH"]] == ["F-6-0", "F-6-1"]


NO_ORDERS: list[Order] = [
    [{}],
    [{"direction": "DESC"}],
    [{"field": "LEGAL_NAME", "branch": {"field": "NAME"}}],
    [{"branch": {}}],
    [{"branch": {"field": "NAME", "parent": {"field": "NAME"}}}],
    [{"branch": {"parent": {"parent": {"parent": {"field": "NAME"}}}}}],
    [BY_BRANCH, {**BY_BRANCH, "direction": "DESC"}],
    [BY_DEBT, BY_DEBT],
    [{"facilities": {"measure": "SUM"}}],
    [{"facilities": {"measure": "SUM", "field": "OUTSTANDING"}}],
    [{"facilities": {"measure": "SUM", "field": "OUTSTANDING", "currency": "XXX"}}],
    [{"facilities": {"measure": "SUM", "field": "MATURES_ON"}}],
    [{"facilities": {"measure": "COUNT", "currency": "CNY"}}],
    [{"facilities": {"measure": "PERCENTILE", "field": "TERM_MONTHS"}}],
    [{"facilities": {"measure": "PERCENTILE", "field": "TERM_MONTHS", "at": "1.5"}}],
    [{"facilities": {"measure": "AVG", "field": "TERM_MONTHS", "at": "0.5"}}],
    [{"facilities": {"measure": "PERCENTILE", "field": "TERM_MONTHS", "at": f"0.{n}"}} for n in range(1, 12)],
]


async def test_an_order_that_there_is_not_is_bad_input(ask: Ask) -> None:
    for order in NO_ORDERS:
        error = await ask.error(HQ, CLIENTS, order=order)
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}, order
        assert error["path"] == ["clients"], order


async def test_a_cursor_of_another_currency_is_none_of_this_order(ask: Ask) -> None:
    cursor = (await page(ask, first=1, order=[BY_DOLLARS]))["pageInfo"]["endCursor"]
    euros = {"facilities": {**BY_DOLLARS["facilities"], "currency": "EUR"}}
    error = await ask.error(HQ, CLIENTS, order=[euros], after=cursor)
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "cursor" in error["message"]


async def test_a_cursor_is_the_same_text_whichever_way_it_was_read(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    odd = "\x01\x1f\x7f\t\n\r\b\f \"'\\\\/ é 华夏 🏦 \u2028 %s {}"
    await administrator.execute("update bank.client set legal_name = $1, industry_code = $1", odd)
    for number, moment in enumerate(
        ("2026-01-15 08:30:00.12", "2026-01-15 08:30", "0099-01-15 08:30:00.000001")
    ):
        await administrator.execute(
            f"update bank.client set created_at = '{moment}+00' where id = $1", client_id(number)
        )
    query = """query ($order: [ClientOrder!], $after: String) {
        clients(orderBy: $order, first: 1, after: $after) {
          pageInfo { endCursor hasNextPage } nodes { legalName } } }"""
    for field in ("LEGAL_NAME", "INDUSTRY_CODE", "CREATED_AT", "RELATIONSHIP_SINCE", "EMPLOYEES"):
        after, pages = None, 0
        while True:
            found = (await ask(HQ, query, order=[{"field": field}], after=after))["clients"]
            after, pages = found["pageInfo"]["endCursor"], pages + 1
            if not found["pageInfo"]["hasNextPage"]:
                break
        assert pages == 7, field
