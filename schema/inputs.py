"""What mutations take. A field left out stays as it is; a null takes its value away."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import strawberry
from strawberry import UNSET

from domain.clients import ClientStatus, SizeClass
from domain.facts import LONGEST_TEXT, in_minor
from domain.imports import ImportStatus
from domain.lending import CreditEventKind
from domain.money import Money
from domain.refusals import Refusal, invalid
from schema import ids
from schema.errors import BadInput
from tenants.actions.once import Command
from tenants.tables.clients import STATEMENT_AMOUNTS

LONGEST_KEY = 128


def given(description: str, **more: Any) -> Any:
    """An input field."""
    return strawberry.field(description=description, **more)


def optional(description: str) -> Any:
    """An input field that may be left out."""
    return strawberry.field(description=description, default=UNSET)


KEY = (
    "Made by the caller, new for each new request (a UUID serves); the same key again answers as the first time. "
    "What is refused before anything is tried (InvalidInput, a branch or row out of sight) is not remembered: "
    "mend it, keep the key."
)
VERSION = "The `version` that the caller has read; another one is refused as a Conflict."


@strawberry.input(description="An exact amount of one currency.")
class MoneyInput:
    """Money as callers give it."""

    amount: Decimal = given('In major units, e.g. "1234.50"; no more decimal places than the currency has.')
    currency: str = given("ISO 4217 code.")


@strawberry.input(description="What may be said of a client, when it is registered and later.")
class ClientFactsInput:
    """A client's basic information."""

    registered_capital: MoneyInput | None = optional("The registered capital.")
    legal_representative: str | None = optional("Who represents it by law.")
    industry_scheme: str | None = optional("Which classification `industryCode` is of.")
    industry_code: str | None = optional("The industry's code.")
    size_class: SizeClass | None = optional("How large it is.")
    employees: int | None = optional("How many people it employs.")
    established_on: dt.date | None = optional("When it was founded.")
    relationship_since: dt.date | None = optional("Since when it has been a client.")
    region_code: str | None = optional("The region of its seat.")
    city: str | None = optional("The city of its seat.")
    address: str | None = optional("Its address.")
    phone: str | None = optional("Its telephone number.")
    email: str | None = optional("Its mail address.")
    relationship_manager_id: strawberry.ID | None = optional("The staff member who looks after it.")


@strawberry.input(description="A new client of one branch.")
class RegisterClientInput(ClientFactsInput):
    """What a branch must and may say of a new client."""

    idempotency_key: str = given(KEY)
    branch_code: str = given("The branch or sub-branch that keeps the client.")
    registration_country: str = given("ISO 3166 code of the register.", default="CN")
    registration_number: str = given("In China the unified social credit code; its check digit is verified.")
    legal_name: str = given("The registered name.")
    currency: str = given(
        "ISO 4217 code that the client's amounts are in, unless its capital says.", default="CNY"
    )
    status: ClientStatus = given("Whether the relationship is alive.", default=ClientStatus.ACTIVE)


@strawberry.input(description="What is to change of a client's basic information.")
class UpdateClientInput(ClientFactsInput):
    """What may be changed; the registration may not."""

    idempotency_key: str = given(KEY)
    client_id: strawberry.ID = given("The client.")
    expected_version: int = given(VERSION)
    legal_name: str | None = optional("The registered name.")
    status: ClientStatus | None = optional("Whether the relationship is alive.")


@strawberry.input(description="A contact to add to a client, or to change.")
class SaveContactInput:
    """A person at a client."""

    idempotency_key: str = given(KEY)
    client_id: strawberry.ID = given("The client the person works for.")
    contact_id: strawberry.ID | None = optional("The contact to change; a new one is added without it.")
    expected_version: int | None = optional(VERSION + " Needed with `contactId`.")
    name: str | None = optional("The person's name; needed for a new contact.")
    position: str | None = optional("What the person does there.")
    phone: str | None = optional("Telephone number.")
    email: str | None = optional("Mail address.")
    is_primary: bool | None = optional("Whether to call this person first; a new contact is not unless said.")


@strawberry.input(description="A contact to take from a client.")
class RemoveContactInput:
    """A person who has left."""

    idempotency_key: str = given(KEY)
    contact_id: strawberry.ID = given("The contact.")
    expected_version: int = given(VERSION)


def _statement_input() -> type:
    """The input's lines are the statement's, so that neither can have one that the other lacks."""
    fields: dict[str, tuple[Any, Any]] = {
        "idempotency_key": (str, given(KEY)),
        "client_id": (strawberry.ID, given("Whose figures they are.")),
        "period_end": (dt.date, given("The last day of the period.")),
        "period_months": (int, given("How many months it covers.", default=12)),
        "currency": (str, given("ISO 4217 code of all the figures.")),
        "audited": (bool, given("Whether an auditor has confirmed it.", default=False)),
        "source": (str, given("Where the figures come from.")),
    }
    for name in STATEMENT_AMOUNTS:
        described = f"{name.replace('_', ' ').capitalize()}, in major units; left out where unknown."
        fields[name] = (Decimal | None, optional(described))
    namespace: dict[str, Any] = {name: declared for name, (_, declared) in fields.items()}
    namespace["__annotations__"] = {name: annotation for name, (annotation, _) in fields.items()}
    namespace["__module__"] = __name__
    made = type("RecordStatementInput", (), namespace)
    return strawberry.input(made, description="A client's figures for one period, from one source.")


RecordStatementInput = _statement_input()


@strawberry.input(description="Something that a credit decision must know of.")
class RecordCreditEventInput:
    """What happened to a client's credit."""

    idempotency_key: str = given(KEY)
    client_id: strawberry.ID = given("Whose credit.")
    kind: CreditEventKind = given("What happened.")
    occurred_on: dt.date = given("When it happened.")
    source: str = given("Who reported it.")
    reference: str = given("The reporter's own number for it.")
    amount: MoneyInput | None = optional("The amount concerned, where there is one.")
    facility_id: strawberry.ID | None = optional("Which facility, where it is about one.")
    note: str | None = optional("Anything else.")


@strawberry.input(description="A unit to move, with everything below it.")
class MoveUnitInput:
    """A move in the tree."""

    idempotency_key: str = given(KEY)
    unit_code: str = given("The unit to move.")
    new_parent_code: str = given("The unit that it shall stand under.")
    expected_version: int = given(VERSION)


@strawberry.input(description="What an import shall do.")
class ImportStatusInput:
    """Steering an import."""

    idempotency_key: str = given(KEY)
    import_id: strawberry.ID = given("The import.")
    expected_version: int = given(VERSION)
    status: ImportStatus = given(
        "PAUSED (it goes on when its command is run again) or CANCELLED; it obeys after the batch it is at."
    )


def command(operation: str, sent: Any) -> Command | Refusal:
    """The input as one command: its key, and the digest of all that it says."""
    if not 1 <= len(sent.idempotency_key) <= LONGEST_KEY:
        return invalid(f"a key has 1 to {LONGEST_KEY} characters", "idempotencyKey")
    said = {name: value for name, value in vars(sent).items() if value is not UNSET}
    payload = orjson.dumps(_plain(said), option=orjson.OPT_SORT_KEYS, default=str)
    return Command(operation, sent.idempotency_key, hashlib.sha256(payload).hexdigest())


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(inner) for name, inner in vars(value).items() if inner is not UNSET}
    return {name: _plain(inner) for name, inner in value.items()} if isinstance(value, dict) else value


def said(sent: Any, *, without: frozenset[str] | set[str]) -> dict[str, Any]:
    """The fields that were given, by name, enums as their values."""
    return {
        name: getattr(value, "value", value)
        for name, value in vars(sent).items()
        if value is not UNSET and name not in without
    }


def is_given(value: object) -> bool:
    """Whether a field that may be left out says something; null says nothing."""
    return value is not None and value is not UNSET


def amount_of(sent: MoneyInput, *path: str) -> Money | Refusal:
    """An amount that something is booked with: more than nothing, and no finer than its currency."""
    columns = in_minor({"amount": sent.amount}, sent.currency)
    if isinstance(columns, Refusal):
        return dataclasses.replace(columns, path=(*path, *columns.path))
    minor = columns["amount_minor"]
    if not minor:
        return invalid("an amount is more than nothing", *path, "amount")
    return Money(minor, sent.currency)


def amount_if_given(sent: MoneyInput | None, *path: str) -> Money | Refusal | None:
    """The same, of what may be left out."""
    return None if sent is None or sent is UNSET else amount_of(sent, *path)


def reason_of(sent: str) -> str | Refusal:
    """Why something is done, trimmed."""
    reason = sent.strip()
    if not reason:
        return invalid("say why", "reason")
    if len(reason) > LONGEST_TEXT["note"]:
        return invalid(f"at most {LONGEST_TEXT['note']} characters", "reason")
    return reason


def tenant_key(id: str, type_name: str) -> tuple[int, UUID] | None:
    """The branch and the id in a tenant row's global id; None where it is another type's or no id at all."""
    try:
        found = ids.decode(id)
    except BadInput:
        return None
    match found.key:
        case (int(branch_id), UUID() as row_id) if found.type_name == type_name:
            return branch_id, row_id
    return None
