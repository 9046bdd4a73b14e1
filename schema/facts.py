"""From what a mutation was given to the columns it is stored in, or the first refusal."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from strawberry import UNSET

from domain.facts import camel, checked, in_minor
from domain.refusals import Refusal, invalid
from domain.statements import STATEMENT_AMOUNTS, UNBALANCED, is_unbalanced
from schema.inputs import (
    MoneyInput,
    RecordCreditEventInput,
    RegisterClientInput,
    SaveContactInput,
    UpdateClientInput,
    is_given,
    said,
    tenant_key,
)

Facts = dict[str, Any] | Refusal
CLIENT_OF = {"idempotency_key", "client_id", "branch_code", "expected_version", "registered_capital"}


def client_facts(sent: RegisterClientInput | UpdateClientInput, today: dt.date) -> Facts:
    """A client's columns from what was given of it."""
    facts = checked(said(sent, without=CLIENT_OF), today=today)
    if isinstance(facts, Refusal):
        return facts
    if "status" in facts and facts["status"] is None:
        return invalid("this may not be empty", "status")
    if (manager := facts.pop("relationship_manager_id", UNSET)) is not UNSET:
        key = tenant_key(manager, "Staff") if is_given(manager) else None
        if is_given(manager) and key is None:
            return invalid("this is not the id of a Staff", "relationshipManagerId")
        facts["relationship_manager_id"] = key[1] if key else None
    return _joined(facts, _money(sent.registered_capital, "registered_capital"))


def _money(sent: MoneyInput | None, name: str) -> dict[str, Any] | Refusal:
    """The two columns of an amount that may have been left out, or taken away."""
    if sent is UNSET:
        return {}
    if sent is None:
        return {f"{name}_minor": None}
    columns = in_minor({"amount": sent.amount}, sent.currency)
    if isinstance(columns, Refusal):
        return replace(columns, path=(camel(name), *columns.path))
    return {f"{name}_minor": columns["amount_minor"], "currency": sent.currency}


def contact_facts(sent: SaveContactInput, today: dt.date) -> Facts:
    """A contact's columns; a new one needs a name, an old one the version that is to change."""
    facts = said(sent, without={"idempotency_key", "client_id", "contact_id", "expected_version"})
    if "is_primary" in facts and facts["is_primary"] is None:
        return invalid("say true or false, or leave it out", "isPrimary")
    if not is_given(sent.contact_id):
        facts.setdefault("name", None)
    elif not is_given(sent.expected_version):
        return invalid("say which version of the contact is to change", "expectedVersion")
    return checked(facts, today=today)


def statement_facts(sent: Any, today: dt.date) -> Facts:
    """A statement's columns."""
    facts = said(sent, without={"idempotency_key", "client_id"})
    amounts = in_minor(
        {name: facts.pop(name) for name in STATEMENT_AMOUNTS if name in facts}, sent.currency, negative=True
    )
    if not 1 <= sent.period_months <= 24:
        return invalid("a period has 1 to 24 months", "periodMonths")
    if not isinstance(amounts, Refusal) and is_unbalanced(amounts, suffix="_minor"):
        return invalid(UNBALANCED, "totalAssets")
    return _joined(checked(facts, today=today), amounts)


def event_facts(sent: RecordCreditEventInput, today: dt.date) -> Facts:
    """A credit event's columns."""
    facts = said(sent, without={"idempotency_key", "client_id", "amount", "facility_id"})
    facility: dict[str, Any] = {}
    if is_given(sent.facility_id):
        key = tenant_key(sent.facility_id or "", "Facility")
        if key is None:
            return invalid("this is not the id of a Facility", "facilityId")
        facility = {"facility_id": key[1]}
    return _joined(checked(facts, today=today), _money(sent.amount, "amount"), facility)


def _joined(*parts: dict[str, Any] | Refusal) -> Facts:
    together: dict[str, Any] = {}
    for part in parts:
        if isinstance(part, Refusal):
            return part
        together |= part
    return together
