"""Something of every branch in every tenant table, on top of the odd bank."""

from __future__ import annotations


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
        + _another("group_derivation", f"'branch_id', {branch}")
        + _another("task", f"'branch_id', {branch}, 'client_id', {a_client}, 'assignee_id', {somebody}")
    )


def _another(table: str, changes: str) -> str:
    """One more row, like one that is there."""
    changed = f"jsonb_build_object('id', gen_random_uuid(), {changes})"
    return (
        f"insert into bank.{table} select (jsonb_populate_record(one, {changed})).* "
        f"from bank.{table} as one limit 1;"
    )
