"""What may be done to limits themselves in the small model, beside what is booked on them."""

from __future__ import annotations

import copy
import datetime as dt
from fractions import Fraction
from typing import Any

from limit_model import HELD_STATUSES, NO_ROOM, Node
from limit_model_bookings import AUTHORITY, DONE, Bookings

RAISED = 200
"""By how much one person at headquarters may raise a limit; more takes a second one."""
REGION, ABOVE = 1, 2
"""Offices that keep limits."""


class Book(Bookings):
    """The whole model."""

    def open(self, node: Node) -> str:
        """A draft."""
        above = self.nodes[node.parent or ""]
        if above.status == "CLOSED":
            return "LIMIT_CLOSED"
        if node.valid_from < above.valid_from or node.valid_until > above.valid_until:
            return "OUTLASTS_PARENT"
        node.status = "DRAFT"
        self.nodes[node.name] = node
        return DONE

    def approve(self, name: str) -> str:
        """By a second person."""
        node = self.nodes[name]
        if node.pending and node.status != "CLOSED":
            terms, until = node.pending
            if self.day > until:
                return "STATUS_MAY_NOT_FOLLOW"
            return self._add(name, terms, 2) if "addition" in terms else self._adjust(name, terms, 2)
        if node.status != "DRAFT":
            return self._may_not_follow(node)
        node.status = "APPROVED"
        return DONE

    def _decided(self, name: str, terms: dict[str, Any], people: int) -> str:
        """Other terms: done by one within what is delegated to him, else proposed."""
        node, trial = self.nodes[name], copy.deepcopy(self)
        if node.status not in HELD_STATUSES:
            return self._changed(name, **terms)
        if (code := trial._changed(name, **terms)) != DONE:
            return code
        after = trial.nodes[name]
        longer = after.valid_until > node.valid_until or after.valid_from < node.valid_from
        before = copy.copy(node)
        if self._adds_longer(node, after):
            before.addition = 0
        more = after.most if longer else after.most - before.most
        raised = after.most if longer else max(node.raised + more, 0)
        if people == 1 and self._is_beyond_one(node, more, raised):
            node.pending = (terms, self.day + dt.timedelta(days=30))
            return DONE
        return self._changed(name, **terms, pending=None, raised=raised if people == 1 else 0)

    @staticmethod
    def _adds_longer(node: Node, after: Node) -> bool:
        """An addition that is to last longer is decided anew."""
        if not (node.addition_from and node.addition_until and after.addition_from and after.addition_until):
            return False
        return after.addition_until > node.addition_until or after.addition_from < node.addition_from

    @staticmethod
    def _is_beyond_one(node: Node, more: int, raised: int, alone: int = RAISED) -> bool:
        return more > 0 and (raised > alone or node.currency != "CNY")

    @staticmethod
    def _may_not_follow(node: Node) -> str:
        return "LIMIT_CLOSED" if node.status == "CLOSED" else "STATUS_MAY_NOT_FOLLOW"

    def activate(self, name: str) -> str:
        """Into force: a fence takes its amount out of what is above."""
        node = self.nodes[name]
        if node.status != "APPROVED":
            return self._may_not_follow(node)
        if self.day > node.valid_until:
            return "LIMIT_EXPIRED"
        if code := self.out_of_force(node.parent or ""):
            return code
        return self._changed(name, status="ACTIVE")

    def adjust(self, name: str, **terms: Any) -> str:
        """Other terms. A cut takes nothing away; what is more must be there above."""
        return self._adjust(name, terms, 1)

    def _adjust(self, name: str, terms: dict[str, Any], people: int) -> str:
        node = self.nodes[name]
        if node.status == "CLOSED":
            return "LIMIT_CLOSED"
        first = terms.get("valid_from", node.valid_from)
        last = terms.get("valid_until", node.valid_until)
        if last < first:
            return "INVALID_INPUT"
        above = self.nodes[node.parent or ""]
        if first < above.valid_from or last > above.valid_until:
            return "OUTLASTS_PARENT"
        below = [child for child in self.nodes.values() if child.parent == name and child.status != "CLOSED"]
        if any(child.valid_from < first or child.valid_until > last for child in below):
            return "OUTLASTS_PARENT"
        if node.status == "APPROVED":
            # Other terms are to be approved anew.
            terms["status"] = "DRAFT"
        return self._decided(name, terms, people)

    def add(self, name: str, amount: int, first: dt.date, last: dt.date) -> str:
        """More for some days."""
        return self._add(name, {"addition": amount, "addition_from": first, "addition_until": last}, 1)

    def _add(self, name: str, terms: dict[str, Any], people: int) -> str:
        node, first, last = self.nodes[name], terms["addition_from"], terms["addition_until"]
        if code := self.idle_because(node):
            return code
        if last < self.day or first < node.valid_from or last > node.valid_until:
            return "INVALID_INPUT"
        return self._decided(name, terms, people)

    def _changed(self, name: str, **terms: Any) -> str:
        """Change a node where what it adds above has room there."""

        def change(trial: Book) -> str:
            above = trial.nodes[name].parent or ""
            before = trial.sizes(above)
            for term, value in terms.items():
                setattr(trial.nodes[name], term, value)
            grown = any(trial.committed(node) > size for node, size in before.items())
            return DONE if not grown or trial.has_room_above(before) else "BEYOND_PARENT"

        return self._kept(change)

    def has_room_above(self, before: dict[str, int]) -> bool:
        """Whether what has grown since fits."""
        return all(self.committed(node) <= size or self.headroom(node) >= 0 for node, size in before.items())

    def transfer(self, source: str, target: str, amount: int) -> str:
        """Part of one limit to one beside it."""
        giver, taker = self.nodes[source], self.nodes[target]
        if source == target:
            return "INVALID_INPUT"
        if giver.parent != taker.parent:
            return "NOT_SIBLINGS"
        if giver.currency != taker.currency:
            return "CURRENCY_DIFFERS"
        if code := self.idle_because(giver) or self.idle_because(taker):
            return code

        def change(trial: Book) -> str:
            above = giver.parent or ""
            before = trial.sizes(above)
            trial.nodes[source].sanctioned -= amount
            trial.nodes[target].sanctioned += amount
            if trial.nodes[source].sanctioned < 0 or trial.headroom(source) < 0:
                return NO_ROOM
            if not trial.has_room_above(before):
                return "BEYOND_PARENT"
            for before_it in (giver, taker):
                after = trial.nodes[before_it.name]
                more = after.most - before_it.most
                after.raised, after.pending = max(before_it.raised + more, 0), None
                if self._is_beyond_one(after, more, after.raised):
                    return "BEYOND_AUTHORITY"
            return DONE

        return self._kept(change)

    def freeze(self, name: str, rank: int) -> str:
        """Nothing new; of a unit's own node, nothing new in the units below. An office above takes it over."""
        here = self.nodes[name]
        is_taken_over = here.status == "FROZEN" and here.frozen_by == name and rank > here.frozen_rank
        if here.status == "FROZEN" and not is_taken_over:
            return "LIMIT_FROZEN"
        if here.status not in ("ACTIVE", "FROZEN"):
            return self._may_not_follow(here)
        here.frozen_rank = rank
        for node in [here, *self._units_below(name)]:
            if node.status == "ACTIVE":
                node.status, node.frozen_by, node.frozen_rank = "FROZEN", name, rank
        return DONE

    def unfreeze(self, name: str, rank: int) -> str:
        """Undoes exactly that; not what an office above has frozen."""
        node = self.nodes[name]
        if node.status != "FROZEN":
            return self._may_not_follow(node)
        if node.frozen_by != name:
            return "LIMIT_FROZEN"
        if any(above.status == "FROZEN" for above in self._next_above(node)):
            return "LIMIT_FROZEN"
        if node.frozen_rank > rank:
            return "BEYOND_AUTHORITY"
        for one in self.nodes.values():
            if one.frozen_by == name:
                one.status, one.frozen_by, one.frozen_rank = "ACTIVE", None, 0
        return DONE

    def _next_above(self, node: Node) -> list[Node]:
        """All above in the tenant; of a unit's own node the one that it stands under."""
        over = self.path(node.name)[1:]
        return over or [self.nodes[above] for above in [node.parent] if above]

    def _units_below(self, name: str) -> list[Node]:
        below = [
            node
            for node in self.nodes.values()
            if node.parent == name and node.tenant != self.nodes[name].tenant
        ]
        return [one for node in below for one in (node, *self._units_below(node.name))]

    def close(self, name: str, rank: int) -> str:
        """Nothing may be held there, and no limit stand below."""
        node = self.nodes[name]
        if node.frozen_rank > rank:
            return "BEYOND_AUTHORITY"
        if node.status == "CLOSED":
            return "LIMIT_CLOSED"
        open_below = [one for one in self.nodes.values() if one.parent == name and one.status != "CLOSED"]
        if self.balance(name).total or open_below:
            return "STILL_COMMITTED"
        node.status, node.frozen_rank = "CLOSED", 0
        return DONE

    def move(self, name: str, target: str, rank: int, *, is_writer: bool) -> str:
        """A subtree under another limit of the tenant; not away from under a freeze by an office above.

        Out from under a limit it is as if it were raised from nothing.
        """
        node, above = self.nodes[name], self.nodes[target]
        if any(one.frozen_rank > rank for one in self.path(name)):
            return "BEYOND_AUTHORITY"
        if node.status in ("DRAFT", "APPROVED") and not is_writer:
            return "BEYOND_AUTHORITY"
        if node.parent == target:
            return "INVALID_INPUT"
        if node in self.path(target):
            return "WOULD_CREATE_CYCLE"
        if above.status == "CLOSED" or node.status == "CLOSED":
            return "LIMIT_CLOSED"
        if code := self.out_of_force(target):
            return code
        if node.valid_from < above.valid_from or node.valid_until > above.valid_until:
            return "OUTLASTS_PARENT"

        def change(trial: Book) -> str:
            before = trial.sizes(target)
            after, kept = trial.nodes[name], {one.name for one in self.path(target)}
            after.parent = target
            if after.status == "APPROVED":
                after.status = "DRAFT"
            if not trial.has_room_above(before):
                return "BEYOND_PARENT"
            if after.status in HELD_STATUSES and any(one.name not in kept for one in self.path(name)[1:]):
                after.raised, after.pending = after.most, None
                alone = RAISED if rank == ABOVE else AUTHORITY
                return (
                    "BEYOND_AUTHORITY" if self._is_beyond_one(after, after.most, after.most, alone) else DONE
                )
            return DONE

        return self._kept(change)

    def revalue(self, name: str, rate: Fraction) -> str:
        """Another rate; may show a breach, never refuses."""
        if self.nodes[name].rate == rate:
            return "INVALID_INPUT"
        self.nodes[name].rate = rate
        return DONE

    def beyond(self) -> set[str]:
        """The nodes that have to be flagged."""
        return {
            name for name, node in self.nodes.items() if self.is_beyond(name) and node.status in HELD_STATUSES
        }
