"""The demo bank's risk compensation fund, with claims and a recovery; its branches scored by quarter."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy import select, text

from domain.money import Money
from domain.scorecards.kinds import ScorePeriod
from domain.scorecards.periods import latest_ends
from tenants.actions import compensation, compensation_terms
from tenants.actions.once import Done
from tenants.compensation.shipped import ensure_default_fund
from tenants.database import Transaction
from tenants.scorecards.computing import active_model, compute
from tenants.scorecards.models import ensure_default_model
from tenants.tables import compensation_claim, compensation_fund, compensation_movement

QUARTERS = 4
BRANCH, GRANTS, PAYS = "demo branch", "demo headquarters", "demo treasury"

# Half of the eligible loans of the year, each a few days after it was paid out, for what was owed then.
_ENROLLED = """
insert into bank.compensation_enrolment (
    branch_id, id, client_id, facility_id, fund_id, terms_id, currency, principal_minor, covered_minor,
    enrolled_on, enrolled_by
)
select branch_id, gen_random_uuid(), client_id, id, fund_id, terms_id, currency, principal_minor,
    floor(principal_minor * coverage)::bigint, disbursed_on + 5, 'demo branch'
from (
    select facility.*, fund.id as fund_id, terms.id as terms_id, terms.coverage,
        facility.outstanding_minor + coalesce(repaid.principal_minor, 0)::bigint as principal_minor
    from bank.facility
    join bank.client on client.branch_id = facility.branch_id and client.id = facility.client_id
    join bank.region_class on region_class.region_code = client.region_code
    join bank.compensation_fund as fund on fund.code = 'RISK' and fund.currency = facility.currency
    join bank.compensation_terms as terms on terms.id = fund.active_terms_id
    left join (
        select branch_id, facility_id, sum(principal_minor) as principal_minor
        from bank.posting
        where paid_on is not null
        group by branch_id, facility_id
    ) as repaid on repaid.branch_id = facility.branch_id and repaid.facility_id = facility.id
    where facility.status = 'ACTIVE' and facility.disbursed_on between terms.valid_from and app.today() - 5
        and client.size_class in ('SMALL', 'MICRO')
        and (
            region_class.economic_tier in ('KEY', 'UNDERDEVELOPED')
            or facility.product in ('MICRO_CREDIT', 'IP_PLEDGED_LOAN', 'GREEN_LOAN', 'SUPPLY_CHAIN_FINANCE')
        )
        and hashtextextended(facility.reference, 0) % 2 = 0
) as eligible
where principal_minor between 2 and 3000000000
order by branch_id, id
on conflict (branch_id, facility_id) where status = 'ENROLLED' do nothing
"""
_LATE = """
select distinct on (enrolment.branch_id) enrolment.branch_id, enrolment.id
from bank.compensation_enrolment as enrolment
join bank.posting on posting.branch_id = enrolment.branch_id and posting.client_id = enrolment.client_id
    and posting.facility_id = enrolment.facility_id
where posting.paid_on is null and posting.due_on < app.today() - 90 and posting.principal_minor > 100
order by enrolment.branch_id, enrolment.facility_id
limit 2
"""
_COVERED = "select coalesce(sum(principal_minor), 0)::bigint from bank.compensation_enrolment"


async def cover_loans(transaction: Transaction) -> None:
    """Enrol loans, let the funders pay in a tenth of what is covered, and claim for two loans that are late."""
    await ensure_default_fund(transaction)
    await transaction.rows(text(_ENROLLED))
    fund = await transaction.row(select(compensation_fund).where(compensation_fund.c.code == "RISK"))
    assert fund is not None
    covered: int = await transaction.value(text(_COVERED))
    if covered and await transaction.value(select(compensation_movement.c.id).limit(1)) is None:
        for funder, share in (("CITY", 4), ("DISTRICT", 6)):
            paid_in = Money(covered // 100 * share, fund["currency"])
            await compensation_terms.contribute(transaction, PAYS, fund["id"], funder, paid_in)
    if await transaction.value(select(compensation_claim.c.id).limit(1)) is None:
        late = await transaction.rows(text(_LATE))
        for n, row in enumerate(late):
            await _claimed(transaction, (row["branch_id"], UUID(int=row["id"].int)), recovers=n == 0)


async def score_quarters(transaction: Transaction) -> None:
    """Score every branch for the last four quarters, once what they were then is on record."""
    await ensure_default_model(transaction)
    model = await active_model(transaction)
    assert model is not None
    today: dt.date = await transaction.value(text("select app.today()"))
    for end in latest_ends(today, ScorePeriod.QUARTER, QUARTERS):
        await compute(transaction, model, ScorePeriod.QUARTER, end, GRANTS)


async def _claimed(transaction: Transaction, enrolment: tuple[int, UUID], *, recovers: bool) -> None:
    """A claim, granted; one is paid as well, and a quarter of it comes back."""
    made = await compensation.claim(transaction, BRANCH, enrolment, None)
    if not isinstance(made, Done):
        return
    branch_id, claim_id = made.key
    assert isinstance(branch_id, int)
    assert isinstance(claim_id, UUID)
    key = (branch_id, claim_id)
    granted = await compensation.approve(transaction, GRANTS, key, 1)
    if isinstance(granted, Done) and recovers:
        await compensation.pay(transaction, PAYS, key, 2)
        amount = await transaction.row(
            select(compensation_claim.c.amount_minor, compensation_claim.c.currency).where(
                compensation_claim.c.branch_id == branch_id, compensation_claim.c.id == claim_id
            )
        )
        assert amount is not None
        back = Money(amount["amount_minor"] // 4, amount["currency"])
        await compensation.recover(transaction, GRANTS, key, 3, back)
