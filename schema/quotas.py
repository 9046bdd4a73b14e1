"""What may still be lent: to a client, with the way that leads to it; by a unit, with its parts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import strawberry

from domain.lending import Product
from domain.refusals import RefusalCode
from schema.fields import amount, bound, column, object_of, to_one
from schema.limit_nodes import money_of
from schema.money import Money
from tenants.tables.quotas import client_quota, unit_quota_parts


@strawberry.type(
    description="One step of the way from the limit that is drawn on up to the unit's own; or a cap."
)
class QuotaLevel:
    """A limit or a branch's share of a cap, as it stands on the day."""

    level: int = strawberry.field(description="Counts the steps from 1; caps come last.")
    name: str = strawberry.field(description="What the limit or the cap is called.")
    kind: str = strawberry.field(description="A limit's `kind`; CAP of a branch's own share of a cap.")
    currency: str = strawberry.field(description="ISO 4217 code that it is kept in.")
    effective: Money = strawberry.field(description="How much is in effect; of a cap the branch's share.")
    committed: Money = strawberry.field(description="What is committed of it; of a cap what is used.")
    headroom: Money = strawberry.field(
        description="What is left of it; below nothing where a cut has gone too far."
    )
    binds: bool = strawberry.field(description="Whether this is what limits the quota.")


@strawberry.type(description="A unit's figures for the clients of one segment.")
class SegmentQuota:
    """What the branches' limits for one segment come to."""

    segment: str = strawberry.field(description="The value in the bank's dimension of limits.")
    granted: Money = strawberry.field(description="What is in effect.")
    committed: Money = strawberry.field(description="What is committed.")
    earmarked: Money = strawberry.field(description="Held for applications.")
    reserved: Money = strawberry.field(description="Approved and not drawn.")
    utilised: Money = strawberry.field(description="Drawn and owed.")
    available: Money = strawberry.field(description="What may still be committed.")


@strawberry.type(description="A unit's figures for one product.")
class ProductQuota:
    """What has been promised and drawn of one product."""

    product: Product | None = strawberry.field(description="The product; null where none was said.")
    granted: Money | None = strawberry.field(
        description="What is in effect of limits that branches keep for the product, whoever the client; null "
        "where they keep none, and it may be drawn as far as there is room for any."
    )
    earmarked: Money = strawberry.field(description="Held for applications.")
    reserved: Money = strawberry.field(description="Approved and not drawn.")
    utilised: Money = strawberry.field(description="Drawn and owed.")


_AMOUNTS = ("granted", "committed", "earmarked", "reserved", "utilised", "available", "effective", "headroom")


def _made(kept: dict[str, Any]) -> dict[str, Any]:
    return {name: money_of(value) if value and name in _AMOUNTS else value for name, value in kept.items()}


def _levels(kept: list[dict[str, Any]]) -> list[QuotaLevel]:
    return [QuotaLevel(**_made(one)) for one in kept]


def _segments(kept: list[dict[str, Any]]) -> list[SegmentQuota]:
    return [SegmentQuota(**_made(one)) for one in kept]


def _products(kept: list[dict[str, Any]]) -> list[ProductQuota]:
    return [
        ProductQuota(**_made(one) | {"product": one["product"] and Product(one["product"])}) for one in kept
    ]


@bound(client_quota, hidden_from_clients=True, is_node=False)
class Quota:
    """What a client may still draw, and why no more: the least that any limit on the way up and any cap leaves.

    Holds whose time has passed are not counted, swept or not.
    """

    available: Money = amount("available", "How much may still be committed; never below nothing.")
    allowed: bool | None = column(
        "allowed", "Whether the amount that was asked about is; null where none was."
    )
    refusal: RefusalCode | None = column(
        "refusal", "What a reservation of that amount would be refused with; null where it is allowed."
    )
    binding: str = column("binding", "What the limit or cap is called that leaves the least.")
    binding_node: Any = to_one(
        "LimitNode", {"branch_id": "node_branch_id", "id": "node_id"}, "That limit; null where a cap binds."
    )
    trace: list[QuotaLevel] = object_of("trace", _levels, "The way from the limit that is drawn on upwards.")
    counts_caps: bool = column(
        "counts_caps",
        "Whether concentration caps are counted. Of an earlier day they are not, for what a branch could have been "
        "dealt then is not kept: there `available` is what the limits left, and may be more than could be drawn.",
    )
    as_of: dt.date = column("as_of", "The day that it is told of.")


@bound(unit_quota_parts, hidden_from_clients=True, is_node=False)
class UnitQuota:
    """What a unit and all units below it may lend and have committed, as far as their limits are in sight."""

    currency: str = column("currency", "ISO 4217 code of the amounts: that of the uppermost limit in sight.")
    granted: Money = amount("granted", "What is in effect of the uppermost limits in sight.")
    committed: Money = amount(
        "committed", "What is committed, with what ring-fenced limits hold and do not use."
    )
    earmarked: Money = amount("earmarked", "Held for applications.")
    reserved: Money = amount("reserved", "Approved and not drawn.")
    utilised: Money = amount("utilised", "Drawn and owed.")
    available: Money = amount(
        "available", "What may still be committed: the sum of what each unit's own limit leaves."
    )
    as_of: dt.date = column("as_of", "The day that it is told of.")
    by_product: list[ProductQuota] = object_of(
        "by_product", _products, "What was promised and drawn, by product, and what limits for it grant."
    )
    by_segment: list[SegmentQuota] = object_of(
        "by_segment", _segments, "The limits that branches keep for segments of clients, by segment."
    )
