"""Changing the risk compensation fund: terms, contributions, covered loans, claims and what comes of them."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Action
from domain.money import Money
from domain.refusals import Refusal
from schema.carrying_out import acting, carried_out, permitted, reference_key, row_in_scope
from schema.compensation import CompensationClaim, CompensationMovement, CompensationTerms, LoanEnrolment
from schema.compensation_inputs import (
    ActivateCompensationTermsInput,
    ApproveClaimInput,
    ClaimCompensationInput,
    ContributeToFundInput,
    DraftCompensationTermsInput,
    EnrolLoanInput,
    PayClaimInput,
    RecordRecoveryInput,
    RejectClaimInput,
    WithdrawLoanInput,
)
from schema.inputs import amount_if_given, amount_of, reason_of
from schema.payloads import payload, success
from schema.refusals import (
    AlreadyRegistered,
    CompensationRefused,
    Conflict,
    SecondPersonNeeded,
    StatusRefused,
)
from tenants.actions import compensation, compensation_terms
from tenants.actions.compensation_terms import Draft

_INPUT = strawberry.argument(description="What is asked.")

_now = "The claim as it is now."
DraftCompensationTermsSuccess = success(
    "DraftCompensationTermsSuccess", "terms", CompensationTerms, "The draft."
)
ActivateCompensationTermsSuccess = success(
    "ActivateCompensationTermsSuccess", "terms", CompensationTerms, "What is in force now."
)
ContributeToFundSuccess = success(
    "ContributeToFundSuccess", "movement", CompensationMovement, "The contribution as it was recorded."
)
EnrolLoanSuccess = success("EnrolLoanSuccess", "enrolment", LoanEnrolment, "The covered loan.")
WithdrawLoanSuccess = success("WithdrawLoanSuccess", "enrolment", LoanEnrolment, "The loan as it is now.")
ClaimCompensationSuccess = success("ClaimCompensationSuccess", "claim", CompensationClaim, "The new claim.")
ApproveClaimSuccess = success("ApproveClaimSuccess", "claim", CompensationClaim, _now)
RejectClaimSuccess = success("RejectClaimSuccess", "claim", CompensationClaim, _now)
PayClaimSuccess = success("PayClaimSuccess", "claim", CompensationClaim, _now)
RecordRecoverySuccess = success("RecordRecoverySuccess", "claim", CompensationClaim, _now)

DraftCompensationTermsPayload = payload("DraftCompensationTermsPayload", DraftCompensationTermsSuccess)
ActivateCompensationTermsPayload = payload(
    "ActivateCompensationTermsPayload",
    ActivateCompensationTermsSuccess,
    StatusRefused,
    SecondPersonNeeded,
    Conflict,
)
ContributeToFundPayload = payload("ContributeToFundPayload", ContributeToFundSuccess)
EnrolLoanPayload = payload("EnrolLoanPayload", EnrolLoanSuccess, AlreadyRegistered, CompensationRefused)
WithdrawLoanPayload = payload("WithdrawLoanPayload", WithdrawLoanSuccess, StatusRefused, Conflict)
ClaimCompensationPayload = payload("ClaimCompensationPayload", ClaimCompensationSuccess, CompensationRefused)
_DECIDED = (StatusRefused, SecondPersonNeeded, CompensationRefused, Conflict)
ApproveClaimPayload = payload("ApproveClaimPayload", ApproveClaimSuccess, *_DECIDED)
RejectClaimPayload = payload(
    "RejectClaimPayload", RejectClaimSuccess, StatusRefused, SecondPersonNeeded, Conflict
)
PayClaimPayload = payload("PayClaimPayload", PayClaimSuccess, StatusRefused, SecondPersonNeeded, Conflict)
RecordRecoveryPayload = payload(
    "RecordRecoveryPayload", RecordRecoverySuccess, StatusRefused, CompensationRefused, Conflict
)


@strawberry.type
class CompensationMutations:
    """What can be changed about the risk compensation fund."""

    @strawberry.mutation(
        graphql_type=DraftCompensationTermsPayload,
        description="Write a version of a fund's terms, or begin a fund; nothing is covered by it yet.",
    )
    async def draft_compensation_terms(
        self, info: Info[Any, Any], input: Annotated[DraftCompensationTermsInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_FUNDS)
        wanted = Draft(input.fund_code, input.parameters, input.name or None, input.currency or None)
        act = acting(compensation_terms.draft, request.caller.subject, wanted)
        success = DraftCompensationTermsSuccess
        return await carried_out(request, "draftCompensationTerms", input, act, success, "CompensationTerms")

    @strawberry.mutation(
        graphql_type=ActivateCompensationTermsPayload,
        description="Put drafted terms into force: loans are enrolled by them from now on.",
    )
    async def activate_compensation_terms(
        self, info: Info[Any, Any], input: Annotated[ActivateCompensationTermsInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_FUNDS)
        terms_id = reference_key(input.terms_id, "CompensationTerms", "termsId")
        act = acting(compensation_terms.activate, request.caller.subject, terms_id, input.expected_version)
        success = ActivateCompensationTermsSuccess
        return await carried_out(
            request, "activateCompensationTerms", input, act, success, "CompensationTerms"
        )

    @strawberry.mutation(
        graphql_type=ContributeToFundPayload, description="Record what a funder has paid into a fund."
    )
    async def contribute_to_fund(
        self, info: Info[Any, Any], input: Annotated[ContributeToFundInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_FUNDS)
        fund_id = reference_key(input.fund_id, "CompensationFund", "fundId")
        amount = amount_of(input.amount, "amount")
        act = acting(compensation_terms.contribute, request.caller.subject, fund_id, input.funder, amount)
        success = ContributeToFundSuccess
        return await carried_out(request, "contributeToFund", input, act, success, "CompensationMovement")

    @strawberry.mutation(
        graphql_type=EnrolLoanPayload, description="Let a fund cover a loan of the branch, if it is eligible."
    )
    async def enrol_loan(self, info: Info[Any, Any], input: Annotated[EnrolLoanInput, _INPUT]) -> Any:
        request = permitted(info, Action.ENROL_LOAN)
        key = row_in_scope(request, input.facility_id, "Facility", "facilityId")
        fund_id = reference_key(input.fund_id, "CompensationFund", "fundId")
        act = acting(compensation.enrol, request.caller.subject, key, fund_id)
        return await carried_out(request, "enrolLoan", input, act, EnrolLoanSuccess, "LoanEnrolment")

    @strawberry.mutation(
        graphql_type=WithdrawLoanPayload,
        description="Take a loan from the fund that covers it; only while nothing is claimed of it.",
    )
    async def withdraw_loan(self, info: Info[Any, Any], input: Annotated[WithdrawLoanInput, _INPUT]) -> Any:
        request = permitted(info, Action.ENROL_LOAN)
        key = row_in_scope(request, input.enrolment_id, "LoanEnrolment", "enrolmentId")
        act = acting(compensation.withdraw, key, input.expected_version)
        return await carried_out(request, "withdrawLoan", input, act, WithdrawLoanSuccess, "LoanEnrolment")

    @strawberry.mutation(
        graphql_type=ClaimCompensationPayload,
        description="Claim what the fund bears of a covered loan's overdue principal.",
    )
    async def claim_compensation(
        self, info: Info[Any, Any], input: Annotated[ClaimCompensationInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.CLAIM_COMPENSATION)
        key = row_in_scope(request, input.enrolment_id, "LoanEnrolment", "enrolmentId")
        amount = amount_if_given(input.amount, "amount")
        act = acting(compensation.claim, request.caller.subject, key, amount)
        success = ClaimCompensationSuccess
        return await carried_out(request, "claimCompensation", input, act, success, "CompensationClaim")

    @strawberry.mutation(
        graphql_type=ApproveClaimPayload,
        description="Grant a claim: its amount is set aside from what every funder has.",
    )
    async def approve_claim(
        self,
        info: Info[Any, Any],
        input: Annotated[ApproveClaimInput, _INPUT],
    ) -> Any:
        return await _decided(info, "approveClaim", input, compensation.approve, ApproveClaimSuccess)

    @strawberry.mutation(graphql_type=RejectClaimPayload, description="Turn a claim down.")
    async def reject_claim(
        self,
        info: Info[Any, Any],
        input: Annotated[RejectClaimInput, _INPUT],
    ) -> Any:
        reason = reason_of(input.reason)
        return await _decided(info, "rejectClaim", input, compensation.reject, RejectClaimSuccess, reason)

    @strawberry.mutation(graphql_type=PayClaimPayload, description="Pay a granted claim.")
    async def pay_claim(
        self,
        info: Info[Any, Any],
        input: Annotated[PayClaimInput, _INPUT],
    ) -> Any:
        return await _decided(info, "payClaim", input, compensation.pay, PayClaimSuccess)

    @strawberry.mutation(
        graphql_type=RecordRecoveryPayload,
        description="Let what came in after a claim was paid flow back to the funders, in their shares.",
    )
    async def record_recovery(
        self,
        info: Info[Any, Any],
        input: Annotated[RecordRecoveryInput, _INPUT],
    ) -> Any:
        amount = amount_of(input.amount, "amount")
        return await _decided(
            info, "recordRecovery", input, compensation.recover, RecordRecoverySuccess, amount
        )


async def _decided(
    info: Info[Any, Any],
    operation: str,
    input: Any,
    action: Any,
    success: Any,
    *more: str | Money | Refusal | None,
) -> Any:
    """What headquarters makes of a claim."""
    request = permitted(info, Action.KEEP_FUNDS)
    key = row_in_scope(request, input.claim_id, "CompensationClaim", "claimId")
    act = acting(action, request.caller.subject, key, input.expected_version, *more)
    return await carried_out(request, operation, input, act, success, "CompensationClaim")
