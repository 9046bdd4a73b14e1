"""Scores every branch for the end of a period, and writes it down with the parts that explain it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text
from uuid_utils.compat import uuid7

from domain.scorecards.kinds import ScorecardModelStatus, ScorePeriod
from domain.scorecards.models import ScorecardForm, read
from domain.scorecards.scoring import Scored, score
from tenants.database import Transaction
from tenants.scorecards.figures import figures
from tenants.tables import scorecard_model

# One at a time: two that score the same period would each replace the other's parts.
ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('branchgraph scorecards', 0))"

# A scorecard keeps its id for as long as it stands: whoever read it finds it again.
_CARDS = """
insert into bank.branch_scorecard (
    branch_id, id, model_id, period, period_end, score, missing, computed_by
)
select branch_id, id, model_id, period, period_end, score, missing, computed_by
from jsonb_populate_recordset(null::bank.branch_scorecard, cast(:rows as jsonb))
on conflict (branch_id, period_end) do update
set model_id = excluded.model_id, period = excluded.period, score = excluded.score, missing = excluded.missing,
    computed_by = excluded.computed_by, computed_at = now()
returning branch_id, id
"""
_GONE = """
delete from bank.{table} as gone using bank.branch_scorecard as card
where card.branch_id = gone.branch_id and card.id = gone.scorecard_id and card.period_end = :period_end
"""
_ROWS = """
insert into bank.{table} ({columns}) select {columns}
from jsonb_populate_recordset(null::bank.{table}, cast(:rows as jsonb))
"""


@dataclass(frozen=True, slots=True)
class Model:
    """A model and what it says."""

    id: int
    form: ScorecardForm


async def active_model(transaction: Transaction) -> Model | None:
    """The model in force; None where there is none."""
    m = scorecard_model
    row = await transaction.row(
        select(m.c.id, m.c.parameters).where(m.c.status == ScorecardModelStatus.ACTIVE)
    )
    return None if row is None else Model(row["id"], read(row["parameters"]))


async def compute(
    transaction: Transaction, model: Model, period: ScorePeriod, end: dt.date, subject: str
) -> int:
    """Score every branch for the period that ends on `end`, in place of what stood there; how many branches.

    In headquarters' write scope, over every branch. What cannot be known then is named, and borne by the rest.
    """
    await transaction.rows(text(ONE_AT_A_TIME))
    today: dt.date = await transaction.value(text("select app.today()"))
    known = await figures(transaction, model.form, period, end, today)
    scored = {one.branch_id: score(model.form, one.figures) for one in known}
    if not scored:
        return 0
    about = {"model_id": model.id, "period": period, "period_end": end.isoformat(), "computed_by": subject}
    cards = [
        about | {"branch_id": branch, "id": str(uuid7()), "score": one.score, "missing": list(one.missing)}
        for branch, one in scored.items()
    ]
    for table in ("branch_scorecard_part", "branch_scorecard_class"):
        await transaction.rows(text(_GONE.format(table=table)).bindparams(period_end=end))
    written = await transaction.rows(text(_CARDS).bindparams(rows=_json(cards)))
    ids = {row["branch_id"]: UUID(int=row["id"].int) for row in written}
    await _write(transaction, "branch_scorecard_class", _classes(ids, scored))
    await _write(transaction, "branch_scorecard_part", _parts(ids, scored))
    return len(scored)


def _classes(ids: dict[int, UUID], scored: dict[int, Scored]) -> list[dict[str, Any]]:
    return [
        {
            "branch_id": branch,
            "scorecard_id": str(ids[branch]),
            "class_code": part.class_code,
            "position": position,
            "weight": part.weight,
            "points": part.points,
        }
        for branch, one in scored.items()
        for position, part in enumerate(one.classes, 1)
    ]


def _parts(ids: dict[int, UUID], scored: dict[int, Scored]) -> list[dict[str, Any]]:
    return [
        {
            "branch_id": branch,
            "scorecard_id": str(ids[branch]),
            "class_code": part.class_code,
            "indicator": part.indicator,
            "position": position,
            "value": part.value,
            "scaled": part.scaled,
            "weight": part.weight,
            "points": part.points,
        }
        for branch, one in scored.items()
        for position, part in enumerate(one.parts, 1)
    ]


async def _write(transaction: Transaction, table: str, rows: Sequence[dict[str, Any]]) -> None:
    statement = _ROWS.format(table=table, columns=", ".join(rows[0]))
    await transaction.rows(text(statement).bindparams(rows=_json(rows)))


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows, default=str).decode()
