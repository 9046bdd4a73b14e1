"""The organisation tree: who is under whom, and what may be moved where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class UnitKind(StrEnum):
    """Kinds of organisation unit, from the top of the tree down."""

    HEADQUARTERS = "HEADQUARTERS"
    REGION = "REGION"
    BRANCH = "BRANCH"
    SUB_BRANCH = "SUB_BRANCH"


KINDS_BELOW: dict[UnitKind, frozenset[UnitKind]] = {
    UnitKind.HEADQUARTERS: frozenset({UnitKind.REGION, UnitKind.BRANCH}),
    UnitKind.REGION: frozenset({UnitKind.REGION, UnitKind.BRANCH}),
    UnitKind.BRANCH: frozenset({UnitKind.SUB_BRANCH}),
    UnitKind.SUB_BRANCH: frozenset({UnitKind.SUB_BRANCH}),
}
"""Which kinds may stand directly under which: regions and sub-branches nest to any depth."""

KINDS_WITH_CLIENTS = frozenset({UnitKind.BRANCH, UnitKind.SUB_BRANCH})
"""Kinds that keep clients of their own."""


class MoveRefusal(StrEnum):
    """Why a unit may not be moved, in the order in which it is asked."""

    ROOT_STAYS = "ROOT_STAYS"
    WOULD_CREATE_CYCLE = "WOULD_CREATE_CYCLE"
    KIND_NOT_ALLOWED_THERE = "KIND_NOT_ALLOWED_THERE"


@dataclass(frozen=True, slots=True)
class Unit:
    """One node of the tree; `id` is also the tenant key (`branch_id`) of what the unit owns."""

    id: int
    code: str
    kind: UnitKind
    parent_id: int | None


class Organisation:
    """The whole tree as it stood at one moment. Immutable; every question is answered from memory."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._by_id = {unit.id: unit for unit in units}
        self._by_code = {unit.code: unit for unit in self._by_id.values()}
        # Walked when first asked for: every request of an office asks.
        self._subtrees: dict[int, tuple[int, ...]] = {}

    def __iter__(self) -> Iterator[Unit]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def unit(self, unit_id: int) -> Unit | None:
        """The unit with this id, if there is one."""
        return self._by_id.get(unit_id)

    def with_code(self, code: str) -> Unit | None:
        """The unit with this code, if there is one."""
        return self._by_code.get(code)

    @cached_property
    def _children(self) -> dict[int | None, list[int]]:
        children: dict[int | None, list[int]] = {}
        for unit in self:
            children.setdefault(unit.parent_id, []).append(unit.id)
        return children

    def subtree(self, unit_id: int) -> tuple[int, ...]:
        """The unit and everything below it, ascending by id; empty where there is no such unit."""
        if unit_id not in self._subtrees:
            self._subtrees[unit_id] = self._walk(unit_id)
        return self._subtrees[unit_id]

    def _walk(self, unit_id: int) -> tuple[int, ...]:
        if unit_id not in self._by_id:
            return ()
        found: set[int] = set()
        waiting = [unit_id]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting += self._children.get(current, ())
        return tuple(sorted(found))

    def ancestors(self, unit_id: int) -> tuple[int, ...]:
        """The units above, nearest first, headquarters last."""
        above: list[int] = []
        unit = self._by_id.get(unit_id)
        while unit and unit.parent_id is not None and unit.parent_id not in above:
            above.append(unit.parent_id)
            unit = self._by_id.get(unit.parent_id)
        return tuple(above)

    def all_ids(self) -> tuple[int, ...]:
        """Every unit's id, ascending."""
        return tuple(sorted(self._by_id))


def refuse_move(organisation: Organisation, *, unit: Unit, new_parent: Unit) -> MoveRefusal | None:
    """Why `unit` may not stand under `new_parent`; None where it may."""
    if unit.parent_id is None:
        return MoveRefusal.ROOT_STAYS
    if new_parent.id in organisation.subtree(unit.id):
        return MoveRefusal.WOULD_CREATE_CYCLE
    if unit.kind not in KINDS_BELOW[new_parent.kind]:
        return MoveRefusal.KIND_NOT_ALLOWED_THERE
    return None
