"""No caller can hold up the others by asking for too much at once."""

from __future__ import annotations

import time

import pytest
from conftest import Ask
from graphql import FieldNode, FragmentDefinitionNode, OperationDefinitionNode, parse
from small_bank import SmallBank

from schema.budget import Budget, width
from schema.errors import Code, CodedError

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
    assert time.perf_counter() - began < 1


def test_a_budget_is_spent_to_the_last_value_and_no_further() -> None:
    budget = Budget(values=10)
    budget.spend(5, 2)
    with pytest.raises(CodedError, match="fewer rows"):
        budget.spend(1, 1)


def test_time_that_has_run_out_is_a_coded_time_out() -> None:
    with pytest.raises(CodedError) as refused:
        Budget(deadline=time.monotonic() - 1).spend(1, 1)
    assert refused.value.extensions == {"code": Code.TIMEOUT}


async def test_too_much_at_once_is_refused_with_what_to_do(ask: Ask) -> None:
    aliases = " ".join(f"a{n}: legalName" for n in range(800))
    lists = " ".join(f"l{n}: clients {{ nodes {{ {aliases if n == 0 else 'id'} }} }}" for n in range(20))
    assert "errors" not in await ask.full(HQ, f"{{ {lists} }}")

    many = " ".join(f"a{n}: legalName" for n in range(300))
    asked = " ".join(f"l{n}: clients {{ nodes {{ ...F }} }}" for n in range(60))
    error = (await ask.full(HQ, f"{{ {asked} }} fragment F on Client {{ {many} }}"))["errors"][0]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "`first`" in error["message"]


async def test_rows_asked_for_by_their_ids_cost_what_rows_of_a_list_cost(ask: Ask) -> None:
    query = "query ($ids: [ID!]!) {{ {asked} }} fragment F on Client {{ {many} }}"
    (row,) = (await ask(HQ, "{ clients(first: 1) { nodes { id } } }"))["clients"]["nodes"]
    many = " ".join(f"a{n}: legalName" for n in range(300))
    asked = " ".join(f"n{n}: nodes(ids: $ids) {{ ...F }}" for n in range(4))
    error = await ask.error(HQ, query.format(asked=asked, many=many), ids=[row["id"]] * 100)
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "values" in error["message"]


async def test_a_document_of_too_many_words_is_refused_unread(ask: Ask) -> None:
    error = await ask.error(HQ, "{" + " viewer { role }" * 2000 + "}")
    assert error["extensions"]["code"] in (Code.PARSE_FAILED, Code.VALIDATION_FAILED, Code.BAD_REQUEST)
