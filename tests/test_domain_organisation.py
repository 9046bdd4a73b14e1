"""Laws of the tree: who is under whom, and which moves it survives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_bank import UNITS

from domain.organisation import (
    KINDS_BELOW,
    MoveRefusal,
    Organisation,
    Unit,
    UnitKind,
    refuse_move,
)

SMALL = Organisation(Unit(row_id, code, UnitKind(kind), parent) for row_id, code, _, kind, parent, _ in UNITS)


@st.composite
def trees(draw: st.DrawFn) -> Organisation:
    """Any tree that could have been built: each unit stands under an earlier one that takes its kind."""
    units = [Unit(0, "u0", UnitKind.HEADQUARTERS, None)]
    for row_id in range(1, draw(st.integers(1, 12)) + 1):
        parent = draw(st.sampled_from(units))
        kind = draw(st.sampled_from(sorted(KINDS_BELOW[parent.kind])))
        units.append(Unit(row_id, f"u{row_id}", kind, parent.id))
    return Organisation(draw(st.permutations(units)))


@st.composite
def moves(draw: st.DrawFn) -> tuple[Organisation, Unit, Unit]:
    tree = draw(trees())
    units = st.sampled_from(sorted(tree, key=lambda unit: unit.id))
    return tree, draw(units), draw(units)


def moved(tree: Organisation, unit: Unit, parent: Unit) -> Organisation:
    return Organisation(Unit(u.id, u.code, u.kind, parent.id) if u == unit else u for u in tree)


@given(trees())
def test_to_be_below_is_the_other_side_of_to_be_above(tree: Organisation) -> None:
    for one in tree:
        for other in tree:
            above = one.id == other.id or one.id in tree.ancestors(other.id)
            assert above == (other.id in tree.subtree(one.id))


@given(trees())
def test_everything_stands_under_the_root_and_nothing_above_it(tree: Organisation) -> None:
    (root,) = [unit for unit in tree if unit.parent_id is None]
    assert tree.subtree(root.id) == tree.all_ids()
    assert tree.ancestors(root.id) == ()
    assert {tree.ancestors(unit.id)[-1] for unit in tree if unit is not root} <= {root.id}


@given(moves())
def test_a_permitted_move_leaves_a_tree_of_the_same_units(move: tuple[Organisation, Unit, Unit]) -> None:
    tree, unit, parent = move
    if refuse_move(tree, unit=unit, new_parent=parent):
        return
    after = moved(tree, unit, parent)
    (root,) = [each for each in after if each.parent_id is None]
    assert after.subtree(root.id) == tree.all_ids()
    assert after.subtree(unit.id) == tree.subtree(unit.id)
    assert after.ancestors(unit.id) == (parent.id, *tree.ancestors(parent.id))


@given(moves())
def test_a_move_that_is_refused_would_break_the_tree(move: tuple[Organisation, Unit, Unit]) -> None:
    tree, unit, parent = move
    match refuse_move(tree, unit=unit, new_parent=parent):
        case MoveRefusal.ROOT_STAYS:
            assert unit.parent_id is None
        case MoveRefusal.WOULD_CREATE_CYCLE:
            above = moved(tree, unit, parent).ancestors(unit.id)
            assert unit.id in above
        case MoveRefusal.KIND_NOT_ALLOWED_THERE:
            assert unit.kind not in KINDS_BELOW[parent.kind]


@pytest.mark.parametrize(
    ("unit", "parent", "told"),
    [
        ("320000", "NORTH", None),
        ("320000", "EAST", None),
        ("320000", "HQ", None),
        ("NORTH", "EAST", None),
        ("310000-01", "320000", None),
        ("HQ", "EAST", MoveRefusal.ROOT_STAYS),
        ("HQ", "HQ", MoveRefusal.ROOT_STAYS),
        ("EAST", "EAST", MoveRefusal.WOULD_CREATE_CYCLE),
        ("EAST", "310000", MoveRefusal.WOULD_CREATE_CYCLE),
        ("310000", "310000-01", MoveRefusal.WOULD_CREATE_CYCLE),
        ("NORTH", "310000", MoveRefusal.KIND_NOT_ALLOWED_THERE),
        ("320000", "310000", MoveRefusal.KIND_NOT_ALLOWED_THERE),
        ("310000-01", "EAST", MoveRefusal.KIND_NOT_ALLOWED_THERE),
        ("310000-01", "HQ", MoveRefusal.KIND_NOT_ALLOWED_THERE),
    ],
)
def test_the_table_of_moves(unit: str, parent: str, told: MoveRefusal | None) -> None:
    of, to = SMALL.with_code(unit), SMALL.with_code(parent)
    assert of
    assert to
    assert refuse_move(SMALL, unit=of, new_parent=to) is told


def test_questions_about_units_that_are_not_there_are_answered_with_nothing() -> None:
    assert SMALL.unit(99) is None
    assert SMALL.with_code("") is None
    assert SMALL.subtree(99) == ()
    assert SMALL.ancestors(99) == ()


def test_even_a_circle_in_the_data_ends() -> None:
    circle = Organisation(
        [Unit(1, "a", UnitKind.REGION, 2), Unit(2, "b", UnitKind.REGION, 1), Unit(3, "c", UnitKind.BRANCH, 1)]
    )
    assert circle.subtree(1) == (1, 2, 3)
    assert set(circle.ancestors(3)) == {1, 2}
