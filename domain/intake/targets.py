"""What a mapping may fill: the declared targets, entity by entity. Tables' other columns cannot be named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.clients import ClientStatus, InteractionKind, SizeClass, WatchList
from domain.connections.kinds import LinkDirection, LinkKind
from domain.lending import CreditEventKind, FacilityStatus, LoanClass, Product
from domain.money import EXPONENTS
from domain.statements import STATEMENT_AMOUNTS

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
    """One fact that a column may become. `required`: without it there is no such entity.

    The bounds are of whole numbers; a decimal is held to them where `least` is given.
    """

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
_AMOUNT = Target(Kind.AMOUNT)
_NOT_NEGATIVE = Target(Kind.AMOUNT, least=0)
_CURRENCY = _code(EXPONENTS, required=True)
_DAY = Target(Kind.DATE, required=True)
_FRACTION = Target(Kind.DECIMAL, least=0, most=1)

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
        "watch_list": _code(WatchList),
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
        "loan_class": _code(LoanClass),
        "renewed_on": _DATE,
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
    "financial_statement": {
        "period_end": _DAY,
        "period_months": Target(Kind.INTEGER, required=True, least=1, most=24),
        "currency": _CURRENCY,
        "audited": Target(Kind.BOOLEAN, default=False),
        "source": _REFERENCE,
        **dict.fromkeys(STATEMENT_AMOUNTS, _AMOUNT),
    },
    "client_month": {
        "month": _DAY,
        "currency": _CURRENCY,
        "average_balance": _AMOUNT,
        "inflow": _NOT_NEGATIVE,
        "outflow": _NOT_NEGATIVE,
        "net_interest": _AMOUNT,
        "fees": _AMOUNT,
        "cost": _AMOUNT,
        "expected_loss": _NOT_NEGATIVE,
        "capital_held": _NOT_NEGATIVE,
        "limit": _NOT_NEGATIVE,
        "utilised": _NOT_NEGATIVE,
        "rate_over_peers_bps": Target(Kind.DECIMAL),
        "source": _REFERENCE,
    },
    "interaction": {
        "kind": _code(InteractionKind, required=True),
        "occurred_on": _DAY,
        "subject": _NAME,
        "nps": Target(Kind.INTEGER, least=0, most=10),
        "reference": _REFERENCE,
    },
    "complaint": {
        "received_on": _DAY,
        "resolved_on": _DATE,
        "subject": _NAME,
        "reference": _REFERENCE,
    },
    "rating": {
        "rated_on": _DAY,
        "model": _REFERENCE,
        "probability_of_default": replace(_FRACTION, required=True),
        "source": _REFERENCE,
    },
    "client_link": {
        "kind": _code(LinkKind, required=True),
        "direction": _code(LinkDirection, required=True),
        "related_country": _COUNTRY,
        "related_number": Target(Kind.REGISTRATION, required=True),
        "related_name": _TEXT,
        "share": _FRACTION,
        "currency": _code(EXPONENTS),
        "amount": _NOT_NEGATIVE,
        "valid_from": _DAY,
        "valid_until": _DATE,
        "source": _REFERENCE,
        "reference": _REFERENCE,
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
    "financial_statement": ("period_end", "period_months"),
    "client_month": ("month",),
    "interaction": ("reference",),
    "complaint": ("reference",),
    "rating": ("rated_on", "model"),
    "client_link": ("source", "reference"),
    "region": ("code",),
    "region_indicator": ("year", "indicator"),
}
"""What makes an entity the same one when it is met again, within its branch (or what KEYED_WITHIN says)."""

KEYED_WITHIN: dict[str, str] = {
    "financial_statement": "client",
    "client_month": "client",
    "rating": "client",
    "region_indicator": "region",
}
"""Entities whose key says which one of another entity it is, and of which."""

NEEDS: dict[str, str] = {
    "facility": "client",
    "credit_event": "client",
    "financial_statement": "client",
    "client_month": "client",
    "interaction": "client",
    "complaint": "client",
    "rating": "client",
    "client_link": "client",
    "region_indicator": "region",
}
"""Which other entity of the same row an entity belongs to."""

CURRENCY_WITH_AMOUNT = frozenset({"credit_event", "client_link"})
"""Entities whose currency is nothing without an amount."""

COUNTRY_OF: dict[str, str] = {"client": "registration_country", "client_link": "related_country"}
"""Which target says in which country an entity's registration number was given."""


def is_found_only(entity: str, names: Iterable[str]) -> bool:
    """Whether these targets of a client are no more than its registration: it is looked up then, never made."""
    return entity == "client" and set(names) == set(KEYS["client"])
