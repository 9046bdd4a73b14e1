"""What can be asked."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Role
from schema import ids, reading
from schema.binding import Row, binding, bindings
from schema.budget import width_of
from schema.clients import Client
from schema.errors import BadInput
from schema.fields import Node, connection
from schema.imports import ImportJob
from schema.lending import Facility
from schema.organisation import OrganisationUnit, Region
from schema.request import Request, request_of

MOST_NODES = 100

GlobalIdArgument = Annotated[
    strawberry.ID, strawberry.argument(description="The id, exactly as it was given.")
]
CodeArgument = Annotated[str, strawberry.argument(description="The code.")]


@strawberry.type(description="Who the caller is, and what the token lets it see.")
class Viewer:
    """The caller, as the server understood the token."""

    subject: str = strawberry.field(description="The token's subject.")
    role: Role = strawberry.field(description="What the caller is to the bank.")
    branch_count: int = strawberry.field(description="How many branches and sub-branches are in sight.")

    @strawberry.field(description="The caller's office; null for headquarters' roles and client users.")
    async def office(self, info: Info[Any, Any]) -> OrganisationUnit | None:
        request = request_of(info)
        unit = request.organisation.with_code(request.caller.office or "")
        return await reading.by_key(request, "OrganisationUnit", (unit.id,)) if unit else None  # type: ignore[return-value]

    @strawberry.field(description="The caller's own company, once per branch that keeps it; else empty.")
    async def companies(self, info: Info[Any, Any]) -> list[Client]:
        request = request_of(info)
        if request.caller.role is not Role.CLIENT_USER:
            return []
        keys = [(b, c) for b in request.scope.branches for c in request.scope.clients]
        found = await reading.by_keys(request, binding("Client"), keys)
        return [row for row in found if row]  # type: ignore[misc]


@strawberry.type(description="Everything that can be asked. Lists show what is in the caller's sight.")
class Query:
    """The root of reading."""

    units: Any = connection("OrganisationUnit", "The organisation's units.", order=("code",))
    regions: Any = connection("Region", "The geographic regions.", order=("code",))
    clients: Any = connection("Client", "The clients in sight.")
    facilities: Any = connection("Facility", "The facilities in sight.")
    imports: Any = connection("ImportJob", "The imports, latest first.", order=("-started_at",))

    @strawberry.field(description="Who the caller is.")
    def viewer(self, info: Info[Any, Any]) -> Viewer:
        request = request_of(info)
        seen = [request.organisation.unit(unit_id) for unit_id in request.scope.branches]
        branches = [unit for unit in seen if unit and unit.kind in ("BRANCH", "SUB_BRANCH")]
        return Viewer(subject=request.caller.subject, role=request.caller.role, branch_count=len(branches))

    @strawberry.field(description="Anything by its id; null where there is none in sight.")
    async def node(self, info: Info[Any, Any], id: GlobalIdArgument) -> Node | None:
        return (await _nodes(request_of(info), [id]))[0]  # type: ignore[return-value]

    @strawberry.field(
        description=f"Up to {MOST_NODES} things by their ids, in their order; null for those not in sight."
    )
    async def nodes(
        self,
        info: Info[Any, Any],
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="The ids.")],
    ) -> list[Node | None]:
        request = request_of(info)
        request.budget.spend(len(ids), width_of(info))
        return await _nodes(request, ids)  # type: ignore[return-value]

    @strawberry.field(description="A unit by its code.")
    async def unit(self, info: Info[Any, Any], code: CodeArgument) -> OrganisationUnit | None:
        request = request_of(info)
        found = request.organisation.with_code(code)
        return await reading.by_key(request, "OrganisationUnit", (found.id,)) if found else None  # type: ignore[return-value]

    @strawberry.field(description="A region by its code.")
    async def region(self, info: Info[Any, Any], code: CodeArgument) -> Region | None:
        return await reading.by_key(request_of(info), "Region", (code,))  # type: ignore[return-value]

    @strawberry.field(description="A client by its id; null where there is none in sight.")
    async def client(self, info: Info[Any, Any], id: GlobalIdArgument) -> Client | None:
        return await _of_type(request_of(info), "Client", id)  # type: ignore[return-value]

    @strawberry.field(description="A facility by its id; null where there is none in sight.")
    async def facility(self, info: Info[Any, Any], id: GlobalIdArgument) -> Facility | None:
        return await _of_type(request_of(info), "Facility", id)  # type: ignore[return-value]

    @strawberry.field(description="How far an import has come; null where there is none in sight.")
    async def import_status(self, info: Info[Any, Any], id: GlobalIdArgument) -> ImportJob | None:
        return await _of_type(request_of(info), "ImportJob", id)  # type: ignore[return-value]


_NOT_OURS = "this is not an id of this API: pass one exactly as it was given"


async def _of_type(request: Request, type_name: str, id: str) -> Row | None:
    found = ids.decode(id)
    if found.type_name not in bindings():
        raise BadInput(_NOT_OURS)
    if found.type_name != type_name:
        raise BadInput(f"this is the id of a {found.type_name}, not of a {type_name}")
    return (await _nodes(request, [id]))[0]


async def _nodes(request: Request, given: list[Any]) -> list[Row | None]:
    if len(given) > MOST_NODES:
        raise BadInput(f"`ids` lists {len(given)} ids; at most {MOST_NODES} are taken")
    decoded = [ids.decode(text) for text in given]
    rows: dict[ids.GlobalId, Row | None] = {}
    for type_name in {found.type_name for found in decoded}:
        keys = _keys(type_name, decoded)
        found = await reading.by_keys(request, binding(type_name), keys)
        rows |= {ids.GlobalId(type_name, key): row for key, row in zip(keys, found, strict=True)}
    return [rows[found] for found in decoded]


def _keys(type_name: str, decoded: list[ids.GlobalId]) -> list[ids.Key]:
    keys = list(dict.fromkeys(found.key for found in decoded if found.type_name == type_name))
    if type_name not in bindings() or not all(reading.fits(binding(type_name), key) for key in keys):
        raise BadInput(_NOT_OURS)
    return keys
