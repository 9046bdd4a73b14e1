"""What a reviewer asks of a rule set: what is wrong with it, what was changed, whom it would move."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from operator import itemgetter
from typing import Any
from uuid import UUID

import strawberry

from domain.conditions import Unreadable
from domain.segmentation.checking import Finding, Severity
from domain.segmentation.differing import Change, Difference, differences
from domain.segmentation.rules import Rulebook, RuleSet, Version
from schema import reading
from schema.binding import Row, binding
from schema.clients import Client
from schema.codes import described
from schema.errors import BadInput
from schema.ids import GlobalId, decode
from schema.request import Request
from tenants.segments import activating
from tenants.segments.rulebook import read_paths, rule_set_of
from tenants.segments.simulating import MOST_LISTED, Draft, Moving, moving
from tenants.transaction import Transaction

described(
    Severity,
    "Whether a finding stands in the way of a rule set's use.",
    {
        Severity.ERROR: "It cannot be meant: the rule set can be neither simulated nor put into force.",
        Severity.WARNING: "It is likely not meant.",
    },
)
described(
    Change,
    "What became of a part of a rule set.",
    {
        Change.ADDED: "It is new.",
        Change.REMOVED: "It is no more.",
        Change.CHANGED: "It says something else.",
        Change.MOVED: "It stands in another place, which decides what comes first.",
    },
)


def _told(description: str, **more: Any) -> Any:
    return strawberry.field(description=description, **more)


@strawberry.type(description="Something found wrong, or odd, with a rule set.")
class RuleFinding:
    """One finding of the check."""

    severity: Severity = _told("Whether it stands in the way.")
    message: str = _told("What is wrong, and what may be meant.")
    path: str = _told("Where in `body`, e.g. `rules[2].when`.")


@strawberry.type(description="One change from a rule set to another.")
class RuleDifference:
    """A part that was added, removed, changed or moved."""

    change: Change = _told("What became of it.")
    text: str = _told("The change in words.")
    path: str = _told("Where in `body`; of what was removed, in the older one's.")


@strawberry.type(description="A client that a rule set would move, or has moved.")
class MovingClient:
    """One client, its value before and after."""

    client: Client | None = _told("The client; null where it has gone since.")
    before: str | None = _told("Its value by the rules in force; null without any.", name="from")
    after: str | None = _told("Its value by this rule set.", name="to")


async def findings_of(request: Request, row: Row) -> list[RuleFinding]:
    """What is wrong with the row's rules beside those in force."""
    found = await _found(row, await request.snapshot.rulebook())
    return [RuleFinding(severity=one.severity, message=one.message, path=one.path) for one in found]


async def differences_of(request: Request, row: Row, since: str | None) -> list[RuleDifference]:
    """What was changed since the rule set with this id, or since what is in force. Raises BadInput."""
    older = await (_in_force(request, row) if since is None else _named(request, since))
    found: list[Difference] = differences(older, _rules_of(row)) if older else []
    return [RuleDifference(change=one.change, text=one.text, path=one.path) for one in found]


async def moving_of(
    request: Request,
    row: Row,
    width: int,
    *,
    value_from: str | None,
    value_to: str | None,
    branch_code: str | None,
    after_client: str | None,
    first: int,
) -> list[MovingClient] | None:
    """The clients in sight that the row's rules would move; None where these have errors. Raises BadInput."""
    if not 0 <= first <= MOST_LISTED:
        raise BadInput(f"`first` is 0 to {MOST_LISTED}")
    branch = request.organisation.with_code(branch_code) if branch_code else None
    if branch_code and branch is None:
        raise BadInput("`branchCode` is not the code of a unit")
    in_force = await request.snapshot.rulebook()
    if any(one.severity is Severity.ERROR for one in await _found(row, in_force)):
        return None
    rules = _rules_of(row)
    draft = Draft(Version(row.record["id"], row.record["number"], rules), row.record["unit_id"])

    behind = _client_key(after_client) if after_client else None

    async def ask(transaction: Transaction) -> list[Moving]:
        return await moving(
            transaction,
            replace(in_force, paths=await read_paths(transaction)),
            draft,
            value_from=value_from,
            value_to=value_to,
            branch_id=branch.id if branch else None,
            after=behind,
            first=first,
        )

    found = await request.snapshot.ask(ask)
    request.budget.spend(len(found), width)
    keys = [(one.branch_id, one.client_id) for one in found]
    clients: Any = await reading.by_keys(request, binding("Client"), keys)
    return [
        MovingClient(client=client, before=one.value_from, after=one.value_to)
        for one, client in zip(found, clients, strict=True)
    ]


def _client_key(id: str) -> tuple[int, UUID]:
    match decode(id):
        case GlobalId("Client", (int(branch_id), UUID() as client_id)):
            return branch_id, client_id
    raise BadInput("`afterClient` is not the id of a client")


async def _in_force(request: Request, row: Row) -> RuleSet | None:
    rulebook = await request.snapshot.rulebook()
    path = rulebook.paths.get(row.record["unit_id"], ())
    return rulebook.rule_set_for(row.record["dimension_code"], path)


async def _named(request: Request, id: str) -> RuleSet:
    other = None
    match decode(id):
        case GlobalId("RuleSet", (int(),) as key):
            other = await reading.by_key(request, "RuleSet", key)
    if other is None:
        raise BadInput("`from` is not the id of a rule set")
    return _rules_of(other)


def _rules_of(row: Row) -> RuleSet:
    try:
        return rule_set_of(row.record["body"])
    except Unreadable as wrong:
        raise BadInput(f"a rule set cannot be read: {wrong}") from None


# One at a time: what a check takes, which may be seconds, it takes from all other requests.
_checking = ThreadPoolExecutor(1, "rule-set-check")


async def _found(row: Row, rulebook: Rulebook) -> list[Finding]:
    """The findings, made beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_checking, _found_here, row, rulebook)


def _found_here(row: Row, rulebook: Rulebook) -> list[Finding]:
    try:
        return _checked(rule_set_of(row.record["body"]), _others(rulebook))
    except Unreadable as wrong:
        return [Finding(Severity.ERROR, wrong.reason, wrong.path)]


Others = tuple[tuple[str, Version], ...]


def _others(rulebook: Rulebook) -> Others:
    return tuple(sorted(rulebook.default.items(), key=itemgetter(0)))


@lru_cache(maxsize=500)
def _checked(rules: RuleSet, others: Others) -> list[Finding]:
    """The check, which takes a while for a tangled rule set: kept, since reviewers ask again."""
    return activating.findings(rules, Rulebook(dict(others)))
