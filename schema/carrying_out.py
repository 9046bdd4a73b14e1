"""How a mutation is carried out: who may, which row, once, and what is shown of it afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from strawberry.types import Info

from domain.access import PERMITTED, Action, Role
from domain.refusals import Refusal, invalid, not_found
from schema import ids, reading
from schema.binding import Unread
from schema.errors import BadInput, Forbidden
from schema.ids import Key
from schema.inputs import command, tenant_key
from schema.refusals import UserError, user_error
from schema.request import Request, request_of
from tenants.actions.once import Command, Done, Outcome
from tenants.database import Transaction
from tenants.limits.caps import once_with_room

Act = Callable[[Transaction], Awaitable[Outcome]]

WORDS = {
    "AllocationRun": "allocation run",
    "Client": "client",
    "ClientLink": "link",
    "CapShare": "share",
    "ConcentrationCap": "cap",
    "RegulatoryCapital": "capital",
    "CompensationClaim": "claim",
    "CompensationMovement": "movement of the fund",
    "CompensationTerms": "terms of a fund",
    "Contact": "contact of this client",
    "DivisionModel": "division model",
    "ImportJob": "import",
    "Facility": "facility",
    "LimitCommitment": "commitment",
    "LimitMovement": "movement",
    "LimitNode": "limit",
    "Dimension": "dimension",
    "LoanEnrolment": "covered loan",
    "Playbook": "playbook",
    "QuotaChange": "change of a quota",
    "RuleSet": "rule set",
    "ScorecardModel": "scorecard model",
    "Task": "task",
}
"""What rows are called in refusals, by type."""


def permitted(info: Info[Any, Any], action: Action) -> Request:
    """The request, if the caller's role may do this at all. Raises Forbidden."""
    request = request_of(info)
    if not request.caller.may(action):
        others = " or ".join(role for role in Role if role in PERMITTED[action])
        raise Forbidden(f"the role {request.caller.role} may not do this: it takes {others}")
    return request


def acting(action: Callable[..., Awaitable[Outcome]], *arguments: Any, **named: Any) -> Act | Refusal:
    """An action that waits for its transaction, or the first refusal among what it was to act with."""
    return first_refusal(*arguments, *named.values()) or (
        lambda transaction: action(transaction, *arguments, **named)
    )


async def carried_out(
    request: Request,
    operation: str,
    sent: Any,
    act: Act | Refusal,
    success: Any,
    type_name: str,
    *,
    current_type: str | None = None,
    at_once: bool = False,
) -> Any:
    """Act once, then show the row as everybody sees it from now on, or the row that stands in the way.

    Where there is a refusal in place of an act, that is the answer.
    `at_once`: the action may decide without locks and write by one statement (`tenants.at_once`).
    """
    if isinstance(act, Refusal):
        return user_error(act)
    asked = command(operation, sent)
    if isinstance(asked, Refusal):
        return user_error(asked)
    # Hold no connection while waiting for one: enough operations that do would wait for each other.
    await request.snapshot.renew()
    outcome = await _outcome(request, asked, act, at_once=at_once)
    if type_name == "OrganisationUnit":
        request.directory.forget()
    await request.renew()
    if isinstance(outcome, Done):
        row = await shown(request, type_name, outcome.key)
        field = next(iter(success.__annotations__))
        return gone(type_name) if row is None else success(**{field: row})
    refusal = outcome.refusal
    current = await shown(request, current_type or type_name, outcome.current) if outcome.current else None
    binding_node = None
    if refusal.possible and refusal.possible.node:
        binding_node = await shown(request, "LimitNode", refusal.possible.node)
    return user_error(refusal, current, binding_node=binding_node)


async def _outcome(request: Request, asked: Command, act: Act, *, at_once: bool) -> Outcome:
    """What came of it, kept for whoever has to show it twice."""
    carried = request.carried
    if carried is not None and carried.again and carried.outcome is not None:
        return carried.outcome
    organisation = request.organisation
    outcome = await once_with_room(request.database, request.scope, organisation, asked, act, at_once=at_once)
    if carried is not None:
        carried.outcome = outcome
    return outcome


async def shown(request: Request, type_name: str, key: Key) -> Any:
    """The row that a payload shows: read now, None where it is not in sight; or left to be read with all below."""
    if request.carried is not None and not request.carried.again:
        return Unread(type_name, key)
    return await reading.by_key(request, type_name, key)


def gone(type_name: str) -> UserError:
    """The answer to a key sent again, for a row that has been removed or has left the caller's sight since."""
    return user_error(not_found(f"{WORDS.get(type_name, 'row')} any more"))


def first_refusal(*found: Any) -> Refusal | None:
    """The first of the values that is a refusal."""
    return next((value for value in found if isinstance(value, Refusal)), None)


def row_in_scope(request: Request, id: str, type_name: str, path: str) -> Any:
    """The key of a tenant row, or why it cannot be one in the caller's sight."""
    key = tenant_key(id, type_name)
    if key is None:
        return _no_id(type_name, path)
    # In the words of `tenants.actions`: out of sight and missing must read the same.
    return key if key[0] in request.scope.branches else not_found(WORDS[type_name], path)


def reference_key(id: str, type_name: str, path: str) -> int | Refusal:
    """The key of a row that is the same for every branch, or why it cannot be one."""
    try:
        found = ids.decode(id)
    except BadInput:
        return _no_id(type_name, path)
    match found.key:
        case (int(key),) if found.type_name == type_name:
            return key
    return _no_id(type_name, path)


def _no_id(type_name: str, path: str) -> Refusal:
    article = "an" if type_name[0] in "AEIO" else "a"
    return invalid(f"this is not the id of {article} {type_name}", path)
