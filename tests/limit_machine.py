"""A bank and a model that are asked the same: what a state machine over limits begins with, and compares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition
from limit_bank import DAY, HANA, JIANGSU_OFFICER, OFFICER, TOPS, top
from limit_driving import Answer, Driven, fresh_key
from limit_model import NO_ROOM, Node
from limit_model_book import RAISED, Book
from limit_model_bookings import AUTHORITY, DONE, LONGEST
from small_bank import BEIJING, CLIENTS, EAST, HQ, JIANGSU, NORTH, PUDONG, SHANGHAI

from domain.access import Caller
from schema.ids import encode

AMOUNTS = {HQ: 3000, EAST: 1500, NORTH: 500, SHANGHAI: 500, JIANGSU: 400, BEIJING: 300, PUDONG: 60}
PRODUCTS = ("TERM_LOAN", "MORTGAGE")
OF_TENANT = {SHANGHAI: (0, 1), JIANGSU: (3, 4), PUDONG: (2,)}
# Which of these three it is, is a matter of words.
CLASSES = {"EXCEEDS_AVAILABLE": NO_ROOM, "OVER_LIMIT": NO_ROOM, "DOES_NOT_REVOLVE": NO_ROOM}

tenants = st.sampled_from([SHANGHAI, SHANGHAI, JIANGSU, PUDONG])
amounts = st.one_of(st.integers(1, 60), st.integers(1, 60), st.integers(61, 600))
sizes = st.one_of(st.integers(20, 300), st.integers(0, 600))
days = st.integers(1, 40)
has_held = precondition(lambda self: self.model.commitments)


class SideBySide(RuleBasedStateMachine):
    """Each rule asks the API and the model for the same; the invariant compares what both have become."""

    driven: Driven

    def begin(self) -> None:
        """A bank without history, and a model of it."""
        self.driven.begin(AMOUNTS, AUTHORITY, RAISED, LONGEST)
        self.driven.passes(DAY, sweeps=False)
        self.model = Book(DAY)
        self.ids: dict[str, str] = {}
        """What the model calls it, and its id in the graph."""
        self.made = 0
        self.differs = False
        self.last: tuple[Caller, str, str, dict[str, Any], Answer] | None = None
        for unit, (kind, above, _) in TOPS.items():
            name, parent = f"T{unit}", None if above is None else f"T{above}"
            self.model.nodes[name] = Node(name, unit, parent, AMOUNTS[unit], kind, fenced=True)
            self.ids[name] = encode("LimitNode", (unit, top(unit)))

    def teardown(self) -> None:
        if hasattr(self, "model") and not self.differs:
            self._agrees_to_the_last()

    # Who asks, and what both answered

    def officer(self, tenant: int) -> Caller:
        """Who books in a tenant."""
        return JIANGSU_OFFICER if tenant == JIANGSU else OFFICER

    def name(self, letter: str) -> str:
        """A name that nothing has yet."""
        self.made += 1
        return f"{letter}{self.made}"

    def sent(self, caller: Caller, mutation: str, **said: Any) -> Answer:
        """Send it, under a key of its own."""
        key = fresh_key()
        said = {name: value for name, value in said.items() if value is not None}
        answer = self.driven.send(caller, mutation, key, said)
        self.last = (caller, mutation, key, said, answer)
        return answer

    def same(self, answer: Answer, expected: str, *accepted: str) -> bool:
        """Whether both did it; a difference fails."""
        code = CLASSES.get(answer.code, answer.code)
        self.differs = code not in (expected, *accepted)
        assert not self.differs, (answer, expected)
        return code == DONE

    def pick(self, data: st.DataObject, names: Iterable[str]) -> str:
        """One of these."""
        return data.draw(st.sampled_from(list(names)))

    # What both have become

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "model"):
            behind = self.driven.branches_behind()
            self._nodes_agree(behind)
            self._availability_agrees()
            assert self.driven.differences() == []

    def _nodes_agree(self, behind: set[int]) -> None:
        rows = self.driven.nodes()
        for name, node in self.model.nodes.items():
            row = rows[self.ids[name]]
            said = (node.status, node.sanctioned, node.consumed, node.raised)
            assert (row.status, row.sanctioned, row.consumed, row.raised) == said, (name, row, node)
            assert row.dealt == self.model.dealt(name), (name, row)
            if node.tenant in behind:
                continue
            assert row.held == self.model.balance(name).parts, (name, row)
            assert row.idle == self.model.idle(name), (name, row)
            if self.model.is_beyond(name) and node.status == "ACTIVE":
                assert row.over_limit, (name, row)
        assert len(rows) == len(self.model.nodes)

    def _availability_agrees(self) -> None:
        clients = [0, 1, 2, 3]
        told = self.driven.available(HANA, clients, PRODUCTS[0])
        for index in clients:
            tenant = CLIENTS[index][0]
            leaf = self.model.leaf_of(index, tenant, PRODUCTS[0], f"T{tenant}")
            assert told[index] == self.model.available(leaf), (index, leaf, told)

    def _agrees_to_the_last(self) -> None:
        """When everything due is swept, each commitment holds what it should, and nothing else is held."""
        self.driven.passes(self.model.day, sweeps=True)
        self._nodes_agree(set())
        kept = self.driven.commitments()
        said = {self.ids[name]: one.held.parts for name, one in self.model.commitments.items()}
        assert kept == said
