"""What rules may speak of: every fact of a client by name, with its unit, meaning, source and freshness."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from domain.conditions import Kind


class Unit(StrEnum):
    """What a fact is measured in; amounts are in their currency's minor units."""

    AMOUNT = "amount"
    BASIS_POINTS = "bps"
    CODE = "code"
    COUNT = "count"
    DAY = "day"
    DAYS = "days"
    FRACTION = "fraction"
    INDEX = "index"
    POINTS = "points"
    SIGN = "sign"
    TIMES = "times"
    YEARS = "years"
    YES_NO = "yes/no"


class Freshness(StrEnum):
    """How old a fact may be."""

    AT_ONCE = "with every write"
    AND_BY_DAY = "with every write, and every day"
    TAKEN = "with every write; the yardstick as of the last standing"
    DERIVED = "when groups are derived"
    DIVIDED = "when a division becomes active"


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of a client; None is "not known", which is never 0 and never no."""

    name: str
    kind: Kind
    unit: Unit
    definition: str
    source: str
    freshness: Freshness

    @property
    def column(self) -> str:
        """The column of `bank.client_facts`; an amount's currency is the row's `currency`."""
        plain = re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", self.name)
        return f"{plain}_minor" if self.kind is Kind.MONEY else plain


_KINDS = {
    Unit.AMOUNT: Kind.MONEY,
    Unit.CODE: Kind.TEXT,
    Unit.DAY: Kind.DATE,
    Unit.YES_NO: Kind.BOOLEAN,
}
_BY_DAY = Freshness.AND_BY_DAY


def _facts(source: str, *rows: tuple[str, Unit, str] | tuple[str, Unit, str, Freshness]) -> dict[str, Fact]:
    return {
        name: Fact(
            name,
            _KINDS.get(unit, Kind.NUMBER),
            unit,
            definition,
            source,
            freshness[0] if freshness else Freshness.AT_ONCE,
        )
        for name, unit, definition, *freshness in rows
    }


_BASIC = _facts(
    "client",
    ("registeredCapital", Unit.AMOUNT, "Registered capital."),
    ("employees", Unit.COUNT, "People employed."),
    ("sizeClass", Unit.CODE, "Size as registered: LARGE, MEDIUM, SMALL or MICRO."),
    ("industryScheme", Unit.CODE, "Classification that the industry's code is of."),
    ("industryCode", Unit.CODE, "Industry's code."),
    ("status", Unit.CODE, "Whether the relationship is alive: PROSPECT, ACTIVE, DORMANT or CLOSED."),
    ("watchList", Unit.CODE, "Watch list: AMBER or RED; missing for who is on none."),
    ("nationalKeyProject", Unit.YES_NO, "Whether it carries out a national key project."),
    (
        "firmAgeYears",
        Unit.YEARS,
        "Years since foundation, two decimals cut off; whole on the anniversary.",
        _BY_DAY,
    ),
    (
        "tenureYears",
        Unit.YEARS,
        "Years since it became a client, two decimals cut off; whole on the anniversary.",
        _BY_DAY,
    ),
    ("assignedGrade", Unit.CODE, "Credit grade that somebody assigned: A, B or C."),
) | _facts(
    "rating",
    ("probabilityOfDefault", Unit.FRACTION, "Probability of default within a year, by the latest rating."),
)

_STATEMENTS = _facts(
    "financial_statement",
    ("statementPeriodEnd", Unit.DAY, "Last day of the latest annual statement, the one that counts below."),
    ("statementAgeDays", Unit.DAYS, "Days since that day.", _BY_DAY),
    ("statementCount", Unit.COUNT, "Years with an annual statement; a restatement counts once."),
    ("revenue", Unit.AMOUNT, "Revenue; missing where the statement is in another currency than the client."),
    ("totalAssets", Unit.AMOUNT, "Total assets; missing where the statement is in another currency."),
    ("revenueGrowth", Unit.FRACTION, "Revenue / revenue of the year before - 1; the latter above 0."),
    ("revenueCagr3y", Unit.FRACTION, "(Revenue / revenue three years before)^(1/3) - 1; the latter above 0."),
    (
        "revenueVariation",
        Unit.FRACTION,
        "Coefficient of variation (population) of the latest three to five annual revenues.",
    ),
    ("grossMargin", Unit.FRACTION, "(Revenue - cost of sales) / revenue."),
    ("ebitMargin", Unit.FRACTION, "EBIT / revenue."),
    ("netMargin", Unit.FRACTION, "Net income / revenue."),
    ("profitBeforeTaxMargin", Unit.FRACTION, "Profit before tax / revenue."),
    ("liabilitiesToAssets", Unit.FRACTION, "Total liabilities / total assets."),
    ("equityRatio", Unit.FRACTION, "Equity / total assets."),
    ("currentRatio", Unit.TIMES, "Current assets / current liabilities."),
    ("debtToEbitda", Unit.TIMES, "Borrowings / (EBIT + depreciation); missing unless EBITDA is above 0."),
    ("ebitdaPositive", Unit.YES_NO, "Whether EBIT + depreciation is above 0."),
    ("interestCover", Unit.TIMES, "EBIT / interest expense; missing where there was no interest."),
    ("interestCoverPrevious", Unit.TIMES, "The same of the year before."),
    (
        "zScore",
        Unit.POINTS,
        "Z'' = 6.56 working capital / assets + 3.26 retained earnings / assets + 6.72 EBIT / assets "
        "+ 1.05 equity / liabilities.",
    ),
    ("operatingCashFlowSign", Unit.SIGN, "Sign of the cash flow from operations: -1, 0 or 1."),
    ("investingCashFlowSign", Unit.SIGN, "Sign of the cash flow from investing."),
    ("financingCashFlowSign", Unit.SIGN, "Sign of the cash flow from financing."),
)

_CREDIT_RECORD = (
    _facts(
        "posting",
        (
            "daysPastDue",
            Unit.DAYS,
            "Days since the oldest unpaid instalment was due, 0 if none is overdue; missing if none was ever due.",
            _BY_DAY,
        ),
        ("daysPastDue12m", Unit.DAYS, "Worst lateness in the past twelve months, today's included.", _BY_DAY),
        ("daysPastDue24m", Unit.DAYS, "Worst lateness in the past 24 months, today's included.", _BY_DAY),
    )
    | _facts(
        "credit_event",
        (
            "defaultCount",
            Unit.COUNT,
            "Defaults and charge-offs ever; missing without a facility or a credit event.",
        ),
        ("daysSinceDefault", Unit.DAYS, "Days since the last of them.", _BY_DAY),
    )
    | _facts(
        "facility",
        ("loanClass", Unit.CODE, "Worst of the five categories, NORMAL to LOSS, among open facilities."),
    )
    | _facts(
        "credit_event",
        (
            "misuse",
            Unit.YES_NO,
            "Funds misused in the past 24 months; missing without a facility or a credit event.",
            _BY_DAY,
        ),
        (
            "relatedPartyAbuse",
            Unit.YES_NO,
            "Related parties abused in the past 24 months; likewise.",
            _BY_DAY,
        ),
        ("covenantDefault", Unit.YES_NO, "A covenant broken in the past 24 months; likewise.", _BY_DAY),
    )
)

_EXPOSURE = _facts(
    "facility",
    ("exposure", Unit.AMOUNT, "Outstanding of all facilities; missing where they are in several currencies."),
    ("facilityLimit", Unit.AMOUNT, "Limits of open facilities (approved or active); likewise."),
    ("utilisation", Unit.FRACTION, "Outstanding / limit of open facilities; likewise."),
    ("facilityCount", Unit.COUNT, "Open facilities."),
    (
        "exposureRank",
        Unit.FRACTION,
        "Share of the bank's exposed clients that owe at least as much, in whole per cents; 0.05: the top 5 %.",
        Freshness.TAKEN,
    ),
)

_BEHAVIOUR = (
    _facts(
        "client_month",
        ("balance3m", Unit.AMOUNT, "Mean balance of the latest three months; missing if one is."),
        ("balance12m", Unit.AMOUNT, "Mean balance of the latest twelve months; missing if one is."),
        ("balanceChange", Unit.FRACTION, "Balance of three months / of twelve - 1."),
        ("outflowChange", Unit.FRACTION, "Mean outflow of the latest three months / of twelve - 1."),
        (
            "utilisationChange",
            Unit.FRACTION,
            "Utilised share of the limit in the latest month, less that of three months before.",
        ),
    )
    | _facts(
        "credit_event",
        (
            "lineCancelled",
            Unit.YES_NO,
            "A line cancelled in the past twelve months; missing without a facility or a credit event.",
            _BY_DAY,
        ),
        (
            "refinancingAsked",
            Unit.YES_NO,
            "Prepayment or refinancing asked for in the past six months; likewise.",
            _BY_DAY,
        ),
    )
    | _facts(
        "facility",
        (
            "daysToMaturity",
            Unit.DAYS,
            "Days until the first active facility that is not renewed matures; below 0 when it is over.",
            _BY_DAY,
        ),
    )
    | _facts(
        "interaction",
        ("daysSinceContact", Unit.DAYS, "Days since the last visit, call, mail, meeting or survey.", _BY_DAY),
    )
    | _facts(
        "complaint",
        (
            "openComplaintDays",
            Unit.DAYS,
            "Days since the oldest open complaint, 0 if none is open; missing where neither a complaint nor an "
            "interaction was ever recorded.",
            _BY_DAY,
        ),
    )
    | _facts(
        "interaction", ("nps", Unit.COUNT, "Latest answer to how likely it would recommend us, 0 to 10.")
    )
    | _facts(
        "client_month",
        ("rateOverPeersBps", Unit.BASIS_POINTS, "What it pays over its peers, in the latest month."),
    )
)

_CONTRIBUTION = _facts(
    "client_month",
    (
        "contribution12m",
        Unit.AMOUNT,
        "Net interest + fees - cost - expected loss - 12 % a year of the capital held, summed over the recorded "
        "months among the latest twelve; missing if one of them lacks a part.",
    ),
    (
        "contributionCumulated",
        Unit.FRACTION,
        "Share of the bank's positive contribution that clients at least as good as this one earn, in whole per "
        "cents; 1 without a positive contribution.",
        Freshness.TAKEN,
    ),
    (
        "branchContributionShare",
        Unit.FRACTION,
        "Contribution / the branch's positive contributions.",
        Freshness.TAKEN,
    ),
)

_REGION = _facts(
    "region_class",
    (
        "regionTier",
        Unit.CODE,
        "Economic tier of its region: CORE, KEY or UNDERDEVELOPED.",
        Freshness.DIVIDED,
    ),
    ("regionIndex", Unit.INDEX, "Economic index of its region, 0 to 1.", Freshness.DIVIDED),
    ("creditClimate", Unit.CODE, "Credit climate of its region: A, B or C.", Freshness.DIVIDED),
) | _facts(
    "region_cluster",
    (
        "industryIsCluster",
        Unit.YES_NO,
        "Whether its industry is a cluster in its region; missing while the bank has no clusters.",
        Freshness.DIVIDED,
    ),
)

_GROUP = _facts(
    "client_group",
    ("groupSize", Unit.COUNT, "Clients in its group of connected clients.", Freshness.DERIVED),
    ("groupExposure", Unit.AMOUNT, "Exposure of the group.", Freshness.DERIVED),
    ("groupLoanClass", Unit.CODE, "Worst of the five categories in the group.", Freshness.DERIVED),
    ("groupDaysPastDue", Unit.DAYS, "Worst days past due in the group.", Freshness.DERIVED),
)

FAMILIES: dict[str, dict[str, Fact]] = {
    "Basic information": _BASIC,
    "Statements": _STATEMENTS,
    "Credit record": _CREDIT_RECORD,
    "Exposure": _EXPOSURE,
    "Behaviour": _BEHAVIOUR,
    "Contribution": _CONTRIBUTION,
    "Region and industry": _REGION,
    "Connected clients": _GROUP,
}
"""The facts by what they are about, in the order of `bank.client_facts`."""

CATALOGUE: dict[str, Fact] = {name: fact for family in FAMILIES.values() for name, fact in family.items()}
"""Every fact by its name, as rules and the API write it."""


def catalogue_table() -> str:
    """The catalogue in Markdown, as it stands in docs/facts.md."""
    lines = []
    for title, facts in FAMILIES.items():
        lines += [
            f"### {title}",
            "",
            "| fact | unit | what it is | from | changes |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| `{fact.name}` | {fact.unit} | {fact.definition} | `{fact.source}` | {fact.freshness} |"
            for fact in facts.values()
        ]
        lines.append("")
    return "\n".join(lines)
