"""Concentration caps as headquarters writes them: for whom they are, what they count; the supervisors' presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.facts import camel, checked_name
from domain.lending import Product
from domain.limits.nodes import Counts
from domain.refusals import Refusal, invalid


class CapPer(StrEnum):
    """For whom a cap has one pool: the whole bank together, each company, each group of connected clients."""

    BANK = "BANK"
    CLIENT = "CLIENT"
    GROUP = "GROUP"


class CapitalMeasure(StrEnum):
    """Which of the bank's own funds a ceiling is a fraction of."""

    NET_CAPITAL = "NET_CAPITAL"
    TIER_1 = "TIER_1"


class CapStatus(StrEnum):
    """Where a cap is in its life."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


MAY_FOLLOW: dict[CapStatus, frozenset[CapStatus]] = {
    CapStatus.DRAFT: frozenset({CapStatus.ACTIVE, CapStatus.ARCHIVED}),
    CapStatus.ACTIVE: frozenset({CapStatus.ARCHIVED}),
    CapStatus.ARCHIVED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Capital:
    """The bank's own funds on a day, in minor units of one currency."""

    net_capital: int
    tier_1: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A supervisor's limit on large exposures; `reportable` is the fraction from which an exposure is reported."""

    code: str
    name: str
    per: CapPer
    counts: Counts
    fraction: Decimal
    of: CapitalMeasure
    reportable: Decimal | None
    deal: Decimal


def read_presets(entries: list[Mapping[str, Any]]) -> tuple[Preset, ...]:
    """Presets as they are shipped. Raises KeyError or ValueError where one is not as it has to be."""
    return tuple(
        Preset(
            code=entry["code"],
            name=entry["name"],
            per=CapPer(entry["per"]),
            counts=Counts(entry["counts"]),
            fraction=_fraction(entry["fraction"]),
            of=CapitalMeasure(entry["of"]),
            reportable=None if entry.get("reportable") is None else _fraction(entry["reportable"]),
            deal=_fraction(entry["deal"]),
        )
        for entry in entries
    )


def _fraction(written: str) -> Decimal:
    fraction = Decimal(written)
    if not 0 < fraction <= 1:
        raise ValueError(f"{written} is no fraction above 0 and up to 1")
    return fraction


MOST_LISTED = 500
LISTS = ("industry_codes", "region_tiers", "region_codes", "grades", "products")
LISTED: dict[str, frozenset[str]] = {
    "region_tiers": frozenset({"CORE", "KEY", "UNDERDEVELOPED"}),
    "grades": frozenset({"A", "B", "C"}),
    "products": frozenset(Product),
}
"""What a filter may list, where that is a closed list."""


def checked_cap(facts: Mapping[str, Any]) -> dict[str, Any] | Refusal:
    """The columns of a cap, or the first refusal: name, ceiling, filters, tenor, validity.

    The ceiling is an amount (`ceiling_minor`) or a fraction (`ceiling_fraction`) of the capital (`ceiling_of`).
    """
    name = checked_name(facts["name"])
    if isinstance(name, Refusal):
        return name
    refusal = _ceiling_refused(facts) or _lists_refused(facts) or _span_refused(facts)
    if refusal:
        return refusal
    fractions = ("ceiling_fraction", "reportable_fraction", "deal_fraction")
    rounded = {key: facts[key].quantize(_PLACES) for key in fractions if facts.get(key) is not None}
    listed = {key: sorted(set(facts[key])) for key in LISTS if facts.get(key) is not None}
    return (
        {key: value for key, value in facts.items() if value is not None} | rounded | listed | {"name": name}
    )


_PLACES = Decimal("0.000001")


def _ceiling_refused(facts: Mapping[str, Any]) -> Refusal | None:
    fraction = facts.get("ceiling_fraction")
    if (fraction is None) == (facts.get("ceiling_minor") is None):
        return invalid("say the ceiling: an amount, or a fraction of the capital, not both", "ceiling")
    if (fraction is None) != (facts.get("ceiling_of") is None):
        return invalid("say what the ceiling is a fraction of, where it is one", "ceilingOf")
    if fraction is None and facts.get("reportable_fraction") is not None:
        return invalid(
            "only of a ceiling that is a fraction is it known what to report", "reportableFraction"
        )
    for name, path in (
        ("ceiling_fraction", "ceilingFraction"),
        ("reportable_fraction", "reportableFraction"),
        ("deal_fraction", "dealFraction"),
    ):
        said = facts.get(name)
        if said is not None and not (said.is_finite() and _PLACES <= said <= 1):
            return invalid("a fraction is more than 0 and not more than 1", path)
    return None


def _lists_refused(facts: Mapping[str, Any]) -> Refusal | None:
    if (facts.get("industry_codes") is None) != (facts.get("industry_scheme") is None):
        return invalid(
            "industries are listed by their codes in one scheme: say both, or neither", "industryCodes"
        )
    for name in LISTS:
        listed = facts.get(name)
        if listed is None:
            continue
        if not 1 <= len(listed) <= MOST_LISTED or not all(listed):
            return invalid(f"a list names 1 to {MOST_LISTED}; leave it out for any", camel(name))
        unknown = set(listed) - LISTED[name] if name in LISTED else None
        if unknown:
            return invalid(f"there is no {min(unknown)!r} in {', '.join(sorted(LISTED[name]))}", camel(name))
    return None


def _span_refused(facts: Mapping[str, Any]) -> Refusal | None:
    first, last = facts.get("tenor_from_months"), facts.get("tenor_until_months")
    if any(months is not None and not 0 <= months <= 1200 for months in (first, last)):
        return invalid("a tenor is between 0 and 1200 months", "tenorFromMonths")
    if last is not None and last < (first or 0):
        return invalid("the longest tenor is shorter than the shortest", "tenorUntilMonths")
    if facts.get("valid_until") is not None and facts["valid_until"] < facts["valid_from"]:
        return invalid("it would end before it begins", "validUntil")
    return None
