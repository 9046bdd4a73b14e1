"""A rule set's life: drafted, simulated, put into force by a second person, ended; and all that is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from conftest import Server
from rules_bank import (
    DAY,
    SECOND,
    THIRD,
    WRITER,
    RulesBank,
    activated,
    become,
    code_of,
    drafted,
    in_force,
    row_of,
    rules_bank,
    simulated,
    simulation_of,
    values,
)
from small_bank import BEIJING, HQ, JIANGSU, NORTH, PUDONG, SHANGHAI, client_id

from domain.conditions import Compare, Operator
from domain.money import Money
from domain.segmentation import json_form
from domain.segmentation.rules import Rule, RuleSet
from tenants.actions import rule_sets
from tenants.actions.once import Done
from tenants.segments import simulating
from tenants.segments.rulebook import read_rulebook, rule_set_of
from tenants.segments.shipped import ensure_defaults
from tenants.transaction import Transaction

TOMORROW, LATER = DAY + dt.timedelta(1), DAY + dt.timedelta(30)

STRICT = RuleSet(
    "creditGrade",
    ("A", "B", "C"),
    (Rule("A", Compare("registeredCapital", Operator.GTE, Money(80_000_000_00, "CNY"))),),
    "C",
)
"""A for the four large ones; the rest falls to C."""
BY_SIZE = RuleSet(
    "relationshipType",
    ("STRATEGIC", "GROWTH", "STABLE", "AT_RISK", "LAPSING"),
    (Rule("STRATEGIC", Compare("segment.creditGrade", Operator.EQ, "A")),),
    "GROWTH",
)


@pytest.fixture(scope="module")
def bank(server: Server, template: str) -> Iterator[RulesBank]:
    with rules_bank(server, template) as made:
        yield made


def test_what_ships_is_put_into_force_once(bank: RulesBank) -> None:
    async def act(transaction: Transaction) -> None:
        assert await ensure_defaults(transaction) == 0
        rulebook = await read_rulebook(transaction)
        assert len(rulebook.default) == 7
        assert rulebook.overrides == {}

    bank.undone(act)


def test_a_second_person_puts_simulated_rules_into_force_and_the_next_answer_is_by_them(
    bank: RulesBank,
) -> None:
    async def act(transaction: Transaction) -> None:
        before = await values(transaction, "creditGrade")
        old = await in_force(transaction, "creditGrade")
        stamp = await transaction.connection.fetchval("select app.rules_stamp()")
        made = await activated(transaction, STRICT)
        assert await transaction.connection.fetchval("select app.rules_stamp()") != stamp
        after = await values(transaction, "creditGrade")
        assert [value for _, value in after] == ["C", "A", "C", "C", "A", "A", "C"]
        assert [value for _, value in before] == ["A", "B", "A", "C", "C", "A", "B"]
        row, ended = await row_of(transaction, made), await row_of(transaction, old["id"])
        assert (row["number"], row["status"], row["effective_from"]) == (2, "ACTIVE", DAY)
        assert (row["created_by"], row["activated_by"]) == (WRITER, SECOND)
        assert (ended["status"], ended["effective_until"]) == ("ARCHIVED", DAY)
        simulation = await simulation_of(transaction, row["id"])
        moved = sum(one != other for one, other in zip(before, after, strict=True))
        assert (simulation["clients"], simulation["moved"]) == (7, moved)

    bank.undone(act)


def test_a_simulation_tells_who_moves_from_where_to_where_and_what_they_owe(bank: RulesBank) -> None:
    async def act(transaction: Transaction) -> None:
        row = await simulated(transaction, await drafted(transaction, STRICT))
        found = await simulation_of(transaction, row["id"])
        matrix = {(cell["from"], cell["to"]): cell["clients"] for cell in found["matrix"]}
        assert matrix == {
            ("A", "A"): 1,
            ("A", "C"): 2,
            ("B", "A"): 1,
            ("B", "C"): 1,
            ("C", "A"): 1,
            ("C", "C"): 1,
        }
        (shipping,) = (cell for cell in found["matrix"] if (cell["from"], cell["to"]) == ("B", "C"))
        assert shipping["exposure"] == [{"amount": "5600000.01", "currency": "CNY"}]
        assert {one["branchCode"]: (one["clients"], one["moved"]) for one in found["byBranch"]} == {
            "310000": (2, 2),
            "320000": (2, 1),
            "110000": (2, 1),
            "310000-01": (1, 1),
        }
        assert (found["moved"], found["day"], found["warnings"]) == (
            5,
            DAY.isoformat(),
            ["values[1]: no rule gives B"],
        )
        draft = simulating.Draft((await _version(row)), None)
        rulebook = await read_rulebook(transaction)
        page = await simulating.moving(transaction, rulebook, draft, value_from="A", first=1)
        assert [(one.client_id, one.value_to) for one in page] == [(client_id(0), "C")]
        rest = await simulating.moving(
            transaction, rulebook, draft, after=(page[0].branch_id, page[0].client_id)
        )
        assert [one.client_id for one in rest] == [client_id(index) for index in (1, 4, 6, 2)]

    bank.undone(act)


async def _version(row: Any) -> Any:
    from domain.segmentation.rules import Version

    return Version(row["id"], row["number"], rule_set_of(row["body"]))


def test_editing_forgets_the_simulation(bank: RulesBank) -> None:
    async def act(transaction: Transaction) -> None:
        row = await simulated(transaction, await drafted(transaction, STRICT))
        body = json_form.written(replace(STRICT, default="B"))
        await rule_sets.edit(transaction, SECOND, row["id"], row["version"], body=body, note="milder")
        edited = await row_of(transaction, row["id"])
        assert (edited["status"], edited["edited_by"]) == ("DRAFT", SECOND)
        assert await simulation_of(transaction, row["id"]) is None
        refused = await rule_sets.activate(
            transaction, "third", row["id"], edited["version"], effective_from=None
        )
        assert code_of(refused) == "NOT_SIMULATED"

    bank.undone(act)


def test_rules_of_a_later_day_wait_for_it_and_may_be_called_off(bank: RulesBank) -> None:
    async def act(transaction: Transaction) -> None:
        old = await in_force(transaction, "creditGrade")
        later = await activated(transaction, STRICT, on=LATER)
        assert (await in_force(transaction, "creditGrade"))["id"] == old["id"]
        assert (await row_of(transaction, old["id"]))["effective_until"] == LATER
        between = await activated(transaction, replace(STRICT, default="B"), on=TOMORROW)
        assert (await row_of(transaction, between))["effective_until"] == LATER
        await become(transaction, LATER)
        assert (await in_force(transaction, "creditGrade"))["id"] == later
        await become(transaction, DAY)
        row = await row_of(transaction, between)
        for one in (WRITER, SECOND):
            alone = await rule_sets.archive(transaction, one, between, row["version"])
            assert code_of(alone) == "SECOND_PERSON_NEEDED", (
                "not called off by one of those who called for it"
            )
        assert isinstance(await rule_sets.archive(transaction, THIRD, between, row["version"]), Done)
        assert (await row_of(transaction, old["id"]))["effective_until"] == LATER
        over = await row_of(transaction, between)
        assert (over["status"], over["archived_by"]) == ("ARCHIVED", THIRD)

    bank.undone(act)


def test_a_units_own_rules_hold_for_it_and_below_and_the_nearest_win(bank: RulesBank) -> None:
    async def grades(transaction: Transaction) -> dict[int, set[str]]:
        found: dict[int, set[str]] = {}
        for branch_id, value in await values(transaction, "relationshipType"):
            found.setdefault(branch_id, set()).add(value)
        return found

    async def act(transaction: Transaction) -> None:
        usual = await grades(transaction)
        assert usual == {at: {"AT_RISK"} for at in (SHANGHAI, JIANGSU, BEIJING, PUDONG)}
        plain = replace(BY_SIZE, rules=())
        region = await activated(transaction, plain, unit="EAST")
        assert await grades(transaction) == usual | {at: {"GROWTH"} for at in (SHANGHAI, JIANGSU, PUDONG)}
        await activated(transaction, replace(plain, default="STABLE"), unit="310000")
        assert await grades(transaction) == usual | {
            SHANGHAI: {"STABLE"},
            PUDONG: {"STABLE"},
            JIANGSU: {"GROWTH"},
        }
        stamp = await transaction.connection.fetchval("select app.rules_stamp()")
        await transaction.connection.execute(
            "update bank.unit set parent_id = $1 where id = $2", NORTH, JIANGSU
        )
        assert (await grades(transaction))[JIANGSU] == {"AT_RISK"}, "it has left the region, and its rules"
        assert await transaction.connection.fetchval("select app.rules_stamp()") != stamp
        row = await row_of(transaction, region)
        simulation = await simulation_of(transaction, row["id"])
        assert (simulation["clients"], simulation["moved"]) == (5, 5), "only those whom the rules would reach"
        for one in (WRITER, SECOND):
            alone = await rule_sets.archive(transaction, one, region, row["version"])
            assert code_of(alone) == "SECOND_PERSON_NEEDED"
        assert isinstance(await rule_sets.archive(transaction, THIRD, region, row["version"]), Done)
        assert (await grades(transaction))[SHANGHAI] == {"STABLE"}

    bank.undone(act)


def test_the_dimensions_that_depend_on_changed_rules_change_with_them(bank: RulesBank) -> None:
    async def act(transaction: Transaction) -> None:
        await activated(transaction, BY_SIZE)
        assert {value for _, value in await values(transaction, "relationshipType")} == {
            "STRATEGIC",
            "GROWTH",
        }
        await activated(transaction, STRICT)
        said = [value for _, value in await values(transaction, "relationshipType")]
        assert said.count("STRATEGIC") == 3
        # What others compare cannot be taken away from them.
        without = replace(STRICT, values=("B", "C"), rules=(), default="C")
        draft = await drafted(transaction, without)
        refused = await rule_sets.simulate(transaction, WRITER, draft, 1)
        assert code_of(refused) == "RULES_HAVE_ERRORS"
        assert "relationshipType, which compares it" in refused.refusal.message  # type: ignore[union-attr]

    bank.undone(act)


Attempt = Callable[[Transaction], Awaitable[Any]]


async def _by_the_writer(transaction: Transaction) -> Any:
    row = await simulated(transaction, await drafted(transaction, STRICT))
    return await rule_sets.activate(transaction, WRITER, row["id"], row["version"], effective_from=None)


async def _unseen(transaction: Transaction) -> Any:
    return await rule_sets.activate(
        transaction, SECOND, await drafted(transaction, STRICT), 1, effective_from=None
    )


async def _yesterday(transaction: Transaction) -> Any:
    row = await simulated(transaction, await drafted(transaction, STRICT))
    return await rule_sets.activate(
        transaction, SECOND, row["id"], row["version"], effective_from=DAY - dt.timedelta(1)
    )


async def _two_on_a_day(transaction: Transaction) -> Any:
    await activated(transaction, STRICT, on=TOMORROW)
    row = await simulated(transaction, await drafted(transaction, STRICT))
    return await rule_sets.activate(transaction, SECOND, row["id"], row["version"], effective_from=TOMORROW)


async def _of_a_branch(transaction: Transaction) -> Any:
    return await _draft(transaction, unit_code="310000")


async def _of_nowhere(transaction: Transaction) -> Any:
    return await _draft(transaction, unit_code="999999")


async def _of_headquarters(transaction: Transaction) -> Any:
    return await _draft(transaction, dimension="relationshipType", unit_code="HQ")


async def _of_no_dimension(transaction: Transaction) -> Any:
    return await _draft(transaction, dimension="mood")


async def _of_another_dimension(transaction: Transaction) -> Any:
    return await _draft(transaction, body=json_form.written(BY_SIZE))


async def _unreadable(transaction: Transaction) -> Any:
    return await _draft(transaction, body={"version": 1, "rules": "none"})


async def _without_a_default(transaction: Transaction) -> Any:
    body = json_form.written(STRICT)
    del body["default"]
    return await _draft(transaction, body=body)


async def _of_an_unknown_fact(transaction: Transaction) -> Any:
    odd = replace(STRICT, rules=(Rule("A", Compare("daysPastDu", Operator.GT, 1)),))
    return await rule_sets.simulate(transaction, WRITER, await drafted(transaction, odd), 1)


async def _of_the_last_rules(transaction: Transaction) -> Any:
    row = await in_force(transaction, "creditGrade")
    return await rule_sets.archive(transaction, SECOND, row["id"], row["version"])


async def _what_is_in_force(transaction: Transaction) -> Any:
    row = await in_force(transaction, "creditGrade")
    return await rule_sets.edit(
        transaction, WRITER, row["id"], row["version"], body=json_form.written(STRICT), note=None
    )


async def _of_an_old_version(transaction: Transaction) -> Any:
    return await rule_sets.simulate(transaction, WRITER, await drafted(transaction, STRICT), 7)


async def _of_none(transaction: Transaction) -> Any:
    return await rule_sets.simulate(transaction, WRITER, 999, 1)


async def _known_dimension(transaction: Transaction) -> Any:
    return await rule_sets.add_dimension(
        transaction, code="riskClass", name="again", description=None, overridable=False
    )


async def _misnamed_dimension(transaction: Transaction) -> Any:
    return await rule_sets.add_dimension(
        transaction, code="Risk Class", name="x", description=None, overridable=False
    )


async def _before_the_banks(transaction: Transaction) -> Any:
    await rule_sets.add_dimension(transaction, code="mood", name="Mood", description=None, overridable=True)
    good = RuleSet("mood", ("GOOD", "BAD"), (), "GOOD")
    row = await simulated(transaction, await drafted(transaction, good, unit="310000"))
    return await rule_sets.activate(transaction, SECOND, row["id"], row["version"], effective_from=None)


async def _draft(transaction: Transaction, **others: Any) -> Any:
    asked = {"dimension": "creditGrade", "unit_code": None, "body": None, "note": None} | others
    return await rule_sets.draft(transaction, WRITER, **asked)


@pytest.mark.parametrize(
    ("attempt", "code"),
    [
        (_by_the_writer, "SECOND_PERSON_NEEDED"),
        (_unseen, "NOT_SIMULATED"),
        (_yesterday, "INVALID_INPUT"),
        (_two_on_a_day, "ALREADY_IN_FORCE"),
        (_of_a_branch, "OVERRIDE_NOT_ALLOWED"),
        (_of_nowhere, "NOT_FOUND"),
        (_of_headquarters, "INVALID_INPUT"),
        (_of_no_dimension, "NOT_FOUND"),
        (_of_another_dimension, "INVALID_INPUT"),
        (_unreadable, "INVALID_INPUT"),
        (_without_a_default, "INVALID_INPUT"),
        (_of_an_unknown_fact, "RULES_HAVE_ERRORS"),
        (_of_the_last_rules, "LAST_RULES"),
        (_what_is_in_force, "STATUS_MAY_NOT_FOLLOW"),
        (_of_an_old_version, "CONFLICT"),
        (_of_none, "NOT_FOUND"),
        (_known_dimension, "ALREADY_REGISTERED"),
        (_misnamed_dimension, "INVALID_INPUT"),
        (_before_the_banks, "OVERRIDE_NOT_ALLOWED"),
    ],
)
def test_refuses(bank: RulesBank, attempt: Attempt, code: str) -> None:
    assert code_of(bank.undone(attempt)) == code


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "insert into bank.rule_set (dimension_code, number, status, body, effective_from, created_by, "
            "edited_by, activated_by, activated_at) values "
            "('creditGrade', 9, 'ACTIVE', '{}', date '2025-01-01', 'a', 'a', 'b', now())",
            "ex_rule_set_one_at_a_time",
        ),
        ("update bank.rule_set set activated_by = created_by", "ck_rule_set_four_eyes"),
        ("update bank.rule_set set archived_by = activated_by", "ck_rule_set_ended_by_another"),
        ("update bank.rule_set set status = 'DRAFT'", "ck_rule_set_draft_has_no_effect"),
        ("update bank.rule_set set effective_until = date '1980-01-01'", "ck_rule_set_effect_in_order"),
        ("update bank.rule_set set activated_at = null", "ck_rule_set_activated_with_a_day"),
        ("insert into bank.rules_change (singleton) values (false)", "ck_rules_change_only_one_row"),
    ],
)
def test_the_database_itself_keeps_order(bank: RulesBank, statement: str, constraint: str) -> None:
    async def act(transaction: Transaction) -> None:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError) as violated:
            await transaction.connection.execute(statement)
        assert violated.value.constraint_name == constraint

    bank.undone(act)


def test_drafts_and_moves_without_overrides_leave_the_stamp_alone(bank: RulesBank) -> None:
    async def act(transaction: Transaction) -> None:
        stamp = await transaction.connection.fetchval("select app.rules_stamp()")
        assert stamp.endswith(f":{DAY.isoformat()}")
        await simulated(transaction, await drafted(transaction, STRICT))
        await transaction.connection.execute("update bank.unit set parent_id = $1 where id = $2", HQ, JIANGSU)
        assert await transaction.connection.fetchval("select app.rules_stamp()") == stamp
        await become(transaction, TOMORROW)
        assert await transaction.connection.fetchval("select app.rules_stamp()") != stamp

    bank.undone(act)


def test_a_stamp_is_never_given_twice_though_its_activation_was_undone(bank: RulesBank) -> None:
    async def act(transaction: Transaction) -> tuple[int, str]:
        await activated(transaction, STRICT)
        row = await transaction.connection.fetchrow(
            "select counter, app.rules_stamp() as stamp from bank.rules_change"
        )
        return row["counter"], row["stamp"]

    (counter, stamp), (again, other) = bank.undone(act), bank.undone(act)
    assert counter == again
    assert stamp != other


def test_whoever_activates_and_whoever_archives_wait_for_one_another_in_the_same_order(
    bank: RulesBank,
) -> None:
    async def act(transaction: Transaction) -> list[list[str]]:
        own = await activated(transaction, replace(BY_SIZE, rules=()), unit="EAST")
        draft = await simulated(transaction, await drafted(transaction, BY_SIZE, unit="EAST"))
        locked: list[list[str]] = []
        for action, of, more in (
            (rule_sets.archive, await row_of(transaction, own), {}),
            (rule_sets.activate, draft, {"effective_from": TOMORROW}),
        ):
            said: list[str] = []
            seen = Transaction(transaction.connection, said.append)
            await action(seen, THIRD, of["id"], of["version"], **more)
            locked.append([one.split("FROM bank.")[1].split()[0] for one in said if "FOR UPDATE" in one])
        return locked

    archived, activated_ = bank.undone(act)
    assert archived[:2] == activated_[:2] == ["dimension", "rule_set"]
