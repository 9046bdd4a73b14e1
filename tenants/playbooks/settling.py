"""Open tasks are what the playbooks in force imply: one statement makes, keeps, hands over and cancels them.

It compares what is with what ought to be, so that asking again changes nothing, whoever asks: whatever changed a
client's segment, the activation of a playbook, the completion of a task, and the daily run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Uuid, bindparam, text

from tenants.transaction import Transaction

ClientKey = tuple[int, UUID]
CLIENTS_AT_ONCE = 2_000
"""How many clients one statement settles: far below what its time allows."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How many tasks were made, cancelled, and changed otherwise (what their item asks for, or who it is for)."""

    made: int = 0
    cancelled: int = 0
    changed: int = 0

    def __add__(self, other: Settled) -> Settled:
        return Settled(self.made + other.made, self.cancelled + other.cancelled, self.changed + other.changed)


# Tasks of a playbook's earlier versions count as its own, and stay what they are where the item is the same: a
# review that is overdue stays so when the playbook is revised. Of what was done, only what was done since the
# client last came to this value counts.
#
# Each step asks for the rows of one client after the other (`offset 0` keeps it so): PostgreSQL cannot tell how
# many rows meet by several columns, and on tables never counted it compared every client with every other.
_SETTLE = """
with chosen as materialized (
    select distinct branch_id, client_id from unnest(:branches, :clients) c (branch_id, client_id)
    -- Whoever settles takes clients in one order: two that meet wait, and never for each other.
    order by branch_id, client_id
),
moment as materialized (select app.today() as today, app.moment() as now),
known as materialized (
    select c.branch_id, c.id as client_id, c.status,
        coalesce(s.first, '{}') || jsonb_build_object('RELATIONSHIP_MANAGER', c.relationship_manager_id) as people
    from chosen
    cross join lateral (
        select * from bank.client c where c.branch_id = chosen.branch_id and c.id = chosen.client_id offset 0
    ) c
    -- Who is first, by code, at each level of the branch: of equal keys, the last is kept.
    cross join lateral (
        select jsonb_object_agg(s.role, s.id order by s.code desc) as first
        from bank.staff s where s.branch_id = chosen.branch_id and s.active
    ) s
),
ought as materialized (
    select k.branch_id, t.* from known k cross join lateral (
        select t.id, i.playbook_id, i.title, i.kind, i.owner_level,
            (k.people ->> i.owner_level)::uuid as assignee_id,
            case when i.code is not null then null when now.id is not null then 'PLAYBOOK_CHANGED'
                else 'RELATIONSHIP_CHANGED' end as cause
        from bank.task t
        join bank.playbook p on p.id = t.playbook_id
        left join bank.segment_history h on h.branch_id = k.branch_id and h.client_id = k.client_id
            and h.dimension_code = p.dimension_code and h.value = p.value and h.valid_until = 'infinity'
        left join bank.playbook now on now.dimension_code = h.dimension_code and now.value = h.value
            and now.status = 'ACTIVE' and k.status <> 'CLOSED'
        left join bank.playbook_item i on i.playbook_id = now.id and i.code = t.item_code
        where t.branch_id = k.branch_id and t.client_id = k.client_id and t.status = 'OPEN'
        and (t.title, t.kind, t.owner_level, t.assignee_id)
            is distinct from (i.title, i.kind, i.owner_level, (k.people ->> i.owner_level)::uuid)
        offset 0
    ) t
),
cancelled as (
    update bank.task t set status = 'CANCELLED', cancelled_because = o.cause, version = t.version + 1
    from ought o
    where t.branch_id = o.branch_id and t.id = o.id and t.status = 'OPEN' and o.cause is not null
    returning 1
),
changed as (
    update bank.task t set playbook_id = o.playbook_id, title = o.title, kind = o.kind,
        owner_level = o.owner_level, assignee_id = o.assignee_id, version = t.version + 1
    from ought o
    where t.branch_id = o.branch_id and t.id = o.id and t.status = 'OPEN' and o.cause is null
    returning 1
),
wanted as materialized (
    select k.branch_id, k.client_id, h.dimension_code, h.value, i.*,
        (k.people ->> i.owner_level)::uuid as assignee_id
    from known k
    cross join lateral (
        select h.dimension_code, h.value, p.id as playbook_id
        from bank.segment_history h
        join bank.playbook p on p.dimension_code = h.dimension_code and p.value = h.value
        where h.branch_id = k.branch_id and h.client_id = k.client_id and h.valid_until = 'infinity'
        and h.dimension_code = any (array(select dimension_code from bank.playbook where status = 'ACTIVE'))
        and p.status = 'ACTIVE'
        offset 0
    ) h
    cross join lateral (
        select array_agg(t.item_code) as open from bank.task t join bank.playbook p on p.id = t.playbook_id
        where t.branch_id = k.branch_id and t.client_id = k.client_id and t.status = 'OPEN'
        and p.dimension_code = h.dimension_code and p.value = h.value
    ) t
    join bank.playbook_item i on i.playbook_id = h.playbook_id and i.code <> all (coalesce(t.open, '{}'))
    where k.status <> 'CLOSED'
),
made as (
    insert into bank.task (branch_id, id, client_id, playbook_id, item_code, title, kind, owner_level, assignee_id,
        due_on, created_at)
    select w.branch_id, app.task_id(), w.client_id, w.playbook_id, w.code, w.title, w.kind, w.owner_level,
        w.assignee_id,
        case
            when done.due_on is null then moment.today + w.first_due_days
            when step.once > done.done_on then step.once
            else step.again
        end, moment.now
    from wanted w cross join moment
    left join lateral (
        select t.due_on, (t.done_at at time zone 'UTC')::date as done_on from bank.task t
        join bank.playbook p on p.id = t.playbook_id
        where t.branch_id = w.branch_id and t.client_id = w.client_id and t.item_code = w.code
        and t.status = 'DONE' and p.dimension_code = w.dimension_code and p.value = w.value
        and not exists (
            select from bank.segment_history h where h.branch_id = t.branch_id and h.client_id = t.client_id
            and h.dimension_code = w.dimension_code and h.valid_until > t.done_at and h.valid_until < 'infinity'
            and (h.value <> w.value or not exists (
                select from bank.segment_history following where following.branch_id = h.branch_id
                and following.client_id = h.client_id and following.dimension_code = h.dimension_code
                and following.value = h.value and following.valid_from = h.valid_until
            ))
        )
        order by t.due_on desc limit 1
    ) done on true
    -- The first multiple of the interval after the day on which it was done: whole intervals between, or one more.
    left join lateral (
        select greatest(1, (
            (extract(year from done.done_on) - extract(year from done.due_on)) * 12
            + extract(month from done.done_on) - extract(month from done.due_on)
        )::int / w.every_months) as intervals
    ) passed on true
    left join lateral (
        select (done.due_on + make_interval(months => w.every_months * passed.intervals))::date as once,
            (done.due_on + make_interval(months => w.every_months * (passed.intervals + 1)))::date as again
    ) step on true
    where done.due_on is null or w.every_months is not null
    -- Cancelled on the day on which it was made, and implied again: the client came back.
    on conflict (branch_id, client_id, playbook_id, item_code, due_on) do update
    set status = 'OPEN', cancelled_because = null, assignee_id = excluded.assignee_id, version = task.version + 1
    where task.status = 'CANCELLED'
    returning 1
)
select (select count(*) from made) as made, (select count(*) from cancelled) as cancelled,
    (select count(*) from changed) as changed
"""
_SETTLED = text(_SETTLE).bindparams(
    bindparam("branches", type_=ARRAY(Integer)), bindparam("clients", type_=ARRAY(Uuid))
)

_EVERY_CLIENT = text("select branch_id, id from bank.client order by branch_id, id")


async def apply_playbooks(transaction: Transaction, clients: Sequence[ClientKey]) -> Settled:
    """Make the open tasks of these clients what their playbooks imply, from the segments as this transaction has
    left them; the transaction must be able to write to their branches."""
    settled = Settled()
    in_order = sorted(clients)
    for start in range(0, len(in_order), CLIENTS_AT_ONCE):
        some = in_order[start : start + CLIENTS_AT_ONCE]
        parameters = {"branches": [key[0] for key in some], "clients": [key[1] for key in some]}
        row = await transaction.row(_SETTLED.bindparams(**parameters))
        assert row is not None
        settled += Settled(**_counts(row))
    return settled


async def due_tasks(transaction: Transaction) -> Settled:
    """The same of every client in the transaction's sight: what the day has brought, and what anything missed."""
    rows = await transaction.rows(_EVERY_CLIENT)
    return await apply_playbooks(transaction, [(row["branch_id"], row["id"]) for row in rows])


def _counts(row: Any) -> dict[str, int]:
    return {name: row[name] for name in ("made", "cancelled", "changed")}
