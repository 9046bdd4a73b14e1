"""Funds and their terms: drafted, put into force by a second person, contributed to."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert, select, text

from domain.compensation.kinds import FundBucket, FundOperation, TermsStatus
from domain.compensation.terms import read
from domain.json_forms import read_parameters
from domain.money import EXPONENTS, Money
from domain.refusals import Refusal, RefusalCode, changed_since, invalid, not_found, second_person_needed
from tenants.actions.once import Done, Outcome, Refused
from tenants.compensation.books import lock_fund
from tenants.compensation.posting import Movement, post
from tenants.compensation.terms import ONE_AT_A_TIME, put_in_force, write_terms
from tenants.database import Transaction
from tenants.tables import compensation_fund, compensation_terms

LONGEST_NAME = 100
LONGEST_CODE = 40


@dataclass(frozen=True, slots=True)
class Draft:
    """Terms for a fund by its code; name and currency are of a fund that is new."""

    fund_code: str
    parameters: str
    name: str | None = None
    currency: str | None = None


async def draft(transaction: Transaction, subject: str, wanted: Draft) -> Outcome:
    """Write a version of a fund's terms, and the fund itself where it is new; nothing is covered by it yet."""
    terms = read_parameters(read, wanted.parameters)
    if isinstance(terms, Refusal):
        return Refused(terms)
    await transaction.rows(text(ONE_AT_A_TIME))
    fund_id = await _fund(transaction, subject, wanted)
    if isinstance(fund_id, Refusal):
        return Refused(fund_id)
    return Done((await write_terms(transaction, subject, fund_id, terms),))


async def activate(transaction: Transaction, subject: str, terms_id: int, expected_version: int) -> Outcome:
    """Put terms into force, in place of those of the fund that were; by a second person."""
    await transaction.rows(text(ONE_AT_A_TIME))
    t = compensation_terms
    fund_id = await transaction.value(select(t.c.fund_id).where(t.c.id == terms_id))
    if fund_id is None:
        return Refused(not_found("terms of a fund", "termsId"))
    await lock_fund(transaction, fund_id)
    terms = await transaction.row(select(t).where(t.c.id == terms_id).with_for_update(key_share=True))
    assert terms is not None
    if terms["version"] != expected_version:
        return Refused(changed_since(terms["version"]), (terms_id,))
    if terms["status"] != TermsStatus.DRAFT:
        message = f"terms that are {terms['status']} do not come into force: draft others"
        return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("termsId",)), (terms_id,))
    if subject == terms["created_by"]:
        return Refused(second_person_needed("wrote terms", "put them into force", "termsId"), (terms_id,))
    await put_in_force(transaction, subject, fund_id, terms_id)
    return Done((terms_id,))


async def contribute(
    transaction: Transaction, subject: str, fund_id: int, funder: str, amount: Money
) -> Outcome:
    """Record what a funder has paid into a fund."""
    fund = await lock_fund(transaction, fund_id)
    if fund is None:
        return Refused(not_found("compensation fund", "fundId"))
    if funder not in fund.books.accounts:
        return Refused(not_found("funder of this fund", "funder"))
    if amount.currency != fund.currency:
        return Refused(invalid(f"the fund is in {fund.currency}", "amount", "currency"))
    if amount.minor <= 0:
        return Refused(invalid("an amount above zero is needed", "amount"))
    movement = Movement(fund_id, fund.currency, FundOperation.CONTRIBUTE, amount.minor, subject)
    return Done(await post(transaction, movement, {(funder, FundBucket.CONTRIBUTED): amount.minor}))


async def _fund(transaction: Transaction, subject: str, wanted: Draft) -> int | Refusal:
    f = compensation_fund
    known: int | None = await transaction.value(select(f.c.id).where(f.c.code == wanted.fund_code))
    if known is not None:
        return known
    code, name = wanted.fund_code.strip(), (wanted.name or "").strip()
    if not 1 <= len(code) <= LONGEST_CODE:
        return invalid(f"a code has 1 to {LONGEST_CODE} characters", "fundCode")
    if not 1 <= len(name) <= LONGEST_NAME:
        return invalid(f"the fund is new: a name of 1 to {LONGEST_NAME} characters is needed", "name")
    if wanted.currency not in EXPONENTS:
        return invalid("the fund is new: a currency that the bank deals in is needed", "currency")
    made: int = await transaction.value(
        insert(f).values(code=code, name=name, currency=wanted.currency, created_by=subject).returning(f.c.id)
    )
    return made
