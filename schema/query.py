"""What can be asked."""

from __future__ import annotations

from typing import Any

import strawberry

import schema.behaviour
import schema.client_facts
import schema.division_models
import schema.divisions
import schema.links
import schema.rule_sets  # noqa: F401 - these bind the types that clients lead to
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
    division_models: Any = connection(
        "DivisionModel", "The models by which regions are divided.", order=("kind", "-number")
    )
    division_differences: Any = connection(
        "DivisionDifference",
        "Where models of one kind differ; `fromModel` and `toModel` in `where` say which two are compared.",
        order=("region_code", "-year"),
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
    rule_set: Any = by_id("RuleSet", "A rule set by its id.")
    division_model: Any = by_id("DivisionModel", "A model of division by its id; null where there is none.")
    segment_migrations: list[SegmentMigration] = migrations(
        "From which value of a dimension to which clients have gone between two days, by what was recorded."
    )
    import_status: Any = by_id("ImportJob", "How far an import has come; null where there is none in sight.")
