"""The organisation tree, the regions it works in, and the people in it, as callers see them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from domain.access import Role
from domain.organisation import UnitKind
from schema.binding import AmountSource, ConnectionSource
from schema.bound_fields import Node
from schema.fields import ancestors, bound, column, connection, to_one, total, unit_quota
from schema.money import Money

OWED = AmountSource("outstanding_minor")


@bound("unit")
class OrganisationUnit(Node):
    """A place in the bank: headquarters, a region, a branch or a sub-branch. Everybody may read the tree."""

    code: str = column("code", "The bank's own code, unique.", where=True, order=True)
    name: str = column("name", "What it is called.", where=True, order=True)
    kind: UnitKind = column("kind", "What it is.", where=True)
    opened_on: dt.date | None = column("opened_on", "When it opened.", where=True, order=True)
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    parent: Any = to_one("OrganisationUnit", {"id": "parent_id"}, "The unit above; null at the root.")
    ancestors: Any = ancestors("The units above, nearest first, headquarters last.")
    children: Any = connection(
        "OrganisationUnit", "The units directly below.", on={"parent_id": "id"}, order=("code",)
    )
    region: Any = to_one("Region", {"code": "region_code"}, "The geographic region it works in.")
    staff: Any = connection("Staff", "Who works here.", on={"branch_id": "id"}, order=("code",), below=True)
    clients: Any = connection(
        "Client", "Its clients, as far as the caller sees them.", on={"branch_id": "id"}, below=True
    )
    facilities: Any = connection(
        "Facility", "Its facilities, as far as the caller sees them.", on={"branch_id": "id"}, below=True
    )
    quota: Any = unit_quota(
        "UnitQuota",
        "What it and the units below it may lend and have committed; null where no limit is in sight, or where the "
        "uppermost ones are in several currencies.",
    )
    limits: Any = connection(
        "LimitNode",
        "Its limits, as far as the caller sees them.",
        on={"branch_id": "id"},
        order=("name",),
        below=True,
    )
    quota_history: Any = connection(
        "QuotaSnapshot",
        "What it had been granted and held at month ends, with its sublimits for segments, the latest first.",
        on={"branch_id": "id"},
        order=("-month_end", "kind", "segment"),
    )
    scorecards: Any = connection(
        "BranchScorecard",
        "How it and the branches below have done, the latest period first.",
        on={"branch_id": "id"},
        order=("-period_end",),
        below=True,
    )
    compensation_claims: Any = connection(
        "CompensationClaim",
        "What it and the branches below have claimed of funds, the latest first.",
        on={"branch_id": "id"},
        order=("-claimed_on",),
        below=True,
    )
    exposure: list[Money] = total(
        ConnectionSource("Facility", {"branch_id": "id"}, below=True),
        OWED,
        "What is owed here and below, one amount per currency, as far as the caller sees it.",
    )


@bound("region")
class Region(Node):
    """A geographic region, with what the statistics offices publish of it."""

    code: str = column("code", "The official code, e.g. 310000.", where=True, order=True)
    name: str = column("name", "Its English name.", where=True, order=True)
    local_name: str | None = column("local_name", "Its name in its own language.", where=True)
    country: str = column("country", "ISO 3166 code of its country.", where=True)
    macro_region: str | None = column("macro_region", "The larger region it is counted to.", where=True)
    city_cluster: str | None = column("city_cluster", "The city cluster it belongs to, if any.", where=True)
    indicators: Any = connection(
        "RegionIndicator",
        "Its indicators, latest year first.",
        on={"region_code": "code"},
        order=("-year", "indicator"),
    )
    units: Any = connection(
        "OrganisationUnit", "The units that work in it.", on={"region_code": "code"}, order=("code",)
    )
    economic_tier: Any = to_one(
        "Division",
        {"id": "economic_division_id"},
        "Its class by economic strength (CORE, KEY, UNDERDEVELOPED), by the model in force.",
    )
    credit_climate: Any = to_one(
        "Division",
        {"id": "credit_division_id"},
        "Its class by how the bank's own credit fares there (A, B, C), by the model in force.",
    )
    industry_structure: Any = to_one(
        "Division",
        {"id": "industry_division_id"},
        "Whether it has industry clusters (CLUSTERED, DIVERSE), by the model in force.",
    )
    clusters: Any = connection(
        "DivisionCluster",
        "Its industry clusters by the model in force, the strongest first.",
        on={"division_id": "industry_division_id"},
        order=("-location_quotient",),
    )
    divisions: Any = connection(
        "Division",
        "What every model, in force or not, makes of it, latest year first.",
        on={"region_code": "code"},
        order=("-year", "model_id"),
    )


@bound("region_indicator")
class RegionIndicator(Node):
    """One published figure of a region."""

    year: int = column("year", "The year it is about.", where=True, order=True)
    indicator: str = column("indicator", "What it measures, e.g. gdp_growth.", where=True)
    value: Decimal = column("value", "The figure.", where=True, order=True)
    unit: str = column("unit", "The unit it is in, e.g. %.", where=True)
    source: str = column("source", "Who published it.", where=True)
    region: Any = to_one("Region", {"code": "region_code"}, "The region it is about.", required=True)


@bound("staff")
class Staff(Node):
    """A person who works for the bank."""

    code: str = column("code", "The person's code, unique in the unit.", where=True, order=True)
    name: str = column("name", "The person's name.", where=True, order=True)
    role: Role = column("role", "What the person does.", where=True)
    email: str | None = column("email", "Where to write.", where=True)
    active: bool = column("active", "Whether the person still works here.", where=True)
    unit: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "Where the person works.", required=True)
    clients: Any = connection(
        "Client",
        "The clients this person looks after.",
        on={"branch_id": "branch_id", "relationship_manager_id": "id"},
    )
