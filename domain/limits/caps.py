"""Dealing shares of a concentration cap: what goes to whom, and what is taken back, never more than the ceiling.

A cap that crosses branches is held in escrow: each branch has a share, and the shares never sum to more than the
ceiling. What is drawn is counted in the branch's own share; where that is too small, more is dealt to it – out of
what nobody has been dealt yet, then out of what other branches hold idle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from uuid import UUID

from domain.limits.nodes import Counts
from domain.splitting import by_weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What somebody wants to count under the caps that it falls under, in minor units of its currency.

    `exposure` is by how much E + R + U would rise, `loans` what is, or would later be, drawn of it. A tenor that is
    not known falls under every cap on tenors. `partial`: less is welcome too.
    """

    branch_id: int
    client_id: UUID
    product: str | None
    currency: str
    exposure: int
    loans: int
    day: date
    tenor_months: int | None = None
    commitment_id: UUID | None = None
    partial: bool = False

    def counted(self, counts: Counts) -> int:
        """What a cap counts of it."""
        return self.loans if counts is Counts.LOANS else self.exposure


@dataclass(frozen=True, slots=True)
class Holding:
    """A branch's share and what is used of it; what was dealt a moment ago is not taken back yet (`fresh`)."""

    share: int
    used: int
    fresh: bool = False

    @property
    def idle(self) -> int:
        """What could be taken back."""
        return self.share - self.used


Holdings = Mapping[int, Holding]
"""The shares of one pool, by branch."""


@dataclass(frozen=True, slots=True)
class Dealt:
    """By how much each share changes, none by nothing; whether what was wanted is there now.

    `reachable` is, per branch that wanted something, the most that it could draw: its own idle share, the pool's
    rest and what the others hold idle. `later`: what is missing was dealt to somebody else a moment ago, who may
    not need it after all. `over_limit`: more is used than the ceiling is.
    """

    deltas: dict[int, int] = field(default_factory=dict)
    enough: bool = True
    reachable: dict[int, int] = field(default_factory=dict)
    later: bool = False
    over_limit: bool = False

    @property
    def total(self) -> int:
        """By how much the sum of all shares changes."""
        return sum(self.deltas.values())


def chunk(ceiling: int, fraction: Decimal) -> int:
    """How much is dealt at once where a little is wanted, lest the next draw ask again."""
    return int((ceiling * fraction).to_integral_value(ROUND_FLOOR))


def lowered(ceiling: int, holdings: Holdings) -> Dealt:
    """Bring the shares down to the ceiling by taking back what is idle.

    Where more is used than that, every share is cut to what is used of it, and the pool is over its limit.
    """
    excess = sum(holding.share for holding in holdings.values()) - ceiling
    if excess <= 0:
        return Dealt()
    idle = {branch: holding.idle for branch, holding in holdings.items() if holding.idle}
    if excess <= sum(idle.values()):
        return Dealt(_taken(idle, excess))
    return Dealt({branch: -amount for branch, amount in idle.items()}, over_limit=True)


def deal(
    ceiling: int, holdings: Holdings, wanted: Mapping[int, int], at_once: int, *, partial: bool = False
) -> Dealt:
    """Give branches room for what they want (more than nothing each): all of them, or none where it is too much.

    The pool's rest goes first, `at_once` together where it lasts; then what other branches hold idle, by largest
    remainder. `partial`: as much as there is, where it is too little.
    """
    cut = lowered(ceiling, holdings)
    if cut.over_limit:
        return Dealt(cut.deltas, enough=False, reachable=dict.fromkeys(wanted, 0), over_limit=True)
    held = _after(holdings, cut.deltas)
    missing = {
        branch: want - held.get(branch, Holding(0, 0)).idle
        for branch, want in wanted.items()
        if want > held.get(branch, Holding(0, 0)).idle
    }
    need = sum(missing.values())
    if not need:
        return Dealt(cut.deltas)
    rest = ceiling - sum(holding.share for holding in held.values())
    idle = {branch: one.idle for branch, one in held.items() if branch not in wanted and one.idle > 0}
    settled = {branch: amount for branch, amount in idle.items() if not held[branch].fresh}
    if need <= rest:
        return Dealt(_joined(cut.deltas, _given(missing, min(rest, max(need, at_once)))))
    there = rest + sum(settled.values())
    if need <= there:
        more = max(need - rest, min(at_once - rest, sum(settled.values()) // 2))
        return Dealt(_joined(cut.deltas, _taken(settled, more), _given(missing, rest + more)))
    reachable = {
        branch: held.get(branch, Holding(0, 0)).idle + rest + sum(idle.values()) for branch in wanted
    }
    everything = rest + sum(idle.values())
    if need <= everything or (partial and everything > there):
        return Dealt(cut.deltas, enough=False, reachable=reachable, later=True)
    if partial and there:
        given = _joined(cut.deltas, _taken(settled, sum(settled.values())), _given(missing, there))
        return Dealt(given, enough=False, reachable=reachable)
    return Dealt(cut.deltas, enough=False, reachable=reachable)


def _after(holdings: Holdings, deltas: Mapping[int, int]) -> dict[int, Holding]:
    return {
        branch: Holding(one.share + deltas.get(branch, 0), one.used, one.fresh)
        for branch, one in holdings.items()
    }


def _given(missing: Mapping[int, int], amount: int) -> dict[int, int]:
    """At least what each is missing where the amount lasts, else in proportion; the rest in the same proportion."""
    branches = sorted(missing)
    need = sum(missing.values())
    if amount < need:
        return dict(zip(branches, by_weight(amount, [missing[b] for b in branches]), strict=True))
    extra = by_weight(amount - need, [missing[b] for b in branches])
    return {branch: missing[branch] + more for branch, more in zip(branches, extra, strict=True)}


def _taken(idle: Mapping[int, int], amount: int) -> dict[int, int]:
    """So much out of what is idle, in proportion and so never more of anyone than is idle there."""
    if not amount:
        return {}
    branches = sorted(idle)
    parts = by_weight(amount, [idle[branch] for branch in branches])
    return {branch: -part for branch, part in zip(branches, parts, strict=True) if part}


def _joined(*changes: Mapping[int, int]) -> dict[int, int]:
    together: dict[int, int] = {}
    for change in changes:
        for branch, delta in change.items():
            together[branch] = together.get(branch, 0) + delta
    return {branch: delta for branch, delta in together.items() if delta}
