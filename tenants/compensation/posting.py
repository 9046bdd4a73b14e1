"""What a movement changes, written: the movement, its postings, the accounts that they sum up to, the standing."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, insert, select, text, update
from uuid_utils.compat import uuid7

from domain.compensation.fund import standing_of
from domain.compensation.kinds import FundOperation
from domain.compensation.rules import Postings
from tenants.compensation.books import lock_fund
from tenants.database import Transaction
from tenants.tables import compensation_fund, compensation_movement, compensation_posting, unit

# From the postings just written, so that what is cached cannot be anything else than their sum.
_ACCOUNTS = """
update bank.compensation_account as account
set contributed_minor = contributed_minor + posted.contributed,
    reserved_minor = reserved_minor + posted.reserved,
    paid_minor = paid_minor + posted.paid,
    recovered_minor = recovered_minor + posted.recovered,
    version = version + 1
from (
    select fund_id, funder,
        coalesce(sum(delta_minor) filter (where bucket = 'CONTRIBUTED'), 0)::bigint as contributed,
        coalesce(sum(delta_minor) filter (where bucket = 'RESERVED'), 0)::bigint as reserved,
        coalesce(sum(delta_minor) filter (where bucket = 'PAID'), 0)::bigint as paid,
        coalesce(sum(delta_minor) filter (where bucket = 'RECOVERED'), 0)::bigint as recovered
    from bank.compensation_posting
    where branch_id = :branch_id and movement_id = :movement_id
    group by fund_id, funder
) as posted
where account.fund_id = posted.fund_id and account.funder = posted.funder
returning account.funder
"""


@dataclass(frozen=True, slots=True)
class Movement:
    """What moved in a fund, for which claim, by whom; minor units of the fund's currency."""

    fund_id: int
    currency: str
    operation: FundOperation
    amount: int
    actor: str
    claim: tuple[int, UUID] | None = None


async def post(transaction: Transaction, movement: Movement, postings: Postings) -> tuple[int, UUID]:
    """Write a movement with its postings; the fund and its accounts are locked. The movement's key."""
    made = uuid7()
    branch_id = movement.claim[0] if movement.claim else await headquarters(transaction)
    await transaction.rows(
        insert(compensation_movement).values(
            branch_id=branch_id,
            id=made,
            fund_id=movement.fund_id,
            claim_id=movement.claim[1] if movement.claim else None,
            operation=movement.operation,
            currency=movement.currency,
            amount_minor=movement.amount,
            value_date=func.app.today(),
            actor=movement.actor,
        )
    )
    await transaction.rows(
        insert(compensation_posting).values(
            [
                {
                    "branch_id": branch_id,
                    "movement_id": made,
                    "funder": funder,
                    "bucket": bucket,
                    "fund_id": movement.fund_id,
                    "currency": movement.currency,
                    "delta_minor": delta,
                }
                for (funder, bucket), delta in postings.items()
            ]
        )
    )
    touched = await transaction.rows(text(_ACCOUNTS).bindparams(branch_id=branch_id, movement_id=made))
    assert {row["funder"] for row in touched} == {funder for funder, _ in postings}
    await settle_standing(transaction, movement.fund_id)
    return branch_id, made


async def settle_standing(transaction: Transaction, fund_id: int) -> None:
    """Stop the fund, or let it go on, by what its books say now."""
    fund = await lock_fund(transaction, fund_id)
    assert fund is not None
    standing = standing_of(fund.cover, fund.books)
    if standing is not fund.standing:
        f = compensation_fund
        await transaction.rows(
            update(f).where(f.c.id == fund_id).values(standing=standing, version=f.c.version + 1)
        )


async def headquarters(transaction: Transaction) -> int:
    """The unit whose rows contributions are."""
    found: int = await transaction.value(select(unit.c.id).where(unit.c.parent_id.is_(None)))
    return found
