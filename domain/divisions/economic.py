"""Regions by economic strength: an index of min-max scaled indicators, and the tier that it puts a region in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal

from domain.divisions.models import EconomicParameters, Tier, WeighedIndicator, Weighting
from domain.divisions.weights import UNIT, by_entropy, spread

# Published figures are as long as whoever published them likes.
_WIDE = Context(prec=100)


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure and the unit that it is in."""

    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Region:
    """What is known of a region in one year."""

    code: str
    country: str
    city_cluster: str | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """One indicator's part in an index.

    `scaled` runs from 0 for the weakest regions of the country to 1 for the strongest. Missing ones weigh nothing.
    """

    indicator: str
    value: Decimal | None
    unit: str | None
    scaled: Decimal | None
    weight: Decimal
    contribution: Decimal | None


@dataclass(frozen=True, slots=True)
class Indexed:
    """A region's tier with its index, both None where too little is known, and how they came about.

    The index is the sum of the contributions, to the last digit. `missing` names indicators.
    """

    tier: Tier | None
    index: Decimal | None
    parts: tuple[Part, ...]
    missing: tuple[str, ...]
    reason: str


def tiers(parameters: EconomicParameters, regions: Iterable[Region]) -> dict[str, Indexed]:
    """Every region's tier, by code. Regions are compared within their country."""
    by_country: dict[str, list[Region]] = {}
    for region in regions:
        by_country.setdefault(region.country, []).append(region)
    found: dict[str, Indexed] = {}
    for country in by_country.values():
        found |= _within_country(parameters, country)
    return found


def _within_country(parameters: EconomicParameters, regions: list[Region]) -> dict[str, Indexed]:
    values = {
        one.name: {r.code: figure for r in regions if (figure := _figure(one, r))}
        for one in parameters.indicators
    }
    scaled = {one.name: _scaled(one, values[one.name], parameters.outliers) for one in parameters.indicators}
    weights = {one.name: one.weight for one in parameters.indicators}
    if parameters.weighting is Weighting.ENTROPY:
        weights = by_entropy({name: list(column.values()) for name, column in scaled.items() if column})
    found = {}
    for region in regions:
        figures = {name: column.get(region.code) for name, column in values.items()}
        places = {name: column[region.code] for name, column in scaled.items() if region.code in column}
        found[region.code] = _indexed(parameters, region, figures, places, weights)
    return found


def _figure(one: WeighedIndicator, region: Region) -> Figure | None:
    """An indicator's value, or its ratio to another; None where either is missing."""
    figure = region.figures.get(one.indicator)
    if figure is None or one.per is None:
        return figure
    per = region.figures.get(one.per)
    if per is None or per.value == 0:
        return None
    ratio = _WIDE.divide(figure.value, per.value).quantize(UNIT, context=_WIDE)
    return Figure(ratio, f"{figure.unit} / {per.unit}")


def _scaled(one: WeighedIndicator, values: Mapping[str, Figure], outliers: Decimal) -> dict[str, Decimal]:
    """Min-max over the regions that have a value, outliers at its ends; nothing where no region differs."""
    known = sorted(figure.value for figure in values.values())
    cut = int(len(known) * outliers)
    if not known or known[cut] == known[-1 - cut]:
        return {}
    least, most = known[cut], known[-1 - cut]
    places = {
        code: ((min(max(figure.value, least), most) - least) / (most - least)).quantize(UNIT)
        for code, figure in values.items()
    }
    return {code: 1 - place for code, place in places.items()} if one.inverted else places


def _indexed(
    parameters: EconomicParameters,
    region: Region,
    figures: Mapping[str, Figure | None],
    scaled: Mapping[str, Decimal],
    weights: Mapping[str, Decimal],
) -> Indexed:
    borne = spread({name: weights[name] for name in scaled})
    parts = tuple(_part(one.name, figures[one.name], scaled, borne) for one in parameters.indicators)
    missing = tuple(one.name for one in parameters.indicators if one.name not in scaled)
    # Of the weights that people gave: entropy would say that what nobody knows matters to nobody.
    known = sum((one.weight for one in parameters.indicators if one.name in scaled), Decimal(0))
    index = None
    if borne and known >= parameters.least_weight:
        index = sum((part.contribution for part in parts if part.contribution is not None), Decimal(0))
    tier, reason = _tier(parameters, region, index, known)
    return Indexed(tier, index, parts, missing, reason)


def _part(
    name: str, figure: Figure | None, scaled: Mapping[str, Decimal], weights: Mapping[str, Decimal]
) -> Part:
    place, weight = scaled.get(name), weights.get(name, Decimal(0))
    contribution = None if place is None else (weight * place).quantize(UNIT)
    value, unit = (None, None) if figure is None else (figure.value, figure.unit)
    return Part(name, value, unit, place, weight, contribution)


def _tier(
    parameters: EconomicParameters, region: Region, index: Decimal | None, known: Decimal
) -> tuple[Tier | None, str]:
    core, key = parameters.core_from, parameters.key_from
    if index is not None and index >= core:
        return Tier.CORE, f"the index {index} reaches {core}"
    # A city cluster is one market: its weaker parts share the fortune of the stronger.
    if region.city_cluster in parameters.city_clusters:
        return Tier.CORE, f"it belongs to the city cluster {region.city_cluster}"
    if index is None:
        least = parameters.least_weight
        return None, f"indicators of {known:f} of the weight are known, and {least} are needed"
    if index >= key:
        return Tier.KEY, f"the index {index} reaches {key}, and not {core}"
    return Tier.UNDERDEVELOPED, f"the index {index} does not reach {key}"
