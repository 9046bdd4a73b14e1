"""The schema as callers read it: described throughout, committed, and held to one set of conventions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from sqlalchemy import CheckConstraint

import schema
from schema.binding import AmountSource, ColumnSource, ToOneSource, bindings
from schema.graph import graph

SDL = Path(schema.__file__).with_name("schema.graphql")
BUILT: GraphQLSchema = graph()._schema
OWN = {name: made for name, made in BUILT.type_map.items() if not name.startswith("__")}
BUILT_IN = {"String", "Int", "Boolean", "ID", "Float"}


def parts() -> Iterator[tuple[str, str | None]]:
    """Everything that can carry a description, with its description."""
    for name, made in OWN.items():
        if name not in BUILT_IN:
            yield name, made.description
        if isinstance(made, GraphQLEnumType):
            yield from ((f"{name}.{value}", of.description) for value, of in made.values.items())
        if isinstance(made, GraphQLInputObjectType):
            yield from ((f"{name}.{field}", of.description) for field, of in made.fields.items())
        if isinstance(made, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in made.fields.items():
                yield f"{name}.{field_name}", field.description
                for argument_name, argument in field.args.items():
                    yield f"{name}.{field_name}({argument_name})", argument.description


def object_fields() -> Iterator[tuple[str, str, Any]]:
    for name, made in OWN.items():
        if isinstance(made, GraphQLObjectType | GraphQLInterfaceType):
            yield from ((name, field_name, field) for field_name, field in made.fields.items())


def fields_of(type_name: str) -> dict[str, GraphQLField]:
    """A bound type's fields by their names in Python."""
    made = OWN[type_name]
    assert isinstance(made, GraphQLObjectType)
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): field for name, field in made.fields.items()}


def inputs_of_mutations() -> dict[str, tuple[GraphQLInputObjectType, GraphQLUnionType]]:
    assert BUILT.mutation_type
    found = {}
    for name, field in BUILT.mutation_type.fields.items():
        (argument,) = field.args.values()
        sent, payload = get_named_type(argument.type), get_named_type(field.type)
        assert isinstance(sent, GraphQLInputObjectType), name
        assert isinstance(payload, GraphQLUnionType), name
        assert isinstance(argument.type, GraphQLNonNull), name
        # A fault in reading one payload must not take those of the other mutations with it.
        assert not isinstance(field.type, GraphQLNonNull), name
        found[name] = (sent, payload)
    return found


def test_the_rooms_are_ours_and_no_package_of_the_same_name() -> None:
    assert Path(schema.__file__).parent.parent == Path(__file__).parent.parent


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    served = graph().as_str().strip()
    assert served == SDL.read_text().strip(), "schema/schema.graphql is out of date: run `make sdl`"


def test_every_type_field_argument_and_enum_value_is_described() -> None:
    bare = [name for name, description in parts() if not (description or "").strip()]
    assert not bare, f"describe {bare}"


def test_descriptions_are_sentences() -> None:
    odd = [name for name, text in parts() if text and not (text[0].isupper() or text[0].isdigit())]
    odd += [name for name, text in parts() if text and not text.rstrip().endswith((".", ")", "`"))]
    own = [name for name in odd if name.split(".")[0] not in {"Date", "DateTime"}]
    assert not own, f"these do not read as sentences: {own}"


@pytest.mark.parametrize(
    ("convention", "pattern", "names"),
    [
        ("types", r"[A-Z][A-Za-z]*", list(OWN)),
        ("fields", r"[a-z][A-Za-z0-9]*", [name for _, name, _ in object_fields()]),
        (
            "values",
            r"[A-Z][A-Z0-9_]*",
            [value for made in OWN.values() if isinstance(made, GraphQLEnumType) for value in made.values],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_names_are_written_alike(convention: str, pattern: str, names: list[str]) -> None:
    assert not [name for name in names if not re.fullmatch(pattern, name)], convention


def test_no_number_travels_as_a_float() -> None:
    assert "Float" not in OWN


def test_lists_have_no_holes_but_where_an_id_may_lead_nowhere() -> None:
    holes = set()
    for name, field_name, field in object_fields():
        inner = field.type.of_type if is_non_null_type(field.type) else field.type
        if is_list_type(inner) and not is_non_null_type(inner.of_type):
            holes.add(f"{name}.{field_name}")
    assert holes == {"Query.nodes"}


def test_every_bound_type_is_a_node_with_an_id() -> None:
    for name in bindings():
        made = OWN[name]
        assert isinstance(made, GraphQLObjectType)
        assert [interface.name for interface in made.interfaces] == ["Node"], name
        assert str(made.fields["id"].type) == "ID!", name


def test_a_field_may_be_null_exactly_where_its_column_may() -> None:
    for type_name, bound in bindings().items():
        fields = fields_of(type_name)
        for name, source in bound.sources.items():
            columns = {
                ColumnSource: lambda s: [s.name],
                AmountSource: lambda s: [s.minor],
                ToOneSource: lambda s: list(s.on.values()),
            }.get(type(source), lambda _: [])(source)
            if not columns:
                continue
            may_be_null = any(bound.table.c[column].nullable for column in columns)
            if isinstance(source, ToOneSource) and not source.required:
                continue  # what may be hidden is null where it is
            assert is_non_null_type(fields[name].type) is not may_be_null, f"{type_name}.{name}"


def test_a_code_that_is_shown_is_held_by_a_check_to_what_its_enum_knows() -> None:
    """A compiled plan writes codes as they stand: nothing else looks at them on their way out."""
    shown = [
        (bound.table.c[source.name], codes)
        for type_name, bound in bindings().items()
        for name, source in bound.sources.items()
        if isinstance(source, ColumnSource)
        and isinstance(codes := get_named_type(fields_of(type_name)[name].type), GraphQLEnumType)
    ]
    assert len(shown) >= 10
    for column, codes in shown:
        (check,) = [
            str(check.sqltext)
            for check in column.table.constraints
            if isinstance(check, CheckConstraint)
            and re.fullmatch(rf"{column.name} in \([^)]*\)", str(check.sqltext))
        ]
        assert set(re.findall(r"'(.*?)'", check)) <= set(codes.values), column


def test_a_condition_is_called_after_what_it_is_about() -> None:
    for name, made in OWN.items():
        if isinstance(made, GraphQLInputObjectType) and name.endswith("Condition") and "eq" in made.fields:
            about = get_named_type(made.fields["eq"].type)
            assert name == f"{about.name}Condition" or not isinstance(about, GraphQLEnumType), name


def test_connections_page_both_ways_and_look_alike() -> None:
    connections = [
        (name, field_name, field)
        for name, field_name, field in object_fields()
        if get_named_type(field.type).name.endswith("Connection")
    ]
    assert len(connections) > 15
    for name, field_name, field in connections:
        assert {"first", "after", "last", "before"} <= set(field.args), f"{name}.{field_name}"
        assert is_non_null_type(field.type), f"{name}.{field_name}"
        page = get_named_type(field.type)
        assert isinstance(page, GraphQLObjectType)
        assert list(page.fields) == [
            *("edges", "nodes", "pageInfo"),
            *("aggregates", "groups", "totalCount"),
        ], page.name
        groups = page.fields["groups"]
        assert list(groups.args) == ["by", "having", "orderBy", "first"], page.name
        assert groups.args["first"].default_value is not None, page.name


def test_every_list_can_be_filtered_and_ordered() -> None:
    plain = {
        f"{name}.{field_name}"
        for name, field_name, field in object_fields()
        if "after" in field.args and not {"where", "orderBy"} <= set(field.args)
    }
    assert not plain


def test_every_mutation_takes_one_input_with_a_key_and_answers_with_a_union_of_its_own() -> None:
    for name, (sent, payload) in inputs_of_mutations().items():
        capital = name[0].upper() + name[1:]
        assert (sent.name, payload.name) == (f"{capital}Input", f"{capital}Payload")
        assert str(sent.fields["idempotencyKey"].type) == "String!"
        members = {member.name for member in payload.types}
        assert members >= {f"{capital}Success", "InvalidInput", "NotFound", "IdempotencyKeyReused"}
        refusals = [member for member in payload.types if member.name != f"{capital}Success"]
        assert all([i.name for i in member.interfaces] == ["UserError"] for member in refusals), name


def test_whoever_can_be_told_of_a_conflict_must_say_which_version_was_read() -> None:
    for name, (sent, payload) in inputs_of_mutations().items():
        told = "Conflict" in {member.name for member in payload.types}
        assert told == ("expectedVersion" in sent.fields), name


def test_a_change_of_a_part_requires_no_more_than_what_names_the_row() -> None:
    update = inputs_of_mutations()["updateClient"][0]
    required = {name for name, field in update.fields.items() if is_required_input_field(field)}
    assert required == {"idempotencyKey", "clientId", "expectedVersion"}
    # A default would be written over what stands there, though nobody asked for it.
    for name in ("updateClient", "saveContact"):
        sent = inputs_of_mutations()[name][0]
        assert not [f for f, field in sent.fields.items() if "= " in str(field.default_value)], name
        defaulted = {f for f, field in sent.fields.items() if isinstance(field.default_value, bool)}
        assert not defaulted, f"{name} writes {defaulted} unasked"


def test_what_registers_a_client_can_change_it_but_for_its_registration() -> None:
    register, update = (inputs_of_mutations()[name][0] for name in ("registerClient", "updateClient"))
    only_once = {"branchCode", "registrationCountry", "registrationNumber", "currency"}
    assert set(register.fields) - set(update.fields) == only_once
    assert set(update.fields) - set(register.fields) == {"clientId", "expectedVersion"}
