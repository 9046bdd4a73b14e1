"""No caller can hold up the others by asking for too much at once."""

from __future__ import annotations

import time
from typing import Any

import pytest
from conftest import Ask
from graphql import FieldNode, FragmentDefinitionNode, OperationDefinitionNode, parse
from patience import PATIENCE_S
from small_bank import SmallBank

from schema.budget import Budget, width
from schema.documents import Documents
from schema.errors import Code, CodedError
from schema.graph import Engine, graph
from schema.limits import Limits

HQ = SmallBank.headquarters


def width_of(document: str) -> int:
    parsed = parse(document)
    fragments = {d.name.value: d for d in parsed.definitions if isinstance(d, FragmentDefinitionNode)}
    (operation,) = [d for d in parsed.definitions if isinstance(d, OperationDefinitionNode)]
    return width([n for n in operation.selection_set.selections if isinstance(n, FieldNode)], fragments)


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ("{ clients }", 0),
        ("{ clients { nodes { id name } } }", 3),
        ("{ clients { nodes { id ... on Client { name } ...F } } } fragment F on Client { a b { c } }", 6),
        ("{ clients { ...F ...F } } fragment F on X { ...G ...G } fragment G on Y { a }", 4),
    ],
)
def test_a_lists_width_is_what_is_selected_below_it(document: str, fields: int) -> None:
    assert width_of(document) == fields


def test_fragments_that_double_at_every_level_are_counted_at_once() -> None:
    doubling = " ".join(f"fragment F{n} on X {{ ...F{n + 1} ...F{n + 1} }}" for n in range(200))
    began = time.perf_counter()
    assert width_of(f"{{ clients {{ ...F0 }} }} {doubling} fragment F200 on X {{ a }}") == 2**200
    assert time.perf_counter() - began < PATIENCE_S


def test_a_budget_is_spent_to_the_last_value_and_no_further() -> None:
    budget = Budget(values=10)
    budget.spend(5, 2)
    with pytest.raises(CodedError, match="fewer rows"):
        budget.spend(1, 1)


def test_time_that_has_run_out_is_a_coded_time_out() -> None:
    with pytest.raises(CodedError) as refused:
        Budget(deadline=time.monotonic() - 1).spend(1, 1)
    assert refused.value.extensions == {"code": Code.TIMEOUT}


@pytest.fixture
def executor(ask: Ask) -> Ask:
    """The normal executor behind limits so wide that its own budget has to hold."""
    wide = Limits(tokens=50_000, fields=50_000, aliases=50_000, root_fields=100)
    ask.engine = Engine(Documents(graph()._schema, limits=wide), compiled=False)
    return ask


async def test_too_much_at_once_is_refused_with_what_to_do(executor: Ask) -> None:
    aliases = " ".join(f"a{n}: legalName" for n in range(800))
    lists = " ".join(f"l{n}: clients {{ nodes {{ {aliases if n == 0 else 'id'} }} }}" for n in range(20))
    assert "errors" not in await executor.full(HQ, f"{{ {lists} }}")

    many = " ".join(f"a{n}: legalName" for n in range(300))
    asked = " ".join(f"l{n}: clients {{ nodes {{ ...F }} }}" for n in range(60))
    error = (await executor.full(HQ, f"{{ {asked} }} fragment F on Client {{ {many} }}"))["errors"][0]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "`first`" in error["message"]


async def test_rows_asked_for_by_their_ids_cost_what_rows_of_a_list_cost(executor: Ask) -> None:
    query = "query ($ids: [ID!]!) {{ {asked} }} fragment F on Client {{ {many} }}"
    (row,) = (await executor(HQ, "{ clients(first: 1) { nodes { id } } }"))["clients"]["nodes"]
    many = " ".join(f"a{n}: legalName" for n in range(300))
    asked = " ".join(f"n{n}: nodes(ids: $ids) {{ ...F }}" for n in range(4))
    error = await executor.error(HQ, query.format(asked=asked, many=many), ids=[row["id"]] * 100)
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "values" in error["message"]


async def test_what_may_return_too_much_is_refused_before_the_database_is_asked(ask: Ask) -> None:
    query = """query ($n: Int) { clients(first: $n) { nodes { facilities(first: 1000) { nodes { id
        postings(first: 1000) { nodes { id } } } } } } }"""
    error = await ask.error(HQ, query, n=1)
    assert error["extensions"] == {"code": Code.COST_EXCEEDED}
    assert "`first`" in error["message"]
    assert ask.statements == []


async def test_an_answer_too_long_to_be_sent_is_refused_with_what_to_do(ask: Ask) -> None:
    for compiled in (True, False):
        ask.engine = Engine(compiled=compiled, answer_bytes=300)
        assert await ask(HQ, "{ clients { nodes { city } } }")
        body = await ask.full(HQ, "{ clients { nodes { id legalName } } }")
        assert body["data"] is None
        assert [error["extensions"] for error in body["errors"]] == [{"code": Code.COST_EXCEEDED}]
        assert "`first`" in body["errors"][0]["message"]


async def test_a_document_of_too_many_words_is_refused_unread(ask: Ask) -> None:
    error = await ask.error(HQ, "{" + " viewer { role }" * 2000 + "}")
    assert error["extensions"]["code"] in (Code.PARSE_FAILED, Code.VALIDATION_FAILED, Code.BAD_REQUEST)


def many_conditions(of: int) -> dict[str, Any]:
    return {"or": [{"legalName": {"eq": str(n)}} for n in range(of)]}


async def test_what_the_arguments_of_an_operation_weigh_together_is_bounded(ask: Ask) -> None:
    roots = " ".join(f"a{n}: clients(first: 1, where: $w) {{ totalCount }}" for n in range(20))
    error = await ask.error(HQ, f"query ($w: ClientWhere) {{ {roots} }}", w=many_conditions(900))
    assert error["extensions"]["code"] == "COST_EXCEEDED"
    assert "several operations" in error["message"]
    assert ask.statements == []
    one = "query ($w: ClientWhere) { clients(first: 1, where: $w) { totalCount } }"
    assert await ask(HQ, one, w=many_conditions(900)) == {"clients": {"totalCount": 0}}


async def test_a_chain_of_relations_weighs_more_than_plain_conditions(ask: Ask) -> None:
    related = {"facilities": {"some": {"postings": {"some": {"daysLate": {"gt": 3}}}}}}
    query = "query ($w: ClientWhere) { clients(where: $w) { totalCount } }"
    assert "errors" not in await ask.full(HQ, query, w={"or": [related] * 20})
    error = await ask.error(HQ, query, w={"or": [related] * 120})
    assert error["extensions"]["code"] == "COST_EXCEEDED"


async def test_wide_rows_cost_more_than_narrow_ones(ask: Ask) -> None:
    wide = " ".join(f"a{n}: id" for n in range(190))
    query = "{ units(first: 136) { nodes { facilities(first: 1000) { nodes { %s } } } } }"
    error = await ask.error(HQ, query % wide)
    assert error["extensions"]["code"] == "COST_EXCEEDED"
    assert "errors" not in await ask.full(HQ, query % "id")


async def test_the_schema_is_shown_once_for_all_and_not_by_many_names(ask: Ask) -> None:
    whole = "{ __schema { types { name fields { name args { name } } } } }"
    first = await ask.full(HQ, whole)
    assert first["extensions"]["plan"]["tier"] == "normal"
    again = await ask.full(SmallBank.shanghai, whole)
    assert again["extensions"]["plan"]["tier"] == "known"
    assert again["data"] == first["data"]
    many = " ".join(f"t{n}: types {{ name }}" for n in range(10))
    error = await ask.error(HQ, f"{{ __schema {{ {many} }} }}")
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
