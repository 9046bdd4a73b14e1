"""The models by which regions are divided, who would move by them, and where they differ."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import Text, cast

from domain.divisions.models import DivisionKind, DivisionStatus
from schema.binding import AmountSource, ConnectionSource
from schema.bound_fields import Node
from schema.codes import described
from schema.fields import amount, bound, column, connection, expression, to_one, total
from schema.money import Money
from tenants.tables.divisions import cluster_difference, division_difference

described(
    DivisionKind,
    "By what a model divides regions.",
    {
        DivisionKind.ECONOMIC: "By economic strength: an index of published indicators, and city clusters.",
        DivisionKind.INDUSTRY: "By industry: where an industry's share is far above the country's.",
        DivisionKind.CREDIT_CLIMATE: "By credit climate: how the bank's own credit fares there.",
    },
)
described(
    DivisionStatus,
    "Where a model is in its life; of each kind at most one is active.",
    {
        DivisionStatus.DRAFT: "Being written.",
        DivisionStatus.SIMULATED: "Who would move is known; it may be put in force as it stands.",
        DivisionStatus.ACTIVE: "In force.",
        DivisionStatus.ARCHIVED: "Was in force, or was given up.",
    },
)

OF_MODEL = {"model_id": "id"}
REGION = {"code": "region_code"}
_MOVED = AmountSource("exposure_minor")


@bound("division_model", hidden_from_clients=True)
class DivisionModel(Node):
    """A way to divide regions: one version of it."""

    kind: DivisionKind = column("kind", "By what it divides.", where=True)
    number: int = column("number", "Counts the models of its kind.", where=True, order=True)
    name: str = column("name", "What it is called.", where=True)
    status: DivisionStatus = column("status", "Where it is in its life.", where=True)
    parameters: str | None = expression(
        lambda model: cast(model.c.parameters, Text),
        "How it divides and what follows from each class, as JSON.",
    )
    created_by: str = column("created_by", "Who drafted it.", where=True)
    edited_by: str = column("edited_by", "Who wrote it last.", where=True)
    simulated_by: str | None = column("simulated_by", "Who simulated it as it stands.")
    activated_by: str | None = column("activated_by", "Who put it in force.", where=True)
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    created_at: dt.datetime = column("created_at", "When it was drafted.", where=True, order=True)
    edited_at: dt.datetime = column("edited_at", "When it was last written.")
    simulated_at: dt.datetime | None = column("simulated_at", "When it was last simulated.")
    activated_at: dt.datetime | None = column("activated_at", "When it came into force.", where=True)
    archived_at: dt.datetime | None = column(
        "archived_at", "When another took its place, or it was given up.", where=True
    )
    policies: Any = connection(
        "DivisionPolicy", "What follows from each of its classes.", on=OF_MODEL, order=("class_code",)
    )
    divisions: Any = connection(
        "Division", "What it makes of each region.", on=OF_MODEL, order=("-year", "region_code")
    )
    moves: Any = connection(
        "DivisionMove",
        "Who would have moved when it was last simulated, for headquarters; empty for what has not been.",
        on=OF_MODEL,
        order=("region_code", "industry_scheme", "industry_code"),
    )
    moved_exposure: list[Money] = total(
        ConnectionSource("DivisionMoveExposure", OF_MODEL),
        _MOVED,
        "What is owed by whoever would have moved.",
    )
    cluster_differences: Any = connection(
        "ClusterDifference",
        "Which industries are clusters to it or to another industry model (`toModel`), and not to both.",
        on={"from_model_id": "id"},
        order=("region_code", "industry_scheme", "industry_code"),
    )
    differences: Any = connection(
        "DivisionDifference",
        "Where another model of its kind (`toModel`) puts a region into another class.",
        on={"from_model_id": "id"},
        order=("region_code", "-year"),
    )


@bound("division_move", for_headquarters=True)
class DivisionMove(Node):
    """A region, or an industry in it, that would change its class if the simulated model came into force."""

    from_class: str | None = column(
        "from_class", "The class by the model then in force; null: none.", where=True, order=True
    )
    to_class: str | None = column(
        "to_class", "The class by the simulated model; null: none.", where=True, order=True
    )
    industry_scheme: str | None = column(
        "industry_scheme", "The classification of the industry, where a cluster moves.", where=True
    )
    industry_code: str | None = column("industry_code", "The industry, where a cluster moves.", where=True)
    client_count: int = column("clients", "How many clients are concerned.", where=True, order=True)
    exposure: list[Money] = total(
        ConnectionSource("DivisionMoveExposure", {"move_id": "id"}),
        _MOVED,
        "What these clients owe, one amount per currency.",
    )
    exposures: Any = connection(
        "DivisionMoveExposure",
        "The same as rows, to filter and add up.",
        on={"move_id": "id"},
        order=("currency",),
    )
    region: Any = to_one("Region", REGION, "The region.", required=True)
    model: Any = to_one("DivisionModel", {"id": "model_id"}, "The simulated model.", required=True)
    from_model: Any = to_one(
        "DivisionModel", {"id": "from_model_id"}, "The model that was in force; null: there was none."
    )


@bound("division_move_exposure", for_headquarters=True)
class DivisionMoveExposure(Node):
    """What clients who would move owe in one currency."""

    currency: str = column("currency", "ISO 4217 code.", where=True, order=True)
    exposure: Money = amount("exposure", "The sum.", where=True, order=True)
    move: Any = to_one("DivisionMove", {"id": "move_id"}, "The move.", required=True)


@bound(division_difference, hidden_from_clients=True)
class DivisionDifference(Node):
    """A region that two models of one kind put into different classes."""

    year: int = column("year", "The year that both look at.", where=True, order=True)
    from_class: str | None = column("from_class", "The class by the one model.", where=True, order=True)
    to_class: str | None = column("to_class", "The class by the other model.", where=True, order=True)
    from_index: Decimal | None = column("from_index", "The index by the one model.", order=True)
    to_index: Decimal | None = column("to_index", "The index by the other model.", order=True)
    region: Any = to_one("Region", REGION, "The region.", required=True)
    from_model: Any = to_one("DivisionModel", {"id": "from_model_id"}, "The one model.", required=True)
    to_model: Any = to_one("DivisionModel", {"id": "to_model_id"}, "The other model.", required=True)


@bound(cluster_difference, hidden_from_clients=True)
class ClusterDifference(Node):
    """An industry in a region that two industry models see differently."""

    year: int = column("year", "The year that both look at.", where=True, order=True)
    industry_scheme: str = column("industry_scheme", "The classification of industries.", where=True)
    industry_code: str = column("industry_code", "The industry's code.", where=True, order=True)
    from_class: str | None = column(
        "from_class", "The cluster's class by the one model; null: no cluster.", where=True, order=True
    )
    to_class: str | None = column(
        "to_class", "The cluster's class by the other model; null: no cluster.", where=True, order=True
    )
    from_quotient: Decimal | None = column(
        "from_quotient", "The location quotient by the one model.", order=True
    )
    to_quotient: Decimal | None = column(
        "to_quotient", "The location quotient by the other model.", order=True
    )
    region: Any = to_one("Region", REGION, "The region.", required=True)
    from_model: Any = to_one("DivisionModel", {"id": "from_model_id"}, "The one model.", required=True)
    to_model: Any = to_one("DivisionModel", {"id": "to_model_id"}, "The other model.", required=True)
