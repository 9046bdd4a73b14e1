"""Trends: what was kept of every month's end, as callers see it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from domain.concentration import Measure, SpreadOf, SpreadOver
from domain.lending import Product
from domain.limits.nodes import NodeKind
from schema.bound_fields import Node
from schema.codes import described
from schema.fields import amount, bound, column, to_one
from schema.money import Money

described(
    Measure,
    "How concentration is measured.",
    {
        Measure.HHI: "The Herfindahl–Hirschman index, from 1/n to 1: the sum of the squared shares.",
        Measure.THEIL: "The Theil index, from 0 to ln n: the mean of x/μ · ln(x/μ).",
        Measure.GINI: "The Gini coefficient, from 0 to 1 − 1/n: half the relative mean difference.",
    },
    name="ConcentrationMeasure",
)
described(
    SpreadOf,
    "What is spread over groups.",
    {SpreadOf.GRANTED: "What was granted.", SpreadOf.UTILISED: "What was drawn and owed."},
)
described(
    SpreadOver,
    "Over which groups something is spread; one that has nothing counts.",
    {
        SpreadOver.BRANCH: "The branches, each with its sub-branches.",
        SpreadOver.SEGMENT: "The segments for which branches keep sublimits.",
        SpreadOver.INDUSTRY: "The industries, by their section's letter, in which something is owed.",
    },
)


@bound("quota_snapshot", hidden_from_clients=True)
class QuotaSnapshot(Node):
    """What a unit, or a branch for a segment, had been granted and held at a month's end."""

    month_end: dt.date = column("month_end", "The month's last day.", where=True, order=True)
    kind: NodeKind = column(
        "kind", "Whose it was: a unit's own limit, or a branch's sublimit for a segment.", where=True
    )
    segment: str | None = column("segment", "The segment; null of a unit's own.", where=True, order=True)
    product: Product | None = column("product", "The only product, where it was for one.", where=True)
    granted: Money = amount(
        "granted", "What was in effect on that day; nothing while frozen or expired.", where=True, order=True
    )
    earmarked: Money = amount(
        "earmarked", "Held for applications: of a unit's own, with the units below it.", where=True
    )
    reserved: Money = amount("reserved", "Approved and not drawn, alike.", where=True)
    utilised: Money = amount("utilised", "Drawn and owed, alike.", where=True, order=True)
    committed: Money = amount(
        "committed", "All three, and what stood idle behind fences.", where=True, order=True
    )
    utilisation: Decimal | None = column(
        "utilisation",
        "Utilised by granted, a fraction; null where nothing was granted.",
        where=True,
        order=True,
    )
    unit: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "The unit.", required=True)
    limit: Any = to_one("LimitNode", {"branch_id": "branch_id", "id": "node_id"}, "The limit.", required=True)


@bound("allocation_snapshot", for_headquarters=True)
class AllocationSnapshot(Node):
    """How evenly something was spread over groups at a month's end."""

    month_end: dt.date = column("month_end", "The month's last day.", where=True, order=True)
    spread_of: SpreadOf = column("spread_of", "What was spread.", where=True, order=True)
    spread_over: SpreadOver = column("spread_over", "Over which groups.", where=True, order=True)
    measure: Measure = column("measure", "How it is measured.", where=True, order=True)
    value: Decimal | None = column(
        "value", "The measure, to six places; null where nothing was spread.", where=True, order=True
    )
    group_count: int = column("group_count", "How many groups there were.", where=True)
    total: Money = amount("total", "What was spread over all of them; each currency by itself.", where=True)
