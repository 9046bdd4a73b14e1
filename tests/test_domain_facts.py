"""What may be written down of a client, and who may write it: the tables are the policy."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import PERMITTED, Action, Caller, Role
from domain.facts import LONGEST_TEXT, NEVER_EMPTY, camel, checked, checked_registration, in_minor
from domain.imports import MAY_FOLLOW, ImportStatus
from domain.money import EXPONENTS
from domain.refusals import Refusal, RefusalCode

TODAY = dt.date(2026, 1, 15)
TOMORROW = TODAY + dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, {}),
        ({"legal_name": "  Silk Co.  "}, {"legal_name": "Silk Co."}),
        ({"legal_name": " \t\n "}, "legalName"),
        ({"legal_name": None}, "legalName"),
        ({"legal_name": "x" * 200}, {"legal_name": "x" * 200}),
        ({"legal_name": "x" * 201}, "legalName"),
        ({"city": ""}, {"city": None}),
        ({"city": None}, {"city": None}),
        ({"city": "上" * 100}, {"city": "上" * 100}),
        ({"city": "上" * 101}, "city"),
        ({"established_on": TODAY}, {"established_on": TODAY}),
        ({"established_on": TOMORROW}, "establishedOn"),
        ({"relationship_since": TOMORROW}, "relationshipSince"),
        ({"period_end": TOMORROW}, "periodEnd"),
        ({"occurred_on": TOMORROW}, "occurredOn"),
        ({"matures_on": TOMORROW}, {"matures_on": TOMORROW}),
        ({"established_on": dt.date(1000, 1, 1)}, {"established_on": dt.date(1000, 1, 1)}),
        ({"established_on": dt.date(999, 12, 31)}, "establishedOn"),
        ({"employees": 0}, {"employees": 0}),
        ({"employees": -1}, "employees"),
        ({"employees": None}, {"employees": None}),
        ({"currency": "CNY"}, {"currency": "CNY"}),
        ({"currency": "XXX"}, "currency"),
        ({"employees": -1, "legal_name": ""}, "employees"),
        ({"legal_name": "", "employees": -1}, "legalName"),
    ],
)
def test_the_table_of_facts(facts: dict[str, Any], told: dict[str, Any] | str) -> None:
    found = checked(facts, today=TODAY)
    if isinstance(told, str):
        assert isinstance(found, Refusal)
        assert (found.code, found.path) == (RefusalCode.INVALID_INPUT, (told,))
    else:
        assert found == told


@given(st.dictionaries(st.sampled_from(sorted(LONGEST_TEXT)), st.none() | st.text(max_size=310)))
def test_what_was_taken_once_is_taken_again_unchanged(facts: dict[str, Any]) -> None:
    found = checked(facts, today=TODAY)
    if isinstance(found, Refusal):
        return
    assert checked(found, today=TODAY) == found
    assert all(value is None or value == value.strip() != "" for value in found.values())
    assert not [name for name in NEVER_EMPTY & set(found) if found[name] is None]


@pytest.mark.parametrize(
    ("amount", "currency", "negative", "told"),
    [
        ("1.50", "CNY", False, {"revenue_minor": 150}),
        (None, "CNY", False, {"revenue_minor": None}),
        ("-1.50", "CNY", True, {"revenue_minor": -150}),
        ("-1.50", "CNY", False, "revenue"),
        ("-0.00", "CNY", False, {"revenue_minor": 0}),
        ("1.555", "CNY", False, "revenue"),
        ("1", "XXX", False, "currency"),
        ("1e30", "CNY", False, "revenue"),
        ("NaN", "CNY", True, "revenue"),
    ],
)
def test_the_table_of_amounts(amount: str | None, currency: str, negative: bool, told: Any) -> None:
    given_amount = None if amount is None else Decimal(amount)
    found = in_minor({"revenue": given_amount}, currency, negative=negative)
    if isinstance(told, str):
        assert isinstance(found, Refusal)
        assert found.path == (told,)
    else:
        assert found == told


@given(st.sampled_from(sorted(EXPONENTS)), st.integers(0, 10**15))
def test_an_amount_and_its_opposite_are_as_large(currency: str, minor: int) -> None:
    amount = Decimal(minor).scaleb(-EXPONENTS[currency])
    assert in_minor({"a": amount}, currency) == {"a_minor": minor}
    assert in_minor({"a": -amount}, currency, negative=True) == {"a_minor": -minor}


@pytest.mark.parametrize(
    ("country", "number", "path"),
    [
        ("CN", "91310000607378229D", "registrationNumber"),
        ("CN", "", "registrationNumber"),
        ("Cn", "91310000607378229C", "registrationCountry"),
    ],
)
def test_a_refused_registration_says_which_field(country: str, number: str, path: str) -> None:
    told = checked_registration(country, number)
    assert isinstance(told, Refusal)
    assert told.path == (path,)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("city", "city"),
        ("legal_name", "legalName"),
        ("a_b_c", "aBC"),
        ("x_2y", "x2y"),
        ("revenue_cagr3y", "revenueCagr3y"),
    ],
)
def test_paths_are_in_callers_names(name: str, told: str) -> None:
    assert camel(name) == told


# Who may do what, anywhere at all. Columns: register, update, contacts, statement, event, move, import,
# complete a task, keep playbooks, divisions, edit rules, activate rules, record links, confirm them, derive
# groups, earmark, book, syndicate, override, keep limits, keep caps, enrol a loan, claim for it, keep funds,
# scorecards, allocations.
MAY: dict[Role, str] = {
    Role.HEADQUARTERS_ADMINISTRATOR: "yyy--yy-yyyy-yy--yyyy--yyy",
    Role.HEADQUARTERS_ANALYST: "--------------------------",
    Role.AUDITOR: "--------------------------",
    Role.REGIONAL_MANAGER: "yyy----y---------yyy------",
    Role.BRANCH_MANAGER: "yyyyy--y----y--yy-yy-yy---",
    Role.RELATIONSHIP_MANAGER: "yyy----y-------y----------",
    Role.CREDIT_OFFICER: "---yy--y----y--yy----yy---",
    Role.CLIENT_USER: "--------------------------",
}


@pytest.mark.parametrize("role", Role)
def test_the_table_of_permissions(role: Role) -> None:
    caller = Caller("x", role)
    assert "".join("y" if caller.may(action) else "-" for action in Action) == MAY[role]
    assert set(PERMITTED) == set(Action)


# Rows: the status now; columns: the status asked for, in the order of the enum.
FOLLOWS: dict[ImportStatus, str] = {
    ImportStatus.RUNNING: "-yy--",
    ImportStatus.PAUSED: "--y--",
    ImportStatus.CANCELLED: "-----",
    ImportStatus.FAILED: "--y--",
    ImportStatus.COMPLETED: "-----",
}


@pytest.mark.parametrize("now", ImportStatus)
def test_the_table_of_import_statuses(now: ImportStatus) -> None:
    assert "".join("y" if after in MAY_FOLLOW[now] else "-" for after in ImportStatus) == FOLLOWS[now]
