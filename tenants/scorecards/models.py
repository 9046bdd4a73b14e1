"""Models of the scorecard as rows: written with their classes and indicators, put into force, shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text, update

from domain.scorecards.kinds import ScorecardModelStatus
from domain.scorecards.models import ScorecardForm, read, written
from tenants.database import Transaction
from tenants.scorecards.computing import ONE_AT_A_TIME
from tenants.segments.shipped import ACTIVATED_BY
from tenants.tables import scorecard_class, scorecard_indicator, scorecard_model
from tenants.tables.rules import SHIPPED_BY

SHIPPED = Path(__file__).resolve().parent / "shipped" / "scorecard.json"
NAME = "Branch scorecard, as shipped"


async def ensure_default_model(transaction: Transaction) -> None:
    """Give a bank without any model the shipped one, active."""
    await transaction.rows(text(ONE_AT_A_TIME))
    if await transaction.value(select(scorecard_model.c.id).limit(1)) is None:
        form = read(SHIPPED.read_text(encoding="utf-8"))
        await put_in_force(transaction, ACTIVATED_BY, await write(transaction, SHIPPED_BY, NAME, form))


async def write(transaction: Transaction, subject: str, name: str, form: ScorecardForm) -> int:
    """A new version, a draft, with its classes and indicators; its id."""
    m = scorecard_model
    latest = await transaction.value(select(func.max(m.c.number)))
    made: int = await transaction.value(
        insert(m)
        .values(number=(latest or 0) + 1, name=name, parameters=written(form), created_by=subject)
        .returning(m.c.id)
    )
    classes: list[dict[str, Any]] = [
        {"model_id": made, "class_code": one.class_code, "position": position, "weight": one.weight}
        for position, one in enumerate(form.classes, 1)
    ]
    await transaction.rows(insert(scorecard_class).values(classes))
    indicators = [(group.class_code, one) for group in form.classes for one in group.indicators]
    await transaction.rows(
        insert(scorecard_indicator).values(
            [
                {
                    "model_id": made,
                    "indicator": one.indicator,
                    "class_code": class_code,
                    "position": position,
                    "name": one.name,
                    "figure": one.figure,
                    "direction": one.direction,
                    "floor_value": one.floor,
                    "target_value": one.target,
                    "weight": one.weight,
                }
                for position, (class_code, one) in enumerate(indicators, 1)
            ]
        )
    )
    return made


async def put_in_force(transaction: Transaction, subject: str, model_id: int) -> None:
    """Let branches be scored by this model, in place of the one in force."""
    m = scorecard_model
    gone = {"status": ScorecardModelStatus.ARCHIVED, "archived_at": func.now(), "version": m.c.version + 1}
    await transaction.rows(update(m).where(m.c.status == ScorecardModelStatus.ACTIVE).values(**gone))
    come: dict[str, Any] = {"status": ScorecardModelStatus.ACTIVE, "activated_by": subject}
    come |= {"activated_at": func.now(), "version": m.c.version + 1}
    await transaction.rows(update(m).where(m.c.id == model_id).values(**come))
