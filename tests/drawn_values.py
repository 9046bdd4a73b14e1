"""Arguments drawn at random that mean something: conditions, orderings, groups, pages, existing ids and cursors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from odd_bank import ODD_TEXTS

from domain.facts import camel
from schema.measures import FUNCTIONS, AggregateFunction, Kind, measurable

CURRENCIES = ["CNY", "USD", "JPY", "KWD"]
_PLAIN: dict[str, list[Any]] = {
    "Int": [0, 1, 2, 3, 12, -1, 10, 2**31 - 1],
    "Boolean": [True, False],
    "Decimal": ["0", "1", "-3", "0.0435", "0.5", "100", "400000", "12345678901234567890.5"],
    "BigInt": ["0", "1", "4611686018427387905"],
    "Date": ["2023-12-31", "2024-02-29", "2024-03-30", "2015-01-03", "0001-01-02"],
    "DateTime": ["2024-01-01T12:00:00.000001Z", "2025-01-01T00:00:00.12+00:00", "2026-06-01T02:00:00+08:00"],
    "String": [*ODD_TEXTS, "Silk", "s", "CNY", "310000", "EAST", "F-0-0", "Shanghai", "test"],
}


class Code(str):
    """The name of an enum's value, which is written without quotes."""

    __slots__ = ()


@dataclass(slots=True)
class Pool:
    """What exists: ids by type, codes by field, dimensions, orderings by type, cursors by list and ordering."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    codes: dict[str, list[str]] = field(default_factory=dict)
    dimensions: list[str] = field(default_factory=list)
    orders: dict[str, list[Any]] = field(default_factory=dict)
    cursors: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def cursors_of(self, coordinate: str, type_name: str, order: Any) -> list[str]:
        """Cursors of a list under an ordering; the default ordering is the field's own."""
        return self.cursors.get(cursor_key(coordinate, type_name, order), [])


def cursor_key(coordinate: str, type_name: str, order: Any) -> tuple[str, str]:
    """What makes two lists take each other's cursors."""
    return (coordinate, "") if order is None else (type_name, repr(order))


class Values:
    """Draws arguments. One in `oddity` is such that it will be refused."""

    def __init__(self, random: Random, schema: GraphQLSchema, pool: Pool, *, oddity: int = 60) -> None:
        self._random = random
        self._schema = schema
        self._pool = pool
        self._oddity = oddity

    def chance(self, share: float) -> bool:
        """True in this share of draws."""
        return self._random.random() < share

    def wrong(self) -> bool:
        """Whether to draw what will be refused."""
        return self._random.randrange(self._oddity) == 0

    def ids(self, wanted: str | None, count: int) -> list[str]:
        """Ids of a type, or of any; some of rows that do not exist."""
        known = {name: ids for name, ids in self._pool.ids.items() if ids}
        # Of a type without rows those of others, which are none of its.
        names = [wanted] if wanted in known else list(known)
        drawn = [self._random.choice(known[self._random.choice(names)]) for _ in range(count)]
        if self.chance(0.1) and drawn:
            # The last digit belongs to the key.
            drawn[0] = drawn[0][:-1] + self._random.choice("0123456789")
        if self.wrong():
            drawn.append(self._random.choice(["", "Client", "Client:1:2", "Nothing:1", "Region:szz"]))
        return drawn

    def code_of(self, field_name: str) -> str:
        """A unit's or a region's code."""
        return self._random.choice([*self._pool.codes[field_name], *ODD_TEXTS])

    def dimension(self) -> str:
        """The code of a dimension with rules in force."""
        return "colour" if self.wrong() else self._random.choice(self._pool.dimensions)

    def dimensions(self) -> list[str]:
        """Some of them, perhaps one twice."""
        return [self.dimension() for _ in range(self._random.choice([0, 1, 1, 2, 3]))]

    def segment(self) -> dict[str, Any]:
        """The arguments that name a segment."""
        return {"dimension": self.dimension(), "value": self._random.choice(["A", "HIGH", "STABLE", "V1"])}

    def day(self) -> str:
        """A day."""
        drawn: str = self._random.choice(_PLAIN["Date"])
        return drawn

    def walk(self) -> dict[str, Any]:
        """How far to walk over links, and how many companies to show."""
        if self.wrong():
            return self._random.choice([{"depth": 0}, {"depth": 7}, {"first": -1}, {"first": 201}])
        return self._random.choice([{}, {"depth": 1}, {"depth": 3, "first": 2}, {"depth": 6}, {"first": 0}])

    def quota(self, offered: Iterable[str]) -> dict[str, Any]:
        """What a quota may be asked for: whose, of which product, an amount, a day."""
        amount = self._random.choice(["0", "0.001"] if self.wrong() else ["1", "4000", "7000000"])
        given = {
            "clientId": self.ids("Client", 1)[-1],
            "product": Code("TERM_LOAN"),
            "amount": {"amount": amount, "currency": self.currency()},
            "asOf": self._random.choice(["2024-01-02", "2026-01-15", "2031-06-30", "9999-12-30"]),
        }
        return {name: given[name] for name in offered if name == "clientId" or self.chance(0.5)}

    def percentile(self) -> str:
        """The fraction of a percentile."""
        return self._random.choice(["2", "-0.1"] if self.wrong() else ["0", "0.5", "0.95", "1"])

    def currency(self) -> str:
        """A currency's code."""
        return "XXX" if self.wrong() else self._random.choice(CURRENCIES)

    def page(self, coordinate: str, type_name: str) -> dict[str, Any]:
        """`first`, `last`, `after`, `before`, `orderBy`."""
        given: dict[str, Any] = {}
        if self.chance(0.35):
            given["orderBy"] = self.order(type_name)
        cursors = self._pool.cursors_of(coordinate, type_name, given.get("orderBy"))
        way = self._random.choice(["", "first", "first", "last"])
        if way:
            given[way] = self._random.choice([0, 1, 2, 2, 3, 5, 20])
        for name in ("after", "before"):
            if cursors and self.chance(0.25):
                given[name] = self._random.choice(cursors)
        if self.wrong():
            given |= self._random.choice(
                [{"first": -1}, {"last": 1001}, {"first": 1, "last": 1}, {"after": "AAAA"}, {"before": ""}]
            )
        return given

    # Conditions

    def where(self, type_name: str, depth: int = 2) -> dict[str, Any]:
        """A condition on rows of a type."""
        return self._conditions(f"{type_name}Where", depth)

    def _conditions(self, name: str, depth: int) -> dict[str, Any]:
        made = self._schema.type_map[name]
        assert isinstance(made, GraphQLInputObjectType)
        offered = [
            (key, field.type) for key, field in made.fields.items() if depth or not self._nests(field.type)
        ]
        count = self._random.choice([0, 1, 1, 1, 2, 3]) if depth else 1
        chosen = self._random.sample(offered, min(count, len(offered)))
        return {key: self._condition(name, key, type_, depth) for key, type_ in chosen}

    @staticmethod
    def _nests(type_: GraphQLInputType) -> bool:
        return get_named_type(type_).name.endswith(("Where", "RelationWhere"))

    def _condition(self, owner: str, key: str, type_: GraphQLInputType, depth: int) -> Any:
        named = get_named_type(type_)
        if self.chance(0.03):
            return None
        if key == "id":
            return self.ids(owner.removesuffix("Where"), self._random.randrange(4))
        if key in ("and", "or"):
            return [self._conditions(named.name, depth - 1) for _ in range(self._random.randrange(3))]
        if self._nests(type_):
            return self._conditions(named.name, depth - 1)
        return self.comparison(named.name)

    def comparison(self, name: str) -> dict[str, Any]:
        """What one scalar condition input says, its currency with it."""
        made = self._schema.type_map[name]
        assert isinstance(made, GraphQLInputObjectType)
        operators = [key for key in made.fields if key != "currency"]
        given: dict[str, Any] = {}
        for key in self._random.sample(operators, self._random.choice([1, 1, 1, 2])):
            given[key] = self.plain(made.fields[key].type)
        if "currency" in made.fields and not self.wrong():
            given["currency"] = self.currency()
        return given

    def plain(self, type_: GraphQLInputType) -> Any:
        """A value of a scalar, an enum, a range, or a list of one of these."""
        inner = get_nullable_type(type_)
        if is_list_type(inner):
            return [self.plain(inner.of_type) for _ in range(self._random.randrange(4))]
        if isinstance(inner, GraphQLEnumType):
            return Code(self._random.choice(list(inner.values)))
        if isinstance(inner, GraphQLInputObjectType):
            return {key: self.plain(field.type) for key, field in inner.fields.items()}
        return self._random.choice(_PLAIN[get_named_type(inner).name])

    # Orderings and measures

    def order(self, type_name: str) -> list[dict[str, Any]]:
        """An ordering of rows of a type: one that cursors are known for, or a new one."""
        known = self._pool.orders.get(type_name, [])
        return self._random.choice(known) if known and self.chance(0.7) else self.new_order(type_name)

    def new_order(self, type_name: str) -> list[dict[str, Any]]:
        """An ordering of rows of a type, of up to three keys."""
        keys = [self._order_key(f"{type_name}Order", 2) for _ in range(self._random.choice([1, 1, 2, 3]))]
        distinct = {repr(key): key for key in keys}.values()
        return [key | self._way() for key in distinct]

    def _order_key(self, name: str, depth: int) -> dict[str, Any]:
        made = self._schema.type_map[name]
        assert isinstance(made, GraphQLInputObjectType)
        offered = [key for key in made.fields if key not in ("direction", "nulls")]
        if not depth and "field" in offered:
            offered = ["field"]
        key = self._random.choice(offered)
        named = get_named_type(made.fields[key].type)
        if isinstance(named, GraphQLEnumType):
            return {key: self.plain(named)}
        if named.name.endswith("MeasureInput"):
            return {key: self.measure(named.name.removesuffix("MeasureInput"))}
        return {key: self._order_key(named.name, depth - 1)}

    def _way(self) -> dict[str, Any]:
        way: dict[str, Any] = {}
        if self.chance(0.5):
            way["direction"] = Code(self._random.choice(["ASC", "DESC"]))
        if self.chance(0.3):
            way["nulls"] = Code(self._random.choice(["FIRST", "LAST"]))
        return way

    def measure(self, type_name: str) -> dict[str, Any]:
        """A measure of rows of a type, as an input names it."""
        fields = measurable(type_name)
        if self.chance(0.3) or not fields:
            return {"measure": Code(AggregateFunction.COUNT.name)}
        name, kind = self._random.choice(list(fields.items()))
        functions = list(AggregateFunction) if self.wrong() else FUNCTIONS[kind]
        function = self._random.choice(list(functions))
        given: dict[str, Any] = {"measure": Code(function.name), "field": Code(name.upper())}
        if kind is Kind.MONEY:
            given["currency"] = self.currency()
        if function is AggregateFunction.PERCENTILE:
            given["at"] = self.percentile()
        return given

    # Groups

    def groups(self, type_name: str) -> dict[str, Any]:
        """The arguments of `groups`."""
        keys = [self._group_key(type_name, 2) for _ in range(self._random.choice([1, 1, 2, 3]))]
        by = list({repr(_without_bucket(key)): key for key in keys}.values())
        given: dict[str, Any] = {"by": by}
        if self.chance(0.3):
            given["having"] = self.having(type_name, 1)
        if self.chance(0.5):
            given["orderBy"] = [self._group_order(type_name, by)]
        if self.chance(0.4):
            given["first"] = self._random.choice([0, 1, 2, 10])
        return given

    def _group_key(self, type_name: str, depth: int) -> dict[str, Any]:
        made = self._schema.type_map[f"{type_name}GroupBy"]
        assert isinstance(made, GraphQLInputObjectType)
        relations = [key for key in made.fields if key not in ("field", "bucket")]
        if depth and relations and self.chance(0.4):
            key = self._random.choice(relations)
            if key == "segment":
                return {key: {"dimension": self.dimension()}}
            target = get_named_type(made.fields[key].type).name.removesuffix("GroupBy")
            return {key: self._group_key(target, depth - 1)}
        field = self.plain(made.fields["field"].type)
        shown = self._schema.type_map[type_name].fields[camel(field.lower())]  # type: ignore[attr-defined]
        kind = get_named_type(shown.type).name
        if kind == "DateTime" or (kind == "Date" and self.chance(0.6)) or self.wrong():
            return {"field": field, "bucket": self.plain(made.fields["bucket"].type)}
        return {"field": field}

    def _group_order(self, type_name: str, by: list[dict[str, Any]]) -> dict[str, Any]:
        if self.chance(0.5):
            return {"key": self._random.choice(by)} | self._way()
        return self.measure(type_name) | self._way()

    def having(self, type_name: str, depth: int) -> dict[str, Any]:
        """A condition on groups of rows of a type."""
        made = self._schema.type_map[f"{type_name}Having"]
        assert isinstance(made, GraphQLInputObjectType)
        key = self._random.choice([name for name in made.fields if depth or name not in ("and", "or", "not")])
        if key in ("and", "or"):
            return {key: [self.having(type_name, depth - 1) for _ in range(self._random.randrange(3))]}
        if key == "not":
            return {key: self.having(type_name, depth - 1)}
        if key == "count":
            return {key: self.comparison("IntCondition")}
        named = get_named_type(made.fields[key].type)
        assert isinstance(named, GraphQLInputObjectType)
        measure = self._random.choice([name for name in named.fields if name != "currency"])
        said: dict[str, Any] = {measure: self.comparison(get_named_type(named.fields[measure].type).name)}
        return {key: said | ({"currency": self.currency()} if "currency" in named.fields else {})}


def _without_bucket(key: dict[str, Any]) -> Any:
    if "field" in key:
        return key["field"]
    if "segment" in key:
        return key["segment"]["dimension"]
    return {name: _without_bucket(inner) for name, inner in key.items()}
