"""What may be written down about a client: each fact checked before it reaches the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.clients import RegistrationRefusal, registration_number
from domain.money import EXPONENTS, AmountRefusal, to_minor
from domain.refusals import Refusal, invalid

LONGEST_TEXT: dict[str, int] = {
    "legal_name": 200,
    "legal_representative": 100,
    "related_name": 200,
    "industry_scheme": 40,
    "industry_code": 20,
    "city": 100,
    "address": 300,
    "phone": 40,
    "email": 254,
    "name": 100,
    "position": 100,
    "source": 100,
    "reference": 100,
    "note": 2000,
}
"""How long a text may be, in characters, by field."""

NEVER_EMPTY = frozenset({"legal_name", "name", "source", "reference"})
NEVER_IN_FUTURE = frozenset({"established_on", "relationship_since", "period_end", "occurred_on"})
EARLIEST = dt.date(1000, 1, 1)

_AMOUNT_REFUSED = {
    AmountRefusal.UNKNOWN_CURRENCY: "{currency} is not a currency that the bank deals in",
    AmountRefusal.NOT_A_NUMBER: "the amount is not a number",
    AmountRefusal.TOO_MANY_DECIMALS: "the amount has more decimal places than {currency} has",
    AmountRefusal.TOO_LARGE: "the amount is larger than the bank can hold",
}
_REGISTRATION_REFUSED = {
    RegistrationRefusal.COUNTRY_UNKNOWN: "name the country by its two capital letters (ISO 3166), e.g. CN",
    RegistrationRefusal.EMPTY: "the registration number is empty",
    RegistrationRefusal.TOO_LONG: "the registration number is longer than 40 characters",
    RegistrationRefusal.ODD_CHARACTERS: "a registration number has letters, digits, and - . / between them",
    RegistrationRefusal.WRONG_LENGTH: "a unified social credit code has 18 characters",
    RegistrationRefusal.WRONG_CHECK_DIGIT: "the unified social credit code's check digit is wrong: mistyped?",
}


def checked_name(text: str, path: str = "name", *, what: str = "name") -> str | Refusal:
    """What something is called, trimmed."""
    name, longest = text.strip(), LONGEST_TEXT["name"]
    return name if 1 <= len(name) <= longest else invalid(f"a {what} has 1 to {longest} characters", path)


def checked(facts: Mapping[str, Any], *, today: dt.date) -> dict[str, Any] | Refusal:
    """The facts as they are stored, or the first refusal, in the order in which they were given.

    Texts are trimmed (a text of blanks is missing), dates are bounded. Amounts are left to `in_minor`.
    """
    stored: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, str) and name in LONGEST_TEXT:
            value = value.strip() or None
            if value is not None and len(value) > LONGEST_TEXT[name]:
                return invalid(f"at most {LONGEST_TEXT[name]} characters", camel(name))
        if value is None and name in NEVER_EMPTY:
            return invalid("this may not be empty", camel(name))
        if isinstance(value, dt.date) and value < EARLIEST:
            return invalid(f"no date before {EARLIEST.isoformat()}", camel(name))
        if isinstance(value, dt.date) and name in NEVER_IN_FUTURE and value > today:
            return invalid(f"this date lies after the bank's day, {today}", camel(name))
        if name == "currency" and value not in EXPONENTS:
            return invalid(_AMOUNT_REFUSED[AmountRefusal.UNKNOWN_CURRENCY].format(currency=value), name)
        if name == "employees" and value is not None and value < 0:
            return invalid("this may not be negative", camel(name))
        stored[name] = value
    return stored


def in_minor(
    amounts: Mapping[str, Decimal | None], currency: str, *, negative: bool = False
) -> dict[str, int | None] | Refusal:
    """The amounts as `<name>_minor` columns, or the first refusal."""
    columns: dict[str, int | None] = {}
    for name, amount in amounts.items():
        minor = None if amount is None else to_minor(amount, currency)
        if isinstance(minor, AmountRefusal):
            where = "currency" if minor is AmountRefusal.UNKNOWN_CURRENCY else camel(name)
            return invalid(_AMOUNT_REFUSED[minor].format(currency=currency), where)
        if minor is not None and minor < 0 and not negative:
            return invalid("this may not be negative", camel(name))
        columns[f"{name}_minor"] = minor
    return columns


def checked_registration(country: str, number: str) -> str | Refusal:
    """The registration number in its one written form, or why it is none."""
    written = registration_number(country, number)
    if isinstance(written, RegistrationRefusal):
        about_country = written is RegistrationRefusal.COUNTRY_UNKNOWN
        return invalid(
            _REGISTRATION_REFUSED[written],
            "registrationCountry" if about_country else "registrationNumber",
        )
    return written


def camel(name: str) -> str:
    """A field's name as callers write it."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
