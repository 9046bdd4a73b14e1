"""What may be written into a playbook, and that what ships may be."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.access import Role
from domain.lending import Product
from domain.playbooks import Item, Playbook, SecurityDemand, TaskKind, read_playbook, refuse_playbook
from tenants.playbooks.shipped import SHIPPED, shipped_playbooks

WATCH = Item("MONTHLY_WATCH", "Watch the month", TaskKind.MONITORING, Role.RELATIONSHIP_MANAGER, 30, 1)
GOOD = Playbook(
    name="At risk",
    strategy="Watch closely.",
    owner_level=Role.BRANCH_MANAGER,
    review_every_months=1,
    contact_every_days=30,
    contact_plan="A call every month.",
    pricing_latitude_bps=-100,
    required_security=SecurityDemand.ADDITIONAL,
    security_note=None,
    products=(Product.WORKING_CAPITAL,),
    items=(WATCH,),
)


def of(**said: Any) -> Playbook:
    return replace(GOOD, **said)


def with_item(**said: Any) -> Playbook:
    return replace(GOOD, items=(WATCH, replace(WATCH, **{"code": "OTHER", **said})))


TAKEN = [
    GOOD,
    of(products=()),
    of(security_note="Twice over."),
    of(pricing_latitude_bps=-1000),
    of(pricing_latitude_bps=1000, review_every_months=120, contact_every_days=3650),
    of(name="x" * 200, strategy="x" * 2000),
    with_item(every_months=None, first_due_days=0),
    with_item(code="A_2", first_due_days=3650, every_months=120),
    of(items=tuple(replace(WATCH, code=f"C{n}") for n in range(50))),
]
REFUSED = [
    (of(name=""), "name"),
    (of(name="x" * 201), "name"),
    (of(strategy=" \t"), "strategy"),
    (of(strategy="x" * 2001), "strategy"),
    (of(contact_plan=""), "contactPlan"),
    (of(security_note=""), "securityNote"),
    (of(review_every_months=0), "reviewEveryMonths"),
    (of(review_every_months=121), "reviewEveryMonths"),
    (of(contact_every_days=0), "contactEveryDays"),
    (of(pricing_latitude_bps=1001), "pricingLatitudeBps"),
    (of(pricing_latitude_bps=-1001), "pricingLatitudeBps"),
    (of(owner_level=Role.AUDITOR), "ownerLevel"),
    (of(owner_level=Role.CLIENT_USER), "ownerLevel"),
    (of(products=(Product.MORTGAGE, Product.MORTGAGE)), "products"),
    (of(items=()), "items"),
    (of(items=(WATCH, WATCH)), "items"),
    (of(items=tuple(replace(WATCH, code=f"C{n}") for n in range(51))), "items"),
    (with_item(code="other"), "items.1.code"),
    (with_item(code="1A"), "items.1.code"),
    (with_item(code="A" * 41), "items.1.code"),
    (with_item(title=" "), "items.1.title"),
    (with_item(owner_level=Role.HEADQUARTERS_ANALYST), "items.1.ownerLevel"),
    (with_item(first_due_days=-1), "items.1.firstDueDays"),
    (with_item(first_due_days=3651), "items.1.firstDueDays"),
    (with_item(every_months=0), "items.1.everyMonths"),
    (with_item(every_months=121), "items.1.everyMonths"),
]


@pytest.mark.parametrize("playbook", TAKEN)
def test_a_playbook_within_its_bounds_is_taken(playbook: Playbook) -> None:
    assert refuse_playbook(playbook) is None


@pytest.mark.parametrize(("playbook", "path"), REFUSED)
def test_a_playbook_that_cannot_be_followed_is_refused_with_its_place(playbook: Playbook, path: str) -> None:
    refusal = refuse_playbook(playbook)
    assert refusal is not None
    assert ".".join(refusal.path) == path
    assert refusal.message


def test_there_is_a_playbook_for_each_of_the_five_types_of_relationship() -> None:
    shipped = {(one.dimension, one.value): one.playbook for one in shipped_playbooks()}
    assert {dimension for dimension, _ in shipped} == {"relationshipType"}
    assert {value for _, value in shipped} == {"AT_RISK", "GROWTH", "LAPSING", "STABLE", "STRATEGIC"}
    # The article's own words for each: who answers for it, how often it is looked at, what it costs.
    told = {
        value: (book.owner_level.value, book.review_every_months, book.required_security.value)
        for (_, value), book in shipped.items()
    }
    assert told == {
        "STRATEGIC": ("REGIONAL_MANAGER", 6, "NEGOTIATED"),
        "GROWTH": ("RELATIONSHIP_MANAGER", 3, "NONE"),
        "STABLE": ("RELATIONSHIP_MANAGER", 12, "STANDARD"),
        "AT_RISK": ("BRANCH_MANAGER", 1, "ADDITIONAL"),
        "LAPSING": ("RELATIONSHIP_MANAGER", 3, "STANDARD"),
    }
    latitude = {value: book.pricing_latitude_bps for (_, value), book in shipped.items()}
    assert latitude["STRATEGIC"] == max(latitude.values())
    assert latitude["AT_RISK"] < 0


def _changed(document: dict[str, Any], **said: Any) -> dict[str, Any]:
    return {**document, **said}


WRONG: list[tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = [
    (lambda d: _changed(d, form=2), "reads form 1"),
    (lambda d: {key: value for key, value in d.items() if key != "strategy"}, "strategy is missing"),
    (lambda d: _changed(d, ownerLevel="CHIEF"), "CHIEF"),
    (lambda d: _changed(d, products=["GOLD"]), "GOLD"),
    (lambda d: _changed(d, items=[]), "items: a playbook has 1 to 50 items"),
]


@pytest.mark.parametrize(("change", "told"), WRONG)
def test_a_document_that_is_no_playbook_is_refused_with_the_reason(
    change: Callable[[dict[str, Any]], dict[str, Any]], told: str
) -> None:
    document = json.loads((SHIPPED / "at_risk.json").read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match=told):
        read_playbook(change(document))
