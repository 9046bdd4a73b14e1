"""What a mutation answers: a union of what was made of it and the refusals it may meet."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from schema.clients import Client, Contact, FinancialStatement
from schema.imports import ImportJob
from schema.lending import CreditEvent
from schema.organisation import OrganisationUnit
from schema.refusals import (
    AlreadyRegistered,
    Conflict,
    IdempotencyKeyReused,
    InvalidInput,
    MoveRefused,
    NotFound,
    StatusRefused,
)


def success(name: str, field: str, type_: Any, description: str) -> Any:
    """The type that shows the row a mutation made or changed."""
    namespace = {
        "__annotations__": {field: type_},
        "__module__": __name__,
        field: strawberry.field(description=description),
    }
    return strawberry.type(type(name, (), namespace), description="It was done.")


RegisterClientSuccess = success("RegisterClientSuccess", "client", Client, "The new client.")
UpdateClientSuccess = success("UpdateClientSuccess", "client", Client, "The client as it is now.")
SaveContactSuccess = success("SaveContactSuccess", "contact", Contact, "The contact as it is now.")
RemoveContactSuccess = success("RemoveContactSuccess", "client", Client, "The client whose contact it was.")
RecordStatementSuccess = success(
    "RecordStatementSuccess", "statement", FinancialStatement, "The statement as it was recorded."
)
RecordCreditEventSuccess = success(
    "RecordCreditEventSuccess", "credit_event", CreditEvent, "The event as it was recorded."
)
MoveUnitSuccess = success("MoveUnitSuccess", "unit", OrganisationUnit, "The unit where it is now.")
ImportStatusSuccess = success("ImportStatusSuccess", "job", ImportJob, "The import as it is now.")


def payload(name: str, *types: Any) -> Any:
    """The union of a success, the refusals every mutation may meet, and its own.

    Nullable, so that a fault in reading one payload leaves those of the operation's other mutations as they are.
    """
    members: Any = InvalidInput | NotFound | IdempotencyKeyReused
    for type_ in types:
        members = members | type_
    return Annotated[members, strawberry.union(name, description="It was done, or why not.")] | None


RegisterClientPayload = payload("RegisterClientPayload", RegisterClientSuccess, AlreadyRegistered)
UpdateClientPayload = payload("UpdateClientPayload", UpdateClientSuccess, Conflict)
SaveContactPayload = payload("SaveContactPayload", SaveContactSuccess, Conflict)
RemoveContactPayload = payload("RemoveContactPayload", RemoveContactSuccess, Conflict)
RecordStatementPayload = payload("RecordStatementPayload", RecordStatementSuccess)
RecordCreditEventPayload = payload("RecordCreditEventPayload", RecordCreditEventSuccess, AlreadyRegistered)
MoveUnitPayload = payload("MoveUnitPayload", MoveUnitSuccess, MoveRefused, Conflict)
ImportStatusPayload = payload("ImportStatusPayload", ImportStatusSuccess, StatusRefused, Conflict)
