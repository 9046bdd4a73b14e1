"""Operations drawn at random over the whole schema: all that the language allows, with arguments that exist."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from drawn_values import Code, Pool, Values
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

MOST_LEVELS = 11
KEYWORDS = ["select", "from", "null", "user", "end", "_", "__x", "as", "A", "order"]
Composite = GraphQLObjectType | GraphQLInterfaceType


@dataclass(frozen=True, slots=True)
class Drawn:
    """An operation, and the variables to send with it."""

    text: str
    variables: dict[str, Any]


def drawn_operation(schema: GraphQLSchema, pool: Pool, seed: int) -> Drawn:
    """The operation of this seed: always the same for the same schema and pool."""
    return _Drawing(schema, pool, Random(seed)).operation()


class _Drawing:
    """One operation while it is drawn.

    Fields of one key always have the same arguments, so that whatever is merged can be.
    """

    def __init__(self, schema: GraphQLSchema, pool: Pool, random: Random) -> None:
        self._schema = schema
        self._random = random
        self._values = Values(random, schema, pool)
        self._left = random.choice([4, 10, 20, 40])
        self._lifts = random.choice([0, 0.1, 0.3])
        self._declared: list[str] = []
        self._variables: dict[str, Any] = {}
        self._fragments: dict[str, str] = {}
        self._fragments_on: dict[str, list[str]] = {}
        self._said: dict[str, str] = {}
        self._made = 0

    def operation(self) -> Drawn:
        """The whole document."""
        root = self._schema.query_type
        assert root is not None
        selected = self._selection(root, 0)
        declared = f"({', '.join(self._declared)})" if self._declared else ""
        head = f"query Drawn{declared} " if declared or self._values.chance(0.5) else ""
        return Drawn("\n".join([head + selected, *self._fragments.values()]), self._variables)

    # Selections

    def _selection(self, parent: Composite, level: int) -> str:
        parts = list(self._fields(parent, level))
        if self._values.chance(0.2) or not parts:
            parts.insert(self._random.randrange(len(parts) + 1), self._typename())
        parts = [self._perhaps_in_fragment(parent, part) for part in parts]
        if isinstance(parent, GraphQLInterfaceType):
            parts += [self._of_type(level) for _ in range(self._random.choice([1, 1, 2, 3]))]
        elif self._is_node(parent) and self._values.chance(0.05):
            # Perhaps of a type that the parent is not: then nothing of it is asked for.
            parts.append(f"... on Node {{ id {self._of_type(level)} }}")
        elif (known := self._fragments_on.get(parent.name)) and self._values.chance(0.3):
            parts.append(f"...{self._random.choice(known)}{self._directive()}")
        return "{ " + " ".join(parts) + " }"

    def _fields(self, parent: Composite, level: int) -> Iterator[str]:
        offered = [
            (name, field)
            for name, field in parent.fields.items()
            if level < MOST_LEVELS or not is_composite_type(get_named_type(field.type))
        ]
        count = min(len(offered), self._random.choice([1, 2, 3, 4, 6] if level else [1, 1, 2, 3]))
        for name, field in self._random.sample(offered, count):
            if self._left > 0 or not is_composite_type(get_named_type(field.type)):
                self._left -= 1
                said = self._field(parent, name, field)
                yield self._with_selection(said, field, level)
                if self._values.chance(0.05):
                    # Once more, with another selection: both are one field.
                    yield self._with_selection(said, field, level)

    def _with_selection(self, said: str, field: GraphQLField, level: int) -> str:
        target = get_named_type(field.type)
        below = ""
        if isinstance(target, GraphQLObjectType | GraphQLInterfaceType):
            below = " " + self._selection(target, level + 1)
        return f"{said}{self._directive()}{below}"

    def _field(self, parent: Composite, name: str, field: GraphQLField) -> str:
        """A field's key, name and arguments."""
        given = self._arguments(parent, name, field)
        written = [f"{key}: {self._given(value, field.args[key])}" for key, value in given.items()]
        said = name + (f"({', '.join(written)})" if written else "")
        if self._values.chance(0.08) or (field.args and self._said.setdefault(name, said) != said):
            return f"{self._alias()}: {said}"
        return said

    def _alias(self) -> str:
        self._made += 1
        if self._values.chance(0.5):
            # Never one that a field without an alias has.
            return f"{self._random.choice(KEYWORDS)}_{self._made}"
        return f"a{self._made}_{'x' * self._random.choice([0, 60, 70])}"

    def _typename(self) -> str:
        return "__typename" if self._values.chance(0.7) else f"{self._alias()}: __typename"

    def _of_type(self, level: int) -> str:
        """Fields of one of the types behind the interface; under keys of their own, since the types differ."""
        node = self._schema.type_map["Node"]
        assert isinstance(node, GraphQLInterfaceType)
        names = [made.name for made in self._schema.get_implementations(node).objects]
        parent = self._schema.type_map[self._random.choice(names)]
        assert isinstance(parent, GraphQLObjectType)
        parts = []
        for said in self._fields(parent, level):
            head = said.split("(")[0].split(" ")[0]
            parts.append(said if head.endswith(":") else f"{self._alias()}: {said}")
        return f"... on {parent.name}{self._directive()} {{ {' '.join(parts) or '__typename'} }}"

    def _perhaps_in_fragment(self, parent: Composite, part: str) -> str:
        way = self._random.random()
        if way < 0.06:
            return f"... on {parent.name}{self._directive()} {{ {part} }}"
        if way < 0.1:
            return f"...{self._directive()} {{ {part} }}"
        if way < 0.15:
            name = f"F{len(self._fragments)}"
            self._fragments[name] = f"fragment {name} on {parent.name} {{ {part} }}"
            if isinstance(parent, GraphQLObjectType) and not self._is_node(parent):
                self._fragments_on.setdefault(parent.name, []).append(name)
            return f"...{name}{self._directive()}"
        return part

    def _is_node(self, parent: Composite) -> bool:
        return "id" in parent.fields

    def _directive(self) -> str:
        if not self._values.chance(0.06):
            return ""
        condition = self._random.choice(["true", "false", "variable", "variable"])
        if condition == "variable":
            condition = self._variable("Boolean!", self._values.chance(0.6))
        return f" @{self._random.choice(['skip', 'include'])}(if: {condition})"

    # Arguments

    def _arguments(self, parent: Composite, name: str, field: GraphQLField) -> dict[str, Any]:
        given: dict[str, Any] = {}
        if "orderBy" in field.args and "after" in field.args:
            target = get_named_type(field.type).name.removesuffix("Connection")
            given = self._values.page(f"{parent.name}.{name}", target)
            if self._values.chance(0.35):
                given["where"] = self._values.where(target)
            if "includeBelow" in field.args and self._values.chance(0.3):
                given["includeBelow"] = self._values.chance(0.5)
            for key in field.args:
                if key not in given and key != "includeBelow" and self._values.chance(0.03):
                    given[key] = None
        elif name == "groups":
            given = self._values.groups(parent.name.removesuffix("Connection"))
        elif name == "segmentMigrations":
            days = {"from": self._values.day(), "to": self._values.day()}
            given = {"dimension": self._values.dimension()} | days
        elif "asOf" in field.args:
            given = self._values.quota(field.args)
        elif "dimensions" in field.args:
            given |= {} if self._values.chance(0.3) else {"dimensions": self._values.dimensions()}
        elif "dimension" in field.args:
            given = self._values.segment()
        elif "from" in field.args:
            given |= {"from": self._values.ids("RuleSet", 1)[0]} if self._values.chance(0.5) else {}
        elif "day" in field.args:
            given["day"] = self._values.day()
        elif "depth" in field.args:
            given = self._values.walk()
        elif "id" in field.args:
            target = get_named_type(field.type).name
            given["id"] = (self._values.ids(None if target == "Node" else target, 1) or [""])[-1]
        elif "ids" in field.args:
            given["ids"] = self._values.ids(None, self._random.choice([0, 1, 2, 5, 9]))
        elif "code" in field.args:
            given["code"] = self._values.code_of(name)
        elif "currency" in field.args:
            given["currency"] = self._values.currency()
        elif "at" in field.args:
            given["at"] = self._values.percentile()
        return given

    def _given(self, value: Any, place: GraphQLArgument | GraphQLInputField) -> str:
        """A value for a place; where that has a default, the variable may be null."""
        declared = str(place.type)
        if place.default_value is not Undefined and self._values.chance(0.5):
            declared = declared.removesuffix("!")
        return self._written(value, place.type, declared)

    def _written(self, value: Any, type_: GraphQLInputType, declared: str) -> str:
        """A value as the document has it: itself, or a variable that holds it."""
        # Of an empty object a variable would only move the place.
        if self._values.chance(self._lifts) and value != {}:
            return self._variable(declared, value)
        inner = get_nullable_type(type_)
        if is_list_type(inner) and isinstance(value, list):
            items = [self._written(item, inner.of_type, str(inner.of_type)) for item in value]
            # One value stands for the list of it.
            return items[0] if len(items) == 1 and self._values.chance(0.3) else f"[{', '.join(items)}]"
        if isinstance(value, dict):
            assert isinstance(inner, GraphQLInputObjectType)
            members = (f"{key}: {self._given(item, inner.fields[key])}" for key, item in value.items())
            return "{" + ", ".join(members) + "}"
        return literal(value)

    def _variable(self, type_: str, value: Any) -> str:
        """A new variable with this value, by default or by being sent; sometimes null, sometimes nothing."""
        name = f"v{len(self._declared)}"
        default = ""
        must = type_.endswith("!")
        if self._values.chance(0.3):
            default = f" = {literal(value)}"
        self._declared.append(f"${name}: {type_}{default}")
        way = self._random.random()
        if way < 0.1 and not must:
            self._variables[name] = None
        elif way < 0.7 or (must and not default):
            self._variables[name] = value
        return f"${name}"


def literal(value: Any) -> str:
    """A value as GraphQL writes it."""
    match value:
        case Code():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{key}: {literal(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(literal, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
