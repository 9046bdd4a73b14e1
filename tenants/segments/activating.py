"""A rule set's place in time among those of its dimension and unit, and what stands in its way there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import func, or_, select, update

from domain.refusals import Refusal, RefusalCode, invalid
from domain.segmentation.catalogue import CATALOGUE
from domain.segmentation.checking import Finding, Severity, check
from domain.segmentation.rules import Rulebook, RuleSet
from tenants.segments.rulebook import rule_set_of
from tenants.tables import rule_set
from tenants.transaction import Transaction

_MOST_TOLD = 5

_t = rule_set.c
Row = Mapping[str, Any]


def findings(made: RuleSet, rulebook: Rulebook) -> list[Finding]:
    """What is wrong with a rule set beside those in force, and with those that compare its values."""
    others = {name: version.rule_set for name, version in rulebook.default.items()}
    found = check(made, CATALOGUE, others)
    if any(one.severity is Severity.ERROR for one in found):
        return found
    together = {**others, made.dimension: made}
    for name, other in others.items():
        if name != made.dimension and made.dimension in other.segments():
            broken = [one for one in check(other, CATALOGUE, together) if one.severity is Severity.ERROR]
            found += [
                Finding(one.severity, f"{name}, which compares it: {one.message}", "values") for one in broken
            ]
    return found


def refused_for(found: Iterable[Finding]) -> Refusal | None:
    """The refusal of a rule set with errors; None where it has none."""
    errors = [f"{one.path}: {one.message}" for one in found if one.severity is Severity.ERROR]
    if not errors:
        return None
    more = f"; and {len(errors) - _MOST_TOLD} more" if len(errors) > _MOST_TOLD else ""
    return Refusal(
        RefusalCode.RULES_HAVE_ERRORS, "mend these first: " + "; ".join(errors[:_MOST_TOLD]) + more, ("body",)
    )


async def refused_for_a_circle(transaction: Transaction, made: RuleSet) -> Refusal | None:
    """The refusal of rules that compare a dimension which comes to depend on theirs, somewhere or some day.

    What is in force at a unit, or will be later, may meet them there or then: all of it counts. Who puts rules
    into force waits for whoever does, since each of two might close the circle of the other.
    """
    rows = await transaction.rows(
        select(_t.dimension_code, _t.body).where(
            _t.dimension_code != made.dimension,
            _t.effective_from.is_not(None),
            or_(_t.effective_until.is_(None), _t.effective_until > func.app.today()),
        )
    )
    compared: dict[str, set[str]] = {}
    for row in rows:
        compared.setdefault(row["dimension_code"], set()).update(rule_set_of(row["body"]).segments())
    waiting, seen = set(made.segments()), set[str]()
    while waiting:
        seen |= waiting
        waiting = {name for one in waiting for name in compared.get(one, ())} - seen
    if made.dimension not in seen:
        return None
    message = (
        f"rules that are in force at some unit, or will be later, compare {made.dimension}, and these compare "
        "them: the dimensions would depend on each other in a circle; call off one of both first"
    )
    return Refusal(RefusalCode.RULES_HAVE_ERRORS, message, ("body", "rules"))


async def in_turn(transaction: Transaction) -> None:
    """Wait for whoever puts rules into force."""
    await transaction.connection.execute("select from bank.rules_change for update")


async def bank_day(transaction: Transaction) -> dt.date:
    """The day that the bank's books are read on."""
    day: dt.date = await transaction.value(select(func.app.today()))
    return day


async def make_room(
    transaction: Transaction, row: Row, begins: dt.date, today: dt.date
) -> dt.date | Refusal | None:
    """End what is in force on the day on which `row` begins; the day on which its own time ends, if one is set.

    What begins later stays, and ends it. The dimension's row must be locked.
    """
    rows = await transaction.rows(
        select(_t.id, _t.number, _t.effective_from, _t.effective_until)
        .where(*_siblings(row), or_(_t.effective_until.is_(None), _t.effective_until > begins))
        .order_by(_t.effective_from)
        .with_for_update()
    )
    there = [
        one for one in rows if one["effective_from"] < begins or one["effective_from"] == begins == today
    ]
    later = [one for one in rows if one not in there]
    if later and later[0]["effective_from"] == begins:
        return Refusal(
            RefusalCode.ALREADY_IN_FORCE,
            f"version {later[0]['number']} comes into force on {begins}: archive it first, or take another day",
            ("effectiveFrom",),
        )
    for one in there:
        await _end(transaction, one["id"], begins, today)
    return later[0]["effective_from"] if later else None


async def give_back(transaction: Transaction, row: Row) -> None:
    """Before its first day a rule set is called off: whatever was to end on that day goes on."""
    await transaction.rows(
        update(rule_set).where(_t.id == row["id"]).values(effective_until=row["effective_from"])
    )
    await transaction.rows(
        update(rule_set)
        .where(*_siblings(row), _t.effective_until == row["effective_from"], _t.id != row["id"])
        .where(_t.effective_from < row["effective_from"])
        .values(effective_until=row["effective_until"], version=_t.version + 1)
    )


async def _end(transaction: Transaction, rule_set_id: int, day: dt.date, today: dt.date) -> None:
    status = "ARCHIVED" if day <= today else "ACTIVE"
    await transaction.rows(
        update(rule_set)
        .where(_t.id == rule_set_id)
        .values(effective_until=day, status=status, version=_t.version + 1)
    )


def _siblings(row: Row) -> tuple[Any, ...]:
    """The sets of the same dimension and unit that are, were or will be in force."""
    return (
        _t.dimension_code == row["dimension_code"],
        _t.unit_id.is_not_distinct_from(row["unit_id"]),
        _t.effective_from.is_not(None),
    )


async def archive_what_is_over(transaction: Transaction) -> None:
    """Rule sets whose last day has passed are archived; what is in force does not depend on it."""
    await transaction.rows(
        update(rule_set)
        .where(_t.status == "ACTIVE", _t.effective_until <= func.app.today())
        .values(status="ARCHIVED", version=_t.version + 1)
    )


def day_refused(begins: dt.date, today: dt.date) -> Refusal | None:
    """Rules cannot have been in force before anybody had put them there."""
    if begins >= today:
        return None
    return invalid(f"{begins} has passed: take {today}, the bank's day, or a later one", "effectiveFrom")
