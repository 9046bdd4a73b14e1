"""Links of the small bank's clients: how they are sent, and the group that two branches make without knowing it."""

from __future__ import annotations

import itertools
from typing import Any

from conftest import Ask
from mutation_requests import HQ, REFUSAL, fresh, gid, sent
from small_bank import CLIENTS

from domain.access import Caller

LINK = "link { id kind direction relatedNumber relatedName share validFrom validUntil version client { id } }"
RECORD = f"""mutation ($input: RecordLinkInput!) {{ recordLink(input: $input) {{ {REFUSAL}
    ... on AlreadyRegistered {{ existing {{ id }} }}
    ... on RecordLinkSuccess {{ {LINK} }} }} }}"""
END = f"""mutation ($input: EndLinkInput!) {{ endLink(input: $input) {{ {REFUSAL}
    ... on Conflict {{ current {{ id ... on ClientLink {{ version }} }} }}
    ... on EndLinkSuccess {{ {LINK} }} }} }}"""
CONFIRM = f"""mutation ($input: ConfirmLinkInput!) {{ confirmLink(input: $input) {{ {REFUSAL}
    ... on ConfirmLinkSuccess {{ link {{ id version recordedBy confirmedBy }} }} }} }}"""
DERIVE = f"""mutation ($input: DeriveGroupsInput!) {{ deriveGroups(input: $input) {{ {REFUSAL}
    ... on DeriveGroupsSuccess {{ derivation {{ id derivedBy controlShare guaranteesConnect linkCount companyCount
      groupCount clientCount changedCount }} }} }} }}"""
PORTS = "91310000132149237G"
"""A company that is nobody's client."""
_references = itertools.count()


def number(index: int) -> str:
    """The registration number of the client at this place of CLIENTS."""
    return str(CLIENTS[index][1])


def link(index: int = 0, **said: Any) -> dict[str, Any]:
    """A link of the client at this place: it owns 60 % of a company that is no client."""
    return {
        "idempotencyKey": fresh(),
        "clientId": gid(index),
        "kind": "OWNERSHIP",
        "direction": "OUTWARD",
        "relatedNumber": PORTS,
        "share": "0.6",
        "validFrom": "2020-01-01",
        "source": "register",
        "reference": f"L-{next(_references)}",
    } | said


async def confirmed(ask: Ask, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
    """The link as its branch recorded it and headquarters confirmed it, which makes version 2 of it."""
    made: dict[str, Any] = (await sent(ask, caller, RECORD, given))["link"]
    assert "link" in await sent(ask, HQ, CONFIRM, confirmation(made))
    return made


def confirmation(made: dict[str, Any], version: int = 1) -> dict[str, Any]:
    """What headquarters sends to confirm it."""
    return {"idempotencyKey": fresh(), "linkId": made["id"], "expectedVersion": version}


def guarantee(index: int = 0, **said: Any) -> dict[str, Any]:
    """The client answers for another's debts."""
    given = link(index, kind="GUARANTEE", **said)
    del given["share"]
    return given
