"""What may be decided of limits: opened by one, approved by another, fenced, cut, moved, frozen, closed."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from limit_book import (
    A_DAY,
    BANK,
    BRANCH,
    DAY,
    FENCE,
    FENCED,
    FIRST,
    HUANGPU,
    INNER,
    LAST,
    NEW,
    OTHER,
    PUDONG,
    REGION,
    SHARED,
    adjusted,
    available,
    branch,
    broken_invariants,
    code_of,
    drawn,
    node,
    reserved,
    top,
    two_branches,
    with_terms,
    yuan,
)

from domain.access import Role
from domain.limits import booking, freezing, parameters
from domain.limits.formulas import committed, headroom
from domain.limits.movements import Booked
from domain.limits.nodes import LimitNode, NodeKey, NodeKind, NodeStatus, Reinstatement, Sharing
from domain.refusals import Possible, Refusal

ABOVE = Role.HEADQUARTERS_ADMINISTRATOR


# --- opened, approved, activated ------------------------------------------------------------------------------


def new_node(**terms: Any) -> LimitNode:
    return node(PUDONG, 20, 100, terms.pop("parent", BRANCH), **terms)


@pytest.mark.parametrize(
    ("what", "terms", "parent", "expected"),
    [
        ("a client's line", {}, BRANCH, None),
        ("as long as its parent", {"valid_from": FIRST, "valid_until": LAST}, BRANCH, None),
        ("a day longer than its parent", {"valid_until": LAST + A_DAY}, BRANCH, "OUTLASTS_PARENT"),
        ("a day before its parent", {"valid_from": FIRST - A_DAY}, BRANCH, "OUTLASTS_PARENT"),
        ("ended before it began", {"valid_from": DAY, "valid_until": FIRST}, BRANCH, "INVALID_INPUT"),
        ("less than nothing", {"sanctioned": -1}, BRANCH, "INVALID_INPUT"),
        ("40 digits", {"sanctioned": 10**39}, BRANCH, "INVALID_INPUT"),
        ("a cap below nothing", {"regulatory_cap": -1}, BRANCH, "INVALID_INPUT"),
        ("a tolerance over the whole", {"tolerance": Decimal("1.01")}, BRANCH, "INVALID_INPUT"),
        ("without a name", {"name": "  "}, BRANCH, "INVALID_INPUT"),
        ("dollars without a rate are one to one", {"currency": "USD"}, BRANCH, None),
        ("a rate of nothing", {"parent_rate": Decimal(0)}, BRANCH, "INVALID_INPUT"),
        ("a rate between equals", {"parent_rate": Decimal(2)}, BRANCH, "INVALID_INPUT"),
        ("under nothing", {"parent": None}, None, "KIND_NOT_ALLOWED_THERE"),
        ("under another tenant's node", {"parent": REGION}, REGION, "KIND_NOT_ALLOWED_THERE"),
        (
            "a branch under a client",
            {"kind": NodeKind.BRANCH, "sharing": FENCED},
            SHARED,
            "KIND_NOT_ALLOWED_THERE",
        ),
        ("a branch that shares", {"kind": NodeKind.BRANCH}, REGION, "INVALID_INPUT"),
        ("a second bank below", {"kind": NodeKind.BANK, "sharing": FENCED}, BANK, "KIND_NOT_ALLOWED_THERE"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_may_be_opened(
    what: str, terms: dict[str, Any], parent: NodeKey | None, expected: str | None
) -> None:
    book = branch()
    fresh = replace(new_node(), **{"parent": parent, **terms})
    answer = parameters.open_node(fresh, book.nodes[parent] if parent else None, DAY)
    assert code_of(answer) == expected, what
    if isinstance(answer, Booked):
        assert answer.opened is not None
        assert (answer.opened.status, answer.opened.approved_by) == (NodeStatus.DRAFT, None)


def test_a_limit_is_in_force_when_a_second_person_has_approved_it_and_not_before() -> None:
    book = branch()
    book.book(parameters.open_node(new_node(sharing=FENCED), book.nodes[BRANCH], DAY))
    assert committed(book.nodes[BRANCH]) == 300

    def activate() -> Booked | Refusal:
        return parameters.activate(book.place(NEW), None)

    assert code_of(activate()) == "STATUS_MAY_NOT_FOLLOW"
    assert code_of(parameters.approve(book.place(NEW), "writer")) == "SECOND_PERSON_NEEDED"
    book.book(parameters.approve(book.place(NEW), "somebody else"))
    assert code_of(booking.reserve(book.place(NEW), book.ask(5))) == "LIMIT_NOT_ACTIVE"
    book.book(activate())
    assert committed(book.nodes[BRANCH]) == 400
    assert isinstance(booking.reserve(book.place(NEW), book.ask(100)), Booked)
    assert code_of(parameters.approve(book.place(NEW), "a third")) == "STATUS_MAY_NOT_FOLLOW"
    assert broken_invariants(book) == []


@pytest.mark.parametrize(
    ("fence", "drawn_beside", "expected"),
    [(700, 0, None), (701, 0, "BEYOND_PARENT"), (600, 100, None), (601, 100, "BEYOND_PARENT")],
)
def test_a_fence_is_taken_out_of_what_its_parent_has(
    fence: int, drawn_beside: int, expected: str | None
) -> None:
    book = branch()
    if drawn_beside:
        reserved(book, SHARED, drawn_beside)
    book.nodes[NEW] = replace(new_node(sharing=FENCED), sanctioned=fence, status=NodeStatus.APPROVED)
    answer = parameters.activate(book.place(NEW), None)
    assert code_of(answer) == expected
    if isinstance(answer, Refusal):
        assert answer.possible == Possible(700 - drawn_beside, "CNY", "Pudong", BRANCH)


@pytest.mark.parametrize(
    ("parent", "own", "expected"),
    [
        ({}, {}, None),
        ({"status": NodeStatus.FROZEN}, {}, "LIMIT_FROZEN"),
        ({"status": NodeStatus.CLOSED}, {}, "LIMIT_CLOSED"),
        ({}, {"valid_until": DAY - A_DAY}, "LIMIT_EXPIRED"),
        ({}, {"valid_until": DAY}, None),
        ({}, {"status": NodeStatus.DRAFT}, "STATUS_MAY_NOT_FOLLOW"),
    ],
)
def test_a_limit_is_activated_while_it_is_valid_under_one_that_is_in_force(
    parent: dict[str, Any], own: dict[str, Any], expected: str | None
) -> None:
    book = with_terms(branch(), BRANCH, **parent)
    book.nodes[NEW] = replace(new_node(), **{"status": NodeStatus.APPROVED, **own})
    assert code_of(parameters.activate(book.place(NEW), None)) == expected


def test_a_branch_is_dealt_its_amount_by_the_region_in_one_booking() -> None:
    book = branch()
    book.nodes[OTHER] = top(HUANGPU, 4, 4000, REGION, NodeKind.BRANCH, status=NodeStatus.APPROVED)
    assert (book.nodes[REGION].dealt, headroom(book.nodes[REGION], DAY)) == (1000, 4000)
    answer = parameters.activate(book.place(OTHER), book.above(OTHER))
    assert isinstance(answer, Booked)
    assert [change.key for change in answer.changes] == [REGION, OTHER]
    book.book(answer)
    assert headroom(book.nodes[REGION], DAY) == 0
    assert code_of(adjusted(book, BRANCH, sanctioned=1001)) == "BEYOND_PARENT"
    book.book(adjusted(book, OTHER, sanctioned=3999))
    book.book(adjusted(book, BRANCH, sanctioned=1001))
    assert broken_invariants(book) == []


# --- adjusted -------------------------------------------------------------------------------------------------


def test_a_cut_below_what_is_committed_flags_the_limit_and_deletes_nothing() -> None:
    book = branch()
    on = drawn(book, SHARED, 500)
    book.book(adjusted(book, SHARED, sanctioned=300))
    cut = book.nodes[SHARED]
    assert (cut.over_limit, cut.balance.utilised, headroom(cut, DAY)) == (True, 500, -200)
    refused = booking.reserve(book.place(SHARED), book.ask(1))
    assert isinstance(refused, Refusal)
    assert refused.code == "OVER_LIMIT"
    assert refused.possible == Possible(0, "CNY", "Lingang Ports", SHARED)
    on = book.booked(booking.repay(book.at(on), on, yuan(199)))
    assert book.nodes[SHARED].over_limit
    on = book.booked(booking.repay(book.at(on), on, yuan(2)))
    assert not book.nodes[SHARED].over_limit
    assert isinstance(booking.reserve(book.place(SHARED), book.ask(1)), Booked)
    assert broken_invariants(book) == []


def test_a_cut_of_the_parent_below_its_fences_flags_the_parent() -> None:
    book = branch()
    book.book(adjusted(book, BRANCH, sanctioned=299))
    assert book.nodes[BRANCH].over_limit
    # What lies behind the fence is still its own.
    assert available(book, FENCE) == (300, "Zhangjiang Chips")
    assert code_of(booking.reserve(book.place(SHARED), book.ask(1))) == "OVER_LIMIT"


def test_what_lessens_a_breach_is_never_refused_for_it() -> None:
    book = branch()
    drawn(book, SHARED, 600)
    book.book(adjusted(book, BRANCH, sanctioned=500))
    assert headroom(book.nodes[BRANCH], DAY) == -400
    book.book(adjusted(book, FENCE, sanctioned=200))
    assert headroom(book.nodes[BRANCH], DAY) == -300
    assert code_of(adjusted(book, FENCE, sanctioned=201)) == "BEYOND_PARENT"


@pytest.mark.parametrize(
    ("what", "of", "terms", "expected"),
    [
        ("more behind a fence, as far as the parent has it", FENCE, {"sanctioned": 1000}, None),
        ("and no further", FENCE, {"sanctioned": 1001}, "BEYOND_PARENT"),
        ("a shared line becomes fenced", SHARED, {"sharing": FENCED}, None),
        ("… where the parent has it", SHARED, {"sharing": FENCED, "sanctioned": 701}, "BEYOND_PARENT"),
        ("a fence is taken down", FENCE, {"sharing": Sharing.SHARED}, None),
        ("a branch shares", BRANCH, {"sharing": Sharing.SHARED}, "INVALID_INPUT"),
        ("a branch reduces", BRANCH, {"reinstatement": Reinstatement.REDUCING}, "INVALID_INPUT"),
        ("longer than the parent", SHARED, {"valid_until": LAST + A_DAY}, "OUTLASTS_PARENT"),
        ("less than nothing", SHARED, {"sanctioned": -1}, "INVALID_INPUT"),
        ("a cap", SHARED, {"collateral_cap": 5}, None),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_may_be_adjusted(what: str, of: NodeKey, terms: dict[str, Any], expected: str | None) -> None:
    book = branch()
    version = book.nodes[of].version
    answer = adjusted(book, of, **terms)
    assert code_of(answer) == expected, what
    if isinstance(answer, Booked):
        book.book(answer)
        assert book.nodes[of].version == version + 1
        assert set(answer.movement.after or {}) - {"raised_alone"} == set(terms)
        assert broken_invariants(book) == []


def test_a_limit_is_not_made_shorter_than_those_below_it() -> None:
    book = branch()
    after = replace(book.nodes[FENCE], valid_until=LAST - A_DAY)
    answer = parameters.adjust(book.place(FENCE), after, within=(FIRST, LAST))
    assert code_of(answer) == "OUTLASTS_PARENT"
    assert isinstance(parameters.adjust(book.place(FENCE), after, within=(FIRST, LAST - A_DAY)), Booked)


@pytest.mark.parametrize(
    ("amount", "first", "last", "expected"),
    [
        (50, DAY, DAY, None),
        (0, DAY, DAY, "INVALID_INPUT"),
        (-1, DAY, DAY, "INVALID_INPUT"),
        (10**39, DAY, DAY, "INVALID_INPUT"),
        (50, DAY, DAY - A_DAY, "INVALID_INPUT"),
        (50, FIRST, DAY - A_DAY, "INVALID_INPUT"),
        (50, DAY, LAST + A_DAY, "INVALID_INPUT"),
    ],
)
def test_an_addition_lasts_for_days_within_the_limits_own(
    amount: int, first: dt.date, last: dt.date, expected: str | None
) -> None:
    book = branch()
    answer = parameters.add(book.place(SHARED), amount, first, last)
    assert code_of(answer) == expected
    if isinstance(answer, Booked):
        book.book(answer)
        assert available(book, SHARED) == (650, "Lingang Ports")
        book.day += A_DAY
        assert available(book, SHARED) == (600, "Lingang Ports")


def test_a_branchs_addition_is_dealt_by_its_region() -> None:
    book = branch(s=4990)
    answer = parameters.add(book.place(BRANCH), 11, DAY, DAY, book.above(BRANCH))
    assert code_of(answer) == "BEYOND_PARENT"
    book.book(parameters.add(book.place(BRANCH), 10, DAY, DAY, book.above(BRANCH)))
    assert book.nodes[REGION].dealt == 5000
    book.day += A_DAY
    book.book(parameters.age(book.place(BRANCH), book.above(BRANCH)))
    assert (book.nodes[REGION].dealt, book.nodes[BRANCH].addition) == (4990, 0)
    assert parameters.age(book.place(BRANCH), book.above(BRANCH)) is None


def test_a_limit_expires_after_its_last_day_and_lives_again_when_it_is_prolonged() -> None:
    book = branch()
    with_terms(book, FENCE, valid_until=DAY)
    assert parameters.age(book.place(FENCE)) is None
    book.day += A_DAY
    book.book(parameters.age(book.place(FENCE)))
    assert book.nodes[FENCE].status is NodeStatus.EXPIRED
    # The fence stands: what was drawn behind it is still owed.
    assert committed(book.nodes[BRANCH]) == 300
    assert code_of(booking.reserve(book.place(FENCE), book.ask(1))) == "LIMIT_EXPIRED"
    book.book(adjusted(book, FENCE, valid_until=LAST))
    assert book.nodes[FENCE].status is NodeStatus.ACTIVE
    with_terms(book, FENCE, valid_until=DAY, status=NodeStatus.FROZEN)
    assert parameters.age(book.place(FENCE)) is None  # It waits, frozen, for being unfrozen.


def test_what_is_over_when_an_addition_ends_is_flagged() -> None:
    book = branch()
    book.book(parameters.add(book.place(SHARED), 50, DAY, DAY))
    reserved(book, SHARED, 620)
    book.day += A_DAY
    book.book(parameters.age(book.place(SHARED)))
    assert book.nodes[SHARED].over_limit
    assert broken_invariants(book) == []


# --- frozen, closed -------------------------------------------------------------------------------------------


def test_freezing_a_region_freezes_its_branches_and_unfreezing_undoes_exactly_that() -> None:
    book = two_branches()
    book.book(freezing.freeze(book.nodes[OTHER], [], DAY, "arrears", ABOVE))
    tops = [book.nodes[BRANCH], book.nodes[OTHER]]
    answer = freezing.freeze(book.nodes[REGION], tops, DAY, "a fraud", ABOVE)
    assert isinstance(answer, Booked)
    assert {movement.node for movement in answer.movements} == {REGION, BRANCH}
    book.book(answer)
    assert book.nodes[BRANCH].frozen_by == REGION[1]
    assert code_of(booking.reserve(book.place(INNER), book.ask(1))) == "LIMIT_FROZEN"
    above = [book.nodes[REGION], book.nodes[BANK]]
    for of in (BRANCH, OTHER):
        assert code_of(freezing.unfreeze(book.nodes[of], [], above, DAY, ABOVE)) == "LIMIT_FROZEN"
    tops = [book.nodes[BRANCH], book.nodes[OTHER]]
    book.book(freezing.unfreeze(book.nodes[REGION], tops, [book.nodes[BANK]], DAY, ABOVE))
    assert [book.nodes[k].status for k in (REGION, BRANCH, OTHER)] == ["ACTIVE", "ACTIVE", "FROZEN"]
    assert book.nodes[BRANCH].frozen_by is None
    book.book(freezing.unfreeze(book.nodes[OTHER], [], [book.nodes[REGION], book.nodes[BANK]], DAY, ABOVE))
    assert book.nodes[OTHER].status is NodeStatus.ACTIVE


@pytest.mark.parametrize(
    ("status", "reason", "frozen", "unfrozen"),
    [
        (NodeStatus.ACTIVE, "", "INVALID_INPUT", "STATUS_MAY_NOT_FOLLOW"),
        (NodeStatus.ACTIVE, "why", None, "STATUS_MAY_NOT_FOLLOW"),
        (NodeStatus.FROZEN, "why", "LIMIT_FROZEN", None),
        (NodeStatus.DRAFT, "why", "STATUS_MAY_NOT_FOLLOW", "STATUS_MAY_NOT_FOLLOW"),
        (NodeStatus.CLOSED, "why", "LIMIT_CLOSED", "LIMIT_CLOSED"),
    ],
)
def test_what_may_be_frozen(
    status: NodeStatus, reason: str, frozen: str | None, unfrozen: str | None
) -> None:
    of = replace(node(PUDONG, 5, 1, BRANCH), status=status, frozen_as=ABOVE.value)
    assert code_of(freezing.freeze(of, [], DAY, reason, ABOVE)) == frozen
    assert code_of(freezing.unfreeze(of, [], [], DAY, ABOVE)) == unfrozen


def test_what_was_frozen_from_above_waits_for_that() -> None:
    of = node(PUDONG, 5, 1, BRANCH, status=NodeStatus.FROZEN, frozen_by=REGION[1])
    assert code_of(freezing.unfreeze(of, [], [], DAY, ABOVE)) == "LIMIT_FROZEN"


def test_a_freeze_is_ended_by_the_office_that_set_it_or_by_one_above() -> None:
    branch_office, region = Role.BRANCH_MANAGER, Role.REGIONAL_MANAGER
    book = branch()

    def turned(how: Any, role: Role, *why: str) -> str | None:
        return code_of(book.book(how(book.nodes[SHARED], [], *([] if why else [[]]), DAY, *why, role)))

    assert turned(freezing.freeze, branch_office, "late accounts") is None
    assert turned(freezing.freeze, region, "a fraud") is None
    assert turned(freezing.freeze, region, "a fraud") == "LIMIT_FROZEN"
    assert turned(freezing.unfreeze, branch_office) == "BEYOND_AUTHORITY"
    assert turned(freezing.freeze, ABOVE, "a larger fraud") is None
    assert turned(freezing.unfreeze, region) == "BEYOND_AUTHORITY"
    assert code_of(freezing.set_above(book.place(SHARED).path, region)) == "BEYOND_AUTHORITY"
    assert turned(freezing.unfreeze, ABOVE) is None
    assert (book.nodes[SHARED].status, book.nodes[SHARED].frozen_as) == (NodeStatus.ACTIVE, None)
    assert freezing.set_above(book.place(SHARED).path, branch_office) is None


def test_what_is_frozen_may_still_be_repaid_and_released() -> None:
    book = branch()
    owed, free = drawn(book, SHARED, 50), reserved(book, SHARED, 20)
    book.book(freezing.freeze(book.nodes[SHARED], [], DAY, "arrears", ABOVE))
    book.booked(booking.repay(book.at(owed), owed, yuan(50)))
    book.booked(booking.release(book.at(free), free))
    assert book.nodes[SHARED].balance.total == 0


def test_a_limit_is_closed_when_it_is_empty_and_its_parent_has_the_fence_again() -> None:
    book = branch()

    def close(of: NodeKey, below: int) -> Booked | Refusal:
        return parameters.close(book.place(of), book.above(of), open_below=below)

    assert code_of(close(FENCE, 1)) == "STILL_COMMITTED"
    on = reserved(book, INNER, 1)
    assert code_of(close(INNER, 0)) == "STILL_COMMITTED"
    book.booked(booking.release(book.at(on), on))
    book.book(close(INNER, 0))
    book.book(close(FENCE, 0))
    assert committed(book.nodes[BRANCH]) == 0
    assert code_of(close(FENCE, 0)) == "LIMIT_CLOSED"
    assert code_of(adjusted(book, FENCE, sanctioned=1)) == "LIMIT_CLOSED"
    assert code_of(close(REGION, 0)) == "STILL_COMMITTED"  # The branch has been dealt its amount.
    book.book(close(SHARED, 0))
    book.book(close(BRANCH, 0))
    assert book.nodes[REGION].dealt == 0
    assert broken_invariants(book) == []
