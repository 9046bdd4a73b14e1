"""What may be said of a link: the other party, the share, the amount, the days."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from domain.connections.facts import checked_link, is_made_longer, refuse_confirmation, refuse_itself
from domain.refusals import Refusal

TODAY = dt.date(2026, 1, 15)
GOOD: dict[str, Any] = {
    "kind": "OWNERSHIP",
    "direction": "OUTWARD",
    "related_country": "CN",
    "related_number": "91310000132149237G",
    "related_name": " Lingang Ports ",
    "share": Decimal("0.51"),
    "valid_from": dt.date(2024, 1, 1),
    "source": "register",
    "reference": "R-1",
}
GUARANTEE = {"kind": "GUARANTEE", "share": None}


def day(month: int) -> dt.date:
    return dt.date(2024, month, 1)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {"related_name": "Lingang Ports", "share": Decimal("0.510000")}),
        ({"share": Decimal("0.3333333333")}, {"share": Decimal("0.333333")}),
        ({"share": Decimal(1)}, {"share": Decimal(1)}),
        ({"related_number": " 91310000132149237g"}, {"related_number": "91310000132149237G"}),
        ({"related_country": "SG", "related_number": "2001-x"}, {"related_number": "2001-X"}),
        ({"kind": "CONTROL", "share": None}, {"share": None}),
        ({**GUARANTEE, "amount_minor": 5, "currency": "CNY"}, {"amount_minor": 5}),
        ({"valid_until": day(1)}, {"valid_until": day(1)}),
    ],
)
def test_a_link_is_stored_as_it_was_meant(said: dict[str, Any], expected: dict[str, Any]) -> None:
    stored = checked_link(GOOD | said, today=TODAY)
    assert isinstance(stored, dict)
    assert {name: stored[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"share": None}, "share"),
        ({"share": Decimal(0)}, "share"),
        ({"share": Decimal("0.0000001")}, "share"),
        ({"share": Decimal("-0.1")}, "share"),
        ({"share": Decimal("1.000001")}, "share"),
        ({"share": Decimal("1e40")}, "share"),
        ({"share": Decimal("NaN")}, "share"),
        ({"kind": "CONTROL"}, "share"),
        ({"kind": "CONTROL", "share": None, "amount_minor": 1, "currency": "CNY"}, "amount"),
        ({"related_country": "China"}, "relatedCountry"),
        ({"related_number": "91310000132149237X"}, "relatedNumber"),
        ({"related_number": ""}, "relatedNumber"),
        ({"related_name": "x" * 201}, "relatedName"),
        ({"valid_until": dt.date(2023, 12, 31)}, "validUntil"),
        ({"valid_from": dt.date(1, 1, 1)}, "validFrom"),
        ({"source": " "}, "source"),
    ],
)
def test_what_cannot_be_a_link_is_refused_at_its_place(said: dict[str, Any], path: str) -> None:
    refusal = checked_link(GOOD | said, today=TODAY)
    assert isinstance(refusal, Refusal)
    assert refusal.path == (path,)


def test_a_company_is_not_linked_with_itself() -> None:
    assert refuse_itself(("CN", "1"), ("CN", "1"))
    assert not refuse_itself(("CN", "1"), ("SG", "1"))


@pytest.mark.parametrize(
    ("recorded_by", "confirmed_by", "code"),
    [
        ("bo", None, None),
        ("hanna", None, "SECOND_PERSON_NEEDED"),
        ("bo", "henri", "STATUS_MAY_NOT_FOLLOW"),
        # An import confirms what it brings.
        (None, None, "STATUS_MAY_NOT_FOLLOW"),
    ],
)
def test_a_link_is_confirmed_once_and_by_another_person(
    recorded_by: str | None, confirmed_by: str | None, code: str | None
) -> None:
    refusal = refuse_confirmation(recorded_by, confirmed_by, "hanna")
    assert (refusal and refusal.code) == code


def test_a_link_is_made_longer_by_a_later_end_or_by_none() -> None:
    assert is_made_longer(day(1), day(2))
    assert is_made_longer(day(1), None)
    assert not is_made_longer(day(2), day(2))
    assert not is_made_longer(day(2), day(1))
    assert not is_made_longer(None, day(1))
