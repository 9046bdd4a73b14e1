"""A way of dividing regions as a versioned model: its kind, its parameters, what each of its classes entails."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from domain.json_forms import Form
from domain.lending import Product

Name = Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9]{0,39}$")]
Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,39}$")]
Word = Annotated[str, Field(min_length=1, max_length=100)]
Fraction = Annotated[Decimal, Field(ge=0, le=1, decimal_places=6)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class DivisionKind(StrEnum):
    """By what a model divides regions."""

    ECONOMIC = "ECONOMIC"
    INDUSTRY = "INDUSTRY"
    CREDIT_CLIMATE = "CREDIT_CLIMATE"


class DivisionStatus(StrEnum):
    """Where a model is in its life; of each kind at most one is active."""

    DRAFT = "DRAFT"
    SIMULATED = "SIMULATED"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


MAY_FOLLOW: dict[DivisionStatus, frozenset[DivisionStatus]] = {
    DivisionStatus.DRAFT: frozenset({DivisionStatus.SIMULATED, DivisionStatus.ARCHIVED}),
    # An edit makes a draft of it again: what is activated is what was simulated.
    DivisionStatus.SIMULATED: frozenset(
        {DivisionStatus.DRAFT, DivisionStatus.SIMULATED, DivisionStatus.ACTIVE, DivisionStatus.ARCHIVED}
    ),
    # Another one's activation archives it: a kind is never left without a model by hand.
    DivisionStatus.ACTIVE: frozenset(),
    DivisionStatus.ARCHIVED: frozenset(),
}
"""Which status a person may give a model next."""

EDITABLE = frozenset({DivisionStatus.DRAFT, DivisionStatus.SIMULATED})
"""A model that has been in force is history: another one is drafted from it."""


class Tier(StrEnum):
    """A region's class by economic strength."""

    CORE = "CORE"
    KEY = "KEY"
    UNDERDEVELOPED = "UNDERDEVELOPED"


class Climate(StrEnum):
    """A region's class by how credit fares in it."""

    A = "A"
    B = "B"
    C = "C"


class Weighting(StrEnum):
    """Where the weights of an economic index come from."""

    GIVEN = "GIVEN"
    ENTROPY = "ENTROPY"


class ClusterMeasure(StrEnum):
    """What of the bank's own portfolio tells how large an industry is in a region."""

    CLIENTS = "CLIENTS"
    EXPOSURE = "EXPOSURE"


class ClusterSource(StrEnum):
    """Whose figures show a cluster."""

    PORTFOLIO = "PORTFOLIO"
    OFFICIAL = "OFFICIAL"


class CollateralDemand(StrEnum):
    """What security is asked for in a region of a class."""

    UNSECURED = "UNSECURED"
    STANDARD = "STANDARD"
    ADDITIONAL = "ADDITIONAL"


class ReviewDepth(StrEnum):
    """How thoroughly applications are examined in a region of a class."""

    SIMPLIFIED = "SIMPLIFIED"
    STANDARD = "STANDARD"
    STRICT = "STRICT"


class Policy(Form):
    """What a class entails.

    `pricing_adjustment_bps` is added to the price of credit, below zero where it is lowered; `quota_weight` is how
    much the regions of the class count when quotas are shared out, 1 for no preference.
    """

    class_code: Code
    products: Annotated[tuple[Product, ...], Field(max_length=20)]
    pricing_adjustment_bps: Annotated[int, Field(ge=-1000, le=1000)]
    collateral_demand: CollateralDemand
    quota_weight: Annotated[Decimal, Field(ge=0, le=100, decimal_places=6)]
    review_depth: ReviewDepth
    note: Annotated[str, Field(max_length=2000)] | None = None


class WeighedIndicator(Form):
    """One indicator of an economic index: a published one, or its ratio to another (`per`) of the same year.

    The weight is its share of the whole; of an `inverted` one less is better.
    """

    name: Name
    indicator: Word
    weight: Fraction
    per: Word | None = None
    inverted: bool = False


class EconomicParameters(Form):
    """How regions are divided by economic strength.

    Indicators are scaled by the least and the most of the country, `outliers` of the regions at each end left out:
    two cities that are far ahead would otherwise make all others alike. A region is CORE from `core_from` or in
    one of the listed city clusters, KEY from `key_from`. One of whose indicators less than `least_weight` of the
    whole weight is known gets no index.
    """

    indicators: Annotated[tuple[WeighedIndicator, ...], Field(min_length=1, max_length=30)]
    weighting: Weighting = Weighting.GIVEN
    outliers: Annotated[Decimal, Field(ge=0, lt=Decimal("0.5"), decimal_places=6)] = Decimal(0)
    least_weight: Fraction
    core_from: Fraction
    key_from: Fraction
    city_clusters: Annotated[tuple[Word, ...], Field(max_length=100)] = ()


class IndustryGroup(Form):
    """Industries whose clusters share a class; an industry belongs to the first group with a prefix of its code."""

    class_code: Code
    industries: Annotated[tuple[Word, ...], Field(min_length=1, max_length=200)]


class IndustryParameters(Form):
    """How regions are divided by industry.

    An industry is a cluster where its location quotient is `cluster_from` or more and at least `least_clients`
    clients are in it. `currency` is of the exposure where that is the measure. `official` names the measure of
    published figures that are preferred to the portfolio wherever a region has them. Clusters of no group get the
    class `otherwise`.
    """

    measure: ClusterMeasure
    cluster_from: Annotated[Decimal, Field(gt=0, le=1000, decimal_places=6)]
    least_clients: Count
    otherwise: Code
    groups: Annotated[tuple[IndustryGroup, ...], Field(max_length=50)] = ()
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    official: Word | None = None


class ClimateFigure(StrEnum):
    """What of a region's own portfolio tells how credit fares in it; each is a fraction."""

    PAST_DUE_SHARE = "pastDueShare"
    NON_PERFORMING_SHARE = "nonPerformingShare"
    DEFAULT_RATE = "defaultRate"
    GRADE_A_SHARE = "gradeAShare"
    GRADE_C_SHARE = "gradeCShare"


HIGHER_IS_BETTER = frozenset({ClimateFigure.GRADE_A_SHARE})


class ClimateBound(Form):
    """Up to where (from where, if higher is better) a figure speaks for A, and beyond where for C."""

    figure: ClimateFigure
    best: Fraction
    worst: Fraction


class ClimateParameters(Form):
    """How regions are divided by credit climate.

    Exposure counts as past due after more than `past_due_days` days; a client as defaulted within
    `default_months` of its default or charge-off. A region of fewer than `least_clients` borrowers has no class.
    """

    bounds: Annotated[tuple[ClimateBound, ...], Field(min_length=1, max_length=10)]
    least_clients: Count
    past_due_days: Annotated[int, Field(ge=0, le=3650)]
    default_months: Annotated[int, Field(ge=1, le=240)]


class EconomicForm(EconomicParameters):
    """An economic model in full."""

    policies: tuple[Policy, ...]

    @property
    def classes(self) -> frozenset[str]:
        """Every class that it may find."""
        return frozenset(Tier)


class IndustryForm(IndustryParameters):
    """An industry model in full."""

    policies: tuple[Policy, ...]

    @property
    def classes(self) -> frozenset[str]:
        """Every class that it may find."""
        return frozenset({self.otherwise, *(group.class_code for group in self.groups)})


class ClimateForm(ClimateParameters):
    """A model of the credit climate in full."""

    policies: tuple[Policy, ...]

    @property
    def classes(self) -> frozenset[str]:
        """Every class that it may find."""
        return frozenset(Climate)


DivisionForm = EconomicForm | IndustryForm | ClimateForm
"""All that a model says: how it divides, and what follows from it."""

FORMS: dict[DivisionKind, type[EconomicForm] | type[IndustryForm] | type[ClimateForm]] = {
    DivisionKind.ECONOMIC: EconomicForm,
    DivisionKind.INDUSTRY: IndustryForm,
    DivisionKind.CREDIT_CLIMATE: ClimateForm,
}
