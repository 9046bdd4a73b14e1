"""What an operation may cost is known before it runs: as many objects as may come, and never fewer than do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from conftest import Ask
from hypothesis import given
from hypothesis import strategies as st
from small_bank import SmallBank

from schema.costs import objects_in
from schema.documents import Documents
from schema.graph import graph

EXAMPLES = sorted((Path(__file__).parent.parent / "api" / "graphiql" / "examples").glob("*.graphql"))


def cost(text: str, **variables: Any) -> int:
    document = Documents(graph()._schema).find(text)
    assert document.refused == ()
    return document.operation(None).cost(variables).total


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ __typename }", 1),
        ("{ viewer { role } }", 1 + 1),
        ("{ viewer { role office { code } } }", 1 + 2),
        ("{ clients { nodes { id } } }", 1 + 1 + 50),
        ("{ clients(first: 3) { nodes { id } } }", 1 + 1 + 3),
        ("{ clients(last: 3) { nodes { id } } }", 1 + 1 + 3),
        ("{ clients(first: 0) { nodes { id } } }", 1 + 1),
        ("{ clients(first: 1000000000) { nodes { id } } }", 1 + 1 + 1_000),
        ("{ clients(first: -5) { nodes { id } } }", 1 + 1),
        ("{ clients(first: 3) { edges { cursor node { id } } } }", 1 + 1 + 3 * 2),
        ("{ clients(first: 3) { pageInfo { hasNextPage } nodes { id branch { code } } } }", 1 + 1 + 1 + 3 * 2),
        ("{ clients(first: 3) { totalCount } }", 1 + 1 + 10),
        ("{ clients(first: 4) { nodes { facilities(first: 5) { nodes { limit { amount } } } } } }", 2 + 4 * 12),
        ("{ clients(first: 3) { aggregates { count } } }", 1 + 1 + 1 + 10),
        ("{ clients { groups(by: [{field: CREDIT_GRADE}], first: 4) { aggregates { count } } } }",
         1 + 1 + 10 + 4 * 2),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 1 + 3),
        ('{ node(id: "a") { id ... on Client { branch { code } } } }', 1 + 2),
        ("{ a: viewer { role } b: viewer { role } }", 1 + 2),
        ("{ viewer { role } viewer { office { code } } }", 1 + 2),
        ("{ ...A ...B } fragment A on Query { clients(first: 9) { nodes { id } } } "
         "fragment B on Query { clients(first: 9) { nodes { legalName } } }", 1 + 1 + 9),
        ("{ viewer @skip(if: true) { role } clients @include(if: false) { nodes { id } } }", 1),
        ("{ ruleSets(first: 3) { nodes { moving(first: 4) { from } } } }", 1 + 1 + 3 * (1 + 10 + 4)),
        ("{ ruleSets(first: 3) { nodes { findings { path } } } }", 1 + 1 + 3 * (1 + 10 + 10)),
        ("{ clients(first: 3) { nodes { quota { binding } } } }", 1 + 1 + 3 * 2),
        ('{ clients(first: 3) { nodes { quota(asOf: "2026-01-01") { binding } } } }', 1 + 1 + 3 * (2 + 100)),
        ('{ unit(code: "1") { quota(asOf: "2026-01-01") { currency } } }', 1 + 2 + 10 + 100),
        ("{ __schema { types { name } } }", 1 + 10_000),
    ],
)  # fmt: skip
def test_every_object_that_may_come_costs_one(text: str, expected: int) -> None:
    assert cost(text) == expected


def test_a_mutation_costs_ten_more_for_each_change() -> None:
    text = """mutation M($i: MoveUnitInput!) {
      a: moveUnit(input: $i) { __typename } b: moveUnit(input: $i) { __typename } }"""
    assert cost(text, i={}) == 1 + 2 * (10 + 1)


@pytest.mark.parametrize(
    ("variables", "rows"),
    [({}, 7), ({"n": 3}, 3), ({"n": None}, 50), ({"n": 10**9}, 1_000), ({"n": "three"}, 50), ({"m": 3}, 7)],
)
def test_a_page_is_as_long_as_its_variable_says(variables: dict[str, Any], rows: int) -> None:
    assert cost("query Q($n: Int = 7) { clients(first: $n) { nodes { id } } }", **variables) == 2 + rows


def test_variables_decide_what_is_left_out() -> None:
    text = """query Q($yes: Boolean = true, $no: Boolean!) {
      clients(first: 5) { nodes { branch @skip(if: $no) { code } region @include(if: $yes) { code } } } }"""
    assert cost(text, no=False) == 2 + 5 * 3
    assert cost(text, no=True) == 2 + 5 * 2
    assert cost(text, no=True, yes=False) == 2 + 5


def test_ids_in_a_variable_count() -> None:
    assert cost("query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["a"] * 40) == 1 + 40


def json_values() -> st.SearchStrategy[Any]:
    names = st.text("abcXYZ_", min_size=1, max_size=3)
    leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.text('}[]":,\\ab', max_size=6)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, min_size=1, max_size=3),
    )


def counted(value: Any) -> int:
    if isinstance(value, str):
        return value.count("{")
    if isinstance(value, dict):
        return 1 + sum(counted(inner) for inner in value.values())
    return sum(counted(inner) for inner in value) if isinstance(value, list) else 0


@given(json_values())
def test_objects_are_counted_by_their_braces_and_those_in_texts_count_as_well(value: Any) -> None:
    assert objects_in(orjson.dumps({"data": value})) == 1 + counted(value)


async def test_no_example_costs_more_than_was_requested(ask: Ask, small_bank: SmallBank) -> None:
    asked = 0
    for file in EXAMPLES:
        document = ask.engine.documents.find(file.read_text(encoding="utf-8"))
        for operation in document.operations.values():
            if operation.kind.value != "query" or operation.node.variable_definitions:
                continue
            alone = "\n".join(
                part.loc.source.body[part.loc.start : part.loc.end]
                for part in (operation.node, *operation.fragments.values())
                if part.loc
            )
            body = await ask.full(small_bank.headquarters, alone)
            told = body["extensions"]["cost"]
            assert 1 <= told["actual"] <= told["requested"], operation.name
            asked += 1
    assert asked > 5
