"""What clients have been in every dimension: a row of history is opened and closed where the value changes.

The segments themselves are never read from here. One statement compares what the rules in force say with the open
rows, and writes where they differ: asking again changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.segmentation.rules import Rulebook
from tenants.playbooks.settling import apply_playbooks
from tenants.segments.cte import FACTS, written
from tenants.segments.rulebook import Rules, RulesInForce
from tenants.transaction import Transaction

ClientKey = tuple[int, UUID]

STATEMENT_LIMIT_S = 600.0
FOR_ALL_CLIENTS = (
    f"set local statement_timeout = {int(STATEMENT_LIMIT_S * 1000)}; set local jit = off; "
    "set local work_mem = '256MB'"
)
"""What a transaction that goes over the whole bank sets first."""


class Cause(StrEnum):
    """Why a row of history was opened: the client's facts, the rules, or the day that a snapshot has found."""

    CHANGE = "CHANGE"
    ACTIVATION = "ACTIVATION"
    SNAPSHOT = "SNAPSHOT"


# One by one, by their keys, and fenced: PostgreSQL would rather join the view of all clients with the few.
_DUE = f"""(
    select known.* from app.segments_due() due cross join lateral (
        select one.* from {FACTS} one
        where one.branch_id = due.branch_id and one.client_id = due.client_id offset 0
    ) known
)"""
_OF_CLIENTS = f"""(
    select known.* from unnest($1::int[], $2::uuid[]) due (branch_id, client_id) cross join lateral (
        select one.* from {FACTS} one
        where one.branch_id = due.branch_id and one.client_id = due.client_id offset 0
    ) known
)"""
_OF_BRANCHES = f"(select known.* from {FACTS} known where known.branch_id = any ($1::int[]))"

_COLUMNS = ("dimension", "value", "rule_set_id")

_STAMP_IF_DUE = "select app.rules_stamp() where current_setting('app.segments_due', true) <> ''"

# The bank's clock may stand before a row's beginning: the day is set by hand, and ends at midnight where it began.
# Rows are locked and made in the order of their keys, as everybody does who records.
_RECORD = """
with said as materialized (
    select s.branch_id, s.client_id, s.dimension, s.value, s.rule_set_id,
        h.id as open_id, h.valid_from, greatest((select app.moment()), h.valid_from) as moment
    from ({segments}) s
    left join bank.segment_history h on h.branch_id = s.branch_id and h.client_id = s.client_id
        and h.dimension_code = s.dimension and h.valid_until = 'infinity'
    where h.value is distinct from s.value
),
held as materialized (
    select said.*
    from said
    join bank.segment_history h on h.branch_id = said.branch_id and h.id = said.open_id
    where h.valid_until = 'infinity'
    order by said.branch_id, said.client_id, said.dimension
    for no key update of h
),
corrected as (
    update bank.segment_history h set value = held.value, rule_set_id = held.rule_set_id
    from held where h.branch_id = held.branch_id and h.id = held.open_id and held.moment = held.valid_from
    returning 1
),
closed as (
    update bank.segment_history h set valid_until = held.moment
    from held where h.branch_id = held.branch_id and h.id = held.open_id and held.moment > held.valid_from
    returning 1
),
opened as (
    insert into bank.segment_history
        (branch_id, id, client_id, dimension_code, value, rule_set_id, valid_from, cause)
    select branch_id, gen_random_uuid(), client_id, dimension, value, rule_set_id, moment, '{cause}'
    from said
    where (open_id is null or moment > valid_from) and (select count(*) from closed) >= 0
    order by branch_id, client_id, dimension
    on conflict (branch_id, client_id, dimension_code) where valid_until = 'infinity' do nothing
    returning 1
)
"""
_MOVED = "select distinct branch_id, client_id from said"


async def record_changes(transaction: Transaction, rules: Rules) -> int:
    """Record the segments of the clients whose facts this transaction has changed; how many have changed segment.

    To be called at the end of whatever writes; the transaction must be able to write to those clients' branches.
    """
    stamp = await transaction.connection.fetchval(_STAMP_IF_DUE)
    if stamp is None:
        return 0
    statement = (await rules.of(transaction, stamp)).changes_sql
    if statement is None:
        return 0
    moved = await transaction.connection.fetch(statement, timeout=STATEMENT_LIMIT_S)
    await apply_playbooks(transaction, [key_of(row) for row in moved])
    return len(moved)


async def record_all(
    transaction: Transaction,
    rulebook: RulesInForce,
    cause: Cause,
    branches: Sequence[int],
    dimensions: Collection[str] | None = None,
) -> list[ClientKey]:
    """Record the segments of all clients of these branches, in some dimensions only; who has moved.

    The transaction is headquarters', and its scope holds the branches. Leaves the tasks that segments imply alone.
    """
    statement = _recording(rulebook, _OF_BRANCHES, cause, dimensions)
    if statement is None:
        return []
    moved = await transaction.connection.fetch(statement + _MOVED, list(branches), timeout=STATEMENT_LIMIT_S)
    return [key_of(row) for row in moved]


async def record_clients(
    transaction: Transaction, rulebook: RulesInForce, cause: Cause, clients: Sequence[ClientKey]
) -> list[ClientKey]:
    """The same for some clients, in every dimension: at once for some thousand at most."""
    statement = _recording(rulebook, _OF_CLIENTS, cause, None)
    if statement is None:
        return []
    keys = [key[0] for key in clients], [key[1] for key in clients]
    moved = await transaction.connection.fetch(statement + _MOVED, *keys, timeout=STATEMENT_LIMIT_S)
    return [key_of(row) for row in moved]


def key_of(row: Any) -> ClientKey:
    """The client of a row."""
    return row["branch_id"], UUID(int=row["client_id"].int)


def recording_changes(rulebook: Rulebook) -> str | None:
    """The statement that records the segments of the clients that are due, and answers who has moved.

    It has no parameters: PostgreSQL plans it once for a connection.
    """
    statement = _recording(rulebook, _DUE, Cause.CHANGE, None)
    return statement and statement + _MOVED


def _recording(
    rulebook: Rulebook, facts: str, cause: Cause, dimensions: Collection[str] | None
) -> str | None:
    """The statement's beginning; None where there is nothing to say."""
    known = {*rulebook.default, *rulebook.overrides}
    wanted = known if dimensions is None else known.intersection(dimensions)
    if not wanted:
        return None
    segments = written(rulebook, facts=facts, dimensions=wanted, columns=_COLUMNS)
    return _RECORD.format(segments=segments, cause=cause)
