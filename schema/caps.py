"""Concentration caps as callers see them: what they are, what is dealt of them, and the bank's own capital."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Numeric, case, cast, func

from domain.clients import CreditGrade
from domain.divisions.models import Tier
from domain.lending import Product
from domain.limits.nodes import Counts
from domain.limits.regulation import CapitalMeasure, CapPer, CapStatus
from schema.binding import AmountSource, ConnectionSource
from schema.bound_fields import Node
from schema.clients import CLIENT
from schema.codes import described
from schema.fields import amount, bound, column, connection, expression, texts, to_one, total
from schema.money import Money
from tenants.tables.caps import group_exposure

described(
    CapPer,
    "For whom a cap has a pool of its own.",
    {
        CapPer.BANK: "For the whole bank, all branches together.",
        CapPer.CLIENT: "For each company, in whichever branches it is a client.",
        CapPer.GROUP: "For each group of connected clients, or a company that is in none.",
    },
)
described(
    CapitalMeasure,
    "Which of the bank's own funds a ceiling is a fraction of.",
    {CapitalMeasure.NET_CAPITAL: "Net capital.", CapitalMeasure.TIER_1: "Tier 1 capital."},
)
described(
    CapStatus,
    "Where a cap is in its life.",
    {
        CapStatus.DRAFT: "Written down; it binds nobody.",
        CapStatus.ACTIVE: "In force.",
        CapStatus.ARCHIVED: "Was in force, or was given up.",
    },
)
described(
    Counts,
    "What a cap counts of what is promised to a client.",
    {
        Counts.LOANS: "What has been drawn and is owed.",
        Counts.EXPOSURE: "All that is earmarked, reserved or drawn.",
    },
)

OF_CAP = {"cap_id": "id"}
CAP = {"id": "cap_id"}
OF_POOL = {"cap_id": "cap_id", "subject": "subject"}
_USED = AmountSource("used_minor")


@bound("concentration_cap", hidden_from_clients=True)
class ConcentrationCap(Node):
    """A ceiling over whatever falls under its filters, in all branches together: one version of it.

    Each branch has a share of it, and the shares never sum to more than the ceiling. Empty lists let everything
    through. What falls under a cap falls under the one above it, too, once.
    """

    preset: str | None = column("preset", "The supervisor's rule that it puts in force, if any.", where=True)
    name: str = column("name", "What it is called.", where=True, order=True)
    per: CapPer = column("per", "For whom it has a pool.", where=True)
    counts: Counts = column("counts", "What it counts.", where=True)
    currency: str = column("currency", "Of what it counts: ISO 4217 code.", where=True)
    ceiling: Money | None = amount("ceiling", "The ceiling; null where it is a fraction of the capital.")
    ceiling_fraction: Decimal | None = column("ceiling_fraction", "The ceiling as a fraction, 0.25 for 25 %.")
    ceiling_of: CapitalMeasure | None = column("ceiling_of", "What it is a fraction of.")
    reportable_fraction: Decimal | None = column(
        "reportable_fraction", "From which fraction of the same on an exposure is reported."
    )
    deal_fraction: Decimal = column("deal_fraction", "How much of the ceiling is dealt at once.")
    industry_scheme: str | None = column("industry_scheme", "The classification of the industries.")
    industry_codes: list[str] = texts("industry_codes", "The industries, by how their code begins.")
    region_tiers: list[Tier] = texts("region_tiers", "The tiers of the clients' regions.")
    region_codes: list[str] = texts("region_codes", "The clients' regions.")
    grades: list[CreditGrade] = texts("grades", "The clients' credit grades.")
    products: list[Product] = texts("products", "The products.")
    tenor_from_months: int | None = column("tenor_from_months", "The shortest tenor that falls under it.")
    tenor_until_months: int | None = column("tenor_until_months", "The longest tenor that does.")
    status: CapStatus = column("status", "Where it is in its life.", where=True)
    valid_from: dt.date = column("valid_from", "From when on it may be in force.", where=True, order=True)
    valid_until: dt.date | None = column("valid_until", "The last day on which it binds.", where=True)
    created_by: str = column("created_by", "Who drafted it.", where=True)
    activated_by: str | None = column("activated_by", "Who put it in force.", where=True)
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    created_at: dt.datetime = column("created_at", "When it was drafted.", where=True, order=True)
    activated_at: dt.datetime | None = column("activated_at", "When it came into force.")
    archived_at: dt.datetime | None = column("archived_at", "When it ceased to be.")
    parent: Any = to_one("ConcentrationCap", {"id": "parent_id"}, "The cap above it; null: there is none.")
    replaces: Any = to_one(
        "ConcentrationCap", {"id": "replaces_id"}, "The cap in whose place it comes; null: none."
    )
    below: Any = connection(
        "ConcentrationCap", "The caps below it.", on={"parent_id": "id"}, order=("name", "id")
    )
    pools: Any = connection(
        "CapPool", "Its pools, for headquarters.", on=OF_CAP, order=("-dealt_minor", "subject")
    )
    shares: Any = connection("CapShare", "The shares of it in sight.", on=OF_CAP, order=("-used_minor",))
    used: list[Money] = total(
        ConnectionSource("CapShare", OF_CAP), _USED, "What is used of the shares in sight."
    )


def _used_fraction(share: FromClause) -> ColumnElement[Any]:
    used, whole = share.c.used_minor, share.c.share_minor
    return case((whole > 0, func.round(cast(used, Numeric) / whole, 6)))


def _pool_used_fraction(pool: FromClause) -> ColumnElement[Any]:
    used = func.app.cap_used(pool.c.cap_id, pool.c.subject)
    return case((pool.c.ceiling_minor > 0, func.round(used / pool.c.ceiling_minor, 6)))


@bound("cap_pool", for_headquarters=True)
class CapPool(Node):
    """What is dealt of a cap: for the whole bank, or for one company or group. No branch sees it."""

    subject: str = column(
        "subject", "A group's number, or a company as country:number; empty for the whole bank.", where=True
    )
    ceiling: Money = amount("ceiling", "The ceiling.", where=True, order=True)
    dealt: Money = amount("dealt", "The sum of all shares.", where=True, order=True)
    used: list[Money] = total(ConnectionSource("CapShare", OF_POOL), _USED, "What is used of all shares.")
    utilisation: Decimal | None = expression(
        _pool_used_fraction,
        "What is used as a fraction of the ceiling; null of a ceiling of nothing.",
        where=True,
    )
    over_limit: bool = column(
        "over_limit",
        "Whether more is used than the ceiling is: nothing new until that has passed.",
        where=True,
    )
    updated_at: dt.datetime = column("updated_at", "When it was last dealt from.", order=True)
    cap: Any = to_one("ConcentrationCap", CAP, "The cap.", required=True)
    shares: Any = connection("CapShare", "The branches' shares.", on=OF_POOL, order=("-share_minor",))
    deals: Any = connection("CapDeal", "How shares have changed.", on=OF_POOL, order=("-dealt_at",))


@bound("cap_share", hidden_from_clients=True)
class CapShare(Node):
    """A branch's share of a cap: so much it may lend under it without asking headquarters."""

    subject: str = column(
        "subject", "A group's number, or a company as country:number; empty for the whole bank.", where=True
    )
    share: Money = amount("share", "How much has been dealt to it.", where=True, order=True)
    used: Money = amount("used", "How much of that is used.", where=True, order=True)
    utilisation: Decimal | None = expression(
        _used_fraction, "What is used as a fraction of the share; null of a share of nothing.", where=True
    )
    over_limit: bool = column(
        "over_limit", "Whether the bank is over the cap: nothing new until that has passed.", where=True
    )
    dealt_at: dt.datetime = column("dealt_at", "When something was last dealt to it.", order=True)
    cap: Any = to_one("ConcentrationCap", CAP, "The cap.", required=True)
    unit: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "Whose share it is.", required=True)
    deals: Any = connection(
        "CapDeal",
        "How it has changed, the latest first.",
        on={"branch_id": "branch_id", **OF_POOL},
        order=("-dealt_at",),
    )


@bound("cap_deal", hidden_from_clients=True)
class CapDeal(Node):
    """A change of a branch's share: dealt to it, or taken back."""

    subject: str = column("subject", "Of which pool of the cap.", where=True)
    delta: Money = amount("delta", "What was added; negative: taken back.", where=True, order=True)
    actor: str = column("actor", "Who dealt: a person, or the system on somebody's behalf.", where=True)
    reason: str = column("reason", "Why.", where=True)
    dealt_at: dt.datetime = column("dealt_at", "When.", where=True, order=True)
    cap: Any = to_one("ConcentrationCap", CAP, "The cap.", required=True)
    unit: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "Whose share it is.", required=True)


@bound("regulatory_capital", hidden_from_clients=True)
class RegulatoryCapital(Node):
    """The bank's own funds, which the supervisor's limits are fractions of."""

    day: dt.date = column("day", "Since when it has been so much.", where=True, order=True)
    net_capital: Money = amount("net_capital", "Net capital.", where=True, order=True)
    tier1: Money = amount("tier_1", "Tier 1 capital.", where=True, order=True)
    recorded_by: str = column("recorded_by", "Who recorded it.", where=True)
    recorded_at: dt.datetime = column("recorded_at", "When.", where=True, order=True)
    version: int = column("version", "Counts changes.")


@bound(group_exposure, hidden_from_clients=True)
class GroupExposure(Node):
    """What a client's whole group owes the bank, against a cap on groups that is a fraction of its capital."""

    exposure: Money = amount("exposure", "What the group owes.", where=True, order=True)
    fraction: Decimal = column("fraction", "As a fraction of the capital.", where=True, order=True)
    ceiling: Money = amount("ceiling", "The most that is allowed.")
    headroom: Money = amount(
        "headroom", "What is left of that; negative: it is exceeded.", where=True, order=True
    )
    reportable: bool | None = column(
        "reportable", "Whether it is large enough to be reported; null where nothing is.", where=True
    )
    cap: Any = to_one("ConcentrationCap", CAP, "The cap.", required=True)
    client: Any = to_one("Client", CLIENT, "The client.", required=True)
