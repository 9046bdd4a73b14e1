"""What the mutations of limits themselves take."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import strawberry

from domain.facts import camel, checked_name, in_minor
from domain.lending import Product
from domain.refusals import Refusal, invalid
from schema.inputs import KEY, VERSION, MoneyInput, given, is_given, optional
from schema.limit_codes import NodeKind, Reinstatement, Sharing


@strawberry.input(description="A new limit, a draft until it is approved by somebody else and activated.")
class CreateLimitNodeInput:
    """A node of the tree of limits."""

    idempotency_key: str = given(KEY)
    kind: NodeKind = given("What it limits.")
    name: str = given("What it is called.")
    parent_id: strawberry.ID | None = optional(
        "The limit that it stands under: of a unit's own that of the unit above, else the branch's own or "
        "another one under it. Needed, but for the bank's own, which has none."
    )
    unit_code: str | None = optional("Of a BANK, REGION or BRANCH node: the unit whose node it is.")
    client_id: strawberry.ID | None = optional("Of a CLIENT, FACILITY or client's SUBLIMIT: the client.")
    facility_id: strawberry.ID | None = optional("Of a FACILITY: the facility, where it is on the books.")
    product: Product | None = optional("Of a FACILITY or SUBLIMIT: only for this kind of credit.")
    segment_value: str | None = optional("Of a branch's SUBLIMIT: only for the clients of this segment.")
    sanctioned: MoneyInput = given("How much, and in which currency it is kept.")
    collateral_cap: MoneyInput | None = optional("No more than the security is worth.")
    regulatory_cap: MoneyInput | None = optional("No more than the supervisor allows.")
    tolerance: Decimal = given("By which fraction drawdowns may exceed it.", default=Decimal(0))
    reinstatement: Reinstatement = given("What repayments do to its room.", default=Reinstatement.REVOLVING)
    sharing: Sharing = given("How it stands in its parent.", default=Sharing.SHARED)
    parent_rate: Decimal = given(
        "How many minor units of the parent's currency one minor unit of its own is worth.",
        default=Decimal(1),
    )
    valid_from: dt.date = given("The first day on which it may be drawn on.")
    valid_until: dt.date = given("The last one.")


@strawberry.input(description="A drafted limit to approve, by somebody else than who drafted it.")
class ApproveLimitNodeInput:
    """An approval."""

    idempotency_key: str = given(KEY)
    node_id: strawberry.ID = given("The limit.")
    expected_version: int = given(VERSION)


@strawberry.input(description="An approved limit to put into force.")
class ActivateLimitNodeInput:
    """An activation."""

    idempotency_key: str = given(KEY)
    node_id: strawberry.ID = given("The limit.")
    expected_version: int = given(VERSION)


@strawberry.input(description="What is to be different of a limit; what is left out stays as it is.")
class AdjustLimitInput:
    """An adjustment. A cut below what is committed takes nothing away: nothing new is booked until it fits."""

    idempotency_key: str = given(KEY)
    node_id: strawberry.ID = given("The limit.")
    expected_version: int = given(VERSION)
    name: str | None = optional("What it is called.")
    sanctioned: MoneyInput | None = optional("How much.")
    collateral_cap: MoneyInput | None = optional("No more than the security is worth; null: not bound by it.")
    regulatory_cap: MoneyInput | None = optional("No more than the supervisor allows; null: not bound by it.")
    tolerance: Decimal | None = optional("By which fraction drawdowns may exceed it.")
    valid_from: dt.date | None = optional("The first day on which it may be drawn on.")
    valid_until: dt.date | None = optional("The last one.")


@strawberry.input(description="An addition to a limit for some days.")
class GrantAdditionInput:
    """A dated ad-hoc addition; it takes the place of the one before."""

    idempotency_key: str = given(KEY)
    node_id: strawberry.ID = given("The limit.")
    expected_version: int | None = optional(VERSION)
    amount: MoneyInput = given("How much more.")
    first: dt.date = given("From which day.", name="from")
    last: dt.date = given("Until which day, which counts.", name="until")


@strawberry.input(description="Part of a limit that goes to another one beside it.")
class TransferLimitInput:
    """A transfer between siblings."""

    idempotency_key: str = given(KEY)
    from_node_id: strawberry.ID = given("The limit that gives.")
    to_node_id: strawberry.ID = given("The limit that gets, under the same parent.")
    expected_version: int | None = optional(f"Of the limit that gives: {VERSION[0].lower()}{VERSION[1:]}")
    amount: MoneyInput = given("How much.")


@strawberry.input(description="A limit on which nothing new is to be booked.")
class FreezeLimitInput:
    """A freeze; of a unit's own node it freezes those of the units below, too."""

    idempotency_key: str = given(KEY)
    node_id: strawberry.ID = given("The limit.")
    expected_version: int | None = optional(VERSION)
    reason: str = given("Why.")


@strawberry.input(description="A frozen limit to go on with.")
class UnfreezeLimitInput:
    """The end of a freeze, with all that it froze."""

    idempotency_key: str = given(KEY)
    node_id: strawberry.ID = given("The limit.")
    expected_version: int | None = optional(VERSION)


@strawberry.input(description="A limit that is not needed any more.")
class CloseLimitInput:
    """A closure: nothing may be committed there."""

    idempotency_key: str = given(KEY)
    node_id: strawberry.ID = given("The limit.")
    expected_version: int | None = optional(VERSION)


@strawberry.input(
    description="A limit to put under another one of the same branch, with everything below it."
)
class MoveLimitNodeInput:
    """A move."""

    idempotency_key: str = given(KEY)
    node_id: strawberry.ID = given("The limit.")
    expected_version: int | None = optional(VERSION)
    new_parent_id: strawberry.ID = given("The limit that it is to stand under.")


@strawberry.input(description="Another rate between a limit's currency and that of the one above it.")
class RevalueLimitInput:
    """A revaluation; it may show a breach, and changes no movement."""

    idempotency_key: str = given(KEY)
    node_id: strawberry.ID = given("The limit.")
    expected_version: int | None = optional(VERSION)
    rate: Decimal = given("How many minor units of the parent's currency one minor unit of its own is worth.")


def rate_of(sent: Decimal, path: str) -> Decimal | Refusal:
    """A rate between currencies."""
    if not 0 < sent < 10**9 or round(sent, 9) != sent:
        return invalid(
            "a rate is more than nothing, below 1,000,000,000 and has at most nine decimal places", path
        )
    return sent


_LIMITS = ("sanctioned", "collateral_cap", "regulatory_cap")


def parameters_of(sent: CreateLimitNodeInput | AdjustLimitInput) -> dict[str, Any] | Refusal:
    """The columns of a limit's parameters that were said; all amounts are in the one `currency`."""
    found = _limits_of(sent)
    if isinstance(found, Refusal):
        return found
    if is_given(sent.name):
        name = checked_name(sent.name or "")
        if isinstance(name, Refusal):
            return name
        found["name"] = name
    if is_given(sent.tolerance):
        tolerance = sent.tolerance or Decimal(0)
        if not 0 <= tolerance <= 1 or round(tolerance, 6) != tolerance:
            return invalid("a fraction between 0 and 1 of at most six decimal places", "tolerance")
        found["tolerance"] = tolerance
    return found | {
        name: day for name in ("valid_from", "valid_until") if is_given(day := getattr(sent, name))
    }


def _limits_of(sent: CreateLimitNodeInput | AdjustLimitInput) -> dict[str, Any] | Refusal:
    found: dict[str, Any] = {}
    for name in _LIMITS:
        money = getattr(sent, name)
        if not is_given(money):
            # A null takes a cap away; of what is granted it says nothing.
            found |= {f"{name}_minor": None} if money is None and name != "sanctioned" else {}
            continue
        columns = in_minor({"amount": money.amount}, money.currency)
        if isinstance(columns, Refusal):
            return replace(columns, path=(camel(name), *columns.path))
        if found.get("currency", money.currency) != money.currency:
            return invalid("all amounts of a limit are in one currency", camel(name), "currency")
        found |= {f"{name}_minor": columns["amount_minor"], "currency": money.currency}
    return found
