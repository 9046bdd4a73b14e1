"""The real API and a small model of the description, side by side: any history, and never a difference."""

from __future__ import annotations

import datetime as dt
import os
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test
from limit_bank import HANA
from limit_driving import Driven, client, money
from limit_machine import OF_TENANT, PRODUCTS, amounts, sizes, tenants
from limit_machine_bookings import Bookings
from limit_model import Node
from limit_model_book import ABOVE, REGION
from mutation_requests import EAST as RHEA
from small_bank import EAST, JIANGSU, PUDONG, SHANGHAI

from domain.access import Caller, Role
from schema.graph import Engine
from tenants.credentials import Credentials

STEPS = int(os.environ.get("LIMIT_STEPS", "0"))
"""How many steps to take; without it as many as the suite has time for."""
HELGA = Caller("helga", Role.HEADQUARTERS_ADMINISTRATOR)
offices = st.sampled_from([HANA, HANA, RHEA])
has_below = precondition(lambda self: self.below())


class LimitMachine(Bookings):
    """Rules that change limits themselves."""

    @initialize(lines=st.integers(1, 3))
    def a_bank(self, lines: int) -> None:
        self.begin()
        for index in range(lines):
            self._brought_into_force(self._new(SHANGHAI, f"T{SHANGHAI}", "CLIENT", index % 2, None, 150))

    # Limits themselves

    def _new(
        self,
        tenant: int,
        parent: str,
        kind: str,
        who: int | None,
        product: str | None,
        size: int,
        **more: Any,
    ) -> Node:
        return Node(self.name("n"), tenant, parent, size, kind, client=who, product=product, **more)

    def _drafted(self, node: Node) -> bool:
        rate = node.rate
        cap = {"collateralCap": node.collateral_cap, "regulatoryCap": node.regulatory_cap}
        answer = self.sent(
            HANA,
            "createLimitNode",
            kind=node.kind,
            name=node.name,
            parentId=self.ids[node.parent or ""],
            clientId=None if node.client is None else client(node.client),
            product=node.product,
            sanctioned=money(node.sanctioned, node.currency),
            tolerance=str(float(node.tolerance)),
            reinstatement=node.reinstatement,
            sharing="RING_FENCED" if node.fenced else "SHARED",
            parentRate=str(float(rate)),
            validFrom=str(node.valid_from),
            validUntil=str(node.valid_until),
            **{name: money(one, node.currency) for name, one in cap.items() if one is not None},
        )
        taken = node.kind == "CLIENT" and any(
            one.kind == "CLIENT" and one.client == node.client and one.status != "CLOSED"
            for one in self.model.nodes.values()
        )
        if taken:
            # Both may stand in the way; which is told is not said anywhere.
            told = ("ALREADY_REGISTERED", "OUTLASTS_PARENT", "LIMIT_CLOSED", "KIND_NOT_ALLOWED_THERE")
            assert answer.code in told, answer
            return False
        if not self.same(answer, self.model.open(node)):
            return False
        self.ids[node.name] = answer.payload["node"]["id"]
        return True

    def _kept(
        self, name: str, mutation: str, caller: Caller, expected: str, *accepted: str, **said: Any
    ) -> bool:
        answer = self.sent(caller, mutation, nodeId=self.ids[name], **said)
        return self.same(answer, expected, *accepted)

    def _version(self, name: str) -> int:
        told = self.driven.ask(
            HANA, "query ($id: ID!) { node(id: $id) { ... on LimitNode { version } } }", id=self.ids[name]
        )
        version: int = told["node"]["version"]
        return version

    def _approve(self, name: str) -> bool:
        version = self._version(name)
        second = HELGA if name.startswith("T") else RHEA
        return self._kept(name, "approveLimitNode", second, self.model.approve(name), expectedVersion=version)

    def _activate(self, name: str) -> bool:
        version = self._version(name)
        return self._kept(name, "activateLimitNode", HANA, self.model.activate(name), expectedVersion=version)

    def _brought_into_force(self, node: Node) -> None:
        if self._drafted(node) and self._approve(node.name):
            self._activate(node.name)

    def below(self, tenant: int | None = None) -> list[str]:
        """Limits that are no unit's own."""
        return [
            node.name
            for node in self.model.nodes.values()
            if not node.name.startswith("T") and tenant in (None, node.tenant)
        ]

    @rule(
        data=st.data(),
        tenant=tenants,
        kind=st.sampled_from(["GROUP", "CLIENT", "CLIENT", "FACILITY", "SUBLIMIT"]),
        size=sizes,
        fenced=st.booleans(),
        reinstatement=st.sampled_from(["REVOLVING", "REVOLVING", "NON_REVOLVING", "REDUCING"]),
        tolerance=st.sampled_from([0, 0, 0, 5, 10, 50]),
        abroad=st.sampled_from([None, None, None, "7", "0.5", "1.5", "7.125", "0.03125"]),
        caps=st.sampled_from([(None, None)] * 4 + [(100, None), (None, 100), (90, 120)]),
        validity=st.sampled_from([None, None, None, (0, 60), (5, 90), (-400, 4000), (0, 36500)]),
        whole=st.sampled_from([True, True, True, False]),
    )
    def open_limit(
        self,
        data: st.DataObject,
        tenant: int,
        kind: str,
        size: int,
        fenced: bool,
        reinstatement: str,
        tolerance: int,
        abroad: str | None,
        caps: tuple[int | None, int | None],
        validity: tuple[int, int] | None,
        whole: bool,
    ) -> None:
        if len(self.below()) > 14:
            return
        parent = data.draw(
            st.sampled_from([one.name for one in self.model.nodes.values() if one.tenant == tenant])
        )
        above = self.model.nodes[parent]
        who = None if kind == "GROUP" else data.draw(st.sampled_from(OF_TENANT[tenant]))
        if above.client is not None and who is not None:
            who = above.client
        product = data.draw(st.sampled_from(PRODUCTS)) if kind in ("FACILITY", "SUBLIMIT") else None
        more: dict[str, Any] = {"currency": above.currency, "rate": Fraction(1)}
        if abroad is not None:
            more = {"currency": "USD" if above.currency == "CNY" else "CNY", "rate": Fraction(abroad)}
        more |= {"valid_from": above.valid_from, "valid_until": above.valid_until}
        if validity is not None:
            more |= {
                "valid_from": self.model.day + dt.timedelta(days=validity[0]),
                "valid_until": self.model.day + dt.timedelta(days=validity[1]),
            }
        node = self._new(
            tenant,
            parent,
            kind,
            who,
            product,
            size,
            fenced=fenced,
            reinstatement=reinstatement,
            tolerance=Fraction(tolerance, 100),
            collateral_cap=caps[0],
            regulatory_cap=caps[1],
            **more,
        )
        if whole:
            self._brought_into_force(node)
        else:
            self._drafted(node)

    @has_below
    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        proposed = [node.name for node in self.model.nodes.values() if node.pending]
        self._approve(self.pick(data, proposed or self.below()))

    @has_below
    @rule(data=st.data())
    def activate(self, data: st.DataObject) -> None:
        self._activate(self.pick(data, self.below()))

    @rule(data=st.data(), size=sizes, of_top=st.sampled_from([False, False, True]))
    def adjust(self, data: st.DataObject, size: int, of_top: bool) -> None:
        tops = [f"T{unit}" for unit in (EAST, SHANGHAI, JIANGSU, PUDONG)]
        name = self.pick(data, tops if of_top or not self.below() else self.below())
        if of_top:
            size *= 2
        node = self.model.nodes[name]
        said = {"sanctioned": money(size, node.currency), "expectedVersion": self._version(name)}
        self._kept(name, "adjustLimit", HANA, self.model.adjust(name, sanctioned=size), **said)
        self._looked_at(data, name)

    @has_below
    @rule(data=st.data(), lasts=st.integers(-10, 120))
    def adjust_validity(self, data: st.DataObject, lasts: int) -> None:
        name = self.pick(data, self.below())
        last = self.model.day + dt.timedelta(days=lasts)
        said = {"validUntil": str(last), "expectedVersion": self._version(name)}
        self._kept(name, "adjustLimit", HANA, self.model.adjust(name, valid_until=last), **said)
        self._looked_at(data, name)

    @rule(data=st.data(), size=amounts, first=st.integers(-3, 20), lasts=st.integers(0, 40))
    def grant_addition(self, data: st.DataObject, size: int, first: int, lasts: int) -> None:
        name = self.pick(data, [*self.below(), f"T{SHANGHAI}", f"T{JIANGSU}"])
        node = self.model.nodes[name]
        day = self.model.day + dt.timedelta(days=first)
        last = day + dt.timedelta(days=lasts)
        said = {"amount": money(size, node.currency), "from": str(day), "until": str(last)}
        self._kept(name, "grantAddition", HANA, self.model.add(name, size, day, last), **said)
        self._looked_at(data, name)

    def _looked_at(self, data: st.DataObject, name: str) -> None:
        """What has been proposed is often approved soon."""
        if self.model.nodes[name].pending and data.draw(st.booleans()):
            self._approve(name)

    @rule(data=st.data(), amount=amounts)
    def transfer(self, data: st.DataObject, amount: int) -> None:
        names = [*self.below(), f"T{SHANGHAI}", f"T{JIANGSU}"]
        source = self.pick(data, names)
        mine = self.model.nodes[source]
        beside = [name for name in names if self.model.nodes[name].parent == mine.parent and name != source]
        target = self.pick(data, beside or names)
        answer = self.sent(
            HANA,
            "transferLimit",
            fromNodeId=self.ids[source],
            toNodeId=self.ids[target],
            amount=money(amount, mine.currency),
        )
        self.same(answer, self.model.transfer(source, target, amount))

    def _office(self, name: str, caller: Caller) -> tuple[Caller, int]:
        """Who may keep the limit, and how far up."""
        caller = HANA if name.startswith("T") else caller
        return caller, ABOVE if caller is HANA else REGION

    @rule(data=st.data(), caller=offices)
    def freeze(self, data: st.DataObject, caller: Caller) -> None:
        name = self.pick(data, [*self.below(), f"T{SHANGHAI}", f"T{EAST}"])
        caller, rank = self._office(name, caller)
        self._kept(name, "freezeLimit", caller, self.model.freeze(name, rank), reason="fire")

    @rule(data=st.data(), caller=offices)
    def unfreeze(self, data: st.DataObject, caller: Caller) -> None:
        frozen = [node.name for node in self.model.nodes.values() if node.status == "FROZEN"]
        name = self.pick(data, frozen or ["T1"])
        caller, rank = self._office(name, caller)
        self._kept(name, "unfreezeLimit", caller, self.model.unfreeze(name, rank))

    @has_below
    @rule(data=st.data(), caller=offices)
    def close(self, data: st.DataObject, caller: Caller) -> None:
        name = self.pick(data, self.below())
        caller, rank = self._office(name, caller)
        self._kept(name, "closeLimit", caller, self.model.close(name, rank))

    @has_below
    @rule(data=st.data(), caller=offices)
    def move(self, data: st.DataObject, caller: Caller) -> None:
        name = self.pick(data, self.below())
        node = self.model.nodes[name]
        target = self.pick(
            data,
            [one.name for one in self.model.nodes.values() if one.tenant == node.tenant and one is not node],
        )
        same = self.model.nodes[target].currency == self.model.nodes[node.parent or ""].currency
        if not same:
            return
        caller, rank = self._office(name, caller)
        expected = self.model.move(name, target, rank, is_writer=caller is HANA)
        self._kept(name, "moveLimitNode", caller, expected, newParentId=self.ids[target])

    @has_below
    @rule(data=st.data(), rate=st.sampled_from(["7", "0.5", "1.5", "8.0625", "0.03125"]))
    def revalue(self, data: st.DataObject, rate: str) -> None:
        abroad = [
            node.name
            for node in self.model.nodes.values()
            if node.parent
            and node.currency != self.model.nodes[node.parent].currency
            and node.status != "CLOSED"
        ]
        if abroad:
            name = self.pick(data, abroad)
            self._kept(name, "revalueLimit", HANA, self.model.revalue(name, Fraction(rate)), rate=rate)


def test_the_api_and_the_model_never_differ(credentials: Credentials, engine: Engine) -> None:
    steps = 50 if STEPS else 25
    driven = Driven(credentials, engine)
    LimitMachine.driven = driven
    try:
        run_state_machine_as_test(
            LimitMachine,
            settings=settings(
                max_examples=max(STEPS // steps, 5),
                stateful_step_count=steps,
                deadline=None,
                derandomize=not STEPS,
                database=None,
                suppress_health_check=list(HealthCheck),
                print_blob=False,
                # What fails is said as it was found: shrinking takes minutes.
                phases=(Phase.generate, Phase.shrink)
                if os.environ.get("LIMIT_SHRINK")
                else (Phase.generate,),
                report_multiple_bugs=False,
            ),
        )
    finally:
        driven.close()
