"""Changing concentration caps: drafted, put in force, archived, dealt; and recording the bank's capital."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Action
from domain.clients import CreditGrade
from domain.divisions.models import Tier
from domain.facts import in_minor
from domain.lending import Product
from domain.limits.nodes import Counts
from domain.limits.regulation import Capital, CapitalMeasure, CapPer, checked_cap
from domain.refusals import Refusal, invalid, not_found
from schema.caps import CapShare, ConcentrationCap, RegulatoryCapital
from schema.carrying_out import acting, carried_out, first_refusal, permitted, reference_key
from schema.inputs import KEY, VERSION, MoneyInput, amount_of, given, is_given, optional, said
from schema.payloads import payload, success
from schema.refusals import (
    AlreadyRegistered,
    Conflict,
    LimitRefused,
    SecondPersonNeeded,
    StatusRefused,
    user_error,
)
from tenants.actions import caps
from tenants.limits.presets import shipped_presets

_INPUT = strawberry.argument(description="What is asked.")


@strawberry.input(description="A cap to write down; it binds nobody until a second person puts it in force.")
class DraftConcentrationCapInput:
    """A draft."""

    idempotency_key: str = given(KEY)
    name: str = given("What it shall be called.")
    per: CapPer = given("For whom it has a pool.", default=CapPer.BANK)
    counts: Counts = given("What it counts.", default=Counts.EXPOSURE)
    currency: str = given("Of what it counts: ISO 4217 code.")
    ceiling: Decimal | None = optional("The ceiling in major units of the currency, where it is no fraction.")
    ceiling_fraction: Decimal | None = optional("The ceiling as a fraction of the capital, 0.25 for 25 %.")
    ceiling_of: CapitalMeasure | None = optional("What it is a fraction of.")
    reportable_fraction: Decimal | None = optional("From which fraction of the same on it is reported.")
    deal_fraction: Decimal | None = optional("How much of the ceiling is dealt at once; else 0.05.")
    parent_id: strawberry.ID | None = optional("The cap that counts all that this one counts as well.")
    replaces_id: strawberry.ID | None = optional("The cap in force in whose place it shall come.")
    industry_scheme: str | None = optional("The classification of the industries.")
    industry_codes: list[str] | None = optional("Industries, by how their code begins; else any.")
    region_tiers: list[Tier] | None = optional("Tiers of the clients' regions; else any.")
    region_codes: list[str] | None = optional("Regions of the clients; else any.")
    grades: list[CreditGrade] | None = optional("Credit grades of the clients; else any.")
    products: list[Product] | None = optional("Products; else any.")
    tenor_from_months: int | None = optional("The shortest tenor that falls under it.")
    tenor_until_months: int | None = optional("The longest tenor that does.")
    valid_from: dt.date = given("From when on it may be in force.")
    valid_until: dt.date | None = optional("The last day on which it binds.")


@strawberry.input(description="A drafted cap to put in force; not by whoever wrote it.")
class ActivateConcentrationCapInput:
    """A draft, and the version that was read of it."""

    idempotency_key: str = given(KEY)
    cap_id: strawberry.ID = given("The cap.")
    expected_version: int = given(VERSION)


@strawberry.input(description="A cap to give up, or to let bind no more.")
class ArchiveConcentrationCapInput:
    """A cap, and the version that was read of it."""

    idempotency_key: str = given(KEY)
    cap_id: strawberry.ID = given("The cap.")
    expected_version: int = given(VERSION)


@strawberry.input(
    description="Room under a cap for a branch; branches are dealt what they need by themselves, too."
)
class DealCapInput:
    """Whose share, of which pool, and how much room."""

    idempotency_key: str = given(KEY)
    cap_id: strawberry.ID = given("The cap, which is in force.")
    unit_code: str = given("The branch.")
    subject: str = given("The pool: empty, a group's number, or a company as country:number.", default="")
    amount: MoneyInput = given("So much it shall have and not use, at least; or give back.")
    take_back: bool = given("Whether so much is taken back into the pool instead.", default=False)


@strawberry.input(description="The bank's own funds as of a day; what was recorded of that day is replaced.")
class RecordRegulatoryCapitalInput:
    """A day's capital."""

    idempotency_key: str = given(KEY)
    day: dt.date = given("Since when it has been so much.")
    net_capital: MoneyInput = given("Net capital.")
    tier1: MoneyInput = given("Tier 1 capital, in the same currency.")


@strawberry.input(description="The supervisors' limits on large exposures, to be drafted as caps.")
class ApplyRegulatoryPresetsInput:
    """Which currency they shall be in."""

    idempotency_key: str = given(KEY)
    currency: str = given("Of the capital, and of what they count: ISO 4217 code.", default="CNY")


_now = "The cap as it is now."
DraftConcentrationCapSuccess = success("DraftConcentrationCapSuccess", "cap", ConcentrationCap, "The draft.")
ActivateConcentrationCapSuccess = success("ActivateConcentrationCapSuccess", "cap", ConcentrationCap, _now)
ArchiveConcentrationCapSuccess = success("ArchiveConcentrationCapSuccess", "cap", ConcentrationCap, _now)
DealCapSuccess = success("DealCapSuccess", "share", CapShare, "The branch's share as it is now.")
RecordRegulatoryCapitalSuccess = success(
    "RecordRegulatoryCapitalSuccess", "capital", RegulatoryCapital, "What was recorded."
)
ApplyRegulatoryPresetsSuccess = success(
    "ApplyRegulatoryPresetsSuccess",
    "cap",
    ConcentrationCap,
    "The first of the drafts; `concentrationCaps` lists them all.",
)

DraftConcentrationCapPayload = payload("DraftConcentrationCapPayload", DraftConcentrationCapSuccess)
ActivateConcentrationCapPayload = payload(
    "ActivateConcentrationCapPayload",
    ActivateConcentrationCapSuccess,
    StatusRefused,
    SecondPersonNeeded,
    Conflict,
)
ArchiveConcentrationCapPayload = payload(
    "ArchiveConcentrationCapPayload", ArchiveConcentrationCapSuccess, StatusRefused, Conflict
)
DealCapPayload = payload("DealCapPayload", DealCapSuccess, StatusRefused, LimitRefused)
RecordRegulatoryCapitalPayload = payload("RecordRegulatoryCapitalPayload", RecordRegulatoryCapitalSuccess)
ApplyRegulatoryPresetsPayload = payload(
    "ApplyRegulatoryPresetsPayload", ApplyRegulatoryPresetsSuccess, AlreadyRegistered
)


@strawberry.type
class CapMutations:
    """What can be changed about concentration caps."""

    @strawberry.mutation(
        graphql_type=DraftConcentrationCapPayload, description="Write a cap down; nothing is counted yet."
    )
    async def draft_concentration_cap(
        self, info: Info[Any, Any], input: Annotated[DraftConcentrationCapInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_CAPS)
        facts = _facts(input)
        act = acting(caps.draft, request.caller.subject, facts)
        shown = DraftConcentrationCapSuccess
        return await carried_out(request, "draftConcentrationCap", input, act, shown, "ConcentrationCap")

    @strawberry.mutation(
        graphql_type=ActivateConcentrationCapPayload,
        description="Put a cap in force; what stands on the books under it is counted, even beyond its ceiling.",
    )
    async def activate_concentration_cap(
        self, info: Info[Any, Any], input: Annotated[ActivateConcentrationCapInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_CAPS)
        cap_id = reference_key(input.cap_id, "ConcentrationCap", "capId")
        subject, version = request.caller.subject, input.expected_version
        act = acting(caps.activate, subject, cap_id, version, request.today)
        shown = ActivateConcentrationCapSuccess
        return await carried_out(request, "activateConcentrationCap", input, act, shown, "ConcentrationCap")

    @strawberry.mutation(
        graphql_type=ArchiveConcentrationCapPayload,
        description="Give up a drafted cap, or let one in force bind no more.",
    )
    async def archive_concentration_cap(
        self, info: Info[Any, Any], input: Annotated[ArchiveConcentrationCapInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_CAPS)
        cap_id = reference_key(input.cap_id, "ConcentrationCap", "capId")
        act = acting(caps.archive, request.caller.subject, cap_id, input.expected_version)
        shown = ArchiveConcentrationCapSuccess
        return await carried_out(request, "archiveConcentrationCap", input, act, shown, "ConcentrationCap")

    @strawberry.mutation(
        graphql_type=DealCapPayload,
        description="See to it that a branch has room under a cap, or take back what it does not use.",
    )
    async def deal_cap(self, info: Info[Any, Any], input: Annotated[DealCapInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_CAPS)
        cap_id = reference_key(input.cap_id, "ConcentrationCap", "capId")
        unit = request.organisation.with_code(input.unit_code)
        branch = not_found("organisation unit", "unitCode") if unit is None else unit.id
        money = amount_of(input.amount, "amount")
        if refusal := first_refusal(cap_id, branch, money):
            return user_error(refusal)
        action = caps.return_room if input.take_back else caps.deal_room
        act = acting(action, request.caller.subject, (cap_id, input.subject), branch, money)
        return await carried_out(request, "dealCap", input, act, DealCapSuccess, "CapShare")

    @strawberry.mutation(
        graphql_type=RecordRegulatoryCapitalPayload,
        description="Record the bank's capital; ceilings that are fractions of it follow.",
    )
    async def record_regulatory_capital(
        self, info: Info[Any, Any], input: Annotated[RecordRegulatoryCapitalInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_CAPS)
        net, tier_1 = amount_of(input.net_capital, "netCapital"), amount_of(input.tier1, "tier1")
        if isinstance(net, Refusal) or isinstance(tier_1, Refusal):
            return user_error(net if isinstance(net, Refusal) else tier_1)  # type: ignore[arg-type]
        if net.currency != tier_1.currency:
            return user_error(invalid("both are in one currency", "tier1", "currency"))
        capital = Capital(net.minor, tier_1.minor, net.currency)
        act = acting(caps.record_capital, request.caller.subject, input.day, capital, request.today)
        shown = RecordRegulatoryCapitalSuccess
        return await carried_out(request, "recordRegulatoryCapital", input, act, shown, "RegulatoryCapital")

    @strawberry.mutation(
        graphql_type=ApplyRegulatoryPresetsPayload,
        description="Draft the supervisors' limits that are not there yet; a second person activates each.",
    )
    async def apply_regulatory_presets(
        self, info: Info[Any, Any], input: Annotated[ApplyRegulatoryPresetsInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_CAPS)
        subject, presets = request.caller.subject, shipped_presets()
        act = acting(caps.apply_presets, subject, presets, input.currency, request.today)
        shown = ApplyRegulatoryPresetsSuccess
        return await carried_out(request, "applyRegulatoryPresets", input, act, shown, "ConcentrationCap")


_OTHERS = frozenset({"idempotency_key", "ceiling", "parent_id", "replaces_id"})


def _facts(sent: DraftConcentrationCapInput) -> dict[str, Any] | Refusal:
    """A cap's columns, checked."""
    facts = said(sent, without=_OTHERS)
    ceiling = in_minor({"ceiling": sent.ceiling if is_given(sent.ceiling) else None}, sent.currency)
    if isinstance(ceiling, Refusal):
        return ceiling
    for name, sent_id, path in (
        ("parent_id", sent.parent_id, "parentId"),
        ("replaces_id", sent.replaces_id, "replacesId"),
    ):
        if is_given(sent_id) and sent_id is not None:
            found = reference_key(sent_id, "ConcentrationCap", path)
            if isinstance(found, Refusal):
                return found
            facts[name] = found
    return checked_cap(facts | ceiling)
