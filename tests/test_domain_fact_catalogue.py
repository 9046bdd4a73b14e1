"""The catalogue of facts: names, kinds, columns, and the document that lists them."""

from __future__ import annotations

import re
from pathlib import Path

from domain.conditions import Kind
from domain.segmentation.catalogue import CATALOGUE, FAMILIES, Unit, catalogue_table
from tenants.tables.facts import KEPT, client_fact
from tenants.tables.views import client_facts

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "facts.md"


def test_every_fact_is_of_one_family() -> None:
    assert sum(len(family) for family in FAMILIES.values()) == len(CATALOGUE)
    assert all(
        name == fact.name and re.fullmatch("[a-z][A-Za-z0-9]+", name) for name, fact in CATALOGUE.items()
    )


def test_a_unit_tells_the_kind() -> None:
    kinds = {
        Unit.AMOUNT: Kind.MONEY,
        Unit.CODE: Kind.TEXT,
        Unit.DAY: Kind.DATE,
        Unit.YES_NO: Kind.BOOLEAN,
    }
    assert all(fact.kind is kinds.get(fact.unit, Kind.NUMBER) for fact in CATALOGUE.values())


def test_every_fact_is_a_column_of_the_view_and_every_column_a_fact() -> None:
    beside = ["branch_id", "client_id", "currency"], ["changed_at"]
    columns = [fact.column for fact in CATALOGUE.values()]
    assert [column.name for column in client_facts.columns] == [*beside[0], *columns, *beside[1]]
    assert CATALOGUE["daysPastDue12m"].column == "days_past_due12m"
    assert CATALOGUE["contribution12m"].column == "contribution12m_minor"


def test_what_is_kept_comes_of_one_table_each() -> None:
    kept = [name for family in KEPT.values() for name, _ in family]
    assert len(kept) == len(set(kept))
    assert [c.name for c in client_fact.columns] == [
        "branch_id",
        "client_id",
        *kept,
        "changed_at",
        "valid_from",
    ]


def test_the_document_lists_the_catalogue_as_it_is() -> None:
    assert catalogue_table() in DOCUMENT.read_text(encoding="utf-8")
