"""Quotas in mid-period: what lies idle is taken back in part, what runs short is warned of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.allocation.form import Reclaim
from domain.allocation.runs import ChangeKind
from domain.allocation.words import money, rate

SIX_PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Month:
    """What a quota was at the end of a month, and how much of it was in use."""

    month: dt.date
    granted: int
    utilised: int

    @property
    def utilisation(self) -> Decimal | None:
        """The part in use; None of nothing."""
        return (Decimal(self.utilised) / self.granted).quantize(SIX_PLACES) if self.granted > 0 else None


@dataclass(frozen=True, slots=True)
class Proposed:
    """A change to a quota and why. A warning changes nothing, and its amount is nought."""

    kind: ChangeKind
    amount: int
    utilisation: Decimal
    months: int
    reason: str


def propose(
    rules: Reclaim, months: Sequence[Month], *, granted: int, committed: int, currency: str
) -> Proposed | None:
    """What is to be done about a quota by its last months, given in order; None: nothing.

    Reclaimed is the part that the rules name of what stayed unused all the time, and never what is committed now.
    """
    if not months or months[-1].utilisation is None:
        return None
    latest = months[-1].utilisation
    if latest > rules.warn_above:
        said = f"{rate(latest)} of it were in use in {months[-1].month:%Y-%m}, more than {rate(rules.warn_above)}"
        return Proposed(ChangeKind.WARNING, 0, latest, 1, f"{said}: consider a top-up")
    looked_at = months[-rules.months :]
    if len(looked_at) < rules.months or not _consecutive(looked_at):
        return None
    if any(one.utilisation is None or one.utilisation >= rules.below for one in looked_at):
        return None
    unused = min(one.granted - one.utilised for one in looked_at)
    amount = min(int(unused * rules.up_to), granted - committed)
    if amount <= 0:
        return None
    used = " and ".join(f"{rate(one.utilisation or 0)} in {one.month:%Y-%m}" for one in looked_at)
    reason = (
        f"in use were {used}, less than {rate(rules.below)} for {rules.months} months; at least "
        f"{money(unused, currency)} stayed unused: up to {rate(rules.up_to)} of that is taken back"
    )
    return Proposed(ChangeKind.RECLAIM, amount, latest, len(looked_at), reason)


def _consecutive(months: Sequence[Month]) -> bool:
    counted = [one.month.year * 12 + one.month.month for one in months]
    return counted == list(range(counted[0], counted[0] + len(counted)))
