"""What a mapping may fill: the declared targets, entity by entity. Tables' other columns cannot be named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.clients import ClientStatus, SizeClass
from domain.lending import CreditEventKind, FacilityStatus, Product
from domain.money import EXPONENTS

LARGEST_INTEGER = 2**31 - 1


class Kind(StrEnum):
    """How a target's cell is read."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    AMOUNT = "amount"
    DATE = "date"
    CODE = "code"
    BOOLEAN = "boolean"
    REGISTRATION = "registration number"


@dataclass(frozen=True, slots=True)
class Target:
    """One fact that a column may become. `required`: without it there is no such entity."""

    kind: Kind
    required: bool = False
    allowed: frozenset[str] = frozenset()
    longest: int = 400
    pattern: str = ""
    least: int | None = None
    most: int = LARGEST_INTEGER
    default: str | int | bool | None = None


def _code(values: Iterable[str], *, required: bool = False, default: str | None = None) -> Target:
    return Target(Kind.CODE, required=required, allowed=frozenset(map(str, values)), default=default)


_TEXT = Target(Kind.TEXT)
_DATE = Target(Kind.DATE)
_NAME = Target(Kind.TEXT, required=True)
_REFERENCE = Target(Kind.TEXT, required=True, longest=100)
_COUNTRY = Target(Kind.TEXT, required=True, longest=2, pattern="[A-Z]{2}")
_NOT_NEGATIVE = Target(Kind.AMOUNT, least=0)

UNIT = Target(Kind.TEXT, required=True, longest=100)
"""The code of the branch that keeps the row's client."""

TARGETS: dict[str, dict[str, Target]] = {
    "client": {
        # The grade is missing on purpose: it is the bank's own judgement, not a fact from a file.
        "registration_country": _COUNTRY,
        "registration_number": Target(Kind.REGISTRATION, required=True),
        "legal_name": _NAME,
        "legal_representative": _TEXT,
        "currency": _code(EXPONENTS, required=True),
        "registered_capital": _NOT_NEGATIVE,
        "industry_scheme": Target(Kind.TEXT, longest=40),
        "industry_code": Target(Kind.TEXT, longest=40),
        "size_class": _code(SizeClass),
        "employees": Target(Kind.INTEGER, least=0),
        "established_on": _DATE,
        "relationship_since": _DATE,
        "region_code": Target(Kind.TEXT, longest=40),
        "city": _TEXT,
        "address": _TEXT,
        "phone": Target(Kind.TEXT, longest=40),
        "email": Target(Kind.TEXT, longest=320),
        "status": _code(ClientStatus, default=ClientStatus.ACTIVE.value),
    },
    "facility": {
        "reference": _REFERENCE,
        "product": _code(Product, required=True),
        "purpose": _TEXT,
        "currency": _code(EXPONENTS, required=True),
        "limit": Target(Kind.AMOUNT, required=True, least=0),
        "outstanding": Target(Kind.AMOUNT, least=0, default=0),
        "guaranteed": _NOT_NEGATIVE,
        "annual_rate": Target(Kind.DECIMAL),
        "term_months": Target(Kind.INTEGER, least=0),
        "revolving": Target(Kind.BOOLEAN, default=False),
        "approved_on": _DATE,
        "disbursed_on": _DATE,
        "matures_on": _DATE,
        "status": _code(FacilityStatus, required=True),
    },
    "credit_event": {
        "kind": _code(CreditEventKind, required=True),
        "occurred_on": Target(Kind.DATE, required=True),
        "currency": _code(EXPONENTS),
        "amount": Target(Kind.AMOUNT),
        "source": _REFERENCE,
        "reference": _REFERENCE,
        "note": _TEXT,
    },
    "region": {
        "code": Target(Kind.TEXT, required=True, longest=40),
        "name": _NAME,
        "local_name": _TEXT,
        "country": _COUNTRY,
        "macro_region": _TEXT,
        "city_cluster": _TEXT,
    },
    "region_indicator": {
        "year": Target(Kind.INTEGER, required=True, least=1900, most=2200),
        "indicator": Target(Kind.TEXT, required=True, longest=100),
        "value": Target(Kind.DECIMAL, required=True),
        "unit": Target(Kind.TEXT, required=True, longest=100),
        "source": _NAME,
    },
}

SEVERAL_A_ROW = frozenset({"credit_event", "region_indicator"})
"""Entities of which one row may make several or none."""

KEYS: dict[str, tuple[str, ...]] = {
    "client": ("registration_country", "registration_number"),
    "facility": ("reference",),
    "credit_event": ("source", "reference", "kind"),
    "region": ("code",),
    "region_indicator": ("year", "indicator"),
}
"""What makes an entity the same one when it is met again, within its branch (or its region)."""

NEEDS: dict[str, str] = {"facility": "client", "credit_event": "client", "region_indicator": "region"}
"""Which other entity of the same row an entity belongs to."""
