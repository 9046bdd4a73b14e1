"""How evenly something is spread over groups: three measures, each by its usual definition.

Groups that have nothing count: a branch without credit makes a spread less even. Nothing at all, or no group, has
no measure. Amounts are of one currency, in its minor units, never negative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from enum import StrEnum

PLACES = Decimal("0.000001")
PRECISION = 50


class Measure(StrEnum):
    """Which measure of concentration."""

    HHI = "HHI"
    THEIL = "THEIL"
    GINI = "GINI"


class SpreadOf(StrEnum):
    """What is spread."""

    GRANTED = "GRANTED"
    UTILISED = "UTILISED"


class SpreadOver(StrEnum):
    """Over which groups."""

    BRANCH = "BRANCH"
    SEGMENT = "SEGMENT"
    INDUSTRY = "INDUSTRY"


def herfindahl_hirschman(amounts: Sequence[int]) -> Decimal | None:
    """The sum of the squared shares: 1/n where n groups have the same, 1 where one has everything.

    O. C. Herfindahl, "Concentration in the U.S. Steel Industry" (1950); A. O. Hirschman, "The Paternity of an
    Index", American Economic Review 54 (1964). On the scale from 0 to 1; authorities often show it times 10,000.
    """
    total = _total(amounts)
    if not total:
        return None
    return _rounded(lambda: Decimal(sum(amount * amount for amount in amounts)) / Decimal(total * total))


def theil(amounts: Sequence[int]) -> Decimal | None:
    """The mean of x/μ · ln(x/μ): 0 where all have the same, ln n where one has everything.

    H. Theil, "Economics and Information Theory" (1967), his first measure, T. 0 · ln 0 is 0.
    """
    total = _total(amounts)
    if not total:
        return None
    count = len(amounts)

    def reckoned() -> Decimal:
        ratios = [Decimal(amount * count) / Decimal(total) for amount in amounts if amount]
        return sum((ratio * ratio.ln() for ratio in ratios), Decimal(0)) / count

    return _rounded(reckoned)


def gini(amounts: Sequence[int]) -> Decimal | None:
    """Half the mean difference of two groups, by the mean: 0 where all have the same, 1 − 1/n where one has all.

    C. Gini, "Variabilità e mutabilità" (1912); in the form of A. Sen, "On Economic Inequality" (1973):
    Σ (2i − n − 1) · x_i / (n · Σ x), the groups in ascending order.
    """
    total = _total(amounts)
    if not total:
        return None
    count = len(amounts)
    weighted = sum((2 * place - count - 1) * amount for place, amount in enumerate(sorted(amounts), 1))
    return _rounded(lambda: Decimal(weighted) / Decimal(count * total))


MEASURES: Mapping[Measure, Callable[[Sequence[int]], Decimal | None]] = {
    Measure.HHI: herfindahl_hirschman,
    Measure.THEIL: theil,
    Measure.GINI: gini,
}


def _total(amounts: Sequence[int]) -> int:
    if any(amount < 0 for amount in amounts):
        raise ValueError("an amount is negative: what is spread is never less than nothing")
    return sum(amounts)


def _rounded(reckoned: Callable[[], Decimal]) -> Decimal:
    with localcontext() as context:
        context.prec = PRECISION
        # Never -0: a spread that is all but even is even.
        return reckoned().quantize(PLACES) + Decimal(0)
