"""How each kind of relationship is managed: playbooks, the tasks they imply, and what may be written into one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.access import OFFICE_ROLES, Role
from domain.lending import Product
from domain.refusals import Refusal, invalid


class PlaybookStatus(StrEnum):
    """Where a version of a playbook is in its life; at most one of a type is active."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


class TaskKind(StrEnum):
    """What a task asks somebody to do."""

    REVIEW = "REVIEW"
    VISIT = "VISIT"
    CALL = "CALL"
    MEETING = "MEETING"
    SURVEY = "SURVEY"
    OFFER = "OFFER"
    MONITORING = "MONITORING"
    COACHING = "COACHING"
    REMINDER = "REMINDER"


class TaskStatus(StrEnum):
    """Where a task stands. Overdue is none of them: it is an open task whose day has passed."""

    OPEN = "OPEN"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


class CancelCause(StrEnum):
    """Why a task was cancelled, in the order in which it is asked."""

    RELATIONSHIP_CHANGED = "RELATIONSHIP_CHANGED"
    PLAYBOOK_CHANGED = "PLAYBOOK_CHANGED"
    EARLIER_REOPENED = "EARLIER_REOPENED"


class SecurityDemand(StrEnum):
    """What security a playbook asks for."""

    NEGOTIATED = "NEGOTIATED"
    NONE = "NONE"
    STANDARD = "STANDARD"
    ADDITIONAL = "ADDITIONAL"


OWNER_LEVELS = tuple(role for role in Role if role in OFFICE_ROLES)
"""Who may own a client's service or a task: the roles that staff can have."""

LONGEST_TITLE = 200
LONGEST_TEXT = 2000
LONGEST_CODE = 40
MOST_ITEMS = 50
LATEST_FIRST_DUE_DAYS = 3650
MOST_MONTHS = 120
WIDEST_LATITUDE_BPS = 1000
_CODE = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Item:
    """A task that a playbook implies: first due after `first_due_days`, then every `every_months`, or once."""

    code: str
    title: str
    kind: TaskKind
    owner_level: Role
    first_due_days: int
    every_months: int | None = None


@dataclass(frozen=True, slots=True)
class Playbook:
    """How clients with one value of a dimension are looked after.

    `pricing_latitude_bps` is how far below the list price the owner may go; where it is negative, at least so much
    above it is asked.
    """

    name: str
    strategy: str
    owner_level: Role
    review_every_months: int
    contact_every_days: int
    contact_plan: str
    pricing_latitude_bps: int
    required_security: SecurityDemand
    security_note: str | None
    products: tuple[Product, ...]
    items: tuple[Item, ...]


FORM = 1
"""The version of a playbook's JSON form."""


def read_playbook(document: Mapping[str, Any]) -> Playbook:
    """A playbook from its JSON form, in GraphQL's names. Raises ValueError where it is not in that form."""
    if document.get("form") != FORM:
        raise ValueError(f"this reads form {FORM} of a playbook, not {document.get('form')!r}")
    try:
        playbook = Playbook(
            name=document["name"],
            strategy=document["strategy"],
            owner_level=Role(document["ownerLevel"]),
            review_every_months=document["reviewEveryMonths"],
            contact_every_days=document["contactEveryDays"],
            contact_plan=document["contactPlan"],
            pricing_latitude_bps=document["pricingLatitudeBps"],
            required_security=SecurityDemand(document["requiredSecurity"]),
            security_note=document["securityNote"],
            products=tuple(Product(product) for product in document["products"]),
            items=tuple(_read_item(item) for item in document["items"]),
        )
    except KeyError as missing:
        raise ValueError(f"{missing.args[0]} is missing") from None
    if refusal := refuse_playbook(playbook):
        raise ValueError(f"{'.'.join(refusal.path)}: {refusal.message}")
    return playbook


def _read_item(item: Mapping[str, Any]) -> Item:
    return Item(
        code=item["code"],
        title=item["title"],
        kind=TaskKind(item["kind"]),
        owner_level=Role(item["ownerLevel"]),
        first_due_days=item["firstDueDays"],
        every_months=item["everyMonths"],
    )


def refuse_playbook(playbook: Playbook) -> Refusal | None:
    """Why the playbook cannot be taken as it is; None where it can."""
    bounds = {
        "reviewEveryMonths": (playbook.review_every_months, 1, MOST_MONTHS),
        "contactEveryDays": (playbook.contact_every_days, 1, LATEST_FIRST_DUE_DAYS),
        "pricingLatitudeBps": (playbook.pricing_latitude_bps, -WIDEST_LATITUDE_BPS, WIDEST_LATITUDE_BPS),
    }
    texts = {
        "name": (playbook.name, LONGEST_TITLE),
        "strategy": (playbook.strategy, LONGEST_TEXT),
        "contactPlan": (playbook.contact_plan, LONGEST_TEXT),
    }
    return (
        _first(_outside(bound, field) for field, bound in bounds.items())
        or _first(_unwritten(text, longest, field) for field, (text, longest) in texts.items())
        or _refuse_note(playbook.security_note)
        or _refuse_level(playbook.owner_level, "ownerLevel")
        or _refuse_products(playbook.products)
        or _refuse_items(playbook.items)
    )


def _refuse_products(products: tuple[Product, ...]) -> Refusal | None:
    if len(set(products)) < len(products):
        return invalid("name each product once", "products")
    return None


def _refuse_note(note: str | None) -> Refusal | None:
    if note is None:
        return None
    return _unwritten(note, LONGEST_TEXT, "securityNote")


def _refuse_level(level: Role, *path: str) -> Refusal | None:
    if level not in OWNER_LEVELS:
        return invalid(f"an owner is one of {', '.join(OWNER_LEVELS)}", *path)
    return None


def _refuse_items(items: tuple[Item, ...]) -> Refusal | None:
    if not 1 <= len(items) <= MOST_ITEMS:
        return invalid(f"a playbook has 1 to {MOST_ITEMS} items: it is its tasks that get done", "items")
    codes = [item.code for item in items]
    if twice := next((code for code in codes if codes.count(code) > 1), None):
        return invalid(f"two items have the code {twice}", "items")
    return _first(_refuse_item(item, str(n)) for n, item in enumerate(items))


def _refuse_item(item: Item, place: str) -> Refusal | None:
    if not _CODE.fullmatch(item.code) or len(item.code) > LONGEST_CODE:
        return invalid("a code has capitals, digits and _, and begins with a capital", "items", place, "code")
    every = item.every_months
    return (
        _unwritten(item.title, LONGEST_TITLE, "items", place, "title")
        or _refuse_level(item.owner_level, "items", place, "ownerLevel")
        or _outside((item.first_due_days, 0, LATEST_FIRST_DUE_DAYS), "items", place, "firstDueDays")
        or (None if every is None else _outside((every, 1, MOST_MONTHS), "items", place, "everyMonths"))
    )


def _outside(bound: tuple[int, int, int], *path: str) -> Refusal | None:
    value, least, most = bound
    return None if least <= value <= most else invalid(f"a number from {least} to {most}", *path)


def _unwritten(text: str, longest: int, *path: str) -> Refusal | None:
    if not text.strip():
        return invalid("this may not be empty", *path)
    return None if len(text) <= longest else invalid(f"at most {longest} characters", *path)


def _first(found: Iterable[Refusal | None]) -> Refusal | None:
    return next((refusal for refusal in found if refusal), None)
