"""Strategies for conditions over the bank's own types: every field, every relation, values that occur."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cache
from typing import Any

from bank_facts import Facts
from condition_trees import combined, comparisons, related
from hypothesis import strategies as st

from domain.conditions import Compare, Condition, Kind, Operator, kind_of
from domain.money import Money
from schema.binding import ManySource, binding
from schema.condition_fields import _fields, relations_of

ODD: dict[Kind, list[Any]] = {
    Kind.TEXT: ["", "%", "σ", "SILK", "x\\"],
    Kind.NUMBER: [0, -1, 2**31, 2**63 - 1, -(2**63)],
    Kind.DATE: [dt.date(1, 1, 2), dt.date(9999, 12, 30)],
    Kind.MOMENT: [dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)],
    Kind.MONEY: [Money(0, "CNY"), Money(1, "EUR"), Money(-(2**63), "USD")],
    Kind.BOOLEAN: [True, False],
}
"""Values that no row may have, by kind."""

FRACTIONS = [Decimal("0.04350000000000000001"), Decimal("1e30")]
UNORDERED = {Kind.TEXT, Kind.BOOLEAN}


class BankConditions:
    """Conditions over the types of one bank, whose rows give the values."""

    def __init__(self, rows: dict[str, list[Facts]]) -> None:
        self._rows = rows
        self._ids = [facts["id"] for facts_of_type in rows.values() for facts in facts_of_type]
        self._of = cache(self._build)

    def of(self, type_name: str, levels: int = 2) -> st.SearchStrategy[Condition]:
        """Conditions on a type, with so many levels of relations."""
        return self._of(type_name, levels)

    def _build(self, type_name: str, levels: int) -> st.SearchStrategy[Condition]:
        leaf = self._leaves(type_name)
        if levels:
            for name, source in relations_of(binding(type_name)).items():
                inner = self._later(source.target, levels - 1)
                many = isinstance(source, ManySource)
                leaf |= related(inner, one=[] if many else [name], many=[name] if many else [])
        return st.recursive(leaf, combined, max_leaves=4)

    def _later(self, type_name: str, levels: int) -> st.SearchStrategy[Condition]:
        # Made when it is drawn from: in one piece, all types and levels are too much to describe.
        return st.deferred(lambda: self._of(type_name, levels))

    def _leaves(self, type_name: str) -> st.SearchStrategy[Condition]:
        own = [facts["id"] for facts in self._rows[type_name]]
        found = [self._by_id(listed) for listed in (own, self._ids) if listed]
        for name, values in self._values(type_name).items():
            kind = kind_of(values[0])
            drawn = st.sampled_from(values)
            found.append(comparisons(name, drawn, ordered=kind not in UNORDERED, text=kind is Kind.TEXT))
        return st.one_of(*found)

    def _by_id(self, listed: list[str]) -> st.SearchStrategy[Condition]:
        ids = st.lists(st.sampled_from(listed), max_size=6).map(tuple)
        return st.builds(Compare, st.just("id"), st.sampled_from([Operator.IN, Operator.NOT_IN]), ids)

    def _values(self, type_name: str) -> dict[str, list[Any]]:
        """What each field is compared with: its own values, and odd ones of their kind."""
        known: dict[str, list[Any]] = {}
        comparable = _fields(binding(type_name))
        for facts in self._rows[type_name]:
            for name, value in facts.items():
                # What is written as JSON looks like a text, and is compared with nothing.
                if name != "id" and name in comparable and (kind := kind_of(value)):
                    known.setdefault(name, list(ODD[kind])).append(value)
                    if kind is Kind.MONEY:
                        known[f"{name}.currency"] = ["CNY", "JPY", "cn"]
                    if isinstance(value, Decimal):
                        known[name] += FRACTIONS
        return known
