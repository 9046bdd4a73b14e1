"""The scorecard: models drafted and put into force by a second person, branches scored at the end of a period."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select, text

from domain.facts import checked_name
from domain.json_forms import read_parameters
from domain.refusals import Refusal, RefusalCode, invalid, not_found, second_person_needed
from domain.scorecards.kinds import ScorecardModelStatus, ScorePeriod
from domain.scorecards.models import read
from domain.scorecards.periods import is_end_of
from tenants.actions.as_seen import locked_as_seen
from tenants.actions.once import Done, Outcome, Refused
from tenants.database import Transaction
from tenants.scorecards.computing import ONE_AT_A_TIME, active_model, compute
from tenants.scorecards.models import put_in_force, write
from tenants.tables import scorecard_model


async def draft(transaction: Transaction, subject: str, name: str, parameters: str | None) -> Outcome:
    """Write a version of the model: of the parameters given, else of those in force."""
    await transaction.rows(text(ONE_AT_A_TIME))
    called = checked_name(name)
    if isinstance(called, Refusal):
        return Refused(called)
    if parameters is None:
        model = await active_model(transaction)
        if model is None:
            return Refused(invalid("no model is in force: say the parameters", "parameters"))
        return Done((await write(transaction, subject, called, model.form),))
    form = read_parameters(read, parameters)
    if isinstance(form, Refusal):
        return Refused(form)
    return Done((await write(transaction, subject, called, form),))


async def activate(transaction: Transaction, subject: str, model_id: int, expected_version: int) -> Outcome:
    """Score branches by this model from now on; by a second person. What was scored stays as it is."""
    await transaction.rows(text(ONE_AT_A_TIME))
    m = scorecard_model
    row, key = select(m).where(m.c.id == model_id), (model_id,)
    model = await locked_as_seen(
        transaction, row, key, expected_version, not_found("scorecard model", "modelId")
    )
    if isinstance(model, Refused):
        return model
    if model["status"] != ScorecardModelStatus.DRAFT:
        message = f"a model that is {model['status']} does not come into force: draft another one from it"
        return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("modelId",)), (model_id,))
    if subject == model["created_by"]:
        return Refused(second_person_needed("wrote a model", "put it in force", "modelId"), (model_id,))
    await put_in_force(transaction, subject, model_id)
    return Done((model_id,))


async def score_branches(
    transaction: Transaction, subject: str, period: ScorePeriod, end: dt.date
) -> Outcome:
    """Score every branch for the period that ended on `end`, by the model in force."""
    if not is_end_of(end, period):
        return Refused(invalid(f"no {period.lower()} ends on {end}", "periodEnd"))
    today: dt.date = await transaction.value(text("select app.today()"))
    if end > today:
        return Refused(invalid("this period has not ended yet", "periodEnd"))
    model = await active_model(transaction)
    if model is None:
        message = "no scorecard model is in force: draft one and put it into force"
        return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message))
    await compute(transaction, model, period, end, subject)
    return Done((model.id,))
