"""Rule sets from draft to archive: written, simulated, put into force by a second person, ended."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import EllipsisType
from typing import Any

from sqlalchemy import ARRAY, Integer, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from domain.conditions import Unreadable
from domain.organisation import UnitKind
from domain.refusals import Refusal, RefusalCode, invalid, not_found
from domain.segmentation import json_form
from domain.segmentation.checking import Severity
from domain.segmentation.rules import RuleSet, Version
from tenants.actions.as_seen import locked_as_seen
from tenants.actions.once import Done, Outcome, Refused
from tenants.segments import activating, simulating
from tenants.segments.rulebook import RulesInForce, read_paths, read_rulebook, rule_set_of
from tenants.segments.simulating import Draft
from tenants.tables import dimension as dimensions
from tenants.tables import rule_set, rule_set_simulation
from tenants.tables import unit as units
from tenants.transaction import Transaction

Row = Mapping[str, Any]

_t = rule_set.c
_OPEN = ("DRAFT", "SIMULATED")


async def add_dimension(
    transaction: Transaction, *, code: str, name: str, description: str | None, overridable: bool
) -> Outcome:
    """A new way of telling clients apart; it says nothing until rules of it are in force."""
    if not json_form.NAME.fullmatch(code):
        return Refused(
            invalid('a code is a name such as "riskClass": letters and digits, a small one first', "code")
        )
    made = await transaction.row(
        insert(dimensions)
        .values(code=code, name=name, description=description, overridable=overridable)
        .on_conflict_do_nothing()
        .returning(dimensions.c.code)
    )
    if made is None:
        message = f"there is a dimension {code} already: draft rules for it, or take another code"
        return Refused(Refusal(RefusalCode.ALREADY_REGISTERED, message, ("code",)), (code,))
    return Done((code,))


async def draft(
    transaction: Transaction,
    subject: str,
    *,
    dimension: str,
    unit_code: str | None,
    body: object | None,
    note: str | None,
) -> Outcome:
    """Begin a rule set: from the body, or as a copy of what is in force at the unit (None: in the bank)."""
    about = await _locked_dimension(transaction, dimension)
    if about is None:
        return Refused(not_found("dimension", "dimension"))
    unit_id = await _place(transaction, about, unit_code)
    if isinstance(unit_id, Refusal):
        return Refused(unit_id)
    data = await _in_force(transaction, dimension, unit_id) if body is None else body
    if data is None:
        return Refused(invalid("there are no rules in force to begin with: give a body", "body"))
    if refusal := _unreadable(data, dimension):
        return Refused(refusal)
    number = await transaction.value(
        select(func.coalesce(func.max(_t.number), 0) + 1).where(
            _t.dimension_code == dimension, _t.unit_id.is_not_distinct_from(unit_id)
        )
    )
    made = await transaction.value(
        insert(rule_set)
        .values(
            dimension_code=dimension,
            unit_id=unit_id,
            number=number,
            body=data,
            note=note,
            created_by=subject,
            edited_by=subject,
        )
        .returning(_t.id)
    )
    return Done((made,))


async def edit(
    transaction: Transaction,
    subject: str,
    rule_set_id: int,
    expected_version: int,
    *,
    body: object,
    note: str | EllipsisType | None = ...,
) -> Outcome:
    """Write a rule set anew that is not in force yet; what its simulation has found is forgotten.

    The note stays where none is given; None takes it away.
    """
    row = await _locked(transaction, rule_set_id, expected_version, _OPEN, "edited")
    if isinstance(row, Refused):
        return row
    if refusal := _unreadable(body, row["dimension_code"]):
        return Refused(refusal)
    await _forget_simulation(transaction, row)
    return await _changed(
        transaction,
        row,
        status="DRAFT",
        body=body,
        note=row["note"] if note is ... else note,
        edited_by=subject,
        edited_at=func.now(),
        simulated_by=None,
        simulated_at=None,
    )


async def simulate(
    transaction: Transaction, subject: str, rule_set_id: int, expected_version: int
) -> Outcome:
    """Find out who would move, and keep it beside the rule set."""
    row = await _locked(transaction, rule_set_id, expected_version, _OPEN, "simulated")
    if isinstance(row, Refused):
        return row
    rulebook = await _with_tree(transaction)
    made = rule_set_of(row["body"])
    found = await asyncio.to_thread(activating.findings, made, rulebook)
    if refusal := activating.refused_for(found) or await activating.refused_for_a_circle(transaction, made):
        return Refused(refusal, (rule_set_id,))
    result = await simulating.simulate(transaction, rulebook, _draft(row, made))
    against = rulebook.version_for(row["dimension_code"], rulebook.paths.get(row["unit_id"], ()))
    names = await _names(transaction, result.moved_of)
    written = result.written(names) | {
        "day": (await activating.bank_day(transaction)).isoformat(),
        "against": await _shown(transaction, against.id) if against else None,
        "warnings": [f"{one.path}: {one.message}" for one in found if one.severity is Severity.WARNING],
    }
    await _forget_simulation(transaction, row)
    await transaction.rows(insert(rule_set_simulation).values(rule_set_id=rule_set_id, found=written))
    return await _changed(
        transaction,
        row,
        status="SIMULATED",
        simulated_by=subject,
        simulated_at=func.now(),
    )


async def activate(
    transaction: Transaction,
    subject: str,
    rule_set_id: int,
    expected_version: int,
    *,
    effective_from: dt.date | None,
) -> Outcome:
    """Put a simulated rule set into force, on the bank's day or a later one; what was in force ends there.

    The next answer is by it; history and tasks are owed (`tenants/segments/settling.py`).
    """
    about = await _dimension_of(transaction, rule_set_id)
    row = await _locked(transaction, rule_set_id, expected_version, _OPEN, "put into force")
    if isinstance(row, Refused):
        return row
    assert about is not None, "a rule set has its dimension"
    today = await activating.bank_day(transaction)
    begins = effective_from or today
    rulebook = await _with_tree(transaction)
    if refusal := await _refused_activation(row, about, subject, rulebook, begins, today):
        return Refused(refusal, (rule_set_id,))
    await activating.in_turn(transaction)
    if refusal := await activating.refused_for_a_circle(transaction, rule_set_of(row["body"])):
        return Refused(refusal, (rule_set_id,))
    ends = await activating.make_room(transaction, row, begins, today)
    if isinstance(ends, Refusal):
        return Refused(ends, (rule_set_id,))
    done = await _changed(
        transaction,
        row,
        status="ACTIVE",
        effective_from=begins,
        effective_until=ends,
        activated_by=subject,
        activated_at=func.now(),
    )
    return replace(done, owes=begins == today)


async def archive(transaction: Transaction, subject: str, rule_set_id: int, expected_version: int) -> Outcome:
    """Put a draft away, call off what is to come into force, or end a unit's own rules in favour of the bank's.

    What two people have put into force none of them takes out alone.
    """
    await _dimension_of(transaction, rule_set_id)
    row = await _locked(transaction, rule_set_id, expected_version, (*_OPEN, "ACTIVE"), "archived")
    if isinstance(row, Refused):
        return row
    if row["status"] != "ACTIVE":
        return await _changed(transaction, row, status="ARCHIVED", archived_by=subject)
    today = await activating.bank_day(transaction)
    if refusal := _refused_end(row, subject, today):
        return Refused(refusal, (rule_set_id,))
    if row["effective_from"] > today:
        await activating.give_back(transaction, row)
        return await _changed(transaction, row, status="ARCHIVED", archived_by=subject)
    # What ended before today, and has not been put away by the daily round yet, is made no longer.
    ends = min(row["effective_until"] or today, today)
    done = await _changed(transaction, row, status="ARCHIVED", archived_by=subject, effective_until=ends)
    return replace(done, owes=True)


async def _refused_activation(
    row: Row, about: Row, subject: str, rulebook: RulesInForce, begins: dt.date, today: dt.date
) -> Refusal | None:
    """Why a rule set may not come into force, in the order in which it is asked."""
    if row["status"] != "SIMULATED":
        return Refusal(
            RefusalCode.NOT_SIMULATED, "simulate it first: nobody has seen what this version would do"
        )
    if subject in (row["created_by"], row["edited_by"]):
        return Refusal(
            RefusalCode.SECOND_PERSON_NEEDED, "you wrote it: ask another administrator to activate it"
        )
    if row["unit_id"] is not None:
        if not about["overridable"]:
            return _no_overrides(about["code"])
        if about["code"] not in rulebook.default:
            return Refusal(
                RefusalCode.OVERRIDE_NOT_ALLOWED,
                "the bank itself has no rules of this dimension: put those into force first",
            )
    found = await asyncio.to_thread(activating.findings, rule_set_of(row["body"]), rulebook)
    return activating.refused_for(found) or activating.day_refused(begins, today)


def _refused_end(row: Row, subject: str, today: dt.date) -> Refusal | None:
    """Why what was put into force may not be taken out, in the order in which it is asked."""
    if row["unit_id"] is None and row["effective_from"] <= today:
        message = "the dimension would be left without rules: put others into force in their place"
        return Refusal(RefusalCode.LAST_RULES, message, ("ruleSetId",))
    if subject in (row["created_by"], row["edited_by"], row["activated_by"]):
        message = "you wrote it or put it into force: ask another administrator to archive it"
        return Refusal(RefusalCode.SECOND_PERSON_NEEDED, message)
    return None


async def _locked(
    transaction: Transaction, rule_set_id: int, expected_version: int, statuses: tuple[str, ...], done: str
) -> Row | Refused:
    asked, key = select(rule_set).where(_t.id == rule_set_id), (rule_set_id,)
    row: Row | Refused = await locked_as_seen(
        transaction, asked, key, expected_version, not_found("rule set", "ruleSetId")
    )
    if isinstance(row, Refused):
        return row
    if row["status"] not in statuses:
        message = f"a rule set that is {row['status']} cannot be {done}: draft another one"
        return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("ruleSetId",)), (rule_set_id,))
    return row


async def _changed(transaction: Transaction, row: Row, **values: Any) -> Done:
    await transaction.rows(
        update(rule_set).where(_t.id == row["id"]).values(**values, version=row["version"] + 1)
    )
    return Done((row["id"],))


async def _locked_dimension(transaction: Transaction, code: str) -> Row | None:
    """The dimension; whoever numbers or activates its rule sets waits for whoever does."""
    return await transaction.row(select(dimensions).where(dimensions.c.code == code).with_for_update())


async def _dimension_of(transaction: Transaction, rule_set_id: int) -> Row | None:
    """The dimension of a rule set, locked: before the rule set, so that no two wait for each other."""
    code = await transaction.value(select(_t.dimension_code).where(_t.id == rule_set_id))
    return None if code is None else await _locked_dimension(transaction, code)


async def _forget_simulation(transaction: Transaction, row: Row) -> None:
    kept = rule_set_simulation
    await transaction.rows(delete(kept).where(kept.c.rule_set_id == row["id"]))


async def _place(transaction: Transaction, about: Row, unit_code: str | None) -> int | Refusal | None:
    """The unit whose rules they are; None for the bank's."""
    if unit_code is None:
        return None
    unit = await transaction.row(select(units.c.id, units.c.kind).where(units.c.code == unit_code))
    if unit is None:
        return not_found("unit", "unitCode")
    if not about["overridable"]:
        return _no_overrides(about["code"])
    if unit["kind"] == UnitKind.HEADQUARTERS:
        return invalid("headquarters' rules are the bank's: leave the unit out", "unitCode")
    unit_id: int = unit["id"]
    return unit_id


def _no_overrides(code: str) -> Refusal:
    message = f"the rules of {code} are the same for the whole bank: leave the unit out"
    return Refusal(RefusalCode.OVERRIDE_NOT_ALLOWED, message, ("unitCode",))


async def _in_force(transaction: Transaction, dimension: str, unit_id: int | None) -> object | None:
    """The body of what is in force at a unit, or in the bank."""
    rulebook = await _with_tree(transaction)
    path = rulebook.paths.get(unit_id, ()) if unit_id is not None else ()
    version = rulebook.version_for(dimension, path)
    return json_form.written(version.rule_set) if version else None


def _unreadable(body: object, dimension: str) -> Refusal | None:
    try:
        made = json_form.read(body)
    except Unreadable as wrong:
        return invalid(str(wrong), "body")
    if made.dimension != dimension:
        return invalid(f"these are rules of {made.dimension}, not of {dimension}", "body", "dimension")
    return None


async def _with_tree(transaction: Transaction) -> RulesInForce:
    """What is in force, and the tree even where there is no override yet."""
    return replace(await read_rulebook(transaction), paths=await read_paths(transaction))


def _draft(row: Row, made: RuleSet) -> Draft:
    return Draft(Version(row["id"], row["number"], made), row["unit_id"])


async def _names(transaction: Transaction, unit_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """The codes and names of units, by their ids."""
    rows = await transaction.rows(
        select(units.c.id, units.c.code, units.c.name).where(
            units.c.id == func.any(literal([*unit_ids], ARRAY(Integer)))
        )
    )
    return {row["id"]: (row["code"], row["name"]) for row in rows}


async def _shown(transaction: Transaction, rule_set_id: int) -> dict[str, Any]:
    """A rule set by its number and the code of its unit, as a simulation keeps it."""
    row = await transaction.row(
        select(_t.number, units.c.code)
        .select_from(rule_set.outerjoin(units, units.c.id == _t.unit_id))
        .where(_t.id == rule_set_id)
    )
    assert row is not None, "what is in force is there"
    return {"number": row["number"], "unitCode": row["code"]}
