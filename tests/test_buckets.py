"""Nobody takes more than a share: buckets of cost, filled up again as time goes by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Caller, Role
from schema.admission import Admission, Introspection, RateLimited
from schema.buckets import Buckets, Refusal, keys_of
from schema.documents import Documents, Operation
from schema.errors import CodedError
from schema.graph import graph

ANALYST = Caller("ann", Role.HEADQUARTERS_ANALYST)
MANAGER = Caller("bo", Role.BRANCH_MANAGER, office="310000")


def buckets(most: int = 100) -> Buckets:
    """A caller may have 100 at once and 10 a second; a tenant ten times as much."""
    return Buckets(capacity=100, restore_per_s=10, most=most)


def operation(text: str) -> Operation:
    return Documents(graph()._schema).find(text).operation(None)


def test_a_full_bucket_gives_what_it_holds_and_then_says_when() -> None:
    shares = buckets()
    assert shares.reserve("bo", "310000", 80, 0) is None
    assert shares.reserve("bo", "310000", 30, 0) == Refusal("caller", 1_001)
    assert shares.reserve("bo", "310000", 30, 1.1) is None


def test_one_caller_does_not_empty_anothers() -> None:
    shares = buckets()
    assert shares.reserve("bo", "310000", 100, 0) is None
    assert shares.reserve("li", "310000", 100, 0) is None


def test_all_callers_of_a_tenant_share_its_bucket() -> None:
    shares = buckets()
    assert [shares.reserve(f"c{i}", "310000", 100, 0) for i in range(10)] == [None] * 10
    assert shares.reserve("c11", "310000", 50, 0) == Refusal("tenant", 501)
    assert shares.reserve("c11", "110000", 50, 0) is None


def test_what_was_refused_took_nothing() -> None:
    shares = buckets()
    shares.reserve("bo", "310000", 90, 0)
    for _ in range(50):
        assert shares.reserve("bo", "310000", 20, 0)
    assert shares.reserve("bo", "310000", 10, 0) is None


def test_what_was_not_used_is_given_back() -> None:
    shares = buckets()
    shares.reserve("bo", "310000", 100, 0)
    shares.settle("bo", "310000", reserved=100, actual=5, now=0)
    assert shares.reserve("bo", "310000", 95, 0) is None
    assert shares.reserve("bo", "310000", 1, 0)


def test_more_than_a_bucket_holds_waits_for_a_full_one() -> None:
    shares = buckets()
    assert shares.reserve("bo", "310000", 500, 0) is None
    assert shares.reserve("bo", "310000", 1, 0) == Refusal("caller", 40_101)


def test_only_so_many_buckets_are_kept() -> None:
    shares = buckets(most=10)
    for number in range(1_000):
        shares.reserve(f"c{number}", "310000", 1, 0)
    assert len(shares._buckets) == 10


@given(st.lists(st.tuples(st.integers(0, 120), st.integers(0, 120), st.floats(0, 5)), max_size=40))
def test_in_any_time_no_more_is_given_than_capacity_and_what_was_restored(
    asked: list[tuple[int, int, float]],
) -> None:
    shares, now, given_out = buckets(), 0.0, 0
    for cost, used, pause in asked:
        now += pause
        if shares.reserve("bo", "310000", cost, now) is None:
            actual = min(used, cost)
            shares.settle("bo", "310000", reserved=cost, actual=actual, now=now)
            # What alone is larger than the bucket is let through when that is full.
            given_out += min(actual, 100)
    assert given_out <= 100 + 10 * now + 1e-6


@pytest.mark.parametrize(
    ("caller", "tenant"),
    [
        (ANALYST, "tenant headquarters"),
        (MANAGER, "tenant 310000"),
        (Caller("c", Role.CLIENT_USER, client_registration="CN:1"), "tenant CN:1"),
    ],
)
def test_the_tenant_is_the_office_the_company_or_headquarters(caller: Caller, tenant: str) -> None:
    assert keys_of(caller) == (f"caller {caller.subject}", tenant)


def test_who_asks_too_much_is_told_when_to_ask_again() -> None:
    admission = Admission(buckets=buckets(), clock=lambda: 0)
    asked = operation("{ viewer { role } }")
    admission.admit(MANAGER, asked, 100)
    with pytest.raises(RateLimited, match="ask again after 201 milliseconds") as refused:
        admission.admit(MANAGER, asked, 2)
    assert refused.value.extensions == {"code": "RATE_LIMITED", "retryAfterMs": 201}
    admission.settle(MANAGER, 100, 0)
    admission.admit(MANAGER, asked, 2)


@pytest.mark.parametrize(
    ("shown_to", "caller", "may"),
    [
        (Introspection.EVERYONE, MANAGER, True),
        (Introspection.HEADQUARTERS, MANAGER, False),
        (Introspection.HEADQUARTERS, ANALYST, True),
        (Introspection.NOBODY, ANALYST, False),
    ],
)
def test_the_schema_is_shown_by_role(shown_to: Introspection, caller: Caller, may: bool) -> None:
    admission = Admission(introspection=shown_to)
    admission.admit(caller, operation("{ __typename }"), 1)
    asked = operation("{ __schema { types { name } } }")
    if may:
        admission.admit(caller, asked, 1)
    else:
        with pytest.raises(CodedError, match="the schema is not shown here"):
            admission.admit(caller, asked, 1)
