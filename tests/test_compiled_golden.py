"""Sample operations stay one statement, and that statement stays the one that was looked at.

The statements lie in tests/golden/. After a change that is meant, `make golden` writes them anew: read the diff.
A document of this folder says by its first line as whom it is asked; those of GraphiQL and of the bench, by
their file or by the bench's list.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from compared_answers import Bank, opened_bank
from conftest import Server
from graphql import OperationType, parse
from segment_rules import put_in_force
from small_bank import SHANGHAI, SmallBank, client_id, facility_id
from sql_layout import laid_out

import api.graphiql
from api.graphiql.operations import example_groups
from bench.operations import OPERATIONS
from domain.access import Caller
from schema.binding import binding
from schema.ids import encode
from schema.ordering import OrderKey, complete_order
from schema.paging import encode_cursor

GOLDEN = Path(__file__).with_name("golden")
WRITES = "WRITE_GOLDEN" in os.environ
CALLERS = {
    "headquarters": SmallBank.headquarters,
    "region": SmallBank.east,
    "branch": SmallBank.shanghai,
    "client": SmallBank.huaxia,
}
CLIENT = encode("Client", (SHANGHAI, client_id(0)))
BY_MATURITY = complete_order(binding("Facility"), (OrderKey("matures_on", nulls_first=True),))
PLACE = {"matures_on": None, "branch_id": SHANGHAI, "id": facility_id(0)}
VARIABLES: dict[str, dict[str, Any]] = {
    "03-backwards-before-a-cursor": {"before": encode_cursor(binding("Facility"), BY_MATURITY, PLACE)},
    "bench-one_client": {"id": CLIENT},
    "06-nodes-of-many-types": {
        "ids": [
            CLIENT,
            encode("Facility", (SHANGHAI, facility_id(0))),
            encode("OrganisationUnit", (SHANGHAI,)),
            CLIENT,
        ]
    },
    "08-everything-of-one-client": {"id": CLIENT},
    "09-reasons-of-one-client": {"id": CLIENT},
}
Sample = tuple[str, Caller, str]


def own_samples() -> Iterator[Sample]:
    for file in sorted(GOLDEN.glob("*.graphql")):
        text = file.read_text(encoding="utf-8")
        asked_as = re.match(r"# as: (\w+)\n", text)
        assert asked_as, f"{file.name} must begin with `# as: ` and who asks"
        yield file.stem, CALLERS[asked_as[1]], text


def samples_of_graphiql() -> Iterator[Sample]:
    for group in example_groups(Path(api.graphiql.__file__).with_name("examples")):
        for example in group["examples"]:
            (operation, *_) = parse(example["query"]).definitions
            if getattr(operation, "operation", None) is OperationType.QUERY:
                yield f"example-{example['name']}", CALLERS[group["persona"]], example["query"]


def samples_of_the_bench() -> Iterator[Sample]:
    for operation in OPERATIONS:
        yield f"bench-{operation.name}", CALLERS[operation.persona.partition(":")[0]], operation.document()


SAMPLES = {
    name: (caller, text)
    for name, caller, text in (*own_samples(), *samples_of_graphiql(), *samples_of_the_bench())
}


@pytest.fixture(scope="module")
def bank(server: Server, template: str) -> Iterator[Bank]:
    with opened_bank(server, template) as bank:
        bank.run(_furnish(bank))
        yield bank


async def _furnish(bank: Bank) -> None:
    administrator = await asyncpg.connect(bank.dsn, timeout=20)
    try:
        await put_in_force(administrator)
    finally:
        await administrator.close()
    # Read once by every server, and before these statements are counted.
    async with bank.database.transaction(await bank.directory.operator()) as transaction:
        await bank.directory.rules.fresh(transaction)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_answered_by_the_one_statement_that_was_looked_at(bank: Bank, name: str) -> None:
    caller, text = SAMPLES[name]
    (statement,), body = bank.run(_watched(bank, caller, text, VARIABLES.get(name, {})))
    assert "errors" not in body, body["errors"]
    assert body["extensions"]["plan"]["tier"] == "compiled"
    golden, found = GOLDEN / f"{name}.sql", laid_out(_without_rules(statement))
    if WRITES:
        golden.write_text(found, encoding="utf-8")
    assert golden.exists(), f"{golden.name} is missing: `make golden` writes it"
    assert found == golden.read_text(encoding="utf-8"), "if this is meant, `make golden` and read the diff"


def _without_rules(statement: str) -> str:
    """The statement but for the rules in front of it, which the tests of those look at."""
    before, _, rest = statement.partition("as not materialized (")
    _, mark, after = rest.partition(") select case when app.rules_stamp() = ")
    return f"{before}as not materialized (…{mark}{after}" if mark else statement


async def _watched(bank: Bank, caller: Caller, text: str, variables: dict[str, Any]) -> tuple[list[str], Any]:
    """Every statement of the answer, and the answer."""
    statements: list[str] = []
    request = await bank.request(caller)
    bank.database.observer = statements.append
    faults: list[BaseException] = []
    answered = await bank.body(bank.engines[0], request, text, variables, faults)
    assert not faults
    return statements, orjson.loads(answered)


def test_no_statement_is_kept_of_a_sample_that_is_gone() -> None:
    assert {file.stem for file in GOLDEN.glob("*.sql")} == set(SAMPLES)
