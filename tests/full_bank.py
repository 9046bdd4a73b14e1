"""Something of every branch in every tenant table, on top of the odd bank."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from typing import Any
from uuid import uuid4

import asyncpg

_LONG_AGO = (dt.date(1900, 1, 1) + dt.timedelta(days=n) for n in itertools.count())


def something_everywhere(branch: int, currency: str) -> str:
    """What brings rows of the branch into the tables that have none yet, as SQL for the administrator.

    `currency` is another one for each branch: it is part of a key.
    """
    a_client = f"(select id from bank.client where branch_id = {branch} limit 1)"
    somebody = f"(select id from bank.staff where branch_id = {branch} limit 1)"
    return (
        # A branch may record no other link than a claim.
        f"update bank.client_link set recorded_by = 'bo', confirmed_by = null where branch_id = {branch};"
        f"update bank.staff set code = code || ' of {branch}' where branch_id = {branch};"
        f"update bank.interaction set staff_id = {somebody} where branch_id = {branch};"
        "insert into bank.idempotency_key (branch_id, subject, key, operation, payload_sha256, result) "
        f"values ({branch}, 'bo', 'k{branch}', 'o', 'p', '{{}}');"
        "insert into bank.import_job (branch_id, id, mapping, file_name, file_sha256, mapping_sha256, "
        f"file_bytes, status) values ({branch}, gen_random_uuid(), 'm', 'f', 'f{branch}', 'm', 1, 'RUNNING');"
        "insert into bank.branch_standing (branch_id, day, currency, contribution_minor) "
        f"values ({branch}, '2025-12-31', '{currency}', 1);"
        "insert into bank.client_fact_version (branch_id, client_id, valid_from, valid_until) "
        f"values ({branch}, {a_client}, '2024-01-01', '2025-01-01');"
        # A period of its own, so that another branch may have the same.
        f"update bank.branch_scorecard set period_end = period_end + {branch} where branch_id = {branch};"
        + _limits(branch)
        + _caps(branch)
        + _snapshots(branch)
        + _another("group_derivation", f"'branch_id', {branch}")
        + _another("task", f"'branch_id', {branch}, 'client_id', {a_client}, 'assignee_id', {somebody}")
    )


async def parents_at_home(
    administrator: asyncpg.Connection, foreign: int, branch: int, home: dict[str, str]
) -> dict[str, str]:
    """Rows of the branch like the foreign one's, for its own client and facility, that a copied row may refer to.

    Their ids, by the column that refers to them.
    """
    made: dict[str, str] = {}
    for column, table, changes in (
        ("enrolment_id", "compensation_enrolment", {"status": "WITHDRAWN", "claimed_minor": 0}),
        ("claim_id", "compensation_claim", {}),
        ("movement_id", "compensation_movement", {}),
        ("scorecard_id", "branch_scorecard", {"period_end": str(next(_LONG_AGO))}),
    ):
        own: dict[str, Any] = {"branch_id": branch, "id": str(uuid4()), **home, **made, **changes}
        await administrator.execute(
            f"insert into bank.{table} select (jsonb_populate_record(one, $1)).* from bank.{table} as one "
            "where branch_id = $2 limit 1",
            json.dumps(own),
            foreign,
        )
        made[column] = own["id"]
    return made | await _limits_at_home(administrator, branch, home, made["movement_id"])


def _another(table: str, changes: str) -> str:
    """One more row, like one that is there."""
    changed = f"jsonb_build_object('id', gen_random_uuid(), {changes})"
    return (
        f"insert into bank.{table} select (jsonb_populate_record(one, {changed})).* "
        f"from bank.{table} as one limit 1;"
    )


def _limits(branch: int) -> str:
    """A branch's own limit and one below it, something promised there, taken back, and the ledger of that."""
    top, line = _top(branch), _row_id(branch, 1)
    reversed_id = _row_id(branch, 2)
    told = "'CNY', '2025-12-31', 'bo'"
    node = "branch_id, id, kind, name, parent_branch_id, parent_id, client_id, facility_id, currency, "
    terms = "sanctioned_minor, sharing, valid_from, valid_until, status, created_by, approved_by"
    in_force = "'CNY', 100, 'RING_FENCED', '2020-01-01', '2035-12-31', 'ACTIVE', 'bo', 'bea'"
    kept = "addition_minor, tolerance, reinstatement, sharing, parent_rate, first_day, last_day, status"
    return (
        f"insert into bank.limit_node ({node} {terms}) values ({branch}, '{_row_id(branch, 3)}', 'BRANCH', 'x', "
        f"null, null, null, null, {in_force}) on conflict do nothing;"
        f"insert into bank.limit_node ({node} {terms}) select branch_id, '{line}', 'FACILITY', 'x', branch_id, "
        f"{top}, client_id, id, {in_force} from bank.facility f where branch_id = {branch} and not exists "
        "(select from bank.limit_commitment k where k.branch_id = f.branch_id and k.facility_id = f.id) limit 1;"
        f"insert into bank.limit_node_version (branch_id, id, node_id, name, sanctioned_minor, {kept}, "
        f"valid_from, valid_until) values ({branch}, '{line}', '{line}', 'w', 1, 0, 0, 'REVOLVING', 'SHARED', 1, "
        "'2020-01-01', '2035-12-31', 'DRAFT', '2019-01-01', '2019-01-02');"
        "insert into bank.limit_commitment (branch_id, id, node_id, client_id, facility_id, currency, status, "
        f"granted_minor, opened_on, moved_on) select branch_id, '{line}', id, client_id, facility_id, 'CNY', "
        f"'REVERSED', 1, '2025-12-31', '2025-12-31' from bank.limit_node where branch_id = {branch} "
        f"and id = '{line}';"
        "insert into bank.limit_movement (branch_id, id, node_id, commitment_id, reverses_id, operation, "
        f"currency, value_date, actor) values ({branch}, '{reversed_id}', '{line}', '{line}', null, 'RESERVE', "
        f"{told}), ({branch}, '{line}', '{line}', '{line}', '{reversed_id}', 'REVERSE', {told});"
        "insert into bank.limit_posting (branch_id, movement_id, node_id, bucket, delta_minor) "
        f"values ({branch}, '{line}', '{line}', 'UTILISED', 1);"
    )


async def _limits_at_home(
    administrator: asyncpg.Connection, branch: int, home: dict[str, str], movement_id: str
) -> dict[str, str]:
    """The branch's own limit as a parent, another one below it, a commitment and movements that refer to that."""
    top = await administrator.fetchval(f"select {_top(branch)}::text")
    line, commitment, reversed_id = (str(uuid4()) for _ in range(3))
    told = f"'{line}', 'OPEN', 'CNY', '2025-12-31', 'bo'"
    await administrator.execute(
        "insert into bank.limit_node (branch_id, id, kind, name, parent_branch_id, parent_id, currency, "
        f"sanctioned_minor, valid_from, valid_until, created_by) values ({branch}, '{line}', 'SUBLIMIT', 'x', "
        f"{branch}, '{top}', 'CNY', 1, '2020-01-01', '2035-12-31', 'bo');"
        "insert into bank.limit_commitment (branch_id, id, node_id, client_id, currency, status, granted_minor, "
        f"opened_on, moved_on) values ({branch}, '{commitment}', '{line}', '{home['client_id']}', 'CNY', "
        "'RELEASED', 1, '2025-12-31', '2025-12-31');"
        "insert into bank.limit_movement (branch_id, id, node_id, operation, currency, value_date, actor) "
        f"values ({branch}, '{movement_id}', {told}), ({branch}, '{reversed_id}', {told})"
    )
    return {
        "parent_branch_id": str(branch),
        "parent_id": top,
        "node_id": line,
        "commitment_id": commitment,
        "reverses_id": reversed_id,
    }


def _caps(branch: int) -> str:
    """A cap of which only this branch has a share, and what it counts there."""
    cap, line = 100 + branch, _row_id(branch, 1)
    return (
        "insert into bank.concentration_cap (id, name, per, counts, currency, ceiling_minor, valid_from, "
        f"created_by) overriding system value values (900, 'all', 'BANK', 'LOANS', 'CNY', 1, '2020-01-01', 'bo'), "
        f"({cap}, 'one', 'BANK', 'LOANS', 'CNY', 1, '2020-01-01', 'bo') on conflict do nothing;"
        "insert into bank.cap_share (branch_id, cap_id, subject, currency, share_minor, used_minor) "
        f"values ({branch}, {cap}, '', 'CNY', 1, 1);"
        "insert into bank.cap_posting (branch_id, movement_id, cap_id, subject, commitment_id, delta_minor) "
        f"values ({branch}, '{line}', {cap}, '', '{line}', 1);"
        "insert into bank.cap_deal (branch_id, id, cap_id, subject, delta_minor, currency, actor, reason) "
        f"values ({branch}, '{line}', {cap}, '', 1, 'CNY', 'bo', 'x');"
    )


def _snapshots(branch: int) -> str:
    """What was kept of the branch at a month's end."""
    amounts = "granted_minor, earmarked_minor, reserved_minor, utilised_minor, committed_minor"
    return (
        f"insert into bank.quota_snapshot (branch_id, id, month_end, node_id, kind, currency, {amounts}) "
        f"values ({branch}, '{_row_id(branch, 4)}', '2025-11-30', {_top(branch)}, 'BRANCH', 'CNY', "
        "100, 0, 0, 1, 1);"
    )


def _row_id(branch: int, place: int) -> str:
    """An id of the branch's own, before every id that is made as time goes by."""
    return f"00000000-0000-7000-8000-{branch:08x}{place:04x}"


def _top(branch: int) -> str:
    return (
        f"(select id from bank.limit_node where branch_id = {branch} and inner_parent_id is null "
        "and status <> 'CLOSED')"
    )
