"""What is measured of rows and what groups have in common, as callers are shown it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import strawberry

from domain.money import EXPONENTS, Money
from schema.errors import BadInput
from schema.listing import Group
from schema.measures import AggregateFunction, Kind, Measure, measure, result_kind


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows of one type of which measures may be asked: of the rows themselves, or of one of their fields."""

    type_name: str
    load: Callable[[Measure], Awaitable[Any]]
    field: str | None = None
    currency: str | None = None

    def of_field(self, field: str, currency: str | None) -> Measured:
        """The same of one field; of an amount in one currency. Raises BadInput for one that is unknown."""
        if currency is not None and currency not in EXPONENTS:
            raise BadInput(f"`currency`: {currency[:10]!r} is no currency of this bank")
        return replace(self, field=field, currency=currency)

    def value(self, function: AggregateFunction, at: Decimal | None) -> Awaitable[Any]:
        """A measure as callers are shown it. Raises BadInput."""
        of = measure(self.type_name, function, field=self.field, currency=self.currency, at=at)
        return self._shown(of, self.load(of))

    async def _shown(self, of: Measure, loading: Awaitable[Any]) -> Any:
        value = await loading
        if value is None or result_kind(of, self.type_name) is not Kind.MONEY:
            return value
        assert of.currency is not None
        return Money(int(value), of.currency)


@strawberry.type(description="The segment that the rows of a group have in common.")
class GroupSegment:
    """A dimension and the value in it."""

    dimension: str = strawberry.field(description="The dimension's code.")
    value: str | None = strawberry.field(description="The value; null of rows that lead to no client.")


@dataclass(frozen=True, slots=True)
class KeyOfGroup:
    """A group's key, or the part of it that a to-one relation leads to: values by their places below it."""

    parts: Mapping[tuple[str, ...], Any]

    @classmethod
    def of(cls, group: Group) -> KeyOfGroup:
        """What a group's rows have in common."""
        places = (key.place for key in group.grouping.keys)
        return cls(dict(zip(places, group.key, strict=True)))

    def segments(self, name: str) -> list[GroupSegment]:
        """The segments among what is known, by dimension."""
        parts = ((place[-1], value) for place, value in self.parts.items() if place[0] == name)
        return [GroupSegment(dimension=dimension, value=value) for dimension, value in parts]

    def below(self, relation: str) -> KeyOfGroup | None:
        """What is known of a to-one row; None where the rows are not grouped by it."""
        parts = {place[1:]: value for place, value in self.parts.items() if place[0] == relation}
        return KeyOfGroup(parts) if parts else None
