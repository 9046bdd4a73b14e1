"""What is measured over a list: of all its rows, exactly, and of no row out of sight."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from both_ways import AskBothWays as Ask
from known_pool import lists_of, within
from small_bank import BEIJING, SHANGHAI, SmallBank

from domain.facts import camel
from schema.graph import graph
from schema.group_keys import groupable
from schema.measures import FUNCTIONS, AggregateFunction, Kind, measurable
from tenants.database import Database
from tenants.organisation import Directory

HQ = SmallBank.headquarters
MONEY = "count countDistinct sum { amount currency } avg { amount } min { amount } max { amount }"


@pytest.fixture
def ask(database: Database, directory: Directory) -> Ask:
    """The graph over this test's database, asked both ways."""
    return Ask(database, directory)


@pytest.fixture
async def varied(administrator: asyncpg.Connection) -> None:
    """Currencies, gaps and ties among the facilities, and amounts whose mean is no whole minor unit."""
    await administrator.execute(
        """
        update bank.facility set currency = 'JPY', limit_minor = 5 where reference like 'F-6-%';
        update bank.facility set outstanding_minor = 6 where reference = 'F-6-1';
        update bank.facility set outstanding_minor = 1 where reference = 'F-6-0';
        update bank.facility set term_months = 12 * right(reference, 1)::int + 7 where currency = 'CNY';
        update bank.facility set annual_rate = 0.1 where reference in ('F-0-0', 'F-0-1');
        update bank.facility set annual_rate = 0.035 where reference = 'F-1-0';
        """
    )


@pytest.mark.usefixtures("varied")
async def test_every_measure_is_what_the_database_computes(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    data = await ask(
        HQ,
        f"""{{ facilities(first: 1) {{ totalCount aggregates {{ count
              limit(currency: "CNY") {{ {MONEY} median: percentile(at: "0.5") {{ amount }} }}
              yen: outstanding(currency: "JPY") {{ {MONEY} percentile(at: "1") {{ amount }} }}
              guaranteed(currency: "CNY") {{ {MONEY} }}
              termMonths {{ count countDistinct sum avg min max percentile(at: "0.5") }}
              annualRate {{ count countDistinct sum avg min max percentile(at: "0") }}
              maturesOn {{ count countDistinct min max }} product {{ countDistinct }} }} }} }}""",
    )
    truth = await administrator.fetchrow(
        "select count(*) as n, sum(limit_minor) as s, count(distinct limit_minor) as d "
        "from bank.facility where currency = 'CNY'"
    )
    found = data["facilities"]["aggregates"]
    assert (data["facilities"]["totalCount"], found["count"]) == (14, 14)
    assert found["limit"]["count"] == truth["n"] == 12
    assert found["limit"]["countDistinct"] == truth["d"]
    assert found["limit"]["sum"] == {"amount": f"{truth['s'] / 100:.2f}", "currency": "CNY"}
    assert found["limit"]["median"] == {"amount": "3000000.00"}
    # 1 and 6 yen: their mean of 3.5 is rounded away from zero, and yen have no decimal places.
    assert found["yen"]["avg"] == {"amount": "4"}
    assert found["yen"]["percentile"] == found["yen"]["max"] == {"amount": "6"}
    assert found["guaranteed"] == {
        "count": 0,
        "countDistinct": 0,
        "sum": None,
        "avg": None,
        "min": None,
        "max": None,
    }
    assert found["termMonths"] == {
        "count": 12,
        "countDistinct": 2,
        "sum": "156",
        "avg": "13",
        "min": 7,
        "max": 19,
        "percentile": 7,
    }
    rate = found["annualRate"]
    assert (rate["count"], rate["countDistinct"], rate["avg"]) == (3, 2, "0.078333")
    assert [Decimal(rate[name]) for name in ("sum", "min", "max", "percentile")] == [
        Decimal("0.235"),
        Decimal("0.035"),
        Decimal("0.1"),
        Decimal("0.035"),
    ]
    assert found["maturesOn"] == {"count": 14, "countDistinct": 2, "min": "2027-01-01", "max": "2027-01-02"}
    assert found["product"] == {"countDistinct": 1}


async def test_a_nested_list_is_measured_for_every_parent_under_its_own_condition(ask: Ask) -> None:
    data = await ask(
        HQ,
        """{ clients(orderBy: [{field: REGISTRATION_NUMBER}, {field: LEGAL_NAME}]) { nodes { legalName
          facilities(where: {reference: {ne: "F-0-1"}}) {
            aggregates { count limit(currency: "CNY") { sum { amount } } } } } }
          units(orderBy: [{field: CODE}]) { nodes { code
            clients { aggregates { count registeredCapital(currency: "CNY") { max { amount } } } }
            own: clients(includeBelow: false) { aggregates { count } } } } }""",
    )
    limits = {
        (node["legalName"], node["facilities"]["aggregates"]["limit"]["sum"]["amount"])
        for node in data["clients"]["nodes"]
    }
    assert ("Huangpu Shipping Co., Ltd.", "1000000.00") in limits
    assert ("Zhongguancun Software Co., Ltd.", "14000000.00") in limits
    of_units = {unit["code"]: unit for unit in data["units"]["nodes"]}
    assert {code: unit["clients"]["aggregates"]["count"] for code, unit in of_units.items()} == {
        "110000": 2,
        "310000": 3,
        "310000-01": 1,
        "320000": 2,
        "EAST": 5,
        "HQ": 7,
        "NORTH": 2,
    }
    assert of_units["310000"]["own"]["aggregates"]["count"] == 2
    assert of_units["EAST"]["clients"]["aggregates"]["registeredCapital"]["max"] == {"amount": "80000000.00"}
    assert of_units["HQ"]["own"]["aggregates"]["count"] == 0


@pytest.mark.parametrize(
    ("caller", "count"),
    [(HQ, 14), (SmallBank.east, 10), (SmallBank.shanghai, 6), (SmallBank.beijing, 4), (SmallBank.huaxia, 4)],
    ids=lambda value: getattr(value, "subject", ""),
)
async def test_what_is_out_of_sight_is_measured_by_nobody(ask: Ask, caller: Any, count: int) -> None:
    query = """{ facilities { aggregates { count limit(currency: "CNY") { sum { amount } } }
                 nodes { limit { amount } } } clients { nodes { region { units { aggregates { count } } } } } }"""
    found = (await ask(caller, query))["facilities"]
    assert found["aggregates"]["count"] == count
    assert Decimal(found["aggregates"]["limit"]["sum"]["amount"]) == sum(
        Decimal(node["limit"]["amount"]) for node in found["nodes"]
    )


async def test_a_client_user_measures_nothing_of_what_is_hidden_from_clients(ask: Ask) -> None:
    query = """{ imports { totalCount aggregates {
                 count rowsRead { sum avg } startedAt { max } mapping { countDistinct } } } }"""
    found = (await ask(SmallBank.huaxia, query))["imports"]
    assert found["aggregates"] == {
        "count": 0,
        "rowsRead": {"sum": None, "avg": None},
        "startedAt": {"max": None},
        "mapping": {"countDistinct": 0},
    }


async def test_a_measure_that_there_is_not_is_bad_input(ask: Ask) -> None:
    for asked in (
        'limit(currency: "XXX") { count }',
        'limit(currency: "") { sum { amount } }',
        'limit(currency: "CNY") { percentile(at: "1.01") { amount } }',
        'termMonths { percentile(at: "-0.1") }',
    ):
        error = await ask.error(HQ, f"{{ facilities {{ aggregates {{ {asked} }} }} }}")
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}, asked
        assert error["path"][:2] == ["facilities", "aggregates"], asked


async def test_a_list_of_nothing_counts_nought_and_adds_up_to_null(ask: Ask) -> None:
    data = await ask(
        HQ,
        """{ facilities(where: {reference: {eq: "none"}}) { aggregates { count maturesOn { min }
              limit(currency: "CNY") { count sum { amount } } termMonths { sum avg percentile(at: "0.9") } } } }""",
    )
    assert data["facilities"]["aggregates"] == {
        "count": 0,
        "maturesOn": {"min": None},
        "limit": {"count": 0, "sum": None},
        "termMonths": {"sum": None, "avg": None, "percentile": None},
    }


async def test_measures_and_the_total_of_a_list_are_one_statement_and_its_page_is_not_read(ask: Ask) -> None:
    query = """{ clients { nodes { facilities { totalCount aggregates { count
                 limit(currency: "CNY") { sum { amount } max { amount } } } } } } }"""
    await ask(HQ, query)
    assert (len(ask.statements), len(ask.normal_statements)) == (1, 2)
    await ask(HQ, "{ facilities { totalCount aggregates { count product { countDistinct } } } }")
    (statement,) = ask.normal_statements
    assert "reference" not in statement


async def test_sums_beyond_64_bits_are_exact(ask: Ask, administrator: asyncpg.Connection) -> None:
    await administrator.execute(
        "update bank.facility set limit_minor = 9223372036854775807 where branch_id = any($1)",
        [SHANGHAI, BEIJING],
    )
    found = await ask(
        HQ,
        """{ facilities(where: {limit: {currency: "CNY", gt: "90000000000000000.00"}}) { aggregates {
             limit(currency: "CNY") { count sum { amount } avg { amount } max { amount } } } } }""",
    )
    assert found["facilities"]["aggregates"]["limit"] == {
        "count": 8,
        "sum": {"amount": "737869762948382064.56"},
        "avg": {"amount": "92233720368547758.07"},
        "max": {"amount": "92233720368547758.07"},
    }


IN_YUAN = '(currency: "CNY")'


def places() -> dict[str, str]:
    """Of every type that has lists, what is asked of one of them in place of %s."""
    found: dict[str, str] = {}
    for path, type_name in lists_of(graph()._schema):
        found.setdefault(type_name, within(path, f"{path[-1]} {{ %s }}"))
    return found


def of_one(kind: Kind) -> str:
    """Every measure that a field of this kind has."""
    shown = " { amount currency }" if kind is Kind.MONEY else ""
    parts = []
    for function in FUNCTIONS[kind]:
        at = '(at: "0.3")' if function is AggregateFunction.PERCENTILE else ""
        parts.append(camel(function.value) + at + ("" if "COUNT" in function.name else shown))
    return " ".join(parts)


async def test_every_measure_and_every_key_of_every_type_is_answered_both_ways(ask: Ask) -> None:
    for type_name, place in places().items():
        fields = " ".join(
            camel(name) + IN_YUAN * (kind is Kind.MONEY) + f" {{ {of_one(kind)} }}"
            for name, kind in measurable(type_name).items()
        )
        await ask(HQ, place % f"aggregates {{ count {fields} }}")
        keys = " ".join(
            f"{camel(name)}: groups(by: [{{field: {name.upper()}, {bucket_of(kind)}}}]) "
            f"{{ key {{ {camel(name)} }} aggregates {{ count }} }}"
            for name, kind in groupable(type_name).items()
        )
        if keys:
            await ask(HQ, place % keys)


def bucket_of(kind: Any) -> str:
    """Moments need one."""
    return "bucket: MONTH" if kind in (dt.date, dt.datetime) else ""
