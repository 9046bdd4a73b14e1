"""Whatever is asked, the compiled plan and the normal executor answer the same bytes, for every kind of caller.

DRAWN_OPERATIONS sets how many operations are drawn (the suite's few hundred if not set), FIRST_SEED with which
seed to begin.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator

import pytest
from compared_answers import Bank, opened_bank
from conftest import Server
from drawn_operations import Drawn, drawn_operation
from drawn_values import Pool
from generated_operations import generated_operations
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shrunk_operations import shrunk
from small_bank import SmallBank

from domain.access import Caller
from schema.graph import graph

# graphql-core drops what it has not begun to await beside a field that is refused.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SCHEMA = graph()._schema
CALLERS = {
    "headquarters": SmallBank.headquarters,
    "a region": SmallBank.east,
    "a branch": SmallBank.shanghai,
    "a client": SmallBank.huaxia,
}
COUNT = int(os.environ.get("DRAWN_OPERATIONS", "300"))
FIRST = int(os.environ.get("FIRST_SEED", "0"))
LEAST_COMPILED = 0.85
FALLBACKS = {
    "an argument is refused, and the normal executor says so at its place",
    "RuleSet.findings is answered by Python",
    "RuleSet.differences is answered by Python",
    "RuleSet.moving is answered by Python",
}
"""Why an operation of these may be left to the normal executor; anything else is news."""
MOST_SHOWN = 5


@pytest.fixture(scope="module")
def bank(server: Server, odd_template: str) -> Iterator[Bank]:
    with opened_bank(server, odd_template) as bank:
        yield bank


async def difference(bank: Bank, caller: Caller, drawn: Drawn) -> str | None:
    """How the answers differ, shown by the smallest operation; None where they do not."""
    if not (await bank.answers(caller, drawn.text, drawn.variables)).differ:
        return None

    async def shows(candidate: Drawn) -> bool:
        return (await bank.answers(caller, candidate.text, candidate.variables)).differ

    smallest = await shrunk(SCHEMA, drawn, shows)
    told = await bank.answers(caller, smallest.text, smallest.variables)
    return (
        f"{caller.role}: {smallest.text} {smallest.variables}\n"
        f"  compiled {told.compiled[:2000]!r}\n  normal   {told.normal[:2000]!r}\n  faults {told.faults!r}"
    )


async def differences(bank: Bank, pool: Pool, seeds: range) -> list[str]:
    found: list[str] = []
    callers = list(CALLERS.values())
    for seed in seeds:
        drawn = drawn_operation(SCHEMA, pool, seed)
        told = await difference(bank, callers[seed % len(callers)], drawn)
        found += [f"seed {seed}, {told}"] if told else []
        if len(found) == MOST_SHOWN:
            break
    return found


def test_operations_drawn_over_the_whole_schema_are_answered_alike_both_ways(
    bank: Bank, odd_pool: Pool
) -> None:
    found = bank.run(differences(bank, odd_pool, range(FIRST, FIRST + COUNT)))
    gc.collect()
    tally = bank.tally
    sys.stdout.write(f"{dict(tally.tiers)} {tally.reasons.most_common()}\n")
    assert not found, "\n\n".join(found)
    assert tally.compiled_share >= LEAST_COMPILED
    assert set(tally.reasons) <= FALLBACKS


def test_operations_by_hypothesis_graphql_are_answered_alike_both_ways(bank: Bank, odd_pool: Pool) -> None:
    @settings(
        max_examples=max(COUNT // 10, 20),
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(generated_operations(SCHEMA, odd_pool), st.sampled_from(list(CALLERS.values())))
    def holds(drawn: Drawn, caller: Caller) -> None:
        told = bank.run(difference(bank, caller, drawn))
        assert not told, told

    before = bank.tally.tiers.total()
    bank.tally.reasons.clear()
    holds()
    gc.collect()
    sys.stdout.write(f"{bank.tally.tiers.total() - before} {bank.tally.reasons.most_common()}\n")
    assert set(bank.tally.reasons) <= FALLBACKS
