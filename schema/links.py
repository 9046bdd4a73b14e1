"""Who is connected with a client, and the group of connected clients that it belongs to, as callers see them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from domain.connections.kinds import LinkDirection, LinkKind
from domain.lending import LoanClass
from schema.bound_fields import Node
from schema.clients import CLIENT
from schema.codes import described
from schema.fields import amount, bound, column, connection, texts, to_one
from schema.money import Money
from schema.scalars import BigInt
from tenants.tables.links import related_company

described(
    LinkKind,
    "What connects two companies.",
    {
        LinkKind.OWNERSHIP: "One owns a share of the other.",
        LinkKind.CONTROL: "One controls the other by other means than shares.",
        LinkKind.GUARANTEE: "One answers for the other's debts.",
    },
)
described(
    LinkDirection,
    "Which end of a link the client is.",
    {
        LinkDirection.OUTWARD: "The client owns, controls or guarantees the other company.",
        LinkDirection.INWARD: "The other company owns, controls or guarantees the client.",
    },
)


@bound("client_link", hidden_from_clients=True)
class ClientLink(Node):
    """What connects a client with another company, as one source has it."""

    kind: LinkKind = column("kind", "What it is.", where=True)
    direction: LinkDirection = column("direction", "Which end of it the client is.", where=True)
    related_country: str = column("related_country", "ISO 3166 code of the other's register.", where=True)
    related_number: str = column("related_number", "The other's number there.", where=True)
    related_name: str | None = column("related_name", "What the other is called.")
    share: Decimal | None = column(
        "share", "Of ownership: the fraction that is owned, 0.51 for 51 %.", where=True, order=True
    )
    amount: Money | None = amount(
        "amount", "Of a guarantee: the most that it may cost; null without a limit."
    )
    valid_from: dt.date = column("valid_from", "Since when it holds.", where=True, order=True)
    valid_until: dt.date | None = column(
        "valid_until", "The first day on which it no longer holds; null while it does.", where=True
    )
    source: str = column("source", "Who reported it.")
    reference: str = column("reference", "The reporter's own number for it.")
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    recorded_at: dt.datetime = column("recorded_at", "Since when the bank has known it.")
    recorded_by: str | None = column(
        "recorded_by", "Who recorded it; null where an import brought it, which confirms it.", where=True
    )
    confirmed_by: str | None = column(
        "confirmed_by",
        "Who at headquarters confirmed it. Until then what a person recorded makes no group, unless another branch "
        "has recorded it at its other end.",
        where=True,
    )
    client: Any = to_one("Client", CLIENT, "The client that it was recorded of.", required=True)
    related_client: Any = to_one(
        "Client",
        {
            "branch_id": "branch_id",
            "registration_country": "related_country",
            "registration_number": "related_number",
        },
        "The other company as a client of the same branch; null where it is none.",
    )


@bound("client_group", hidden_from_clients=True)
class ConnectedGroup(Node):
    """The group of connected clients that a client belongs to, as it was last derived from all branches' links.

    Its figures are those of all its companies that are clients of the bank, of whichever branch. Who the others
    are is not told here: `related` shows those in sight.
    """

    number: BigInt = column("group_no", "The group's number; it keeps it while most of it stays.", where=True)
    members: int = column(
        "members", "How many companies belong to it, clients or not.", where=True, order=True
    )
    exposure: Money | None = amount(
        "exposure", "What it owes the bank; null where that is in several currencies.", where=True, order=True
    )
    worst_loan_class: LoanClass | None = column(
        "worst_loan_class", "The worst class of any of its loans; null where none is classed.", where=True
    )
    worst_days_past_due: int | None = column(
        "worst_days_past_due",
        "The most days that any of it is past due; null if nothing was ever due.",
        where=True,
    )
    derived_at: dt.datetime = column("derived_at", "When this was found; it has not changed since.")
    exposures: Any = connection(
        "GroupExposure",
        "What it owes against each cap on groups that is a fraction of the bank's capital.",
        on={"branch_id": "branch_id", "client_id": "client_id"},
        order=("cap_id",),
    )
    client: Any = to_one("Client", CLIENT, "The client.", required=True)


@bound("group_derivation", hidden_from_clients=True)
class GroupDerivation(Node):
    """A derivation of all groups of connected clients, as headquarters sees it."""

    derived_by: str = column("derived_by", "Who asked for it.")
    derived_at: dt.datetime = column("derived_at", "When.")
    day: dt.date = column("day", "The bank's day, whose links counted.")
    control_share: Decimal = column("control_share", "More than this share of a company was control of it.")
    guarantees_connect: bool = column("guarantees_connect", "Whether guarantees connected as well.")
    link_count: int = column("links", "How many links were read.")
    company_count: int = column("companies", "How many companies are in groups, clients or not.")
    group_count: int = column("groups", "How many groups there are.")
    client_count: int = column("clients", "How many clients are in groups; once per branch that keeps one.")
    changed_count: int = column("clients_changed", "For how many clients something changed.")


@bound(related_company, hidden_from_clients=True, is_node=False)
class RelatedCompany:
    """A company that is connected with a client, over links in sight: once, by its shortest way."""

    registration_country: str = column("country", "ISO 3166 code of the company's register.")
    registration_number: str = column("number", "Its number there.")
    name: str | None = column("name", "What it is called.")
    distance: int = column("distance", "How many links lead to it.")
    kinds: list[LinkKind] = texts("kinds", "What they are, from the client on.")
    client: Any = to_one(
        "Client", CLIENT, "The company as a client: of the same branch, else of another in sight; else null."
    )
