"""Regions divided in three ways, as callers see it: each region's classes, why, and what follows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from domain.divisions.models import (
    ClusterSource,
    CollateralDemand,
    ReviewDepth,
)
from domain.lending import Product
from schema.bound_fields import Node
from schema.codes import described
from schema.fields import bound, column, connection, texts, to_one

described(
    ClusterSource,
    "Whose figures show a cluster.",
    {
        ClusterSource.PORTFOLIO: "The bank's own clients in the region.",
        ClusterSource.OFFICIAL: "Published figures, which are preferred where there are any.",
    },
)
described(
    CollateralDemand,
    "What security is asked for in regions of a class.",
    {
        CollateralDemand.UNSECURED: "None need be asked for.",
        CollateralDemand.STANDARD: "What the product asks for.",
        CollateralDemand.ADDITIONAL: "A guarantor or additional collateral.",
    },
)
described(
    ReviewDepth,
    "How thoroughly applications from regions of a class are examined.",
    {
        ReviewDepth.SIMPLIFIED: "By a simpler approval.",
        ReviewDepth.STANDARD: "As usual.",
        ReviewDepth.STRICT: "Closely, whatever the amount.",
    },
)

REGION = {"code": "region_code"}
POLICY = {"model_id": "model_id", "class_code": "class_code"}


@bound("division_policy", hidden_from_clients=True)
class DivisionPolicy(Node):
    """What follows for business in regions of one class, or in clusters of one."""

    class_code: str = column("class_code", "The class.", where=True, order=True)
    pricing_adjustment_bps: int = column(
        "pricing_adjustment_bps",
        "How many basis points are added to the price of credit; negative: taken off.",
        where=True,
    )
    collateral_demand: CollateralDemand = column(
        "collateral_demand", "What security is asked for.", where=True
    )
    quota_weight: Decimal = column(
        "quota_weight", "How much its regions count when quotas are shared out; 1: no preference.", where=True
    )
    review_depth: ReviewDepth = column(
        "review_depth", "How thoroughly applications are examined.", where=True
    )
    note: str | None = column("note", "The policy in words.")
    products: Any = connection(
        "DivisionPolicyProduct",
        "The preferred products, the first choice first.",
        on={"model_id": "model_id", "class_code": "class_code"},
        order=("position",),
    )
    model: Any = to_one("DivisionModel", {"id": "model_id"}, "The model that says so.", required=True)


@bound("division_policy_product", hidden_from_clients=True)
class DivisionPolicyProduct(Node):
    """A product that is preferred in regions of a class."""

    position: int = column("position", "Its place in the order of preference, from 1.", order=True)
    product: Product = column("product", "The product.", where=True)
    policy: Any = to_one("DivisionPolicy", POLICY, "The policy.", required=True)


@bound("division", hidden_from_clients=True)
class Division(Node):
    """What a model makes of a region in a year, with its reasons."""

    class_code: str | None = column(
        "class_code", "The region's class; null where too little is known to tell.", where=True, order=True
    )
    index: Decimal | None = column(
        "index_value",
        "The economic index, from 0 to 1: the sum of the parts' contributions.",
        where=True,
        order=True,
    )
    year: int = column(
        "year",
        "The year of the indicators; of a portfolio, the year in which it was looked at.",
        where=True,
        order=True,
    )
    reason: str = column("reason", "How the class came about.")
    missing: list[str] = texts("missing", "Which indicators nobody knows, or tell no region from another.")
    computed_at: dt.datetime = column("computed_at", "When it was computed.", where=True)
    region: Any = to_one("Region", REGION, "The region.", required=True)
    model: Any = to_one("DivisionModel", {"id": "model_id"}, "The model.", required=True)
    policy: Any = to_one(
        "DivisionPolicy", POLICY, "What follows from the class; of clusters, their own policies do."
    )
    parts: Any = connection(
        "DivisionPart", "The figures that it rests on.", on={"division_id": "id"}, order=("position",)
    )
    clusters: Any = connection(
        "DivisionCluster",
        "The industry clusters, the strongest first.",
        on={"division_id": "id"},
        order=("-location_quotient",),
    )


@bound("division_part", hidden_from_clients=True)
class DivisionPart(Node):
    """A figure that a division rests on."""

    position: int = column("position", "Its place in the model, from 1.", order=True)
    indicator: str = column("indicator", "The indicator's name in the model.", where=True)
    value: Decimal | None = column("value", "The figure; null where nobody knows it.", where=True, order=True)
    unit: str | None = column("unit", "The unit it is in.")
    scaled: Decimal | None = column(
        "scaled", "From 0 for the country's weakest regions to 1 for its strongest.", where=True
    )
    weight: Decimal | None = column(
        "weight", "Its share of the index; the weights of what is missing are borne by the rest.", where=True
    )
    contribution: Decimal | None = column(
        "contribution", "What it adds to the index.", where=True, order=True
    )
    speaks_for: str | None = column("class_code", "The credit climate that this figure alone speaks for.")
    division: Any = to_one("Division", {"id": "division_id"}, "The division.", required=True)


@bound("division_cluster", hidden_from_clients=True)
class DivisionCluster(Node):
    """An industry that is far stronger in a region than in the country."""

    industry_scheme: str = column("industry_scheme", "The classification of industries.", where=True)
    industry_code: str = column("industry_code", "The industry's code.", where=True, order=True)
    class_code: str = column("class_code", "What kind of cluster it is to the model.", where=True)
    location_quotient: Decimal = column(
        "location_quotient",
        "The industry's share in the region over its share in the country.",
        where=True,
        order=True,
    )
    client_count: int = column("clients", "How many clients the bank had in it then.", where=True, order=True)
    source: ClusterSource = column("source", "Whose figures show it.", where=True)
    clients: Any = connection(
        "Client",
        "The clients in it, as far as the caller sees them.",
        on={
            "region_code": "region_code",
            "industry_scheme": "industry_scheme",
            "industry_code": "industry_code",
        },
    )
    region: Any = to_one("Region", REGION, "The region.", required=True)
    division: Any = to_one("Division", {"id": "division_id"}, "The division.", required=True)
    policy: Any = to_one("DivisionPolicy", POLICY, "What follows for business in such a cluster.")
