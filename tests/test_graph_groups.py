"""Rows in groups: every row in exactly one, in the order asked for, and of no row out of sight."""

from __future__ import annotations

from functools import partial
from typing import Any

import asyncpg
import pytest
from both_ways import AskBothWays as Ask
from conftest import Ask as OneWay
from small_bank import SmallBank

from schema.budget import Budget
from schema.graph import Engine
from tenants.database import Database
from tenants.organisation import Directory

HQ = SmallBank.headquarters
BOOK = """
{ facilities { groups(by: [{branch: {field: CODE}}, {field: STATUS}], first: 1000) {
    key { branch { code } status }
    aggregates { count limit(currency: "CNY") { sum { amount } }
      outstanding(currency: "CNY") { sum { amount currency } } } } } }
"""


@pytest.fixture
def ask(database: Database, directory: Directory) -> Ask:
    """The graph over this test's database, asked both ways."""
    return Ask(database, directory)


@pytest.fixture
async def varied(administrator: asyncpg.Connection) -> None:
    """States, days, gaps and currencies among the facilities."""
    await administrator.execute(
        """
        update bank.facility set status = 'REPAID' where reference like 'F-_-1';
        update bank.facility set currency = 'USD' where reference like 'F-6-%';
        update bank.facility set disbursed_on = date '2023-12-31' + (limit_minor / 100000000)::int * 40;
        update bank.facility set disbursed_on = null where reference = 'F-0-0';
        update bank.facility set term_months = 12 where reference in ('F-1-0', 'F-2-0', 'F-3-0');
        update bank.client set region_code = '310000' where legal_name like 'H%' or legal_name like 'B%';
        update bank.client set relationship_manager_id = null where legal_name like 'B%';
        update bank.client set created_at = '2025-12-31 23:30:00+00' where legal_name like 'S%';
        update bank.client set created_at = '2026-01-01 00:30:00+00' where legal_name not like 'S%';
        """
    )


async def groups(ask: Ask, arguments: str, selection: str, field: str = "facilities") -> list[Any]:
    data = await ask(HQ, f"{{ {field} {{ groups({arguments}) {{ {selection} }} }} }}")
    found = data[field]["groups"]
    assert isinstance(found, list)
    return found


def counts(found: list[Any], *path: str) -> list[tuple[Any, int]]:
    """The value at a path of each key, and how many rows have it."""
    shown = []
    for group in found:
        value = group["key"]
        for name in path:
            value = value[name]
        shown.append((value, group["aggregates"]["count"]))
    return shown


@pytest.mark.usefixtures("varied")
async def test_headquarters_sees_its_book_by_branch_and_status(ask: Ask) -> None:
    found = (await ask(HQ, BOOK))["facilities"]["groups"]
    assert [(g["key"]["branch"]["code"], g["key"]["status"], g["aggregates"]["count"]) for g in found] == [
        ("110000", "ACTIVE", 2),
        ("110000", "REPAID", 2),
        ("310000", "ACTIVE", 2),
        ("310000", "REPAID", 2),
        ("310000-01", "ACTIVE", 1),
        ("310000-01", "REPAID", 1),
        ("320000", "ACTIVE", 2),
        ("320000", "REPAID", 2),
    ]
    assert found[0]["aggregates"]["limit"] == {"sum": {"amount": "6000000.00"}}
    assert found[1]["aggregates"]["outstanding"] == {"sum": {"amount": "2400000.01", "currency": "CNY"}}


@pytest.mark.parametrize(
    ("caller", "branches"),
    [
        (SmallBank.east, {"310000", "310000-01", "320000"}),
        (SmallBank.shanghai, {"310000", "310000-01"}),
        (SmallBank.beijing, {"110000"}),
        (SmallBank.huaxia, {"310000", "320000"}),
    ],
    ids=lambda value: getattr(value, "subject", ""),
)
async def test_a_branch_groups_what_it_sees(ask: Ask, caller: Any, branches: set[str]) -> None:
    data = await ask(caller, BOOK)
    assert {group["key"]["branch"]["code"] for group in data["facilities"]["groups"]} == branches
    nested = await ask(
        caller,
        "{ units { nodes { facilities { groups(by: [{branch: {field: CODE}}]) { key { branch { code } } } } } } }",
    )
    seen = {
        group["key"]["branch"]["code"]
        for unit in nested["units"]["nodes"]
        for group in unit["facilities"]["groups"]
    }
    assert seen == branches


@pytest.mark.usefixtures("varied")
async def test_days_fall_into_spans_of_time_and_gaps_into_a_group_of_their_own(ask: Ask) -> None:
    async def by(bucket: str, first: str = "50") -> list[tuple[Any, int]]:
        asked = f"by: [{{field: DISBURSED_ON, bucket: {bucket}}}], first: {first}"
        return counts(await groups(ask, asked, "key { disbursedOn } aggregates { count }"), "disbursedOn")

    assert await by("YEAR") == [("2024-01-01", 13), (None, 1)]
    assert await by("QUARTER") == [
        ("2024-01-01", 3),
        ("2024-04-01", 4),
        ("2024-07-01", 4),
        ("2024-10-01", 2),
        (None, 1),
    ]
    assert (await by("MONTH", "2")) == [("2024-02-01", 1), ("2024-03-01", 2)]
    assert (await by("WEEK", "1")) == [("2024-02-05", 1)]
    assert (await by("DAY", "1")) == [("2024-02-09", 1)]
    unspanned = await groups(ask, "by: [{field: DISBURSED_ON}], first: 1", "key { disbursedOn }")
    assert unspanned == [{"key": {"disbursedOn": "2024-02-09"}}]


@pytest.mark.usefixtures("varied")
async def test_moments_fall_into_spans_of_utc(ask: Ask) -> None:
    found = await groups(
        ask, "by: [{field: CREATED_AT, bucket: YEAR}]", "key { createdAt } aggregates { count }", "clients"
    )
    assert counts(found, "createdAt") == [("2025-01-01", 1), ("2026-01-01", 6)]


@pytest.mark.usefixtures("varied")
async def test_a_related_row_that_is_missing_makes_a_group_of_its_own(ask: Ask) -> None:
    by_region = await groups(
        ask, "by: [{region: {field: NAME}}]", "key { region { name } } aggregates { count }", "clients"
    )
    assert counts(by_region, "region", "name") == [("Shanghai", 2), (None, 5)]
    by_code = await groups(
        ask, "by: [{region: {field: CODE}}]", "key { region { code } } aggregates { count }", "clients"
    )
    assert counts(by_code, "region", "code") == [("310000", 2), (None, 5)]
    by_manager = await groups(
        ask,
        "by: [{relationshipManager: {field: CODE}}]",
        "key { relationshipManager { code } } aggregates { count }",
        "clients",
    )
    assert counts(by_manager, "relationshipManager", "code") == [
        ("M4", 2),
        ("M5", 2),
        ("M6", 1),
        ("M7", 1),
        (None, 1),
    ]
    two_levels = await groups(
        ask,
        "by: [{client: {region: {field: CODE}}}, {client: {field: CREDIT_GRADE}}]",
        "key { status branch { code } client { creditGrade status region { code } branch { code } } } "
        "aggregates { count }",
    )
    assert two_levels[0] == {
        "key": {
            "status": None,
            "branch": None,
            "client": {"creditGrade": "A", "status": None, "region": {"code": "310000"}, "branch": None},
        },
        "aggregates": {"count": 4},
    }
    assert sum(group["aggregates"]["count"] for group in two_levels) == 14


@pytest.mark.usefixtures("varied")
async def test_values_of_every_kind_can_be_grouped_by(ask: Ask) -> None:
    found = await groups(
        ask,
        "by: [{field: REVOLVING}, {field: TERM_MONTHS}, {field: CURRENCY}, {field: PRODUCT}]",
        "key { revolving termMonths currency product } aggregates { count }",
    )
    assert found == [
        {
            "key": {"revolving": False, "termMonths": term, "currency": currency, "product": "TERM_LOAN"},
            "aggregates": {"count": count},
        }
        for term, currency, count in [(12, "CNY", 3), (None, "CNY", 9), (None, "USD", 2)]
    ]


@pytest.mark.usefixtures("varied")
async def test_groups_stand_in_the_order_asked_for_and_ties_in_that_of_their_keys(ask: Ask) -> None:
    async def codes(order: str, more: str = "") -> list[str]:
        found = await groups(
            ask, f"by: [{{branch: {{field: CODE}}}}], orderBy: {order} {more}", "key { branch { code } }"
        )
        return [group["key"]["branch"]["code"] for group in found]

    assert await codes("[{measure: COUNT}]") == ["310000-01", "110000", "310000", "320000"]
    assert await codes("[{measure: COUNT, direction: DESC}]") == ["110000", "310000", "320000", "310000-01"]
    assert await codes("[{key: {branch: {field: CODE}}, direction: DESC}]", "first: 2") == [
        "320000",
        "310000-01",
    ]
    by_limit = '[{measure: MAX, field: LIMIT, currency: "CNY", direction: DESC}]'
    assert await codes(by_limit) == ["110000", "320000", "310000-01", "310000"]
    dollars = '{measure: SUM, field: LIMIT, currency: "USD"'
    assert await codes(f"[{dollars}, nulls: FIRST}}]") == ["310000", "310000-01", "320000", "110000"]
    assert (await codes(f"[{dollars}, direction: DESC}}]"))[0] == "110000"
    assert await codes("[]", "first: 0") == []


@pytest.mark.usefixtures("varied")
async def test_only_groups_that_meet_the_condition_are_shown(ask: Ask) -> None:
    async def codes(having: str) -> list[str]:
        found = await groups(
            ask, f"by: [{{branch: {{field: CODE}}}}], having: {having}", "key { branch { code } }"
        )
        return [group["key"]["branch"]["code"] for group in found]

    assert await codes("{count: {gt: 2}}") == ["110000", "310000", "320000"]
    assert await codes("{count: {in: [2, 3]}}") == ["310000-01"]
    assert await codes("{count: {notIn: [2], between: {from: 1, to: 5}}}") == ["110000", "310000", "320000"]
    assert await codes("{count: {in: []}}") == []
    assert await codes('{limit: {currency: "CNY", sum: {gte: "12000000.00"}}}') == ["110000", "320000"]
    assert await codes('{limit: {currency: "CNY", avg: {lt: "3000000.00"}}}') == ["310000"]
    assert await codes('{limit: {currency: "USD", sum: {isNull: true}}}') == ["310000", "310000-01", "320000"]
    assert await codes('{not: {limit: {currency: "USD", min: {gt: "1"}}}}') == [
        "310000",
        "310000-01",
        "320000",
    ]
    assert await codes('{termMonths: {sum: {gt: "11.5"}, max: {eq: 12}}}') == [
        "310000",
        "310000-01",
        "320000",
    ]
    assert await codes('{or: [{count: {eq: 2}}, {maturesOn: {max: {gt: "2027-02-01"}}}]}') == ["310000-01"]
    assert await codes("{and: [{count: {eq: 2}}, {status: {countDistinct: {ne: 2}}}]}") == []
    assert len(await codes("{}")) == len(await codes("{and: []}")) == 4
    assert await codes("{or: []}") == []


async def test_each_parents_rows_are_grouped_by_themselves(ask: Ask) -> None:
    query = """{ units(orderBy: [{field: CODE}]) { nodes { code
        clients { groups(by: [{field: CREDIT_GRADE}], orderBy: [{measure: COUNT, direction: DESC}], first: 2,
                         having: {count: {gte: 1}}) {
          key { creditGrade }
          aggregates { count registeredCapital(currency: "CNY") { sum { amount } } } } } } } }"""
    data = await ask(HQ, query)
    found = {
        unit["code"]: counts(unit["clients"]["groups"], "creditGrade") for unit in data["units"]["nodes"]
    }
    assert found == {
        "110000": [("A", 1), ("B", 1)],
        "310000": [("A", 2), ("B", 1)],
        "310000-01": [("A", 1)],
        "320000": [("C", 1), (None, 1)],
        "EAST": [("A", 2), ("B", 1)],
        "HQ": [("A", 3), ("B", 2)],
        "NORTH": [("A", 1), ("B", 1)],
    }
    assert (len(ask.statements), len(ask.normal_statements)) == (1, 3)


NO_GROUPINGS = [
    "by: []",
    "by: [{}]",
    "by: [{field: STATUS, branch: {field: CODE}}]",
    "by: [{branch: {}}]",
    "by: [{field: STATUS}, {field: STATUS}]",
    "by: [{field: STATUS, bucket: YEAR}]",
    "by: [{branch: {field: CODE}, bucket: YEAR}]",
    "by: [{client: {field: CREATED_AT}}]",
    "by: [{branch: {parent: {parent: {parent: {field: CODE}}}}}]",
    "by: ["
    + " ".join(
        f"{{field: {name}}}"
        for name in ["STATUS", "PRODUCT", "CURRENCY", "PURPOSE", "REVOLVING", "REFERENCE"]
    )
    + "]",
    "by: [{field: STATUS}], first: -1",
    "by: [{field: STATUS}], first: 1001",
    "by: [{field: STATUS}], orderBy: [{}]",
    "by: [{field: STATUS}], orderBy: [{key: {field: PRODUCT}}]",
    "by: [{field: STATUS}], orderBy: [{key: {field: STATUS}}, {key: {field: STATUS}}]",
    "by: [{field: STATUS}], orderBy: [{key: {field: STATUS}, measure: COUNT}]",
    "by: [{field: STATUS}], orderBy: [{key: {field: STATUS}, field: LIMIT}]",
    "by: [{field: STATUS}], orderBy: [{measure: SUM}]",
    "by: [{field: STATUS}], orderBy: [{measure: SUM, field: LIMIT}]",
    "by: [{field: STATUS}], orderBy: [{measure: SUM, field: PRODUCT}]",
    'by: [{field: STATUS}], orderBy: [{measure: SUM, field: TERM_MONTHS, currency: "CNY"}]',
    "by: [{field: STATUS}], orderBy: [{measure: PERCENTILE, field: TERM_MONTHS}]",
    'by: [{field: STATUS}], orderBy: [{measure: PERCENTILE, field: TERM_MONTHS, at: "2"}]',
    "by: [{field: STATUS}], orderBy: ["
    + " ".join(f'{{measure: PERCENTILE, field: TERM_MONTHS, at: "0.{n:02}"}}' for n in range(11))
    + "]",
    'by: [{field: STATUS}], having: {limit: {currency: "XXX", sum: {gt: "1"}}}',
    'by: [{field: STATUS}], having: {limit: {currency: "CNY", sum: {gt: "0.001"}}}',
    "by: [{field: STATUS}], having: " + "{not: " * 11 + "{count: {gt: 1}}" + "}" * 11,
    "by: [{field: STATUS}], having: {or: [" + "{count: {gt: 1}} " * 51 + "]}",
    f"by: [{{field: STATUS}}], having: {{count: {{in: {list(range(1001))}}}}}",
]


async def test_a_grouping_that_there_is_not_is_bad_input(ask: Ask) -> None:
    for arguments in NO_GROUPINGS:
        error = await ask.error(
            HQ, f"{{ facilities {{ groups({arguments}) {{ aggregates {{ count }} }} }} }}"
        )
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}, arguments
        assert error["path"] == ["facilities", "groups"], arguments


async def test_groups_are_charged_like_rows(
    database: Database, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schema.request.Budget", partial(Budget, values=4 * 3))
    normal = OneWay(database, directory, Engine(compiled=False))
    query = "{ facilities { groups(by: [{branch: {field: CODE}}]) { key { branch { code } } %s } } }"
    assert "errors" not in await normal.full(HQ, query % "")
    error = await normal.error(HQ, query % "aggregates { count }")
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "values" in error["message"]
