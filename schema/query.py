"""What can be asked."""

from __future__ import annotations

from typing import Any

import strawberry

import schema.allocation
import schema.behaviour
import schema.caps
import schema.client_facts
import schema.compensation
import schema.division_models
import schema.divisions
import schema.limit_nodes
import schema.links
import schema.quota_changes
import schema.quota_snapshots
import schema.quotas
import schema.rule_sets
import schema.scorecards  # noqa: F401 - these bind the types that clients lead to
from domain.access import Role
from schema.fields import (
    by_code,
    by_id,
    by_keys,
    connection,
    fact,
    migrations,
    nodes,
    of_the_caller,
    quota,
    segment_named,
)
from schema.ids import Key
from schema.lookups import MOST_NODES
from schema.request import Request
from schema.segment_migrations import SegmentMigration
from schema.segments import Segment


def _branches_in_sight(request: Request) -> int:
    seen = [request.organisation.unit(unit_id) for unit_id in request.scope.branches]
    return sum(1 for unit in seen if unit and unit.kind in ("BRANCH", "SUB_BRANCH"))


def _office(request: Request) -> list[Key]:
    unit = request.organisation.with_code(request.caller.office or "")
    return [(unit.id,)] if unit else []


def _companies(request: Request) -> list[Key]:
    if request.caller.role is not Role.CLIENT_USER:
        return []
    return [(b, c) for b in request.scope.branches for c in request.scope.clients]


@strawberry.type(description="Who the caller is, and what the token lets it see.")
class Viewer:
    """The caller, as the server understood the token."""

    subject: str = fact(lambda request: request.caller.subject, "The token's subject.")
    role: Role = fact(lambda request: request.caller.role, "What the caller is to the bank.")
    branch_count: int = fact(_branches_in_sight, "How many branches and sub-branches are in sight.")
    office: Any = by_keys(
        "OrganisationUnit", _office, "The caller's office; null for headquarters' roles and client users."
    )
    companies: Any = by_keys(
        "Client",
        _companies,
        "The caller's own company, once per branch that keeps it; else empty.",
        many=True,
    )


@strawberry.type(description="Everything that can be asked. Lists show what is in the caller's sight.")
class Query:
    """The root of reading."""

    units: Any = connection("OrganisationUnit", "The organisation's units.", order=("code",))
    regions: Any = connection("Region", "The geographic regions.", order=("code",))
    clients: Any = connection("Client", "The clients in sight.")
    facilities: Any = connection("Facility", "The facilities in sight.")
    imports: Any = connection("ImportJob", "The imports, latest first.", order=("-started_at",))
    playbooks: Any = connection(
        "Playbook",
        "How clients are managed by type, in every version, the latest first.",
        order=("dimension_code", "value", "-number"),
    )
    dimensions: Any = connection(
        "Dimension", "The ways in which clients are told apart, for the bank's staff.", order=("code",)
    )
    rule_sets: Any = connection(
        "RuleSet", "The rules of all dimensions, in every version, the latest first.", order=("-id",)
    )
    tasks: Any = connection(
        "Task", "What is to be done, and was, for the clients in sight.", order=("due_on",)
    )
    allocation_runs: Any = connection(
        "AllocationRun",
        "How credit was to be shared out, for headquarters, the latest first.",
        order=("-id",),
    )
    allocation_differences: Any = connection(
        "AllocationDifference",
        "Where two simulated runs differ; `fromRun` and `toRun` in `where` say which two are compared.",
        order=("unit_id", "segment_value"),
    )
    allocation_cells: Any = connection(
        "AllocationCell",
        "What the branches in sight were granted by the runs that were adopted, the latest first.",
        order=("-run_id", "branch_id", "segment_value"),
    )
    quota_changes: Any = connection(
        "QuotaChange",
        "What was proposed and done to the quotas in sight in mid-period, the latest first.",
        order=("-proposed_at",),
    )
    concentration_caps: Any = connection(
        "ConcentrationCap", "Ceilings that cross branches, in every version.", order=("name", "id")
    )
    cap_shares: Any = connection(
        "CapShare", "What has been dealt of them to the branches in sight.", order=("cap_id", "subject")
    )
    regulatory_capital: Any = connection(
        "RegulatoryCapital", "The bank's own funds, the latest first.", order=("-day",)
    )
    division_models: Any = connection(
        "DivisionModel", "The models by which regions are divided.", order=("kind", "-number")
    )
    division_differences: Any = connection(
        "DivisionDifference",
        "Where models of one kind differ; `fromModel` and `toModel` in `where` say which two are compared.",
        order=("region_code", "-year"),
    )
    limit_nodes: Any = connection("LimitNode", "The limits in sight.", order=("name",))
    limit_commitments: Any = connection(
        "LimitCommitment", "What has been promised under the limits in sight, latest first.", order=("-id",)
    )
    limit_movements: Any = connection(
        "LimitMovement", "The ledger of the limits in sight, latest first.", order=("-id",)
    )
    quota: Any = quota(
        "Quota",
        "What a client may still draw; null where it has no limit to draw on, or is out of sight.",
        at_root=True,
    )
    quota_snapshots: Any = connection(
        "QuotaSnapshot",
        "What units had been granted and held at month ends, as far as they are in sight, the latest first.",
        order=("-month_end", "branch_id", "kind", "segment"),
    )
    allocation_balance: Any = connection(
        "AllocationSnapshot",
        "How evenly credit was spread at month ends, for headquarters, the latest first.",
        order=("-month_end", "spread_of", "spread_over", "measure"),
    )
    compensation_funds: Any = connection(
        "CompensationFund", "The risk compensation funds, for the bank's staff.", order=("code",)
    )
    loan_enrolments: Any = connection(
        "LoanEnrolment", "The loans in sight that a fund covers, the latest first.", order=("-enrolled_on",)
    )
    compensation_claims: Any = connection(
        "CompensationClaim", "The claims in sight, the latest first.", order=("-claimed_on",)
    )
    scorecard_models: Any = connection(
        "ScorecardModel", "The models by which branches are scored, the latest first.", order=("-number",)
    )
    scorecards: Any = connection(
        "BranchScorecard",
        "The scorecards in sight, the latest period and the best branch first.",
        order=("-period_end", "-score"),
    )
    viewer: Viewer = of_the_caller("Who the caller is.")
    node: Any = by_id(None, "Anything by its id; null where there is none in sight.")
    nodes: Any = nodes(
        f"Up to {MOST_NODES} things by their ids, in their order; null for those not in sight."
    )
    unit: Any = by_code("OrganisationUnit", "A unit by its code.")
    region: Any = by_code("Region", "A region by its code.")
    client: Any = by_id("Client", "A client by its id; null where there is none in sight.")
    facility: Any = by_id("Facility", "A facility by its id; null where there is none in sight.")
    segment: Segment | None = segment_named(
        "The segment of a dimension and a value; who is in it follows from today's facts."
    )
    dimension: Any = by_code("Dimension", "A dimension by its code.")
    allocation_run: Any = by_id("AllocationRun", "An allocation run by its id; null where there is none.")
    concentration_cap: Any = by_id("ConcentrationCap", "A concentration cap by its id.")
    rule_set: Any = by_id("RuleSet", "A rule set by its id.")
    division_model: Any = by_id("DivisionModel", "A model of division by its id; null where there is none.")
    segment_migrations: list[SegmentMigration] = migrations(
        "From which value of a dimension to which clients have gone between two days, by what was recorded."
    )
    compensation_fund: Any = by_code("CompensationFund", "A risk compensation fund by its code.")
    import_status: Any = by_id("ImportJob", "How far an import has come; null where there is none in sight.")
