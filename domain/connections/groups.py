"""Groups of connected companies: who controls whom, alone or with what it controls, and so who belongs together.

Control is transitive and adds up: whoever controls B and C has their shares of D beside its own. What one controls
is therefore the least set that holds whatever it and the set's members together hold more than a given share of.
Cycles and cross-holdings need no care of their own: a member is counted once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from domain.connections.circles import circles
from domain.connections.kinds import Company

Group = tuple[Company, ...]
"""The companies of a group, ascending; two at least."""

Pair = tuple[Company, Company]
"""Holder, controller or guarantor; then the company that is held, controlled or guaranteed."""


@dataclass(frozen=True, slots=True)
class ConnectionRule:
    """What makes companies one group.

    More than `control_share` (0 to 1) of a company is control of it; where `guarantees_connect`, a guarantor and
    whom it guarantees are connected as well, though neither controls the other.
    """

    control_share: Decimal = Decimal("0.5")
    guarantees_connect: bool = False


@dataclass(frozen=True, slots=True)
class Links:
    """The links between companies on one day, each pair once."""

    holdings: Mapping[Pair, Decimal] = field(default_factory=dict)
    controls: frozenset[Pair] = frozenset()
    guarantees: frozenset[Pair] = frozenset()


def groups(links: Links, rule: ConnectionRule) -> list[Group]:
    """The groups that the links make, each company in one at most; ascending by their first companies."""
    stakes = _Stakes(links, rule.control_share)
    together = _Together()
    known: dict[Company, _Reach] = {}
    for circle in circles(stakes.holders, stakes.controlled_alone_by):
        reach = _reach(circle, stakes, known)
        known.update(dict.fromkeys(circle, reach))
        together.join(reach.top, circle)
        if reach.top in circle:
            together.join(reach.top, reach.own if reach.base is None else {*reach.own, reach.base.top})
    if rule.guarantees_connect:
        for guarantor, guaranteed in links.guarantees:
            together.join(guarantor, [guaranteed])
    return together.groups()


class _Stakes:
    """Who has a stake in whom, and how large it is."""

    def __init__(self, links: Links, control_share: Decimal) -> None:
        self._control_share = control_share
        self._of: dict[Company, dict[Company, Decimal]] = defaultdict(dict)
        for (holder, held), share in links.holdings.items():
            self._of[holder][held] = share
        for controller, controlled in links.controls:
            # More than any share that could be asked for.
            self._of[controller][controlled] = Decimal("Infinity")

    @property
    def holders(self) -> Iterable[Company]:
        """Every company with a stake in another."""
        return self._of.keys()

    def of(self, company: Company) -> Mapping[Company, Decimal]:
        """The companies that one has a stake in, with its own stake alone."""
        return self._of.get(company, {})

    def is_control(self, share: Decimal) -> bool:
        """Whether so much of a company is control of it."""
        return share > self._control_share

    def controlled_alone_by(self, company: Company) -> list[Company]:
        """The companies of which one controls enough by its own stake."""
        return [held for held, share in self.of(company).items() if self.is_control(share)]


class _Reach:
    """A company and all that it controls, and how much these hold of everybody else.

    Kept as what it adds to `base`, the reach of a company that is controlled itself: many whose reach is mostly the
    same share it.
    """

    def __init__(self, top: Company, base: _Reach | None) -> None:
        self.top = top
        self.base = base
        self.own: set[Company] = set()
        self._held: dict[Company, Decimal] = {}
        self.size: int = base.size if base else 0

    def __contains__(self, company: Company) -> bool:
        layer: _Reach | None = self
        while layer is not None:
            if company in layer.own:
                return True
            layer = layer.base
        return False

    def add(self, company: Company) -> None:
        """Put a company among those that are reached."""
        self.own.add(company)
        self.size += 1

    def hold(self, company: Company, share: Decimal) -> Decimal:
        """How much of a company is held together, now that somebody's share comes in."""
        layer: _Reach | None = self
        while layer is not None and company not in layer._held:
            layer = layer.base
        together = share if layer is None else layer._held[company] + share
        self._held[company] = together
        return together

    def settle(self) -> None:
        """Take in layers that are not much larger, so that there are few, before others build on this one."""
        while self.base is not None and self.base._weight() <= 2 * self._weight():
            self.own |= self.base.own
            self._held = self.base._held | self._held
            self.base = self.base.base

    def _weight(self) -> int:
        return len(self.own) + len(self._held)


def _reach(circle: Sequence[Company], stakes: _Stakes, known: Mapping[Company, _Reach]) -> _Reach:
    """What companies that control one another reach."""
    below = [known[held] for one in circle for held in stakes.controlled_alone_by(one) if held in known]
    base = max(below, key=lambda reach: reach.size, default=None)
    if base is not None:
        base.settle()
        if circle[0] in base:
            return base
    reach = _Reach(circle[0], base)
    waiting = list(circle)
    for one in circle:
        reach.add(one)
    while waiting:
        for held, share in stakes.of(waiting.pop()).items():
            if held not in reach and stakes.is_control(reach.hold(held, share)):
                reach.add(held)
                waiting.append(held)
    return reach


class _Together:
    """Disjoint sets of companies."""

    def __init__(self) -> None:
        self._above: dict[Company, Company] = {}

    def join(self, company: Company, others: Iterable[Company]) -> None:
        """Put a company and the others into one set."""
        for other in others:
            mine, theirs = self._top(company), self._top(other)
            if mine != theirs:
                self._above[theirs] = mine

    def _top(self, company: Company) -> Company:
        top = company
        while (above := self._above.setdefault(top, top)) != top:
            top = above
        while company != top:
            self._above[company], company = top, self._above[company]
        return top

    def groups(self) -> list[Group]:
        """The sets of more than one company."""
        found: dict[Company, list[Company]] = defaultdict(list)
        for company in sorted(self._above):
            found[self._top(company)].append(company)
        return sorted(tuple(group) for group in found.values() if len(group) > 1)


def numbered(
    found: Sequence[Group], before: Mapping[Company, int], last_number: int
) -> list[tuple[int, Group]]:
    """The groups with numbers, in the order of `found`; a group is the same one while most of it stays together.

    `before` says which number a company's group had. A number goes to the group that has most of its companies;
    others get new numbers, beyond `last_number`.
    """
    claims = sorted(claim for place, group in enumerate(found) for claim in _claims(place, group, before))
    numbers: dict[int, int] = {}
    given: set[int] = set()
    for _, number, place in claims:
        if place not in numbers and number not in given:
            numbers[place] = number
            given.add(number)
    for place in range(len(found)):
        if place not in numbers:
            last_number += 1
            numbers[place] = last_number
    return [(numbers[place], group) for place, group in enumerate(found)]


def _claims(place: int, group: Group, before: Mapping[Company, int]) -> list[tuple[int, int, int]]:
    """The numbers that a group's companies had: those of most companies first."""
    counted: dict[int, int] = defaultdict(int)
    for company in group:
        if company in before:
            counted[before[company]] += 1
    return [(-count, number, place) for number, count in counted.items()]
