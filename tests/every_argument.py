"""Operations that together ask for every field of the schema with every argument, in few round trips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from drawn_operations import literal
from drawn_values import Code, Pool
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)
from known_pool import lists_of, within

from domain.facts import camel
from schema.group_keys import MOST_KEYS
from schema.group_reading import MOST_COMPARED
from schema.measures import FUNCTIONS, AggregateFunction, Kind, measurable
from schema.order_inputs import MOST_ORDER_KEYS

_SAMPLES: dict[str, Any] = {
    "Int": 1,
    "Boolean": True,
    "Decimal": "1",
    "BigInt": "1",
    "Date": "2024-03-30",
    "DateTime": "2025-01-01T00:00:00Z",
    "String": "e",
}
PER_OPERATION = 25
NESTED = 2
FEW = 2
LONGEST = 8_000
ROWS = "{ totalCount nodes { id } }"
PAGE = "{ totalCount edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"


def every_argument(schema: GraphQLSchema, pool: Pool) -> list[str]:
    """The operations."""
    made = _Every(schema, pool)
    written = set()
    operations = list(made.single_rows())
    for path, type_name in lists_of(schema):
        lists = list(made.pages(path, type_name))
        if type_name not in written:
            written.add(type_name)
            lists += [*made.everything_of(type_name), *made.conditions(type_name)]
            lists += [*made.orderings(type_name), *made.groups(type_name)]
        operations += [_reached(path, some) for some in _in_parts(lists)]
    return operations


def _quota(field: GraphQLField) -> str:
    """All that a quota may be asked for, but for whose."""
    asked = {
        "product": Code("TERM_LOAN"),
        "amount": {"amount": "1", "currency": "CNY"},
        "asOf": "2024-01-02",
    }
    return ", ".join(f"{name}: {literal(value)}" for name, value in asked.items() if name in field.args)


def _in_parts(lists: list[str]) -> Iterator[list[str]]:
    """As many at once as the limits of one operation leave room for."""
    part: list[str] = []
    for asked in lists:
        if part and (len(part) == PER_OPERATION or sum(map(len, part)) + len(asked) > LONGEST):
            yield part
            part = []
        part.append(asked)
    yield part


def _reached(path: list[str], lists: list[str]) -> str:
    """Each of the lists under an alias, at the end of the way to their field."""
    return within(path, " ".join(f"l{n}: {path[-1]}{asked}" for n, asked in enumerate(lists)))


class _Every:
    def __init__(self, schema: GraphQLSchema, pool: Pool) -> None:
        self._schema = schema
        self._pool = pool
        self._turns: Counter[str] = Counter()
        self._ordered: set[str] = set()

    def single_rows(self) -> Iterator[str]:
        """Every way to single rows, by ids and codes of whatever there is."""
        root = self._schema.query_type
        assert root is not None
        for name, field in root.fields.items():
            if "code" in field.args:
                codes = self._pool.codes[name]
                yield (
                    "{ "
                    + " ".join(f"c{n}: {name}(code: {literal(c)}) {{ id }}" for n, c in enumerate(codes))
                    + " }"
                )
            elif "id" in field.args:
                known = self._pool.ids.get(get_named_type(field.type).name, [])
                ids = known or [some[0] for some in self._pool.ids.values() if some]
                yield (
                    "{ "
                    + " ".join(f"i{n}: {name}(id: {literal(i)}) {{ id }}" for n, i in enumerate(ids[:40]))
                    + " }"
                )
        ids = [one for some in self._pool.ids.values() for one in some]
        for start in range(0, len(ids), 100):
            yield f"{{ nodes(ids: {literal(ids[start : start + 100])}) {{ id __typename }} }}"
        yield f"{{ viewer {{ {self._fields_of('Viewer')} }} }}"
        whose = f"clientId: {literal(self._pool.ids['Client'][0])}, {_quota(root.fields['quota'])}"
        yield f"{{ quota({whose}) {{ {self._fields_of('Quota')} }} }}"
        for dimension in self._pool.dimensions:
            yield (
                f'{{ segment(dimension: {literal(dimension)}, value: "HIGH") '
                f"{{ dimension value clients {PAGE} }} }}"
            )
            days = 'from: "2024-03-30", to: "2999-01-01"'
            shown = f"{{ {self._fields_of('SegmentMigration')} }}"
            yield f"{{ segmentMigrations(dimension: {literal(dimension)}, {days}) {shown} }}"
        every = (
            "first: 2, orderBy: [{ field: LEGAL_NAME }], where: { employees: { gt: 0 } }",
            f"last: 2, after: {literal(self._pool.cursors_of('Query.clients', 'Client', None)[0])}",
            f"before: {literal(self._pool.cursors_of('Query.clients', 'Client', None)[-1])}",
        )
        named = f'dimension: {literal(self._pool.dimensions[0])}, value: "A"'
        yield from (f"{{ segment({named}) {{ clients({given}) {PAGE} }} }}" for given in every)

    def everything_of(self, type_name: str) -> Iterator[str]:
        """Every field of a list's rows, every measure of the list."""
        yield f"(first: 100) {{ totalCount nodes {{ {self._fields_of(type_name)} }} }}"
        yield f"{{ {self._aggregates(type_name)} }}"

    def _fields_of(self, type_name: str) -> str:
        made = self._schema.type_map[type_name]
        assert isinstance(made, GraphQLObjectType)
        return " ".join(self._shown(name, field) for name, field in made.fields.items())

    def _is_listed(self, type_name: str) -> bool:
        return f"{type_name}Connection" in self._schema.type_map

    def _unlisted(self, type_name: str) -> Iterator[tuple[str, str]]:
        """The fields of a `where` that lead to rows of a type that no list has, and that type."""
        made = self._schema.type_map[f"{type_name}Where"]
        assert isinstance(made, GraphQLInputObjectType)
        for name, field in made.fields.items():
            target = get_named_type(field.type).name.removesuffix("Where")
            is_row = target + "Where" in self._schema.type_map and target in self._pool.ids
            if is_row and not self._is_listed(target):
                yield name, target

    def _shown(self, name: str, field: GraphQLField) -> str:
        target = get_named_type(field.type)
        if "asOf" in field.args:
            every = self._fields_of(target.name)
            return f"{name} {{ {every} }} asked: {name}({_quota(field)}) {{ {every} }}"
        if "dimensions" in field.args:
            some = literal(self._pool.dimensions[:2])
            every = self._fields_of(target.name)
            return f"{name} {{ {every} }} some: {name}(dimensions: {some}) {{ value }}"
        if name == "moving":
            client = literal(self._pool.ids["Client"][0])
            few = f'first: 2, afterClient: {client}, from: "HIGH", to: "LOW", branchCode: "310000"'
            every = self._fields_of(target.name)
            return f"{name} {{ {every} }} few: {name}({few}) {{ {every} }}"
        if "from" in field.args:
            other = literal(self._pool.ids["RuleSet"][0])
            every = self._fields_of(target.name)
            return f"{name} {{ {every} }} other: {name}(from: {other}) {{ {every} }}"
        single = isinstance(target, GraphQLObjectType) and not target.name.endswith("Connection")
        if single and target.name != "Money" and not self._is_listed(target.name):
            day = '(day: "2024-03-30")' if "day" in field.args else ""
            day = "(depth: 3, first: 20)" if "depth" in field.args else day
            return f"{name}{day} {{ {self._fields_of(target.name)} }}"
        if is_leaf_type(target):
            return f'{name}(at: "0.5")' if "at" in field.args else name
        if target.name == "Money":
            amount = f'{name}(at: "0.5")' if "at" in field.args else name
            return f"{amount} {{ amount currency }}"
        return f"{name} {'{ totalCount }' if target.name.endswith('Connection') else '{ id }'}"

    def _aggregates(self, type_name: str) -> str:
        made = self._schema.type_map[f"{type_name}Aggregates"]
        assert isinstance(made, GraphQLObjectType)
        parts = []
        for name, field in made.fields.items():
            given = '(currency: "CNY")' if "currency" in field.args else ""
            below = (
                ""
                if is_leaf_type(get_named_type(field.type))
                else f"{{ {self._fields_of(get_named_type(field.type).name)} }}"
            )
            parts.append(f"{name}{given} {below}")
        return f"aggregates {{ {' '.join(parts)} }}"

    def pages(self, path: list[str], type_name: str) -> Iterator[str]:
        """Pages from either end, from a cursor, under an ordering and a condition."""
        coordinate = ".".join(path[-2:])
        order = (self._pool.orders.get(type_name) or [None])[0]
        yield f"(first: 3) {PAGE}"
        yield f"(last: 3) {PAGE}"
        known = self._pool.cursors_of(coordinate, type_name, None)
        # Of a list without rows those of another in the same order.
        for root in self._roots(type_name):
            known = known or self._pool.cursors_of(f"Query.{root}", type_name, None)
        for cursor in known[2:3] or known[-1:]:
            yield f"(after: {literal(cursor)}) {PAGE}"
            yield f"(before: {literal(cursor)}, where: {{ not: {{ id: [] }} }}) {PAGE}"
        if order:
            yield f"(orderBy: {literal(order)}) {PAGE}"
        if "includeBelow" in self._schema.type_map[path[-2]].fields[path[-1]].args:  # type: ignore[attr-defined]
            yield f"(includeBelow: false) {PAGE}"

    def _roots(self, type_name: str) -> list[str]:
        """The lists of a type that stand at the root."""
        assert self._schema.query_type is not None
        fields = self._schema.query_type.fields.items()
        return [n for n, field in fields if get_named_type(field.type).name == f"{type_name}Connection"]

    # Conditions: the operators of many fields at once, of each relation every kind of its own.

    def conditions(self, type_name: str) -> Iterator[str]:
        """A list for each field of `where`."""
        made = self._schema.type_map[f"{type_name}Where"]
        assert isinstance(made, GraphQLInputObjectType)
        compared: list[dict[str, Any]] = []
        for name, field in made.fields.items():
            named = get_named_type(field.type)
            if name in ("id", "and", "or", "not") or named.name.endswith("Where"):
                for given in self._condition(type_name, name, named):
                    yield f"(where: {literal(given)}) {ROWS}"
            else:
                assert isinstance(named, GraphQLInputObjectType)
                compared += [{name: one} for one in self._comparisons(named)]
        for start in range(0, len(compared), 40):
            yield f"(where: {literal({'or': compared[start : start + 40]})}) {ROWS}"
        for name, target in self._unlisted(type_name):
            yield from self._nested(name, target)

    def _nested(self, relation: str, type_name: str) -> Iterator[str]:
        """What can be said of the row of a type that no list has."""
        made = self._schema.type_map[f"{type_name}Where"]
        assert isinstance(made, GraphQLInputObjectType)
        said: list[dict[str, Any]] = [{"and": [{}, {"not": {}}]}, {"id": self._pool.ids[type_name][:2]}]
        for name, field in made.fields.items():
            named = get_named_type(field.type)
            if named.name.endswith("Condition"):
                assert isinstance(named, GraphQLInputObjectType)
                said += [{name: one} for one in self._comparisons(named)]
            elif named.name.endswith("RelationWhere"):
                said += self._condition(type_name, name, named)
            elif name not in ("id", "and", "or", "not"):
                said += [{name: {}}]
        for start in range(0, len(said), 40):
            yield f"(where: {literal({relation: {'or': said[start : start + 40]}})}) {ROWS}"

    def _condition(self, type_name: str, name: str, named: Any) -> Iterable[Any]:
        if name == "id":
            return [{"id": self._pool.ids[type_name][:50]}]
        if name in ("and", "or"):
            return [{name: [{"id": []}, {"not": {"id": []}}]}]
        if name == "not":
            return [{name: {"id": self._pool.ids[type_name][:2]}}]
        if named.name.endswith("RelationWhere"):
            inner = self._pool.ids[get_named_type(named.fields["some"].type).name.removesuffix("Where")]
            found = {"some": {}, "none": {"id": inner[::3]}, "every": {"id": inner[1:]}}
            return [{name: {quantifier: of}} for quantifier, of in found.items()]
        return [{name: {"id": self._pool.ids[named.name.removesuffix("Where")][::2]}}]

    def _comparisons(self, named: GraphQLInputObjectType) -> list[dict[str, Any]]:
        currency = {"currency": "CNY"} if "currency" in named.fields else {}
        operators = {key: field.type for key, field in named.fields.items() if key != "currency"}
        made = [{key: self._sample(type_)} | currency for key, type_ in operators.items()]
        return self._in_turn(named.name, made)

    def _in_turn(self, of: str, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """All at the first time; then a few in turn: fields of one kind are compared alike."""
        turn = self._turns[of]
        self._turns[of] += FEW
        return [made[(turn + n) % len(made)] for n in range(FEW)] if turn and len(made) > FEW else made

    def _sample(self, type_: Any) -> Any:
        type_ = get_nullable_type(type_)
        if is_list_type(type_):
            return [self._sample(type_.of_type)]
        if isinstance(type_, GraphQLEnumType):
            return Code(next(iter(type_.values)))
        if isinstance(type_, GraphQLInputObjectType):
            return {key: self._sample(field.type) for key, field in type_.fields.items()}
        return _SAMPLES[type_.name]

    # Orderings and groups

    def orderings(self, type_name: str) -> Iterator[str]:
        """A list for each thing that it can be ordered by."""
        made = self._schema.type_map.get(f"{type_name}Order")
        if not isinstance(made, GraphQLInputObjectType):
            return
        way = {"direction": Code("DESC"), "nulls": Code("FIRST")}
        for name, field in made.fields.items():
            keys = [key | way for key in self._order_keys(name, get_named_type(field.type), NESTED)]
            for start in range(0, len(keys), 2):
                yield f"(orderBy: {literal(keys[start : start + 2])}, first: 3) {PAGE}"

    def _order_keys(self, name: str, named: Any, depth: int) -> Iterator[dict[str, Any]]:
        """Of a row that lists of several types lead to every field at the first time, then one."""
        if name in ("direction", "nulls"):
            return
        if isinstance(named, GraphQLEnumType):
            yield from ({name: Code(value)} for value in named.values)
        elif named.name.endswith("MeasureInput"):
            yield from ({name: of} for of in self._few_measures(named.name.removesuffix("MeasureInput")))
        elif depth:
            known = named.name in self._ordered
            for inner, field in named.fields.items():
                keys = list(self._order_keys(inner, get_named_type(field.type), depth - 1))
                yield from ({name: key} for key in keys[:1])
                if known and keys:
                    return
            if depth == NESTED:
                self._ordered.add(named.name)

    def _measures(self, type_name: str) -> Iterator[dict[str, Any]]:
        yield {"measure": Code("COUNT")}
        for name, kind in measurable(type_name).items():
            function = FUNCTIONS[kind][-1]
            of = {"measure": Code(function.name), "field": Code(name.upper())}
            at = {"at": "0.5"} if function is AggregateFunction.PERCENTILE else {}
            yield of | at | ({"currency": "CNY"} if kind is Kind.MONEY else {})

    def _few_measures(self, type_name: str) -> Iterator[dict[str, Any]]:
        """The first measure of each kind."""
        yield from {tuple(of): of for of in self._measures(type_name)}.values()

    def groups(self, type_name: str) -> Iterator[str]:
        """A list for each thing that it can be grouped by, with every condition on and ordering of the groups."""
        made = self._schema.type_map[f"{type_name}GroupBy"]
        assert isinstance(made, GraphQLInputObjectType)
        keys = list(self._group_keys(type_name, 1))
        for start in range(0, len(keys), MOST_KEYS):
            every, shown = zip(*keys[start : start + MOST_KEYS], strict=True)
            asked = f"key {{ {' '.join(shown)} }} aggregates {{ count }}"
            yield f"{{ groups(by: {literal(list(every))}, first: 1000) {{ {asked} }} }}"
        by, shown = keys[0]
        asked = f"key {{ {shown} }} {self._aggregates(type_name)}"
        order = [{"key": by}, *self._measures(type_name)]
        ordered = [key | {"direction": Code("DESC"), "nulls": Code("FIRST")} for key in order]
        for start in range(0, len(ordered), MOST_ORDER_KEYS):
            some = literal(ordered[start : start + MOST_ORDER_KEYS])
            yield f"{{ groups(by: {literal(by)}, orderBy: {some}, first: 2) {{ {asked} }} }}"
            asked = f"key {{ {shown} }} aggregates {{ count }}"
        for having in self._having(type_name):
            yield f"{{ groups(by: {literal(by)}, having: {literal(having)}) {{ aggregates {{ count }} }} }}"

    def _group_keys(self, type_name: str, depth: int) -> Iterator[tuple[dict[str, Any], str]]:
        made = self._schema.type_map[f"{type_name}GroupBy"]
        assert isinstance(made, GraphQLInputObjectType)
        values = get_named_type(made.fields["field"].type)
        assert isinstance(values, GraphQLEnumType)
        row = self._schema.type_map[type_name]
        assert isinstance(row, GraphQLObjectType)
        for value in values.values:
            name = camel(value.lower())
            is_time = get_named_type(row.fields[name].type).name.startswith("Date")
            yield {"field": Code(value)} | ({"bucket": Code("MONTH")} if is_time else {}), name
        for name, field in made.fields.items():
            if name == "segment":
                yield {name: {"dimension": self._pool.dimensions[0]}}, "segments { dimension value }"
            elif depth and name not in ("field", "bucket"):
                target = get_named_type(field.type).name.removesuffix("GroupBy")
                listed = self._is_listed(target)
                keys = list(self._group_keys(target, depth - 1 if listed else depth))
                for by, shown in keys[:1] if listed else keys:
                    yield {name: by}, f"{name} {{ {shown} }}"

    def _having(self, type_name: str) -> Iterator[dict[str, Any]]:
        made = self._schema.type_map[f"{type_name}Having"]
        assert isinstance(made, GraphQLInputObjectType)
        few = {"count": {"lt": 10}}
        yield {"and": [few, {"not": {"or": [{"count": {"eq": 0}}]}}]}
        measured: list[dict[str, Any]] = []
        for name, field in made.fields.items():
            named = get_named_type(field.type)
            if name in ("and", "or", "not", "count"):
                continue
            assert isinstance(named, GraphQLInputObjectType)
            currency = {"currency": "CNY"} if "currency" in named.fields else {}
            every: list[dict[str, Any]] = []
            for measure, compared in named.fields.items():
                if measure != "currency":
                    condition = {"isNull": False}
                    assert "isNull" in get_named_type(compared.type).fields
                    every.append({name: {measure: condition} | currency})
            measured += self._in_turn(named.name, every)
        # Each counts twice: as a comparison, and as what combines those of one field.
        for start in range(0, len(measured), MOST_COMPARED // 3):
            yield {"or": measured[start : start + MOST_COMPARED // 3]}
