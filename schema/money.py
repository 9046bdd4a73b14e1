"""Amounts of money in the graph."""

from __future__ import annotations

from decimal import Decimal

import strawberry


@strawberry.type(description="An exact amount of one currency.")
class Money:
    """What `domain.money.Money` looks like in the graph."""

    amount: Decimal = strawberry.field(description="In major units, with all the currency's decimal places.")
    currency: str = strawberry.field(description="ISO 4217 code.")
