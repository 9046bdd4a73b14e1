"""How a mutation is carried out: who may, which row, once, and what is shown of it afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from strawberry.types import Info

from domain.access import Action
from domain.refusals import Refusal, invalid, not_found
from schema import reading
from schema.errors import Forbidden
from schema.inputs import command, tenant_key
from schema.refusals import user_error
from schema.request import Request, request_of
from tenants.actions.once import Done, Outcome, once
from tenants.database import Transaction

Act = Callable[[Transaction], Awaitable[Outcome]]

WORDS = {
    "Client": "client",
    "ClientLink": "link",
    "Contact": "contact of this client",
    "DivisionModel": "division model",
    "ImportJob": "import",
    "Dimension": "dimension",
    "Playbook": "playbook",
    "RuleSet": "rule set",
    "Task": "task",
}
"""What rows are called in refusals, by type."""


def permitted(info: Info[Any, Any], action: Action) -> Request:
    """The request, if the caller's role may do this at all. Raises Forbidden."""
    request = request_of(info)
    if not request.caller.may(action):
        raise Forbidden(f"the role {request.caller.role} may not do this")
    return request


def acting(action: Callable[..., Awaitable[Outcome]], *arguments: Any) -> Act:
    """An action that waits for its transaction."""
    return lambda transaction: action(transaction, *arguments)


async def carried_out(
    request: Request,
    operation: str,
    sent: Any,
    act: Act,
    success: Any,
    type_name: str,
    *,
    current_type: str | None = None,
) -> Any:
    """Act once, then show the row as everybody sees it from now on, or the row that stands in the way."""
    asked = command(operation, sent)
    if isinstance(asked, Refusal):
        return user_error(asked)
    # Hold no connection while waiting for one: enough operations that do would wait for each other.
    await request.snapshot.renew()
    outcome = await once(request.database, request.scope, request.organisation, asked, act)
    request.directory.forget()
    await request.renew()
    if isinstance(outcome, Done):
        row = await reading.by_key(request, type_name, outcome.key)
        if row is None:
            # A key sent again, for a row that has been removed or has left the caller's sight since.
            return user_error(not_found(f"{WORDS.get(type_name, 'row')} any more"))
        field = next(iter(success.__annotations__))
        return success(**{field: row})
    current = (
        await reading.by_key(request, current_type or type_name, outcome.current) if outcome.current else None
    )
    return user_error(outcome.refusal, current)


def first_refusal(*found: Any) -> Refusal | None:
    """The first of the values that is a refusal."""
    return next((value for value in found if isinstance(value, Refusal)), None)


def row_in_scope(request: Request, id: str, type_name: str, path: str) -> Any:
    """The key of a tenant row, or why it cannot be one in the caller's sight."""
    key = tenant_key(id, type_name)
    if key is None:
        return invalid(f"this is not the id of a {type_name}", path)
    # In the words of `tenants.actions`: out of sight and missing must read the same.
    return key if key[0] in request.scope.branches else not_found(WORDS[type_name], path)
