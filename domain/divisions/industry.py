"""Regions by industry: where an industry's share is so far above the country's that it is a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain.divisions.models import ClusterSource, IndustryParameters
from domain.divisions.weights import UNIT


@dataclass(frozen=True, slots=True)
class Presence:
    """How large an industry is in a region: clients, exposure, people employed … of one source."""

    region_code: str
    country: str
    industry_scheme: str
    industry_code: str
    amount: Decimal
    clients: int = 0


@dataclass(frozen=True, slots=True)
class Cluster:
    """An industry that is a cluster in a region."""

    region_code: str
    industry_scheme: str
    industry_code: str
    class_code: str
    location_quotient: Decimal
    clients: int
    source: ClusterSource


Cell = tuple[str, str, str]
"""A region, an industry's scheme, its code."""


def location_quotients(presences: Iterable[Presence]) -> dict[Cell, Decimal]:
    """The industry's share in the region over its share in the country, within one scheme of industries.

    Above 1 the industry is stronger there than in the country as a whole.
    """
    regions: dict[tuple[str, ...], Decimal] = {}
    industries: dict[tuple[str, ...], Decimal] = {}
    countries: dict[tuple[str, ...], Decimal] = {}
    known = [one for one in presences if one.amount > 0]
    for one in known:
        scheme = (one.country, one.industry_scheme)
        _add(regions, (*scheme, one.region_code), one.amount)
        _add(industries, (*scheme, one.industry_code), one.amount)
        _add(countries, scheme, one.amount)
    found = {}
    for one in known:
        scheme = (one.country, one.industry_scheme)
        there = one.amount * countries[scheme]
        expected = regions[*scheme, one.region_code] * industries[*scheme, one.industry_code]
        found[_cell(one)] = (there / expected).quantize(UNIT)
    return found


def clusters(
    parameters: IndustryParameters, portfolio: Iterable[Presence], official: Iterable[Presence] = ()
) -> list[Cluster]:
    """The clusters, by region and industry. Where a region has official figures, these decide."""
    own = list(portfolio)
    published = _comparable(official)
    told = {(one.region_code, one.industry_scheme) for one in published}
    clients = {_cell(one): one.clients for one in own}
    quotients = {
        cell: (quotient, ClusterSource.PORTFOLIO)
        for cell, quotient in location_quotients(own).items()
        if cell[:2] not in told and clients[cell] >= parameters.least_clients
    }
    quotients |= {
        cell: (quotient, ClusterSource.OFFICIAL) for cell, quotient in location_quotients(published).items()
    }
    return [
        Cluster(*cell, _class(parameters, cell[2]), quotient, clients.get(cell, 0), source)
        for cell, (quotient, source) in sorted(quotients.items())
        if quotient >= parameters.cluster_from
    ]


def _comparable(official: Iterable[Presence]) -> list[Presence]:
    """Official figures of one region alone would compare it with itself."""
    figures = list(official)
    regions: dict[tuple[str, str], set[str]] = {}
    for one in figures:
        regions.setdefault((one.country, one.industry_scheme), set()).add(one.region_code)
    return [one for one in figures if len(regions[one.country, one.industry_scheme]) > 1]


def _class(parameters: IndustryParameters, industry_code: str) -> str:
    for group in parameters.groups:
        if industry_code.startswith(group.industries):
            return group.class_code
    return parameters.otherwise


def _cell(one: Presence) -> Cell:
    return one.region_code, one.industry_scheme, one.industry_code


def _add(sums: dict[tuple[str, ...], Decimal], key: tuple[str, ...], amount: Decimal) -> None:
    sums[key] = sums.get(key, Decimal(0)) + amount
