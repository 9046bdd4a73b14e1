"""What may be booked in the small model: each operation answers DONE, or the code by which it is refused."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Self

from limit_model import ENDED, NO_ROOM, Commitment, Held, Model, Movement

DONE = "DONE"
AUTHORITY = 60
"""What overrides on one limit may amount to, at most."""
LONGEST = 60
"""For how many days an earmark may hold."""


def _stage(held: Held) -> str:
    """The status of a commitment that holds something."""
    named = ((held.earmarked, "EARMARKED"), (held.utilised, "UTILISED"), (held.reserved, "RESERVED"))
    return next((status for amount, status in named if amount), "")


class Bookings(Model):
    """A model on which operations act. What is refused leaves it as it was."""

    def _kept(self, change: Callable[[Self], str]) -> str:
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

        def book(trial: Self) -> str:
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

        def move(trial: Self) -> str:
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

        def undo(trial: Self) -> str:
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

        def book(trial: Self) -> str:
            for place, (client, leaf, _) in enumerate(parts):
                name = f"{key}/{place}"
                code = trial.draw(name, "SYNDICATE", client, leaf, shares[place])
                if code != DONE:
                    return code
            return DONE

        return self._kept(book)
