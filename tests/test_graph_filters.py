"""`where`: every operator, their nesting, and what a row without a value answers."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from conftest import Ask
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bank import CLIENTS, JIANGSU, SHANGHAI, SmallBank, client_id, facility_id

from schema.ids import encode

HQ = SmallBank.headquarters
WHERE = "query ($where: ClientWhere) { clients(where: $where) { totalCount nodes { id } } }"
INDEX = {encode("Client", (c[0], client_id(i))): i for i, c in enumerate(CLIENTS)}
ALL = set(range(7))


@pytest.fixture
async def sized(administrator: asyncpg.Connection) -> None:
    """Clients 0, 1, 2 have 10, 20, 30 employees, the others none that is known."""
    for index in range(3):
        await administrator.execute(
            "update bank.client set employees = $2, city = $3, size_class = $4, industry_code = 'C1' where id = $1",
            client_id(index),
            10 * (index + 1),
            ["Shanghai", "shanghai", "上海"][index],
            ["LARGE", "SMALL", "LARGE"][index],
        )


async def matching(ask: Ask, where: Any) -> set[int]:
    found = (await ask(HQ, WHERE, where=where))["clients"]
    indices = {INDEX[node["id"]] for node in found["nodes"]}
    assert found["totalCount"] == len(indices) == len(found["nodes"])
    return indices


def money(**said: Any) -> dict[str, Any]:
    return {"registeredCapital": said}


TABLE: list[tuple[Any, set[int]]] = [
    (None, ALL),
    ({}, ALL),
    ({"employees": {}}, ALL),
    ({"employees": None}, ALL),
    ({"employees": {"eq": 20}}, {1}),
    ({"employees": {"ne": 20}}, {0, 2}),
    ({"employees": {"in": [10, 30, 99]}}, {0, 2}),
    ({"employees": {"in": []}}, set()),
    ({"employees": {"notIn": [10]}}, {1, 2}),
    ({"employees": {"notIn": []}}, {0, 1, 2}),
    ({"employees": {"gt": 20}}, {2}),
    ({"employees": {"gte": 20}}, {1, 2}),
    ({"employees": {"lt": 20}}, {0}),
    ({"employees": {"lte": 20}}, {0, 1}),
    ({"employees": {"gt": 10, "lt": 30}}, {1}),
    ({"employees": {"between": {"from": 10, "to": 20}}}, {0, 1}),
    ({"employees": {"between": {"from": 20, "to": 10}}}, set()),
    ({"employees": {"between": {"from": 11, "to": 30}, "ne": 20}}, {2}),
    ({"employees": {"isNull": True}}, {3, 4, 5, 6}),
    ({"employees": {"isNull": False}}, {0, 1, 2}),
    ({"employees": {"isNull": True, "eq": 10}}, set()),
    ({"employees": {"gte": -2147483648, "lte": 2147483647}}, {0, 1, 2}),
    ({"legalName": {"eq": "Suzhou Silk Co., Ltd."}}, {3}),
    ({"legalName": {"eq": "suzhou silk co., ltd."}}, set()),
    ({"legalName": {"startsWith": "suZHou"}}, {3}),
    ({"legalName": {"startsWith": "华夏"}}, {1, 4}),
    ({"legalName": {"startsWith": "%"}}, set()),
    ({"legalName": {"startsWith": "_"}}, set()),
    ({"legalName": {"startsWith": "\\"}}, set()),
    ({"legalName": {"startsWith": "'; drop table bank.client; --"}}, set()),
    ({"legalName": {"startsWith": ""}}, ALL),
    ({"legalName": {"ne": "华夏钢铁有限公司"}}, {0, 2, 3, 5, 6}),
    ({"legalName": {"contains": "sTeEl"}}, set()),
    ({"legalName": {"contains": "CO., ltd"}}, {0, 2, 3, 5, 6}),
    ({"legalName": {"contains": "钢铁"}}, {1, 4}),
    ({"legalName": {"contains": "%"}}, set()),
    ({"legalName": {"contains": "_"}}, set()),
    ({"legalName": {"contains": "\\"}}, set()),
    ({"legalName": {"contains": "'; drop table bank.client; --"}}, set()),
    ({"legalName": {"contains": ""}}, ALL),
    ({"city": {"startsWith": "SHANG"}}, {0, 1}),
    ({"city": {"contains": "HAI"}}, {0, 1}),
    ({"city": {"contains": ""}}, {0, 1, 2}),
    ({"registrationNumber": {"startsWith": "91310115m"}}, {1, 4}),
    ({"industryCode": {"contains": "c"}}, {0, 1, 2}),
    ({"city": {"in": ["Shanghai", "上海"]}}, {0, 2}),
    ({"city": {"ne": "Shanghai"}}, {1, 2}),
    ({"city": {"isNull": True}}, {3, 4, 5, 6}),
    ({"sizeClass": {"eq": "LARGE"}}, {0, 2}),
    ({"sizeClass": {"notIn": ["LARGE"]}}, {1}),
    ({"sizeClass": {"notIn": []}}, {0, 1, 2}),
    ({"creditGrade": {"in": ["A", "C"]}}, {0, 2, 4, 5}),
    ({"creditGrade": {"ne": "A"}}, {1, 4, 6}),
    ({"creditGrade": {"isNull": True}}, {3}),
    ({"status": {"eq": "ACTIVE"}}, ALL),
    ({"status": {"in": ["CLOSED", "PROSPECT"]}}, set()),
    ({"relationshipSince": {"gte": "2015-01-03", "lt": "2015-01-05"}}, {2, 3}),
    ({"relationshipSince": {"in": ["2015-01-01", "2015-01-07"]}}, {0, 6}),
    ({"relationshipSince": {"between": {"from": "2015-01-02", "to": "2015-01-04"}}}, {1, 2, 3}),
    ({"createdAt": {"between": {"from": "2020-01-01T00:00:00Z", "to": "2999-01-01T00:00:00Z"}}}, ALL),
    ({"relationshipSince": {"gt": "9999-12-30"}}, set()),
    ({"relationshipSince": {"gt": "0001-01-02"}}, ALL),
    ({"createdAt": {"gt": "2020-01-01T00:00:00Z"}}, ALL),
    ({"createdAt": {"lt": "2020-01-01T08:00:00.123456+08:00"}}, set()),
    ({"registrationNumber": {"eq": "91310115MA1K35X12A"}}, {1, 4}),
    ({"registrationCountry": {"ne": "CN"}}, set()),
    (money(isNull=True), {6}),
    (money(isNull=False), ALL - {6}),
    (money(currency="CNY"), ALL - {6}),
    (money(currency="CNY", isNull=True), set()),
    ({"not": money(currency="CNY")}, {6}),
    (money(currency="USD"), set()),
    (money(currency="CNY", eq="80000000"), {1, 4}),
    (money(currency="CNY", eq="80000000.00"), {1, 4}),
    (money(currency="CNY", eq="80000000.01"), set()),
    (money(currency="USD", eq="80000000"), set()),
    (money(currency="CNY", gt="50000000"), {1, 4, 5}),
    (money(currency="CNY", gte="50000000"), {0, 1, 4, 5}),
    (money(currency="CNY", lt="12000000"), {2}),
    (money(currency="CNY", lte="12000000"), {2, 3}),
    (money(currency="CNY", gt="-1"), ALL - {6}),
    (money(currency="CNY", ne="80000000"), {0, 2, 3, 5}),
    (money(currency="USD", ne="80000000"), set()),
    (money(currency="CNY", **{"in": ["80000000", "3000000.00"]}), {1, 2, 4}),
    (money(currency="CNY", **{"in": []}), set()),
    (money(currency="CNY", notIn=["80000000"]), {0, 2, 3, 5}),
    (money(currency="CNY", notIn=[]), ALL - {6}),
    (money(currency="USD", notIn=[]), set()),
    (money(currency="CNY", between={"from": "3000000", "to": "12000000"}), {2, 3}),
    (money(currency="CNY", between={"from": "12000000", "to": "3000000"}), set()),
    ({"id": []}, set()),
    ({"id": list(INDEX)}, ALL),
    ({"id": [encode("Client", (JIANGSU, client_id(3)))]}, {3}),
    ({"id": [encode("Client", (SHANGHAI, client_id(3)))]}, set()),
    ({"id": [encode("Facility", (SHANGHAI, facility_id(0)))]}, set()),
    ({"id": list(INDEX)[:4], "creditGrade": {"eq": "A"}}, {0, 2}),
    ({"and": []}, ALL),
    ({"or": []}, set()),
    ({"not": {}}, set()),
    ({"and": [{}]}, ALL),
    ({"or": [{}]}, ALL),
    ({"or": [{"employees": {"eq": 10}}, {"creditGrade": {"eq": "C"}}]}, {0, 4}),
    ({"and": [{"employees": {"gte": 20}}, {"sizeClass": {"eq": "LARGE"}}]}, {2}),
    ({"employees": {"gte": 20}, "sizeClass": {"eq": "LARGE"}}, {2}),
    ({"not": {"employees": {"eq": 20}}}, ALL - {1}),
    ({"not": {"employees": {"ne": 20}}}, ALL - {0, 2}),
    ({"not": {"not": {"employees": {"eq": 20}}}}, {1}),
    ({"not": {"employees": {"in": []}}}, ALL),
    ({"not": {"or": [{"employees": {"eq": 10}}, {"creditGrade": {"eq": "A"}}]}}, {1, 3, 4, 6}),
    ({"not": {"and": [{"employees": {"gt": 0}}, {"creditGrade": {"eq": "A"}}]}}, {1, 3, 4, 5, 6}),
    ({"or": [{"not": {"creditGrade": {"isNull": False}}}, {"and": [{"employees": {"eq": 10}}]}]}, {0, 3}),
    ({"creditGrade": {"eq": "A"}, "or": [{"employees": {"eq": 10}}, {"employees": {"eq": 20}}]}, {0}),
]


@pytest.mark.usefixtures("sized")
async def test_the_table_of_conditions(ask: Ask) -> None:
    for where, expected in TABLE:
        assert await matching(ask, where) == expected, where


leaves = st.sampled_from([where for where, _ in TABLE if where and "id" not in where])
MEANING = {str(where): expected for where, expected in TABLE}


def trees(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    listed = st.lists(children, max_size=3)
    return (
        listed.map(lambda parts: ({"and": [w for w, _ in parts]}, ALL.intersection(*(m for _, m in parts))))
        | listed.map(lambda parts: ({"or": [w for w, _ in parts]}, set().union(*(m for _, m in parts))))
        | children.map(lambda part: ({"not": part[0]}, ALL - part[1]))
    )


conditions = st.recursive(leaves.map(lambda w: (w, MEANING[str(w)])), trees, max_leaves=6)


@pytest.mark.usefixtures("sized")
async def test_any_nesting_means_what_its_parts_mean(ask: Ask) -> None:
    @settings(max_examples=60, deadline=None, database=None)
    @given(conditions)
    def collect(case: tuple[Any, set[int]]) -> None:
        cases.append(case)

    cases: list[tuple[Any, set[int]]] = []
    collect()
    for where, expected in cases:
        assert await matching(ask, where) == expected, where


FACILITIES: list[tuple[Any, int]] = [
    ({"reference": {"eq": "F-3-1"}}, 1),
    ({"product": {"eq": "TERM_LOAN"}}, 14),
    ({"product": {"ne": "TERM_LOAN"}}, 0),
    ({"limit": {"currency": "CNY", "gte": "6000000"}}, 4),
    ({"outstanding": {"currency": "CNY", "eq": "400000.01"}}, 1),
    ({"termMonths": {"isNull": True}}, 14),
    ({"maturesOn": {"lte": "2027-01-01"}}, 7),
    ({"status": {"in": ["ACTIVE"]}, "currency": {"eq": "CNY"}}, 14),
    ({"revolving": {"eq": False}}, 14),
    ({"revolving": {"eq": True}}, 0),
    ({"annualRate": {"isNull": True}}, 14),
    ({"annualRate": {"lt": "12345678901234567890.5"}}, 0),
    ({"guaranteed": {"currency": "CNY", "gte": "0"}}, 0),
    ({"not": {"maturesOn": {"eq": "2027-01-01"}}}, 7),
]


async def test_the_table_of_conditions_on_facilities(ask: Ask) -> None:
    query = "query ($w: FacilityWhere) { facilities(where: $w) { totalCount nodes { reference } } }"
    for where, count in FACILITIES:
        found = (await ask(HQ, query, w=where))["facilities"]
        assert (found["totalCount"], len(found["nodes"])) == (count, count), where


async def test_nested_lists_are_filtered_for_every_parent(ask: Ask) -> None:
    data = await ask(
        HQ,
        """{ clients { nodes {
             facilities(where: {maturesOn: {gt: "2027-01-01"}}) { totalCount
               nodes { reference postings(where: {paidOn: {isNull: true}}) { totalCount } } }
             statements(where: {periodEnd: {gte: "2024-01-01"}}) { totalCount }
             creditEvents(where: {kind: {eq: LATE_PAYMENT}}) { totalCount } } }
           facilities(where: {reference: {eq: "F-0-0"}}) { nodes {
             late: postings(where: {daysLate: {gt: 0}}) { totalCount }
             open: postings(where: {paidOn: {isNull: true}}, orderBy: [{field: DUE_ON}]) { totalCount } } }
           regions(where: {code: {eq: "310000"}}) { nodes {
             indicators(where: {year: {eq: 2023}}) { totalCount } } } }""",
    )
    for client in data["clients"]["nodes"]:
        assert client["facilities"]["totalCount"] == 1
        assert client["facilities"]["nodes"][0]["postings"]["totalCount"] == 0
        assert (client["statements"]["totalCount"], client["creditEvents"]["totalCount"]) == (0, 1)
    assert data["facilities"]["nodes"] == [{"late": {"totalCount": 2}, "open": {"totalCount": 1}}]
    assert data["regions"]["nodes"] == [{"indicators": {"totalCount": 1}}]


async def test_numbers_beyond_a_small_column_match_nothing_and_are_no_fault(ask: Ask) -> None:
    data = await ask(
        HQ,
        """{ regions { nodes { a: indicators(where: {year: {eq: 100000}}) { totalCount }
             b: indicators(where: {year: {lt: 2147483647}}) { totalCount }
             c: indicators(where: {year: {in: [-2147483648, 2023]}}) { totalCount nodes { year } } } }
           clients { nodes { statements(where: {periodMonths: {gt: 40000}}) { totalCount nodes { id } } } } }""",
    )
    for region in data["regions"]["nodes"]:
        assert [region[name]["totalCount"] for name in "abc"] == [0, 1, 1]
    assert all(c["statements"] == {"totalCount": 0, "nodes": []} for c in data["clients"]["nodes"])


def nested(depth: int) -> dict[str, Any]:
    return {"not": nested(depth - 1)} if depth else {"employees": {"eq": 1}}


def owned(depth: int) -> dict[str, Any]:
    if not depth:
        return {}
    return (
        {"facilities": {"some": {"client": owned(depth - 2)}}} if depth > 1 else {"facilities": {"some": {}}}
    )


BAD: list[tuple[str, Any]] = [
    ("an operand of null", {"employees": {"eq": None}}),
    ("a list of null", {"creditGrade": {"in": None}}),
    ("an amount of null", {"registeredCapital": {"currency": "CNY", "gte": None}}),
    ("an amount without its currency", money(gt="1")),
    ("an amount in a currency that is none", money(currency="XXX", gt="1")),
    ("a part of a fen", money(currency="CNY", gt="0.001")),
    ("part of a yen", money(currency="JPY", gt="0.5")),
    ("more than fits", money(currency="CNY", gt="9" * 25)),
    ("too deep", nested(11)),
    ("endlessly deep", nested(60)),
    ("a long list", {"employees": {"in": list(range(1001))}}),
    ("a long list of conditions", {"or": [{}] * 1001}),
    ("too many conditions", {"or": [{"and": [{"city": {"eq": "a"}}] * 600}, {"not": {"or": [{}] * 600}}]}),
    ("too deep through relations", owned(11)),
    ("a range without its end", {"employees": {"between": {"from": 1}}}),
    ("an amount range without its currency", money(between={"from": "1", "to": "2"})),
    ("amounts without their currency", money(**{"in": ["1"]})),
    ("an order of texts", {"city": {"gt": "a"}}),
    ("a part of a number", {"employees": {"contains": "1"}}),
    ("some of one row", {"branch": {"some": {}}}),
    ("a relation compared as a row", {"facilities": {"status": {"eq": "ACTIVE"}}}),
    ("NUL in a part", {"legalName": {"contains": "\x00"}}),
    ("a long list of ids", {"id": [encode("Client", (1, client_id(0)))] * 1001}),
    ("a field that is none", {"colour": {"eq": "red"}}),
    ("an operator that is none", {"employees": {"like": "1"}}),
    ("a column that is not offered", {"phone": {"eq": "1"}}),
    ("text for a number", {"employees": {"eq": "1"}}),
    ("a number beyond 32 bits", {"employees": {"eq": 2**31}}),
    ("a value that is not in the list", {"creditGrade": {"eq": "D"}}),
    ("null in a list", {"employees": {"in": [1, None]}}),
    ("a day that is none", {"relationshipSince": {"eq": "2024-02-30"}}),
    ("a week for a day", {"relationshipSince": {"eq": "2024-W01-1"}}),
    ("a day without its dashes", {"relationshipSince": {"eq": "20240101"}}),
    ("a number for a day", {"relationshipSince": {"eq": 20240101}}),
    ("a moment without a zone", {"createdAt": {"gt": "2024-01-01T00:00:00"}}),
    ("a day for a moment", {"createdAt": {"gt": "2024-01-01"}}),
    ("the calendar's first day", {"relationshipSince": {"gt": "0001-01-01"}}),
    ("the calendar's last day", {"relationshipSince": {"lt": "9999-12-31"}}),
    ("a moment before the calendar", {"createdAt": {"gt": "0001-01-01T00:00:00+14:00"}}),
    ("a moment after the calendar", {"createdAt": {"gt": "9999-12-31T23:59:59-14:00"}}),
    ("NUL in text", {"city": {"eq": "a\x00b"}}),
    ("NUL in a prefix", {"legalName": {"startsWith": "\x00"}}),
    ("NUL in a list", {"city": {"in": ["a", "\x00"]}}),
    ("NUL in an id", {"id": ["\x00"]}),
    ("half a surrogate pair", {"city": {"eq": "\ud800"}}),
]


async def test_a_condition_that_cannot_be_meant_is_bad_input(ask: Ask) -> None:
    for name, where in BAD:
        body = await ask.full(HQ, WHERE, where=where)
        assert {e["extensions"]["code"] for e in body["errors"]} == {"BAD_USER_INPUT"}, name
        assert all("correlationId" not in e["extensions"] for e in body["errors"]), name
