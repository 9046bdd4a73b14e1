"""What can be asked."""

from __future__ import annotations

from typing import Any

import strawberry

from domain.access import Role
from schema.fields import by_code, by_id, by_keys, connection, fact, nodes, of_the_caller
from schema.ids import Key
from schema.lookups import MOST_NODES
from schema.request import Request


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
    viewer: Viewer = of_the_caller("Who the caller is.")
    node: Any = by_id(None, "Anything by its id; null where there is none in sight.")
    nodes: Any = nodes(
        f"Up to {MOST_NODES} things by their ids, in their order; null for those not in sight."
    )
    unit: Any = by_code("OrganisationUnit", "A unit by its code.")
    region: Any = by_code("Region", "A region by its code.")
    client: Any = by_id("Client", "A client by its id; null where there is none in sight.")
    facility: Any = by_id("Facility", "A facility by its id; null where there is none in sight.")
    import_status: Any = by_id("ImportJob", "How far an import has come; null where there is none in sight.")
