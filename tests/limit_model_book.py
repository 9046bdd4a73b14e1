"""What may be done in the small model: each operation answers DONE, or the code by which it is refused."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from limit_model import ENDED, HELD_STATUSES, NO_ROOM, Commitment, Held, Model, Movement, Node

DONE = "DONE"
AUTHORITY = 60
"""What overrides on one limit may amount to, at most."""
RAISED = 200
"""By how much one person at headquarters may raise a limit; more takes a second one."""
LONGEST = 60
"""For how many days an earmark may hold."""
REGION, ABOVE = 1, 2
"""Offices that keep limits."""


def _stage(held: Held) -> str:
    """The status of a commitment that holds something."""
    named = ((held.earmarked, "EARMARKED"), (held.utilised, "UTILISED"), (held.reserved, "RESERVED"))
    return next((status for amount, status in named if amount), "")


class Book(Model):
    """A model on which operations act. What is refused leaves it as it was."""

    def _kept(self, change: Callable[[Book], str]) -> str:
        """Do it to a copy, and take over what came out where it was done."""
        trial = copy.deepcopy(self)
        code = change(trial)
        if code == DONE:
            self.nodes, self.commitments, self.movements = trial.nodes, trial.commitments, trial.movements
        return code

    def passes(self, day: dt.date) -> None:
        """It is another day: earmarks whose time has come hold nothing any more."""
        self.day = day
        for one in self.commitments.values():
            if one.status == "EARMARKED" and one.expires_on is not None and one.expires_on <= day:
                one.status, one.held = "EXPIRED", Held()

    # Bookings

    def draw(
        self,
        name: str,
        operation: str,
        client: int,
        leaf: str,
        amount: int,
        currency: str = "CNY",
        *,
        expires_on: dt.date | None = None,
        partial: bool = False,
    ) -> str:
        """A new commitment: EARMARK, RESERVE or OVERRIDE."""
        node = self.nodes[leaf]
        if amount <= 0 or (expires_on is not None and expires_on <= self.day):
            return "INVALID_INPUT"
        if currency != node.currency:
            return "CURRENCY_DIFFERS"
        if operation == "OVERRIDE" and self.overridden(leaf) + amount > AUTHORITY:
            return "BEYOND_AUTHORITY"
        if code := self.out_of_force(leaf):
            return code
        if operation != "OVERRIDE" and not self.fits(leaf, amount):
            amount = self.available(leaf) if partial else 0
            if not amount:
                return NO_ROOM
        held = Held(earmarked=amount) if operation == "EARMARK" else Held(reserved=amount)
        status = "EARMARKED" if operation == "EARMARK" else "RESERVED"
        made = Commitment(
            leaf, client, status, held, expires_on, amount if operation == "OVERRIDE" else 0, self.day
        )

        def book(trial: Book) -> str:
            before = trial.sizes(leaf)
            trial.commitments[name] = made
            trial.movements[name] = Movement(name, operation, held, "", None, {}, {})
            if operation == "OVERRIDE" and trial._breaks_a_rule(before, leaf):
                return NO_ROOM
            if operation == "OVERRIDE" and trial._stacks(before):
                return "BEYOND_AUTHORITY"
            return DONE

        return self._kept(book)

    def _stacks(self, before: dict[str, int]) -> bool:
        """Whether a limit that this takes further beyond itself has more overrides than one may decide."""
        grown = (name for name, size in before.items() if self.committed(name) > size)
        return any(self.is_beyond(name) and self.overridden(name) > AUTHORITY for name in grown)

    def _breaks_a_rule(self, before: dict[str, int], leaf: str) -> bool:
        """Whether more is committed somewhere than the supervisor allows."""
        behind = False
        for node in self.path(leaf):
            size = self.committed(node.name)
            cap = node.regulatory_cap
            if (size > before[node.name] or not behind) and cap is not None and size + node.consumed > cap:
                return True
            behind = behind or node.fenced
        return False

    def extend(self, name: str, expires_on: dt.date) -> str:
        """Another expiry."""
        one = self.commitments[name]
        if one.status != "EARMARKED":
            return "COMMITMENT_ENDED"
        if expires_on <= max(self.day, one.expires_on or self.day):
            return "INVALID_INPUT"
        if code := self.out_of_force(one.node):
            return code
        if expires_on > (one.opened_on or self.day) + dt.timedelta(days=LONGEST):
            return "INVALID_INPUT"
        one.expires_on = expires_on
        return DONE

    def reserve(self, key: str, name: str, amount: int | None, *, partial: bool = False) -> str:
        """A hold becomes a promise; to a promise more is added."""
        one = self.commitments[name]
        if amount is None and one.status != "EARMARKED":
            return "INVALID_INPUT"
        if one.status in ENDED:
            return "COMMITMENT_ENDED"
        amount = one.held.earmarked if amount is None else amount
        if code := self.out_of_force(one.node):
            return code
        sizes = sorted({amount, *(range(amount) if partial else ())}, reverse=True)
        for size in sizes:
            after = Held(0, size + one.held.reserved, one.held.utilised)
            if size > 0 and self._moved(key, name, "RESERVE", after, "RESERVED", asks=True) == DONE:
                return DONE
        return NO_ROOM

    def utilise(self, key: str, name: str, amount: int, *, beyond: bool) -> str:
        """Draw down."""
        one = self.commitments[name]
        if one.status in ENDED or one.status == "EARMARKED":
            return "COMMITMENT_ENDED"
        if amount > one.held.reserved and not beyond:
            return "EXCEEDS_HELD"
        if code := self.out_of_force(one.node):
            return code
        after = Held(0, max(one.held.reserved - amount, 0), one.held.utilised + amount)
        return self._moved(key, name, "UTILISE", after, "UTILISED", asks=True, tolerant=True)

    def repay(self, key: str, name: str, amount: int, *, operation: str = "REPAY") -> str:
        """Take back what is owed, or give it up: each limit above by its own kind."""
        one = self.commitments[name]
        if one.status in ENDED:
            return "COMMITMENT_ENDED"
        if amount > one.held.utilised:
            return "EXCEEDS_HELD"
        after = Held(0, one.held.reserved, one.held.utilised - amount)
        status = _stage(after) or "REPAID"
        if operation == "WRITE_OFF" and not after.total:
            status = "WRITTEN_OFF"
        return self._moved(key, name, operation, after, status)

    def release(self, key: str, name: str, amount: int | None) -> str:
        """Give back what is held and not drawn."""
        one = self.commitments[name]
        if one.status in ENDED:
            return "COMMITMENT_ENDED"
        most = one.held.earmarked + one.held.reserved
        amount = most if amount is None else amount
        if amount > most or not amount:
            return "EXCEEDS_HELD"
        if one.held.earmarked:
            after = Held(earmarked=most - amount)
            status = "EARMARKED" if after.total else "CANCELLED"
        else:
            after = Held(0, most - amount, one.held.utilised)
            status = one.status if after.total else "RELEASED"
        return self._moved(key, name, "RELEASE", after, status)

    def _moved(
        self,
        key: str,
        name: str,
        operation: str,
        after: Held,
        status: str,
        *,
        asks: bool = False,
        tolerant: bool = False,
    ) -> str:
        one = self.commitments[name]

        def move(trial: Book) -> str:
            before, was = trial.sizes(one.node), one.held
            utilised = {node.name: trial.balance(node.name).utilised for node in trial.path(one.node)}
            trial.commitments[name].held, trial.commitments[name].status = after, status
            if asks and after.total > was.total and not trial.has_room(before, one.node, tolerant=tolerant):
                return NO_ROOM
            terms_before = trial._terms(one.node)
            if operation in ("REPAY", "WRITE_OFF"):
                trial._use_up(one.node, utilised)
            trial.movements[key] = Movement(
                name,
                operation,
                after.plus(was, -1),
                one.status,
                one.expires_on,
                terms_before,
                trial._terms(one.node),
            )
            return DONE

        return self._kept(move)

    def _terms(self, leaf: str) -> dict[str, tuple[int, int]]:
        return {node.name: (node.sanctioned, node.consumed) for node in self.path(leaf)}

    def _use_up(self, leaf: str, before: dict[str, int]) -> None:
        """What was paid back: a reducing limit gets smaller by it, one that does not revolve counts it."""
        for node in self.path(leaf):
            paid = before[node.name] - self.balance(node.name).utilised
            if node.reinstatement == "REDUCING":
                node.sanctioned = max(node.sanctioned - paid, 0)
            elif node.reinstatement == "NON_REVOLVING":
                node.consumed += paid

    def reverse(self, key: str, name: str) -> str:
        """The opposite movement; restores exactly."""
        movement = self.movements[name]
        one = self.commitments[movement.commitment]
        if movement.operation == "REVERSE":
            return "NOT_REVERSIBLE"
        if movement.is_reversed:
            return "ALREADY_REVERSED"
        after = one.held.plus(movement.delta, -1)
        if min(after.parts) < 0:
            return "NOT_REVERSIBLE"
        grows = after.total > one.held.total

        def undo(trial: Book) -> str:
            before = trial.sizes(one.node)
            mine = trial.commitments[movement.commitment]
            mine.held, mine.status = after, _stage(after) or movement.status_before or "REVERSED"
            mine.expires_on = movement.expires_before or mine.expires_on
            mine.overridden = 0 if movement.operation == "OVERRIDE" else mine.overridden
            for node, (sanctioned, consumed) in movement.terms_before.items():
                then = movement.terms_after[node]
                trial.nodes[node].sanctioned += sanctioned - then[0]
                trial.nodes[node].consumed += consumed - then[1]
                if min(trial.nodes[node].sanctioned, trial.nodes[node].consumed) < 0:
                    return "NOT_REVERSIBLE"
            if grows and (code := self.out_of_force(one.node)):
                return code
            if grows and not trial.has_room(before, one.node):
                return NO_ROOM
            trial.movements[name].is_reversed = True
            trial.movements[key] = Movement(
                movement.commitment, "REVERSE", after.plus(one.held, -1), one.status, None, {}, {}
            )
            # A hold whose time has passed meanwhile ends as soon as it is there again.
            trial.passes(trial.day)
            return DONE

        return self._kept(undo)

    def syndicate(self, key: str, parts: Sequence[tuple[int, str, int]], amount: int) -> str:
        """(client, leaf, weight) each: shares by largest remainder, all or none."""
        whole = sum(weight for _, _, weight in parts)
        exact = [Fraction(amount * weight, whole) for _, _, weight in parts]
        shares = [int(share) for share in exact]
        rest = sorted(range(len(parts)), key=lambda place: (shares[place] - exact[place], place))
        for place in rest[: amount - sum(shares)]:
            shares[place] += 1

        def book(trial: Book) -> str:
            for place, (client, leaf, _) in enumerate(parts):
                name = f"{key}/{place}"
                code = trial.draw(name, "SYNDICATE", client, leaf, shares[place])
                if code != DONE:
                    return code
            return DONE

        return self._kept(book)

    # Limits themselves

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
        more = after.most if longer else after.most - node.most
        raised = after.most if longer else max(node.raised + more, 0)
        if people == 1 and self._is_beyond_one(node, more, raised):
            node.pending = (terms, self.day + dt.timedelta(days=30))
            return DONE
        return self._changed(name, **terms, pending=None, raised=raised if people == 1 else 0)

    @staticmethod
    def _is_beyond_one(node: Node, more: int, raised: int) -> bool:
        return more > 0 and (raised > RAISED or node.currency != "CNY")

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

    def move(self, name: str, target: str, rank: int) -> str:
        """A subtree under another limit of the tenant; not away from under a freeze by an office above."""
        node, above = self.nodes[name], self.nodes[target]
        if any(one.frozen_rank > rank for one in self.path(name)):
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
            trial.nodes[name].parent = target
            return DONE if trial.has_room_above(before) else "BEYOND_PARENT"

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
