"""The rulebook as SQL: the query behind `client_segment`, a row for each client and dimension.

    select f.branch_id, f.client_id, s.dimension, s.value, …
    from bank.client_facts f cross join lateral (<an arm for each dimension> union all …) s

The row of facts is read once however many dimensions are asked for; a condition on the client reaches the facts
themselves, one on the dimension leaves that dimension's arm alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from domain.segmentation.rules import Rulebook, Version
from tenants.segments.arms import COLUMNS, arm
from tenants.segments.conditions import ROW
from tenants.segments.rulebook import RulesInForce

FACTS = "bank.client_facts"

_NOTHING = (
    "select 0 as branch_id, null::uuid as client_id, ''::text as dimension, ''::text as value, 0 as rule_set_id, "
    "0 as rule, ''::text as note, '[]'::text as because, '{}'::text[] as missing, '{}'::text[] as also_matched, "
    "''::text as value_by_rule "
    "where false"
)


def written(
    rulebook: Rulebook,
    *,
    facts: str = FACTS,
    dimensions: Collection[str] | None = None,
    columns: Sequence[str] = COLUMNS,
) -> str:
    """The query over `facts`, which has the columns of `bank.client_facts`; of some dimensions and columns only."""
    made = " union all ".join(arms(rulebook, dimensions, columns))
    if not made:
        return _NOTHING
    selected = ", ".join(f"s.{name}" for name in columns)
    return f"select {ROW}.branch_id, {ROW}.client_id, {selected} from {facts} {ROW} cross join lateral ({made}) s"


def arms(rulebook: Rulebook, dimensions: Collection[str] | None, columns: Sequence[str]) -> Iterator[str]:
    """The SELECTs over one row of facts, `f`: of a dimension one for each group of branches with its own rules."""
    listed = sorted({*rulebook.default, *rulebook.overrides})
    for dimension in listed:
        if dimensions is None or dimension in dimensions:
            yield from _arms_of(dimension, rulebook, columns)


def _arms_of(dimension: str, rulebook: Rulebook, columns: Sequence[str]) -> Iterator[str]:
    """One arm for the bank, and one for each group of branches whose rules differ from the bank's."""
    elsewhere: list[int] = []
    for versions, branches in _territories(dimension, rulebook):
        elsewhere += branches
        if dimension in versions:
            yield arm(dimension, versions, columns, where=f" where {ROW}.branch_id = any ({_ids(branches)})")
    if dimension in rulebook.default:
        others = f" where {ROW}.branch_id <> all ({_ids(elsewhere)})" if elsewhere else ""
        yield arm(dimension, rulebook.default, columns, where=others)


def _territories(dimension: str, rulebook: Rulebook) -> list[tuple[Mapping[str, Version], list[int]]]:
    """The branches where the dimension, or one that it depends on, has other rules than the bank's."""
    paths = rulebook.paths if isinstance(rulebook, RulesInForce) else {}
    if rulebook.overrides and not paths:
        raise ValueError("overrides hold for what lies below a unit: a RulesInForce knows the tree")
    usual = _identity(dimension, rulebook.default)
    found: dict[frozenset[int], tuple[Mapping[str, Version], list[int]]] = {}
    for unit_id, path in paths.items() if rulebook.overrides else ():
        there = {
            name: version
            for name in {*rulebook.default, *rulebook.overrides}
            if (version := rulebook.version_for(name, path)) is not None
        }
        identity = _identity(dimension, there)
        if identity != usual:
            found.setdefault(identity, (there, []))[1].append(unit_id)
    return list(found.values())


def _identity(dimension: str, versions: Mapping[str, Version]) -> frozenset[int]:
    """The rule sets that decide the dimension: its own, and those of the dimensions that it depends on."""
    reached: dict[str, int] = {}
    waiting = [dimension]
    while waiting:
        name = waiting.pop()
        if name in versions and name not in reached:
            reached[name] = versions[name].id
            waiting += versions[name].rule_set.segments()
    return frozenset(reached.values())


def _ids(branches: list[int]) -> str:
    return f"'{{{','.join(map(str, sorted(branches)))}}}'::int[]"
