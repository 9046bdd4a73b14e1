"""What a state machine over limits books, at the API and in the model, and that days pass."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from limit_driving import Answer, client, minor, money
from limit_machine import OF_TENANT, PRODUCTS, SideBySide, amounts, days, has_held, tenants
from limit_model import NO_ROOM
from limit_model_bookings import DONE
from mutation_requests import EAST as RHEA
from small_bank import CLIENTS


class Bookings(SideBySide):
    """Rules that move commitments."""

    # Time

    @rule(count=days, sweeps=st.booleans())
    def days_pass(self, count: int, sweeps: bool) -> None:
        day = self.model.day + dt.timedelta(days=count)
        self.driven.passes(day, sweeps=sweeps)
        self.model.passes(day)

    # Bookings

    @rule(
        data=st.data(),
        tenant=tenants,
        operation=st.sampled_from(["EARMARK", "EARMARK", "RESERVE", "RESERVE", "RESERVE", "OVERRIDE"]),
        amount=amounts,
        product=st.sampled_from(PRODUCTS),
        explicit=st.booleans(),
        lasts=days,
        partial=st.booleans(),
        odd_currency=st.sampled_from([False] * 9 + [True]),
    )
    def draw(
        self,
        data: st.DataObject,
        tenant: int,
        operation: str,
        amount: int,
        product: str,
        explicit: bool,
        lasts: int,
        partial: bool,
        odd_currency: bool,
    ) -> None:
        who = data.draw(st.sampled_from(OF_TENANT[tenant]))
        leaf = self.model.leaf_of(who, tenant, product, f"T{tenant}")
        node = None
        if explicit:
            # Whoever has a limit of its own does not evade it by naming the branch's or a group's.
            has_own = leaf != f"T{tenant}"
            mine = [
                one.name
                for one in self.model.nodes.values()
                if one.tenant == tenant
                and one.product in (None, product)
                and (one.client == who or (one.client is None and not has_own))
            ]
            leaf = self.pick(data, mine)
            node = self.ids[leaf]
        currency = self.model.nodes[leaf].currency
        if odd_currency:
            currency = "EUR"
        expires = self.model.day + dt.timedelta(days=lasts)
        said: dict[str, Any] = {
            "clientId": client(who),
            "product": product,
            "amount": money(amount, currency),
            "nodeId": node,
        }
        caller = self.officer(tenant)
        mutation = {"EARMARK": "earmarkQuota", "RESERVE": "reserveQuota", "OVERRIDE": "overrideQuota"}[
            operation
        ]
        if operation == "EARMARK":
            said["expiresAt"] = f"{expires}T00:00:00Z"
        elif operation == "RESERVE":
            said["partial"] = partial
        else:
            said["reason"], caller = "because", RHEA
        name = self.name("c")
        room = 0 if odd_currency else self.model.available(leaf)
        answer = self.sent(caller, mutation, **said)
        expected = self.model.draw(
            name,
            operation,
            who,
            leaf,
            amount,
            currency,
            expires_on=expires if operation == "EARMARK" else None,
            partial=partial and operation == "RESERVE",
        )
        if self.same(answer, expected):
            self.ids[name] = answer.commitment
            self.ids["m" + name] = answer.payload["movement"]["id"]
            self.model.movements["m" + name] = self.model.movements.pop(name)
        elif expected == NO_ROOM and operation != "OVERRIDE":
            assert minor(answer.payload["available"]) == room, (answer, room)

    def _held(self) -> list[str]:
        return sorted(self.model.commitments)

    def _moved(self, key: str, answer: Answer, expected: str, *accepted: str) -> None:
        if self.same(answer, expected, *accepted):
            self.ids[key] = answer.payload["movement"]["id"]

    def _on(self, name: str, mutation: str, amount: int | None = None, **said: Any) -> Answer:
        one = self.model.commitments[name]
        node = self.model.nodes[one.node]
        given = None if amount is None else money(amount, node.currency)
        return self.sent(
            self.officer(node.tenant), mutation, commitmentId=self.ids[name], amount=given, **said
        )

    @has_held
    @rule(data=st.data(), lasts=days)
    def extend(self, data: st.DataObject, lasts: int) -> None:
        name = self.pick(data, self._held())
        day = self.model.day + dt.timedelta(days=lasts)
        answer = self._on(name, "extendEarmark", expiresAt=f"{day}T00:00:00Z")
        self.same(answer, self.model.extend(name, day))

    @has_held
    @rule(data=st.data(), amount=st.none() | amounts, partial=st.booleans())
    def reserve(self, data: st.DataObject, amount: int | None, partial: bool) -> None:
        name, key = self.pick(data, self._held()), self.name("m")
        answer = self._on(name, "reserveQuota", amount, partial=partial)
        self._moved(key, answer, self.model.reserve(key, name, amount, partial=partial))

    @has_held
    @rule(data=st.data(), amount=amounts, beyond=st.booleans())
    def utilise(self, data: st.DataObject, amount: int, beyond: bool) -> None:
        name, key = self.pick(data, self._held()), self.name("m")
        answer = self._on(name, "utiliseQuota", amount, beyondReservation=beyond)
        self._moved(key, answer, self.model.utilise(key, name, amount, beyond=beyond))

    @has_held
    @rule(data=st.data())
    def utilise_all(self, data: st.DataObject) -> None:
        promised = [name for name, one in self.model.commitments.items() if one.held.reserved]
        if promised:
            name, key = self.pick(data, promised), self.name("m")
            amount = self.model.commitments[name].held.reserved
            answer = self._on(name, "utiliseQuota", amount)
            self._moved(key, answer, self.model.utilise(key, name, amount, beyond=False))

    @has_held
    @rule(
        data=st.data(),
        amount=amounts,
        mutation=st.sampled_from(["repayQuota", "repayQuota", "writeOffQuota"]),
    )
    def repay(self, data: st.DataObject, amount: int, mutation: str) -> None:
        drawn = [name for name, one in self.model.commitments.items() if one.held.utilised]
        name, key = self.pick(data, drawn or self._held()), self.name("m")
        amount = min(amount, self.model.commitments[name].held.utilised + 3)
        operation = "REPAY" if mutation == "repayQuota" else "WRITE_OFF"
        answer = self._on(name, mutation, amount)
        self._moved(key, answer, self.model.repay(key, name, amount, operation=operation))

    @has_held
    @rule(data=st.data(), amount=st.none() | amounts)
    def release(self, data: st.DataObject, amount: int | None) -> None:
        name, key = self.pick(data, self._held()), self.name("m")
        answer = self._on(name, "releaseQuota", amount)
        self._moved(key, answer, self.model.release(key, name, amount))

    @precondition(lambda self: self.model.movements)
    @rule(data=st.data(), latest=st.booleans())
    def reverse(self, data: st.DataObject, latest: bool) -> None:
        known = [name for name in self.model.movements if name in self.ids]
        if not known:
            return
        name, key = (known[-1] if latest else self.pick(data, known)), self.name("m")
        tenant = self.model.nodes[self.model.commitments[self.model.movements[name].commitment].node].tenant
        answer = self.sent(
            self.officer(tenant), "reverseMovement", movementId=self.ids[name], reason="mistake"
        )
        self._moved(key, answer, self.model.reverse(key, name))

    @rule(data=st.data(), amount=amounts, weights=st.lists(st.integers(1, 9), min_size=2, max_size=3))
    def syndicate(self, data: st.DataObject, amount: int, weights: list[int]) -> None:
        clients = data.draw(st.permutations([0, 3, 2]))[: len(weights)]
        parts = []
        for who, weight in zip(clients, weights, strict=True):
            tenant = CLIENTS[who][0]
            parts.append((who, self.model.leaf_of(who, tenant, PRODUCTS[0], f"T{tenant}"), weight))
        if any(self.model.nodes[leaf].currency != "CNY" for _, leaf, _ in parts) or amount < 3 * 9 * 3:
            return
        key = self.name("s")
        answer = self.sent(
            RHEA,
            "syndicateQuota",
            product=PRODUCTS[0],
            amount=money(amount),
            partners=[{"clientId": client(who), "weight": str(weight)} for who, _, weight in parts],
        )
        # Which of several refusals is told first is not said anywhere.
        codes = {self.model.draw("?", "RESERVE", who, leaf, 10**6) for who, leaf, _ in parts}
        if self.same(
            answer, self.model.syndicate(key, parts, amount), *(codes if answer.code != DONE else ())
        ):
            of_client = {one: rest for one, *rest in self.driven.syndicated(answer.payload["movement"]["id"])}
            for place, (who, _, _) in enumerate(parts):
                movement, commitment = of_client[client(who)]
                name = f"{key}/{place}"
                self.ids[name], self.ids["m" + name] = commitment, movement
                self.model.movements["m" + name] = self.model.movements.pop(name)

    @precondition(lambda self: self.last is not None)
    @rule(other=st.booleans())
    def again(self, other: bool) -> None:
        """Sent again the answer is the same and nothing is booked; with other words it is refused."""
        assert self.last is not None
        caller, mutation, key, said, answer = self.last
        if other and "amount" in said:
            said = said | {"amount": said["amount"] | {"amount": "0.77"}}
            if said["amount"] != self.last[3]["amount"]:
                assert self.driven.send(caller, mutation, key, said).code == "IDEMPOTENCY_KEY_REUSED"
            return
        repeated = self.driven.send(caller, mutation, key, said)
        assert repeated.code == answer.code
        if answer.code == DONE and "movement" in answer.payload:
            assert repeated.payload == answer.payload
        if answer.code != DONE:
            assert repeated.payload == answer.payload
