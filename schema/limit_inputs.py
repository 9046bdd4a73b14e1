"""What the mutations of limits and quotas take."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import strawberry

from domain.lending import Product
from domain.refusals import Refusal, invalid
from schema.inputs import KEY, MoneyInput, given, is_given, optional

LONGEST_TENOR = 600
MOST_PARTNERS = 50
MOST_WEIGHT = Decimal(10**9)

_AMOUNT = "How much, in the currency of the limit that it draws on."
_NODE = "The limit to draw on; without it the closest one of the client and product."
_TENOR = "How many months the credit is to run: what some caps ask for."


@strawberry.input(description="Room to be held for an application.")
class EarmarkQuotaInput:
    """A soft hold, which expires by itself."""

    idempotency_key: str = given(KEY)
    client_id: strawberry.ID = given("The client.")
    product: Product = given("What kind of credit.")
    amount: MoneyInput = given(_AMOUNT)
    expires_at: dt.datetime | None = optional("Until when; the bank's usual time if not said.")
    node_id: strawberry.ID | None = optional(_NODE)
    tenor_months: int | None = optional(_TENOR)


@strawberry.input(description="A hold that is to last longer.")
class ExtendEarmarkInput:
    """Another expiry."""

    idempotency_key: str = given(KEY)
    commitment_id: strawberry.ID = given("The hold.")
    expires_at: dt.datetime = given("Until when it holds then: later than now; to end it, release it.")


@strawberry.input(
    description="Approved credit: of a hold (`commitmentId`), or new (`clientId`, `product`, `amount`)."
)
class ReserveQuotaInput:
    """A reservation."""

    idempotency_key: str = given(KEY)
    commitment_id: strawberry.ID | None = optional("The hold that becomes a reservation.")
    client_id: strawberry.ID | None = optional("The client, where there is no hold.")
    product: Product | None = optional("What kind of credit, where there is no hold.")
    amount: MoneyInput | None = optional("How much; of a hold all of it if not said.")
    node_id: strawberry.ID | None = optional(_NODE)
    tenor_months: int | None = optional(_TENOR)
    partial: bool = given("Whether less will do, where less is available.", default=False)


@strawberry.input(description="Part of a reservation that has been drawn.")
class UtiliseQuotaInput:
    """A drawdown."""

    idempotency_key: str = given(KEY)
    commitment_id: strawberry.ID = given("The commitment.")
    amount: MoneyInput = given("How much has been drawn.")
    beyond_reservation: bool = given(
        "Whether what exceeds the reservation may come from what is available.", default=False
    )


@strawberry.input(description="Something drawn that has been paid back.")
class RepayQuotaInput:
    """A repayment."""

    idempotency_key: str = given(KEY)
    commitment_id: strawberry.ID = given("The commitment.")
    amount: MoneyInput = given("How much was paid back.")


@strawberry.input(description="Room that is not needed any more; what is drawn is never released.")
class ReleaseQuotaInput:
    """A release."""

    idempotency_key: str = given(KEY)
    commitment_id: strawberry.ID = given("The commitment.")
    amount: MoneyInput | None = optional("How much; all that is held and not drawn if not said.")


@strawberry.input(description="Something drawn that will not be paid back.")
class WriteOffQuotaInput:
    """A write-off."""

    idempotency_key: str = given(KEY)
    commitment_id: strawberry.ID = given("The commitment.")
    amount: MoneyInput = given("How much.")


@strawberry.input(description="A movement to undo by one that compensates for it.")
class ReverseMovementInput:
    """A reversal."""

    idempotency_key: str = given(KEY)
    movement_id: strawberry.ID = given("The movement.")
    reason: str = given("Why.")


@strawberry.input(description="One of those who share a deal.")
class SyndicatePartnerInput:
    """A client of one branch, and its part."""

    client_id: strawberry.ID = given("The client, at the branch that takes the part.")
    weight: Decimal = given("Its weight beside the others': shares are in proportion, and sum exactly.")


@strawberry.input(description="A deal that several branches share: every part is reserved, or none is.")
class SyndicateQuotaInput:
    """A syndication."""

    idempotency_key: str = given(KEY)
    product: Product = given("What kind of credit.")
    amount: MoneyInput = given("How much in all.")
    partners: list[SyndicatePartnerInput] = given(f"Who takes part, 2 to {MOST_PARTNERS}.")


@strawberry.input(
    description="A reservation beyond what is available, within the caller's delegated authority."
)
class OverrideQuotaInput:
    """An override."""

    idempotency_key: str = given(KEY)
    client_id: strawberry.ID = given("The client.")
    product: Product = given("What kind of credit.")
    amount: MoneyInput = given(_AMOUNT)
    reason: str = given("Why; it is kept with the movement.")
    node_id: strawberry.ID | None = optional(_NODE)


def tenor_of(sent: int | None) -> int | Refusal | None:
    """How long credit is to run, in months, where that is said."""
    if not is_given(sent):
        return None
    if not 1 <= (sent or 0) <= LONGEST_TENOR:
        return invalid(f"between 1 and {LONGEST_TENOR} months", "tenorMonths")
    return sent


def weights_of(partners: Sequence[SyndicatePartnerInput]) -> list[Decimal] | Refusal:
    """The weights of those who share a deal."""
    if not 2 <= len(partners) <= MOST_PARTNERS:
        return invalid(f"a deal has 2 to {MOST_PARTNERS} partners", "partners")
    for index, partner in enumerate(partners):
        if not 0 < partner.weight <= MOST_WEIGHT:
            return invalid(
                "a weight is more than nothing, at most a thousand million", "partners", str(index), "weight"
            )
    return [partner.weight for partner in partners]
