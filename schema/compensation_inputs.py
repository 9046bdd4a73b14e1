"""What the mutations of the risk compensation fund take."""

from __future__ import annotations

from typing import Any

import strawberry

from schema.inputs import KEY, VERSION, MoneyInput, given, optional


@strawberry.input(description="A version of a fund's terms, and the fund itself where it is new.")
class DraftCompensationTermsInput:
    """Terms for a fund."""

    idempotency_key: str = given(KEY)
    fund_code: str = given("The fund's code; one that there is none of yet begins a new fund.")
    parameters: str = given(
        "Coverage, days, funders, eligibility, breaker and validity as JSON: see "
        "docs/compensation-and-scorecards.md."
    )
    name: str | None = optional("What a new fund shall be called.")
    currency: str | None = optional("ISO 4217 code of the loans that a new fund covers.")


@strawberry.input(description="Drafted terms to put into force; not by whoever wrote them.")
class ActivateCompensationTermsInput:
    """An activation, by a second person."""

    idempotency_key: str = given(KEY)
    terms_id: strawberry.ID = given("The terms.")
    expected_version: int = given(VERSION)


@strawberry.input(description="What a funder has paid into a fund.")
class ContributeToFundInput:
    """A contribution."""

    idempotency_key: str = given(KEY)
    fund_id: strawberry.ID = given("The fund.")
    funder: str = given("The funder's code.")
    amount: MoneyInput = given("How much, in the fund's currency.")


@strawberry.input(description="A loan that a fund shall cover.")
class EnrolLoanInput:
    """An enrolment, by the terms in force."""

    idempotency_key: str = given(KEY)
    fund_id: strawberry.ID = given("The fund.")
    facility_id: strawberry.ID = given("The loan.")


@strawberry.input(description="A loan that a fund shall cover no more.")
class WithdrawLoanInput:
    """The end of an enrolment of which nothing is claimed."""

    idempotency_key: str = given(KEY)
    enrolment_id: strawberry.ID = given("The covered loan.")
    expected_version: int = given(VERSION)


@strawberry.input(description="A claim for a covered loan's overdue principal.")
class ClaimCompensationInput:
    """A claim."""

    idempotency_key: str = given(KEY)
    enrolment_id: strawberry.ID = given("The covered loan.")
    amount: MoneyInput | None = optional("How much; left out: all that may be claimed.")


def _naming_a_claim(name: str, description: str, **more: tuple[Any, Any]) -> Any:
    """An input that names a claim and the version that was read of it."""
    fields: dict[str, tuple[Any, Any]] = {
        "idempotency_key": (str, given(KEY)),
        "claim_id": (strawberry.ID, given("The claim.")),
        "expected_version": (int, given(VERSION)),
        **more,
    }
    namespace: dict[str, Any] = {field: declared for field, (_, declared) in fields.items()}
    namespace["__annotations__"] = {field: annotation for field, (annotation, _) in fields.items()}
    namespace["__module__"] = __name__
    return strawberry.input(type(name, (), namespace), description=description)


ApproveClaimInput = _naming_a_claim("ApproveClaimInput", "A claim to grant; not by whoever made it.")
RejectClaimInput = _naming_a_claim(
    "RejectClaimInput", "A claim to turn down.", reason=(str, given("Why, for the branch."))
)
PayClaimInput = _naming_a_claim("PayClaimInput", "A granted claim to pay; not by whoever granted it.")
RecordRecoveryInput = _naming_a_claim(
    "RecordRecoveryInput",
    "What came in after a claim was paid.",
    amount=(MoneyInput, given("How much flows back to the funders, in the fund's currency.")),
)
