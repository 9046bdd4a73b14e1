"""What an adopted allocation makes of the units' own limits, from the branches up to the bank."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Top:
    """A unit's own limit as it stands: `taken` is all that stands against it but what it deals to units below.

    `addition` is what was granted ad hoc beside it; `most` the least of its other caps, None where it has none.
    """

    unit: int
    above: int | None
    addition: int
    most: int | None
    taken: int


@dataclass(frozen=True, slots=True)
class Dealt:
    """A unit's limit as it shall be, and how much of it stands in the limits of the units right below."""

    sanctioned: int
    dealt: int


def dealt_out(tops: Iterable[Top], own: Mapping[int, int], budget: int) -> dict[int, Dealt]:
    """Each unit's limit: its own cells and the limits right below it, ad-hoc additions among them.

    The bank's is the whole budget: the buffer is what it keeps. Raises AssertionError on a circle.
    """
    known = {top.unit: top for top in tops}
    below: dict[int, list[Top]] = {}
    for top in known.values():
        if top.above is not None:
            below.setdefault(top.above, []).append(top)
    made: dict[int, Dealt] = {}
    waiting = [top for top in known.values() if top.above is None]
    order: list[Top] = []
    while waiting:
        top = waiting.pop()
        order.append(top)
        waiting += below.get(top.unit, [])
    assert len(order) == len(known), "limits stand in a tree"
    for top in reversed(order):
        dealt = sum(made[one.unit].sanctioned + one.addition for one in below.get(top.unit, []))
        sanctioned = own.get(top.unit, 0) + dealt
        made[top.unit] = Dealt(sanctioned if top.above is not None else max(sanctioned, budget), dealt)
    return made


def too_small(tops: Iterable[Top], made: Mapping[int, Dealt]) -> dict[int, int]:
    """The units whose limit would be below what stands against it, and by how much."""
    found: dict[int, int] = {}
    for top in tops:
        most = made[top.unit].sanctioned + top.addition
        if top.most is not None:
            most = min(most, top.most)
        missing = top.taken + made[top.unit].dealt - most
        if missing > 0:
            found[top.unit] = missing
    return found
