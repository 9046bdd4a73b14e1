"""Who clients are to the bank, as callers ask for it: of one client, in lists and groups, by segment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import asyncpg
import orjson
import pytest
from compared_answers import Bank, opened_bank
from conftest import Server
from segment_rules import RULE_SETS, put_in_force
from small_bank import JIANGSU, SHANGHAI, SmallBank, client_id

from domain.access import Caller
from domain.segmentation.rules import RuleSet
from schema.ids import encode

SHIPPING = encode("Client", (SHANGHAI, client_id(0)))
SILK = encode("Client", (JIANGSU, client_id(3)))
ALL_OF_ONE = """query ($id: ID!, $dimensions: [String!]) { client(id: $id) { segments(dimensions: $dimensions) {
  dimension value rule note because { condition value holds } missing alsoMatched client { id } } } }"""


class Both:
    """Asks by the compiled plan and by the normal executor, and goes on only where both answer the same."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def body(self, caller: Caller, query: str, **variables: Any) -> Any:
        """The response, but for its extensions."""
        told = self._bank.run(self._bank.answers(caller, query, variables))
        assert not told.differ, told
        body = orjson.loads(told.normal + b"}")
        assert "errors" in body or told.plan["tier"] == "compiled", told.plan
        return body

    def __call__(self, caller: Caller, query: str, **variables: Any) -> Any:
        """The data of a response without errors."""
        body = self.body(caller, query, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]

    def write(self, statement: str, *values: Any) -> None:
        """Change something as the administrator."""
        self._bank.run(self._written(lambda connection: connection.execute(statement, *values)))

    def put_in_force(self, *rule_sets: RuleSet, unit_id: int | None = None) -> None:
        """Put rule sets in force."""
        self._bank.run(self._written(lambda connection: put_in_force(connection, rule_sets, unit_id=unit_id)))

    async def _written(self, write: Any) -> None:
        connection = await asyncpg.connect(self._bank.dsn, timeout=20)
        try:
            await write(connection)
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def both(server: Server, template: str) -> Iterator[Both]:
    with opened_bank(server, template) as bank:
        made = Both(bank)
        made.put_in_force(*RULE_SETS)
        yield made


def test_a_client_is_classified_by_the_rules_in_force_and_the_reasons_are_told(
    both: Both,
) -> None:
    found = both(SmallBank.shanghai, ALL_OF_ONE, id=SHIPPING, dimensions=["weight", "soundness"])
    assert found["client"]["segments"] == [
        {
            "dimension": "soundness",
            "value": "SOUND",
            "rule": 0,
            "note": "as graded",
            "because": [{"condition": "assignedGrade is A", "value": "A", "holds": True}],
            "missing": [],
            "alsoMatched": ["FAIR"],
            "client": {"id": SHIPPING},
        },
        {
            "dimension": "weight",
            "value": "LIGHT",
            "rule": None,
            "note": None,
            "because": [],
            "missing": [],
            "alsoMatched": [],
            "client": {"id": SHIPPING},
        },
    ]


def test_lists_are_filtered_by_segments_as_by_any_relation(both: Both) -> None:
    found = both(
        SmallBank.headquarters,
        """{ some: clients(where: { segments: { some: { dimension: { eq: "scale" }, value: { eq: "BIG" } } } }) {
             ...f }
           short: clients(where: { segment: { dimension: { eq: "scale" }, value: { in: ["BIG"] } } }) { ...f }
           none: clients(where: { segments: { none: { value: { eq: "WEAK" } } } }) { ...f }
           lent: facilities(where: { client: { segment: { dimension: { eq: "scale" }, value: { eq: "SMALL" } } } }
           ) { totalCount } }
           fragment f on ClientConnection { totalCount nodes { registrationNumber } }""",
    )
    assert found["some"] == found["short"]
    assert found["some"]["totalCount"] == 3
    assert found["none"]["totalCount"] == 5
    assert found["lent"]["totalCount"] == 2


def test_rows_are_grouped_by_segments_in_several_dimensions_and_over_relations(
    both: Both,
) -> None:
    found = both(
        SmallBank.headquarters,
        """{ clients { groups(by: [{ segment: { dimension: "scale" } }, { segment: { dimension: "weight" } }]) {
               key { segments { dimension value } } aggregates { count } } }
           facilities { groups(by: [{ client: { segment: { dimension: "soundness" } } }, { field: PRODUCT }],
                               orderBy: [{ measure: COUNT, direction: DESC }]) {
               key { product client { segments { value } } } aggregates { count } } }
           units(where: { code: { eq: "EAST" } }) { nodes { clients { totalCount
               groups(by: { segment: { dimension: "scale" } }) { key { segments { value } } } } } } }""",
    )
    pairs = [
        ([part["value"] for part in group["key"]["segments"]], group["aggregates"]["count"])
        for group in found["clients"]["groups"]
    ]
    assert pairs == [
        (["BIG", "HEAVY"], 2),
        (["BIG", "LIGHT"], 1),
        (["MIDDLE", "LIGHT"], 3),
        (["SMALL", "LIGHT"], 1),
    ]
    assert found["clients"]["groups"][0]["key"]["segments"][0]["dimension"] == "scale"
    lent = [
        (group["key"]["client"]["segments"][0]["value"], group["aggregates"]["count"])
        for group in found["facilities"]["groups"]
    ]
    assert sorted(lent) == [("FAIR", 4), ("SOUND", 6), ("WEAK", 4)]
    assert len(found["units"]["nodes"][0]["clients"]["groups"]) == 3


def test_a_segment_is_asked_for_by_its_names_and_shows_its_members(both: Both) -> None:
    asking = """query ($value: String!) { segment(dimension: "soundness", value: $value) { dimension value
        clients(first: 1, orderBy: [{ field: LEGAL_NAME }], where: { registrationCountry: { eq: "CN" } }) {
          totalCount pageInfo { hasNextPage } nodes { legalName }
          groups(by: { segment: { dimension: "scale" } }) { key { segments { value } } } } } }"""
    found = (both(SmallBank.headquarters, asking, value="SOUND"))["segment"]
    assert (found["dimension"], found["value"]) == ("soundness", "SOUND")
    assert found["clients"]["totalCount"] == 3
    assert found["clients"]["pageInfo"]["hasNextPage"]
    assert len(found["clients"]["groups"]) == 3
    found = (both(SmallBank.jiangsu, asking, value="SOUND"))["segment"]
    assert found["clients"]["totalCount"] == 0


@pytest.mark.parametrize(
    "asked",
    [
        f'client(id: "{SHIPPING}") {{ segments(dimensions: ["scale", "colour"]) {{ value }} }}',
        'segment(dimension: "colour", value: "RED") { value }',
        'clients { groups(by: { segment: { dimension: "colour" } }) { aggregates { count } } }',
        'clients(where: { segment: { dimension: { eq: "colour" }, value: { eq: "RED" } } }) { totalCount }',
        """clients(where: { or: [{ registrationCountry: { eq: "CN" } }, { not: {
            segments: { none: { dimension: { in: ["scale", "colour"] } } } } }] }) { totalCount }""",
        'facilities(where: { client: { segment: { dimension: { ne: "colour" } } } }) { totalCount }',
    ],
)
def test_an_unknown_dimension_is_refused_and_the_known_ones_are_named(both: Both, asked: str) -> None:
    (error,) = both.body(SmallBank.shanghai, f"{{ {asked} }}")["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "'colour' is no dimension with rules in force; there are " in error["message"]
    assert "scale, soundness, weight" in error["message"]


def test_the_next_answer_is_by_the_rules_that_were_put_in_force(both: Both) -> None:
    asking = """{ clients { groups(by: { segment: { dimension: "mood" } }) {
        key { segments { value } } aggregates { count } } } }"""
    for value in ("CALM", "ANXIOUS"):
        both.put_in_force(RuleSet("mood", (value,), (), value))
        found = both(SmallBank.headquarters, asking)["clients"]["groups"]
        assert found == [{"key": {"segments": [{"value": value}]}, "aggregates": {"count": 7}}]


def test_a_branch_of_its_own_rules_is_classified_by_those(both: Both) -> None:
    both.put_in_force(RuleSet("place", ("ELSEWHERE",), (), "ELSEWHERE"))
    both.put_in_force(RuleSet("place", ("HERE",), (), "HERE"), unit_id=SHANGHAI)
    asking = """{ clients { groups(by: [{ segment: { dimension: "place" } }]) {
        key { segments { value } } aggregates { count } } } }"""
    groups = both(SmallBank.east, asking)["clients"]["groups"]
    # With Shanghai's sub-branch, which has no rules of its own.
    assert [(g["key"]["segments"][0]["value"], g["aggregates"]["count"]) for g in groups] == [
        ("ELSEWHERE", 2),
        ("HERE", 3),
    ]


def test_clients_own_users_see_neither_facts_nor_segments(both: Both) -> None:
    found = both(
        SmallBank.huaxia,
        """{ clients(first: 1) { nodes { facts { id }
               factsAsOf(day: "2024-12-31") { id } segmentHistory { totalCount }
               segments(dimensions: ["colour"]) { value } } totalCount
             groups(by: [{ segment: { dimension: "scale" } }, { facts: { field: LOAN_CLASS } }]) {
               key { segments { value } facts { loanClass } } } }
           ordered: clients(orderBy: [{ facts: { field: EMPLOYEES } }]) { totalCount }
           found: clients(where: { segments: { some: { dimension: { eq: "colour" } } } }) { totalCount }
           segment(dimension: "colour", value: "RED") { clients { totalCount } } }""",
    )
    assert found["clients"]["nodes"] == [
        {"facts": None, "factsAsOf": None, "segmentHistory": {"totalCount": 0}, "segments": []}
    ]
    unknown = {"segments": [{"value": None}], "facts": {"loanClass": None}}
    assert found["clients"]["groups"] == [{"key": unknown}]
    assert found["ordered"]["totalCount"] == 2
    assert found["found"]["totalCount"] == found["segment"]["clients"]["totalCount"] == 0


def test_facts_are_filtered_ordered_and_grouped_by_like_columns(both: Both) -> None:
    found = both(
        SmallBank.headquarters,
        """{ clients(where: { facts: { registeredCapital: { gte: "80000000.00", currency: "CNY" } } },
                    orderBy: [{ facts: { field: REGISTERED_CAPITAL }, direction: DESC }]) {
             nodes { legalName facts { registeredCapital { amount } exposure { amount } currency facilityCount } }
             groups(by: [{ facts: { field: ASSIGNED_GRADE } }]) { key { facts { assignedGrade } } } } }""",
    )
    assert [node["facts"]["registeredCapital"]["amount"] for node in found["clients"]["nodes"]] == [
        "900000000.00",
        "80000000.00",
        "80000000.00",
    ]
    assert {node["facts"]["facilityCount"] for node in found["clients"]["nodes"]} == {2}
    grades = [group["key"]["facts"]["assignedGrade"] for group in found["clients"]["groups"]]
    assert grades == ["A", "B", "C"]


def test_facts_of_a_past_day_are_those_known_then(both: Both) -> None:
    both.write(
        "update bank.client_fact set valid_from = '2024-03-05 12:00Z' where client_id = $1", client_id(3)
    )
    asking = """query ($id: ID!) { client(id: $id) { before: factsAsOf(day: "2024-03-04") { id }
        then: factsAsOf(day: "2024-03-05") { id tenureYears employees } facts { id } } }"""
    found = (both(SmallBank.jiangsu, asking, id=SILK))["client"]
    assert found["before"] is None
    assert found["then"]["id"] == found["facts"]["id"]
    assert found["then"]["tenureYears"] == "9.16"


def test_what_a_client_has_been_is_told_latest_first(both: Both) -> None:
    periods = [("WEAK", "2024-01-01Z", "2024-06-01Z"), ("SOUND", "2024-06-01Z", "infinity")]
    both.write("delete from bank.segment_history where client_id = $1", client_id(3))
    for value, since, until in periods:
        both.write(
            "insert into bank.segment_history "
            "(branch_id, id, client_id, dimension_code, value, rule_set_id, valid_from, valid_until, cause) "
            f"values ($1, gen_random_uuid(), $2, 'soundness', $3, 1, '{since}', '{until}', 'CHANGE')",
            JIANGSU,
            client_id(3),
            value,
        )
    asking = """query ($id: ID!) { client(id: $id) { segmentHistory(where: { dimension: { eq: "soundness" } }) {
        nodes { dimension value validFrom validUntil cause client { id } } } } }"""
    found: Any = both(SmallBank.jiangsu, asking, id=SILK)
    assert [
        (node["value"], node["validFrom"], node["validUntil"])
        for node in found["client"]["segmentHistory"]["nodes"]
    ] == [
        ("SOUND", "2024-06-01T00:00:00+00:00", None),
        ("WEAK", "2024-01-01T00:00:00+00:00", "2024-06-01T00:00:00+00:00"),
    ]


@pytest.mark.parametrize("caller", [SmallBank.headquarters, SmallBank.huaxia])
def test_what_is_no_code_is_never_put_into_sql(both: Both, caller: Caller) -> None:
    asking = """query ($by: String!) { clients {
        groups(by: [{ segment: { dimension: $by } }]) { key { segments { value } } } } }"""
    for given in ("'; drop table bank.client; --", "\\'", "", "scale'", "x" * 65):
        (error,) = both.body(caller, asking, by=given)["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "is no dimension's code" in error["message"]
    assert both(SmallBank.headquarters, "{ clients { totalCount } }")["clients"]["totalCount"] == 7
