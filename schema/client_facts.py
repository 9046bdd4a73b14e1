"""What rules may say of a client: every fact of the catalogue, as callers see it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from domain.conditions import Kind
from domain.segmentation.catalogue import CATALOGUE, Fact, Unit
from schema.bound_fields import Node
from schema.clients import CLIENT
from schema.fields import amount, bound, column, to_one
from schema.money import Money
from tenants.tables.views import client_facts

_SAID = frozenset({Unit.AMOUNT, Unit.CODE, Unit.COUNT, Unit.DAY, Unit.YES_NO})
"""Units that the type of the field says already."""

_DESCRIBED = """The client's facts on the bank's day, as far as they are known: the catalogue that rules speak of.

Null is "not known", which is never 0 and never no. Fractions are of 1: 0.125 is 12.5 %.
"""


def _python_name(fact: Fact) -> str:
    return fact.column.removesuffix("_minor")


def _annotation(fact: Fact) -> Any:
    kind = type_of(fact)
    return kind | None


def type_of(fact: Fact) -> Any:
    """What a fact is shown as."""
    whole = client_facts.c[fact.column].type.python_type is int
    return {
        Kind.MONEY: Money,
        Kind.TEXT: str,
        Kind.DATE: dt.date,
        Kind.BOOLEAN: bool,
        Kind.NUMBER: int if whole else Decimal,
    }[fact.kind]


def _field(fact: Fact) -> Any:
    unit = "" if fact.unit in _SAID else f" ({fact.unit})"
    definition = fact.definition.removesuffix(".")
    described = f"{definition if definition[0].isupper() else f'As {definition}'}{unit}."
    ordered = fact.kind not in (Kind.TEXT, Kind.BOOLEAN)
    declare = amount if fact.kind is Kind.MONEY else column
    return declare(_python_name(fact), described, where=True, order=ordered)


def _declared() -> type:
    facts = {_python_name(fact): fact for fact in CATALOGUE.values()}
    annotations = {
        "currency": str,
        **{name: _annotation(fact) for name, fact in facts.items()},
        "changed_at": dt.datetime,
        "client": Any,
    }
    members = {
        "currency": column("currency", "ISO 4217 code that the amounts are in.", where=True),
        **{name: _field(fact) for name, fact in facts.items()},
        "changed_at": column("changed_at", "When something that is known of it last changed."),
        "client": to_one("Client", CLIENT, "Whose facts they are.", required=True),
    }
    namespace = {"__annotations__": annotations, "__doc__": _DESCRIBED, "__module__": __name__, **members}
    return type("ClientFacts", (Node,), namespace)


ClientFacts: type = bound(client_facts, hidden_from_clients=True)(_declared())
