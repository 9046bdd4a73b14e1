"""What an operation may cost, in objects that it may return: a tree made once per document, read by its variables.

Every object of the answer counts one, and one more for every 25 of its fields: the root, a row, a connection, an
edge, an amount of money. A list counts as long as it may be: a connection by its `first` or `last`, a list of ids
by the ids, any other by a guess. Of an interface or a union all kinds asked for count. What the database must read
a whole list for (`totalCount`, `aggregates`, `groups`), a rule set's check and whom it would move, and each change
cost ten more, a quota of a day that is said a hundred: that work is not given back when fewer objects come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
    is_object_type,
    value_from_ast_untyped,
)

from schema.limits import INTROSPECTION
from schema.paging import DEFAULT_PAGE, LARGEST_PAGE

WORK = 10
COUNTED = frozenset({"totalCount", "aggregates", "groups"})
"""The fields of a connection for which the database reads the whole list."""
WORKED_OUT = frozenset({("RuleSet", "findings"), ("RuleSet", "moving"), ("OrganisationUnit", "quota")})
"""Fields with as much work behind them: all rules are compared with one another, all clients are put by them; the
limits of all units below are summed."""
BY_THE_LEDGER = frozenset({("Client", "quota"), ("Query", "quota"), ("OrganisationUnit", "quota")})
LEDGER_WORK = 100
"""Of these, where a day is asked about: all that its branches had posted until an earlier one is summed anew."""
GUESSED_LENGTH = 10
FIELDS_PER_OBJECT = 25
SAMPLE_BYTES = 32_768
INTROSPECTION_OBJECTS = 10_000

Variables = Mapping[str, Any]
Size = int | Callable[[Variables], int]
Conditions = frozenset[tuple[str, bool]]
"""Variables of @skip and @include, and what each must be for the field to be asked for."""
ALWAYS: Conditions = frozenset()


class Cost(NamedTuple):
    """Objects that may be returned, and work that is done whatever is returned."""

    objects: int
    work: int

    @property
    def total(self) -> int:
        """Both, in the one unit that limits and buckets know."""
        return self.objects + self.work


FREE = Cost(0, 0)


@dataclass(frozen=True, slots=True)
class Term:
    """A part of an operation: so many times its own cost and what is below it, if it is asked for at all."""

    own: Cost
    times: Size = 1
    when: Callable[[Variables], bool] | None = None
    below: tuple[Term, ...] = ()

    @property
    def is_constant(self) -> bool:
        """Whether no variable has a say in it."""
        return self.when is None and not self.below and isinstance(self.times, int)

    def cost(self, variables: Variables) -> Cost:
        """What it costs with these variables, coerced or as they were sent."""
        if self.when is not None and not self.when(variables):
            return FREE
        objects, work = self.own
        for part in self.below:
            more = part.cost(variables)
            objects += more.objects
            work += more.work
        times = self.times if isinstance(self.times, int) else self.times(variables)
        return Cost(objects * times, work * times)


def objects_in(data: bytes) -> int:
    """How many objects an answer's JSON holds, by their braces; one in a text counts as well.

    Of a long answer an estimate, made of its beginning: looking at every byte took longer than all else.
    """
    if len(data) <= SAMPLE_BYTES:
        return data.count(b"{")
    return data.count(b"{", 0, SAMPLE_BYTES) * len(data) // SAMPLE_BYTES


def cost_tree(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Term:
    """The cost of a valid operation."""
    root = schema.get_root_type(operation.operation)
    assert root is not None
    changes = operation.operation is OperationType.MUTATION
    parts = _Reading(schema, operation, fragments).fields(root, [(operation.selection_set, ALWAYS)], None)
    each = Cost(0, WORK if changes else 0)
    return _term(Cost(1, 0), 1, None, [_term(each, 1, None, [part]) for part in parts])


def _term(own: Cost, times: Size, when: Callable[[Variables], bool] | None, below: list[Term]) -> Term:
    """A term with all that is constant summed up."""
    constant = [part.cost({}) for part in below if part.is_constant]
    objects = own.objects + sum(part.objects for part in constant)
    work = own.work + sum(part.work for part in constant)
    return Term(Cost(objects, work), times, when, tuple(part for part in below if not part.is_constant))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One mention of a field."""

    node: FieldNode
    conditions: Conditions


class _Reading:
    """Turns the selections of one operation into terms; fields that will be merged count once."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._defaults = {
            declared.variable.name.value: value_from_ast_untyped(declared.default_value)
            for declared in operation.variable_definitions or ()
            if declared.default_value is not None
        }

    def fields(
        self,
        parent: GraphQLCompositeType,
        selected: list[tuple[SelectionSetNode, Conditions]],
        page: Size | None,
    ) -> list[Term]:
        """A term for each field of these selections; `page` is the length of the lists right below."""
        merged: dict[tuple[str, str], list[_Asked]] = {}
        types: dict[str, GraphQLCompositeType] = {}
        for selection_set, conditions in selected:
            for type_, asked in self._mentions(parent, selection_set, conditions):
                types[type_.name] = type_
                key = (type_.name, (asked.node.alias or asked.node.name).value)
                merged.setdefault(key, []).append(asked)
        return [self._field(types[name], same, page) for (name, _), same in merged.items()]

    def _mentions(
        self, parent: GraphQLCompositeType, selected: SelectionSetNode, conditions: Conditions
    ) -> Iterator[tuple[GraphQLCompositeType, _Asked]]:
        for selection in selected.selections:
            held = _conditions(selection, conditions)
            if held is None:
                continue
            if isinstance(selection, FieldNode):
                yield parent, _Asked(selection, held)
                continue
            fragment = self._fragment(selection)
            if (narrowed := self._narrowed(parent, fragment)) is not None:
                yield from self._mentions(narrowed, fragment.selection_set, held)

    def _fragment(self, selection: SelectionNode) -> FragmentDefinitionNode | InlineFragmentNode:
        if isinstance(selection, FragmentSpreadNode):
            return self._fragments[selection.name.value]
        assert isinstance(selection, InlineFragmentNode)
        return selection

    def _narrowed(
        self, parent: GraphQLCompositeType, fragment: FragmentDefinitionNode | InlineFragmentNode
    ) -> GraphQLCompositeType | None:
        """What a fragment's fields are of; None where the parent is an object of another type."""
        if fragment.type_condition is None:
            return parent
        narrowed = self._schema.get_type(fragment.type_condition.name.value)
        assert is_composite_type(narrowed)
        if not is_object_type(parent) or narrowed is parent:
            return narrowed
        applies = is_abstract_type(narrowed) and self._schema.is_sub_type(narrowed, parent)
        return parent if applies else None

    def _field(self, parent: GraphQLCompositeType, asked: list[_Asked], page: Size | None) -> Term:
        node = asked[0].node
        name = node.name.value
        when = self._when([one.conditions for one in asked])
        if name in INTROSPECTION:
            return Term(Cost(INTROSPECTION_OBJECTS, 0), 1, when)
        if name == "__typename":
            return Term(FREE)
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        field = parent.fields[name]
        is_work = (page is not None and name in COUNTED) or (parent.name, name) in WORKED_OUT
        counted = WORK if is_work else 0
        type_: GraphQLNamedType = get_named_type(field.type)
        if not is_composite_type(type_):
            return _term(Cost(0, counted), 1, when, [])
        is_list = is_list_type(get_nullable_type(field.type))
        own_page = self._page(field, node)
        selected = [(one.node.selection_set, one.conditions) for one in asked if one.node.selection_set]
        below = self.fields(type_, selected, None if is_list else own_page)
        # A wide object is as much to write and to send as several.
        each = Cost(1 + len(below) // FIELDS_PER_OBJECT, 0)
        if not is_list:
            return _term(Cost(each.objects, counted), 1, when, [*below, *self._ledger(parent, node)])
        length = next(size for size in (own_page, page, self._length(node)) if size is not None)
        return _term(Cost(0, counted), 1, when, [_term(each, length, None, below)])

    def _ledger(self, parent: GraphQLNamedType, node: FieldNode) -> list[Term]:
        """What reading the ledger for a day costs; nothing where no day is said."""
        days = [given.value for given in node.arguments or () if given.name.value == "asOf"]
        if not days or (parent.name, node.name.value) not in BY_THE_LEDGER:
            return []
        return [_term(Cost(0, LEDGER_WORK), self._size(days, _said), None, [])]

    def _page(self, field: GraphQLField, node: FieldNode) -> Size | None:
        """How many rows a page of this field holds at most; None where it has no pages."""
        if "first" not in field.args:
            return None
        offered = field.args["first"].default_value
        otherwise = offered if isinstance(offered, int) else DEFAULT_PAGE
        given = [given.value for given in node.arguments or () if given.name.value in ("first", "last")]
        return self._size(given, lambda values: _rows(values, otherwise))

    def _length(self, node: FieldNode) -> Size:
        """How many ids are asked for; a guess where a list has neither ids nor pages."""
        given = [given.value for given in node.arguments or () if given.name.value == "ids"]
        return self._size(given, _count)

    def _size(self, given: list[ValueNode], size: Callable[[list[Any]], int]) -> Size:
        if any(isinstance(node, VariableNode) for node in given):
            return lambda variables: size([self._value(node, variables) for node in given])
        return size([value_from_ast_untyped(node) for node in given])

    def _value(self, node: ValueNode, variables: Variables) -> Any:
        if not isinstance(node, VariableNode):
            return value_from_ast_untyped(node, dict(variables))
        name = node.name.value
        return variables[name] if name in variables else self._defaults.get(name)

    def _when(self, alternatives: list[Conditions]) -> Callable[[Variables], bool] | None:
        if ALWAYS in alternatives:
            return None

        def holds(variables: Variables) -> bool:
            return any(
                all(bool(variables.get(name, self._defaults.get(name))) is wanted for name, wanted in held)
                for held in alternatives
            )

        return holds


def _rows(values: list[Any], otherwise: int) -> int:
    # What is no number of rows is refused when the operation is executed.
    asked = [value for value in values if isinstance(value, int)]
    return min(max(0, *asked), LARGEST_PAGE) if asked else otherwise


def _said(values: list[Any]) -> int:
    return int(values[0] is not None)


def _count(values: list[Any]) -> int:
    return sum(len(ids) if isinstance(ids, list) else 1 for ids in values) if values else GUESSED_LENGTH


def _conditions(selection: SelectionNode, outer: Conditions) -> Conditions | None:
    """What must hold for the selection to be asked for; None where it never is."""
    found = set(outer)
    for directive in selection.directives or ():
        if directive.name.value not in ("skip", "include"):
            continue
        wanted = directive.name.value == "include"
        condition = (directive.arguments or ())[0].value
        if isinstance(condition, VariableNode):
            found.add((condition.name.value, wanted))
        elif value_from_ast_untyped(condition) is not wanted:
            return None
    return frozenset(found)
