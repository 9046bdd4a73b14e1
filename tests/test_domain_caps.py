"""Shares of concentration caps: dealt on demand, taken back where idle, never more than the ceiling."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.limits.caps import Dealt, Holding, chunk, deal, lowered
from domain.limits.regulation import read_presets

A, B, C = 1, 2, 3


@pytest.mark.parametrize(
    ("holdings", "wanted", "expected"),
    [
        # The pool's rest first: a chunk at once, or what is wanted where that is more.
        ({}, {A: 10}, Dealt({A: 20})),
        ({}, {A: 50}, Dealt({A: 50})),
        ({B: Holding(90, 0)}, {A: 10}, Dealt({A: 10})),
        # What the branch holds itself counts.
        ({A: Holding(30, 10)}, {A: 20}, Dealt()),
        ({A: Holding(30, 10)}, {A: 25}, Dealt({A: 20})),
        # Then what others hold idle, with a little more as long as half of it stays.
        ({B: Holding(100, 50)}, {A: 10}, Dealt({A: 20, B: -20})),
        ({B: Holding(100, 88)}, {A: 10}, Dealt({A: 10, B: -10})),
        ({B: Holding(60, 30), C: Holding(40, 30)}, {A: 20}, Dealt({A: 20, B: -15, C: -5})),
        # The last unit, and not one more.
        ({B: Holding(100, 90)}, {A: 10}, Dealt({A: 10, B: -10})),
        ({B: Holding(100, 90)}, {A: 11}, Dealt(enough=False, reachable={A: 10})),
        # What was dealt a moment ago stays for a moment; whoever wants it asks again.
        ({B: Holding(100, 90, fresh=True)}, {A: 10}, Dealt(enough=False, reachable={A: 10}, later=True)),
        # Two at once are served together or not at all.
        ({}, {A: 60, B: 40}, Dealt({A: 60, B: 40})),
        ({}, {A: 60, B: 41}, Dealt(enough=False, reachable={A: 100, B: 100})),
        # Over the ceiling nothing is dealt, and what is idle goes.
        (
            {A: Holding(80, 70), B: Holding(60, 60)},
            {A: 5},
            Dealt({A: -10}, enough=False, reachable={A: 0}, over_limit=True),
        ),
    ],
)
def test_what_is_dealt(holdings: dict[int, Holding], wanted: dict[int, int], expected: Dealt) -> None:
    assert deal(100, holdings, wanted, at_once=20) == expected


def test_whoever_is_content_with_less_gets_what_there_is() -> None:
    dealt = deal(100, {B: Holding(100, 90)}, {A: 11}, 20, partial=True)
    assert dealt == Dealt({A: 10, B: -10}, enough=False, reachable={A: 10})


def test_a_lower_ceiling_takes_back_what_is_idle_and_no_more() -> None:
    held = {A: Holding(60, 20), B: Holding(40, 30)}
    assert lowered(80, held) == Dealt({A: -16, B: -4})
    assert lowered(50, held) == Dealt({A: -40, B: -10})
    assert lowered(49, held) == Dealt({A: -40, B: -10}, over_limit=True)
    assert lowered(100, held) == Dealt()


shares = st.dictionaries(
    st.integers(1, 6),
    st.tuples(st.integers(0, 500), st.integers(0, 500), st.booleans()).map(
        lambda drawn: Holding(drawn[0] + drawn[1], drawn[1], drawn[2])
    ),
)


@given(
    shares,
    st.integers(0, 4000),
    st.dictionaries(st.integers(1, 8), st.integers(1, 900), min_size=1, max_size=3),
    st.integers(0, 500),
    st.booleans(),
)
def test_dealing_keeps_to_the_ceiling_and_leaves_everybody_what_is_used(
    held: dict[int, Holding], ceiling: int, wanted: dict[int, int], at_once: int, partial: bool
) -> None:
    dealt = deal(ceiling, held, wanted, at_once, partial=partial)
    after = {
        branch: held.get(branch, Holding(0, 0)).share + dealt.deltas.get(branch, 0)
        for branch in held.keys() | dealt.deltas.keys()
    }
    used = sum(one.used for one in held.values())
    assert all(after[branch] >= one.used for branch, one in held.items())
    assert dealt.over_limit == (used > ceiling)
    assert sum(after.values()) <= max(ceiling, used)
    idle = {branch: after.get(branch, 0) - held.get(branch, Holding(0, 0)).used for branch in wanted}
    if dealt.enough:
        assert all(idle[branch] >= want for branch, want in wanted.items())
    elif not (dealt.over_limit or dealt.later):
        # Nothing is refused that is there: even with all that is idle elsewhere, somebody would want more.
        cut = lowered(ceiling, held).deltas
        own = {b: held.get(b, Holding(0, 0)).idle + cut.get(b, 0) for b in wanted}
        missing = sum(max(want - own[branch], 0) for branch, want in wanted.items())
        assert missing > ceiling - used - sum(own.values())


@given(shares, st.integers(0, 3000))
def test_lowering_never_cuts_below_what_is_used(held: dict[int, Holding], ceiling: int) -> None:
    cut = lowered(ceiling, held)
    assert all(held[branch].share + delta >= held[branch].used for branch, delta in cut.deltas.items())
    total = sum(one.share for one in held.values()) + cut.total
    assert total <= ceiling or cut.over_limit


def test_what_is_dealt_at_once_is_rounded_down() -> None:
    assert chunk(999, Decimal("0.05")) == 49


def test_a_preset_is_a_fraction_of_something_known() -> None:
    entry = {
        "code": "X",
        "name": "x",
        "per": "GROUP",
        "counts": "LOANS",
        "fraction": "0.2",
        "of": "TIER_1",
        "deal": "0.25",
    }
    assert read_presets([entry])[0].fraction == Decimal("0.2")
    with pytest.raises(ValueError, match="no fraction"):
        read_presets([entry | {"fraction": "1.2"}])
