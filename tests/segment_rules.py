"""Three small dimensions over the small bank's clients, put in force without anybody's leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import asyncpg
import orjson

from domain.conditions import AllOf, Compare, Operator
from domain.money import Money
from domain.segmentation import json_form
from domain.segmentation.rules import Rule, RuleSet

SOUND = RuleSet(
    "soundness",
    ("SOUND", "FAIR", "WEAK"),
    (
        Rule("SOUND", Compare("assignedGrade", Operator.EQ, "A"), "as graded"),
        Rule("FAIR", Compare("assignedGrade", Operator.IN, ("A", "B"))),
    ),
    "WEAK",
)
SCALE = RuleSet(
    "scale",
    ("BIG", "SMALL", "MIDDLE"),
    (
        Rule("BIG", Compare("registeredCapital", Operator.GTE, Money(80_000_000_00, "CNY"))),
        Rule("SMALL", Compare("registeredCapital", Operator.LT, Money(10_000_000_00, "CNY"))),
    ),
    "MIDDLE",
)
WEIGHT = RuleSet(
    "weight",
    ("HEAVY", "LIGHT"),
    (
        Rule(
            "HEAVY",
            AllOf(
                (
                    Compare("segment.soundness", Operator.NE, "WEAK"),
                    Compare("segment.scale", Operator.EQ, "BIG"),
                )
            ),
        ),
    ),
    "LIGHT",
)
RULE_SETS = (SOUND, SCALE, WEIGHT)


async def put_in_force(
    connection: asyncpg.Connection, rule_sets: Iterable[RuleSet] = RULE_SETS, *, unit_id: int | None = None
) -> None:
    """Put them in force from long ago, in the place of what was; `unit_id` makes them a unit's own."""
    async with connection.transaction():
        for rule_set in rule_sets:
            await _put(connection, rule_set, unit_id)


async def _put(connection: asyncpg.Connection, rule_set: RuleSet, unit_id: int | None) -> None:
    code = rule_set.dimension
    await connection.execute(
        "insert into bank.dimension (code, name, overridable) values ($1, $1, true) on conflict do nothing",
        code,
    )
    here = "dimension_code = $1 and unit_id is not distinct from $2::int"
    number: Any = await connection.fetchval(
        f"select coalesce(max(number), 0) + 1 from bank.rule_set where {here}", code, unit_id
    )
    await connection.execute(
        "update bank.rule_set set status = 'ARCHIVED', effective_until = effective_from "
        f"where {here} and effective_from is not null and effective_until is null",
        code,
        unit_id,
    )
    await connection.execute(
        "insert into bank.rule_set (dimension_code, unit_id, number, status, body, effective_from, created_by, "
        "edited_by, activated_by, activated_at) "
        "values ($1, $2, $3, 'ACTIVE', $4, $5, 'one', 'one', 'another', now())",
        code,
        unit_id,
        number,
        orjson.dumps(json_form.written(rule_set)).decode(),
        dt.date(2000, 1, 1),
    )


async def record_periods(connection: asyncpg.Connection) -> None:
    """Say of every client that it was something for a year, and has been something else since."""
    await connection.execute(
        """
        insert into bank.segment_history
            (branch_id, id, client_id, dimension_code, value, rule_set_id, valid_from, valid_until, cause)
        select c.branch_id, gen_random_uuid(), c.id, 'soundness', period.value, period.rule_set_id,
            period.since, period.until, period.cause
        from bank.client c
        cross join (values
            ('WEAK', 1, timestamptz '2023-01-01Z', timestamptz '2024-01-01Z', 'CHANGE'),
            ('SOUND', 2, timestamptz '2024-01-01 12:00:00.12Z', timestamptz 'infinity', 'ACTIVATION')
        ) as period (value, rule_set_id, since, until, cause)
        where not exists (
            select from bank.segment_history h
            where h.branch_id = c.branch_id and h.client_id = c.id and h.dimension_code = 'soundness'
        )
        """
    )
