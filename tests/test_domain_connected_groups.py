"""Which companies are one group: control by shares, alone and together, through chains and circles."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.connections.groups import ConnectionRule, Group, Links, Pair, groups, numbered
from domain.connections.kinds import Company

HALF = ConnectionRule()


def company(name: str) -> Company:
    return "CN", name


def holdings(text: str) -> dict[Pair, Decimal]:
    """`A 60 B, B 30 C` says that A holds 60 % of B and B 30 % of C."""
    found = {}
    for holding in filter(None, map(str.strip, text.split(","))):
        holder, share, held = holding.split()
        found[company(holder), company(held)] = Decimal(share) / 100
    return found


def pairs(text: str) -> frozenset[Pair]:
    """`AB CD` says that A stands over B and C over D."""
    return frozenset((company(pair[0]), company(pair[1])) for pair in text.split())


def written(found: list[Group]) -> str:
    return " ".join("".join(name for _, name in group) for group in found)


CASES = [
    ("more than half is control", "A 50.0001 B", "", "", "AB"),
    ("half is not", "A 50 B", "", "", ""),
    ("what is controlled controls in turn, whatever is left of the share", "A 60 B, B 60 C", "", "", "ABC"),
    ("a minority of a minority connects nobody", "A 40 B, B 40 C", "", "", ""),
    ("shares of what one controls add up", "A 60 B, A 60 C, B 30 D, C 30 D", "", "", "ABCD"),
    ("and to one's own", "A 60 B, A 30 C, B 30 C", "", "", "ABC"),
    ("shares of those that nobody controls together do not", "B 30 D, C 30 D", "", "", ""),
    ("nor do those of two groups", "A 60 B, X 60 Y, B 30 D, Y 30 D", "", "", "AB XY"),
    ("joint control goes on below", "A 60 B, A 60 C, B 30 D, C 30 D, D 51 E", "", "", "ABCDE"),
    ("a circle of majorities is one group", "A 60 B, B 60 C, C 60 A", "", "", "ABC"),
    ("and so is what hangs from it", "A 60 B, B 60 A, A 30 C, B 30 C, C 60 D", "", "", "ABCD"),
    ("a cross-holding of minorities is none", "A 30 B, B 30 A", "", "", ""),
    ("a company that holds a majority of itself controls nobody", "A 60 A", "", "", ""),
    ("control is control without a share", "", "AB BC", "", "ABC"),
    ("control beside a minority", "A 10 B, B 30 C, A 30 C", "AB", "", "ABC"),
    ("control of a company that somebody else owns joins both", "A 60 B", "CB", "", "ABC"),
    ("a company controlled by several is walked from each", "A 5 Y, C 5 Y", "AX CX XZ", "", "ACXZ"),
    ("guarantees do not connect unless the rule says so", "A 60 B", "", "BC", "AB"),
    ("two groups without a link stay two", "A 60 B, C 60 D", "", "", "AB CD"),
]


@pytest.mark.parametrize(("shares", "control", "guarantees", "expected"), [case[1:] for case in CASES])
def test_companies_are_connected_by_control(
    shares: str, control: str, guarantees: str, expected: str
) -> None:
    links = Links(holdings(shares), pairs(control), pairs(guarantees))
    assert written(groups(links, HALF)) == expected


def test_guarantees_connect_where_the_rule_says_so_but_give_no_control() -> None:
    links = Links(holdings("A 60 B, C 30 D, B 30 D"), guarantees=pairs("BC"))
    assert written(groups(links, ConnectionRule(guarantees_connect=True))) == "ABC"


@pytest.mark.parametrize(("threshold", "expected"), [("0.2", "ABC"), ("0.25", "AB"), ("0.4", "")])
def test_the_threshold_is_data(threshold: str, expected: str) -> None:
    links = Links(holdings("A 40 B, B 25 C"))
    assert written(groups(links, ConnectionRule(Decimal(threshold)))) == expected


# Laws

NAMES = "ABCDEFGH"
drawn_pairs = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).map(
    lambda pair: (company(pair[0]), company(pair[1]))
)
drawn_shares = st.integers(1, 20).map(lambda twentieths: Decimal(twentieths) / 20)
drawn_links = st.builds(
    Links,
    st.dictionaries(drawn_pairs, drawn_shares, max_size=14),
    st.frozensets(drawn_pairs, max_size=3),
    st.frozensets(drawn_pairs, max_size=3),
)
drawn_rules = st.builds(
    ConnectionRule, st.sampled_from([Decimal("0.2"), Decimal("0.5"), Decimal("0.75")]), st.booleans()
)


def by_definition(links: Links, rule: ConnectionRule) -> list[Group]:
    """Every company's control worked out by itself, and the pairs joined until nothing changes."""
    everybody = {one for pair in (*links.holdings, *links.controls, *links.guarantees) for one in pair}
    sets = [{one} | _controlled(one, everybody, links, rule) for one in everybody]
    if rule.guarantees_connect:
        sets += [set(pair) for pair in links.guarantees]
    joined: list[set[Company]] = []
    for one in sets:
        touching = [other for other in joined if other & one]
        joined = [other for other in joined if not other & one] + [one.union(*touching)]
    return sorted(tuple(sorted(group)) for group in joined if len(group) > 1)


def _controlled(top: Company, everybody: set[Company], links: Links, rule: ConnectionRule) -> set[Company]:
    found: set[Company] = set()
    while True:
        holders = found | {top}
        more = {
            one
            for one in everybody - holders
            if any((holder, one) in links.controls for holder in holders)
            or sum(links.holdings.get((holder, one), Decimal(0)) for holder in holders) > rule.control_share
        }
        if not more:
            return found
        found |= more


@given(drawn_links, drawn_rules)
def test_groups_are_those_of_the_definition(links: Links, rule: ConnectionRule) -> None:
    assert groups(links, rule) == by_definition(links, rule)


@given(drawn_links, drawn_rules, st.randoms(use_true_random=False))
def test_the_order_in_which_links_are_known_makes_no_difference(
    links: Links, rule: ConnectionRule, shuffled: random.Random
) -> None:
    items = list(links.holdings.items())
    shuffled.shuffle(items)
    assert groups(Links(dict(items), links.controls, links.guarantees), rule) == groups(links, rule)


@given(drawn_links, drawn_rules, drawn_pairs)
def test_one_more_link_parts_nobody(links: Links, rule: ConnectionRule, pair: Pair) -> None:
    before = groups(links, rule)
    after = groups(Links(links.holdings, links.controls | {pair}, links.guarantees), rule)
    assert all(any(set(group) <= set(larger) for larger in after) for group in before)


@given(drawn_links, drawn_rules)
def test_no_company_is_in_two_groups(links: Links, rule: ConnectionRule) -> None:
    found = [one for group in groups(links, rule) for one in group]
    assert len(found) == len(set(found))


def test_a_long_chain_and_many_who_control_its_top_are_walked_once() -> None:
    chain = {(company(f"{n:06}"), company(f"{n + 1:06}")): Decimal("0.6") for n in range(5_000)}
    controllers = frozenset((company(f"X{n}"), company("000000")) for n in range(5_000))
    (group,) = groups(Links(chain, controllers), HALF)
    assert len(group) == 10_001


# Numbers


def numbers(found: str, before: str, last: int = 9) -> str:
    """`1AB 2C`: the companies A and B had the number 1."""
    had = {company(name): int(group[0]) for group in before.split() for name in group[1:]}
    made = numbered([tuple(map(company, group)) for group in found.split()], had, last)
    return " ".join(f"{number}{''.join(name for _, name in group)}" for number, group in made)


@pytest.mark.parametrize(
    ("found", "before", "expected"),
    [
        ("AB CD", "", "10AB 11CD"),
        ("AB CD", "7AB 3CD", "7AB 3CD"),
        ("ABX CD", "7AB 3CD", "7ABX 3CD"),
        ("ABCDE", "7AB 3CDE", "3ABCDE"),
        ("AB CDE", "7ABCDE", "10AB 7CDE"),
        ("AB CD", "7ABCD", "7AB 10CD"),
        ("AC BDE", "7ABDE 3C", "3AC 7BDE"),
        ("XY", "7AB", "10XY"),
    ],
    ids=[
        "new",
        "unchanged",
        "grown",
        "merged, as the larger",
        "parted, the larger keeps",
        "parted in halves, the first keeps",
        "a second claim",
        "gone for good",
    ],
)
def test_a_group_keeps_its_number_while_most_of_it_stays(found: str, before: str, expected: str) -> None:
    assert numbers(found, before) == expected


@given(drawn_links, drawn_links, drawn_rules)
def test_numbers_are_given_once_and_stay_where_nothing_changes(
    first: Links, second: Links, rule: ConnectionRule
) -> None:
    made = numbered(groups(first, rule), {}, 0)
    for links in (second, second):
        known = {one: number for number, group in made for one in group}
        before, made = made, numbered(groups(links, rule), known, 100)
        assert [group for _, group in made] == groups(links, rule)
        assert len({number for number, _ in made}) == len(made)
        assert all(number > 100 or number in known.values() for number, _ in made)
    assert made == before
