"""Changes to quotas in mid-period as callers see them: reclaims, top-ups, warnings."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from domain.allocation.runs import ChangeKind, ChangeStatus
from schema.allocation import NODE, RUN
from schema.bound_fields import Node
from schema.codes import described
from schema.fields import amount, bound, column, to_one
from schema.money import Money

described(
    ChangeKind,
    "What is done to a quota in mid-period.",
    {
        ChangeKind.RECLAIM: "Part of what lay idle is taken back.",
        ChangeKind.TOP_UP: "More is added.",
        ChangeKind.WARNING: "Nothing: it is nearly used up, and somebody is told.",
    },
)
described(
    ChangeStatus,
    "Where a change to a quota is.",
    {
        ChangeStatus.PROPOSED: "Waits for a second person.",
        ChangeStatus.CARRIED_OUT: "Stands in the limits.",
        ChangeStatus.WITHDRAWN: "Was let be.",
        ChangeStatus.NOTED: "A warning: there is nothing to carry out.",
    },
)


@bound("quota_change", hidden_from_clients=True)
class QuotaChange(Node):
    """A change to a quota in mid-period, proposed by one and carried out by another."""

    kind: ChangeKind = column("kind", "What is done.", where=True)
    granted: Money = amount("granted", "What the quota was when it was proposed.")
    utilised: Money | None = amount(
        "utilised", "What was utilised of it at the end of the last month looked at."
    )
    amount: Money = amount("amount", "How much is taken back or added.", where=True, order=True)
    utilisation: Decimal | None = column("utilisation", "The same as a part of it.", where=True, order=True)
    months: int | None = column("months", "How many months the proposal rests on.")
    reason: str = column("reason", "Why.")
    status: ChangeStatus = column("status", "Where it is.", where=True)
    proposed_by: str = column("proposed_by", "Who proposed it.", where=True)
    carried_out_by: str | None = column("carried_out_by", "Who carried it out.", where=True)
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    proposed_at: dt.datetime = column("proposed_at", "When it was proposed.", where=True, order=True)
    carried_out_at: dt.datetime | None = column("carried_out_at", "When it was carried out.", where=True)
    branch: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "The branch.", required=True)
    node: Any = to_one("LimitNode", NODE, "The quota.", required=True)
    run: Any = to_one("AllocationRun", RUN, "The run whose quota it is; for headquarters.")
