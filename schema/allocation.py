"""Allocation runs as callers see them: headquarters all of it, a branch its own cells of what was adopted."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import Text, cast

from domain.allocation.runs import (
    CellStatus,
    ConstraintKind,
    ReturnSource,
    RunStatus,
)
from domain.divisions.models import Tier
from schema.bound_fields import Node
from schema.codes import described
from schema.fields import amount, bound, column, connection, expression, to_one
from schema.money import Money
from tenants.tables.allocation import allocation_difference

described(
    RunStatus,
    "Where an allocation run is in its life; at most one is adopted.",
    {
        RunStatus.DRAFT: "Being written.",
        RunStatus.SIMULATED: "Solved: it may be compared, and adopted as it stands.",
        RunStatus.ADOPTED: "Its amounts are the branches' limits.",
        RunStatus.SUPERSEDED: "Was adopted, until another was.",
        RunStatus.ARCHIVED: "Was given up.",
    },
)
described(
    ConstraintKind,
    "What bounds an allocation.",
    {
        ConstraintKind.BUDGET: "The budget less headquarters' buffer.",
        ConstraintKind.FLOOR: "What is committed already.",
        ConstraintKind.CAP: "What can be used: the demand that is forecast, times a factor.",
        ConstraintKind.CONCENTRATION: "A ceiling over several cells.",
        ConstraintKind.MINIMUM_SHARE: "What some areas or segments must get.",
        ConstraintKind.REGION_MINIMUM: "What a region must get.",
        ConstraintKind.REGION_MAXIMUM: "What a region may get.",
        ConstraintKind.BRANCH_MINIMUM: "What a branch must get.",
        ConstraintKind.BRANCH_MAXIMUM: "What a branch may get.",
    },
)
described(
    ReturnSource,
    "Whose past contribution an expected return is reckoned from.",
    {
        ReturnSource.CELL: "That of the segment's own clients in the branch.",
        ReturnSource.SEGMENT: "That of the segment in the whole bank: the branch has no borrower in it.",
        ReturnSource.BRANCH: "That of the branch: nobody in the segment has one.",
        ReturnSource.BANK: "That of the whole bank.",
        ReturnSource.NONE: "Nobody's: no contribution is known.",
    },
)
described(
    CellStatus,
    "Whether an amount is of the run in force.",
    {CellStatus.ADOPTED: "In force.", CellStatus.SUPERSEDED: "Was in force."},
)
OF_RUN = {"run_id": "id"}
RUN = {"id": "run_id"}
UNIT = {"id": "unit_id"}
NODE = {"branch_id": "branch_id", "id": "node_id"}
_BY_RULE = "What {} would give. What is committed is honoured first; no other constraint is asked."


@bound("allocation_run", for_headquarters=True)
class AllocationRun(Node):
    """A way to share out a period's credit: its parameters, and what came of them."""

    name: str = column("name", "What it is called.", where=True)
    period_from: dt.date = column("period_from", "The first day of the period.", where=True, order=True)
    period_until: dt.date = column("period_until", "The last day of the period.", where=True, order=True)
    budget: Money = amount("budget", "What there is to share out, the buffer included.", where=True)
    segment_dimension: str = column("segment_dimension", "The dimension whose values tell segments apart.")
    parameters: str | None = expression(
        lambda run: cast(run.c.parameters, Text),
        "Buffer, demand, minimum shares, ceilings, bounds, balance: as JSON, see docs/allocation.md.",
    )
    status: RunStatus = column("status", "Where it is in its life.", where=True)
    feasible: bool | None = column(
        "feasible", "Whether anything satisfies all constraints; null: it was not simulated yet.", where=True
    )
    explanation: str | None = column(
        "explanation",
        "What came out, what one more million would earn and where; or the fewest constraints that conflict, and "
        "what would mend it.",
    )
    distributable: Money | None = amount("distributable", "The budget less the buffer.")
    committed: Money | None = amount("committed", "What is committed already: the sum of the floors.")
    asked: Money | None = amount("asked", "The demand that is forecast.")
    granted: Money | None = amount("granted", "What is granted altogether.", order=True)
    expected_return: Money | None = amount(
        "expected_return", "What that is expected to earn a year.", order=True
    )
    penalty: Money | None = amount(
        "penalty", "What imbalance between branches takes of it, in the reckoning."
    )
    budget_price: Decimal | None = column(
        "budget_price", "The budget's shadow price: what one more of it would earn a year."
    )
    figures_day: dt.date | None = column("figures_day", "The bank's day of the figures.")
    solving_ms: int | None = column("solving_ms", "How many milliseconds it took to solve and explain.")
    created_by: str = column("created_by", "Who drafted it.", where=True)
    edited_by: str = column("edited_by", "Who wrote it last.", where=True)
    simulated_by: str | None = column("simulated_by", "Who simulated it as it stands.")
    adopted_by: str | None = column("adopted_by", "Who adopted it.", where=True)
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    created_at: dt.datetime = column("created_at", "When it was drafted.", where=True, order=True)
    edited_at: dt.datetime = column("edited_at", "When it was last written.")
    simulated_at: dt.datetime | None = column("simulated_at", "When it was last simulated.")
    adopted_at: dt.datetime | None = column("adopted_at", "When it was adopted.", where=True)
    ended_at: dt.datetime | None = column("ended_at", "When it was superseded or given up.")
    constraints: Any = connection(
        "AllocationConstraint", "What bounds it, and at what price.", on=OF_RUN, order=("position",)
    )
    branches: Any = connection(
        "AllocationBranch", "What each branch gets and why.", on=OF_RUN, order=("unit_id",)
    )
    cells: Any = connection(
        "AllocationProposal",
        "What each branch's segment gets and why.",
        on=OF_RUN,
        order=("unit_id", "segment_value"),
    )
    differences: Any = connection(
        "AllocationDifference",
        "Where another simulated run (`toRun`) grants something else.",
        on={"from_run_id": "id"},
        order=("to_run_id", "unit_id", "segment_value"),
    )
    changes: Any = connection(
        "QuotaChange",
        "What was proposed and done to its quotas in mid-period.",
        on=OF_RUN,
        order=("-proposed_at",),
    )


@bound("allocation_constraint", for_headquarters=True)
class AllocationConstraint(Node):
    """One constraint of a run: what it asks for, what is used of it, and what it costs."""

    position: int = column("position", "Its place, from 0: the budget.", order=True)
    kind: ConstraintKind = column("kind", "What kind of constraint it is.", where=True)
    name: str = column("name", "What it is called.", where=True)
    at_least: Money | None = amount("lower", "What must be reached.")
    at_most: Money | None = amount("upper", "What may not be exceeded.")
    used: Money | None = amount("used", "What its cells get together.")
    binding: bool = column(
        "binding", "Whether one of its ends is reached to the last minor unit.", where=True
    )
    shadow_price: Decimal | None = column(
        "price",
        "What one more of it would earn a year; below nothing where it demands something that would earn more "
        "elsewhere. Where several constraints bind at one point, one of their possible prices.",
        where=True,
        order=True,
    )
    conflicts: bool = column(
        "conflicts", "Whether it is among the fewest that nothing satisfies together.", where=True
    )
    explanation: str | None = column("explanation", "The price in words.")
    run: Any = to_one("AllocationRun", RUN, "The run.", required=True)
    unit: Any = to_one("OrganisationUnit", UNIT, "The region or branch that it is about.")


@bound("allocation_branch", for_headquarters=True)
class AllocationBranch(Node):
    """What a run gives a branch, beside what the rules for scarcity would."""

    region_tier: Tier | None = column("region_tier", "The economic tier of its region.", where=True)
    weight: Decimal = column(
        "weight", "What policy and scorecard make of one that it asks; 1: no preference.", where=True
    )
    committed: Money = amount("committed", "What it has committed already.", order=True)
    asked: Money = amount("asked", "The demand that is forecast.", where=True, order=True)
    cap: Money = amount("cap", "What it could use at all.")
    target: Money | None = amount("target", "Its fair share, from which falling short costs.")
    granted: Money | None = amount("granted", "What it gets.", where=True, order=True)
    proportional: Money | None = amount("proportional", _BY_RULE.format("the proportional rule"), order=True)
    equal_awards: Money | None = amount(
        "equal_awards", _BY_RULE.format("constrained equal awards"), order=True
    )
    equal_losses: Money | None = amount(
        "equal_losses", _BY_RULE.format("constrained equal losses"), order=True
    )
    talmud: Money | None = amount("talmud", _BY_RULE.format("the Talmud's rule"), order=True)
    expected_return: Money | None = amount(
        "expected_return", "What it is expected to earn a year.", order=True
    )
    explanation: str | None = column("explanation", "Why it got less than it asked, where it did.")
    cells: Any = connection(
        "AllocationProposal",
        "Its segments.",
        on={"run_id": "run_id", "unit_id": "unit_id"},
        order=("segment_value",),
    )
    run: Any = to_one("AllocationRun", RUN, "The run.", required=True)
    unit: Any = to_one("OrganisationUnit", UNIT, "The branch.", required=True)


@bound("allocation_proposal", for_headquarters=True)
class AllocationProposal(Node):
    """What a run gives a branch's segment."""

    segment: str = column("segment_value", "The segment.", where=True, order=True)
    expected_return: Decimal = column(
        "expected_return", "What one granted is expected to earn a year.", where=True, order=True
    )
    return_source: ReturnSource = column("return_source", "Whose past that rests on.", where=True)
    committed: Money = amount("committed", "What is committed already: its floor.")
    asked: Money = amount("asked", "The demand that is forecast.", where=True, order=True)
    cap: Money = amount("cap", "What it could use at all.")
    granted: Money | None = amount("granted", "What it gets.", where=True, order=True)
    proportional: Money | None = amount("proportional", _BY_RULE.format("the proportional rule"))
    equal_awards: Money | None = amount("equal_awards", _BY_RULE.format("constrained equal awards"))
    equal_losses: Money | None = amount("equal_losses", _BY_RULE.format("constrained equal losses"))
    talmud: Money | None = amount("talmud", _BY_RULE.format("the Talmud's rule"))
    held_back_by: ConstraintKind | None = column(
        "held_back_by", "What kept it from all that it asked; null where it got that.", where=True
    )
    explanation: str | None = column("explanation", "What it asked, gets, and why.")
    run: Any = to_one("AllocationRun", RUN, "The run.", required=True)
    unit: Any = to_one("OrganisationUnit", UNIT, "The branch.", required=True)


@bound(allocation_difference, for_headquarters=True)
class AllocationDifference(Node):
    """A branch's segment to which two runs grant different amounts."""

    segment: str = column("segment_value", "The segment.", where=True, order=True)
    from_granted: Money = amount("from", "What the one run grants.", order=True)
    to_granted: Money = amount("to", "What the other run grants.", order=True)
    change: Money = amount("change", "How much more; below nothing: less.", where=True, order=True)
    unit: Any = to_one("OrganisationUnit", UNIT, "The branch.", required=True)
    from_run: Any = to_one("AllocationRun", {"id": "from_run_id"}, "The one run.", required=True)
    to_run: Any = to_one("AllocationRun", {"id": "to_run_id"}, "The other run.", required=True)


@bound("allocation_cell", hidden_from_clients=True)
class AllocationCell(Node):
    """What a branch was granted for a segment by a run that was adopted."""

    run_name: str = column("run_name", "The run.", where=True)
    period_from: dt.date = column("period_from", "The first day of the period.", where=True, order=True)
    period_until: dt.date = column("period_until", "The last day of the period.", where=True, order=True)
    segment_dimension: str = column("segment_dimension", "The dimension.")
    segment: str = column("segment_value", "The segment.", where=True, order=True)
    committed: Money = amount("committed", "What was committed when it was adopted.")
    asked: Money = amount("asked", "The demand that was forecast.", order=True)
    granted: Money = amount("granted", "What was granted.", where=True, order=True)
    sublimit: Money = amount(
        "sublimit",
        "Of that, what became the segment's own limit: the rest was committed elsewhere in the branch.",
    )
    held_back_by: ConstraintKind | None = column(
        "held_back_by", "What kept it from all that was asked; null where nothing did.", where=True
    )
    explanation: str | None = column("explanation", "What was asked, granted, and why.")
    status: CellStatus = column("status", "Whether it is of the run in force.", where=True)
    adopted_at: dt.datetime = column("adopted_at", "When it was adopted.", where=True, order=True)
    branch: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "The branch.", required=True)
    node: Any = to_one("LimitNode", NODE, "The limit that it became.")
