"""What already stood on the books when a cap came into force, counted in its pools: each contract once per cap.

A cap on the whole bank counts everything when it is activated. One per company or group counts a company's
contracts when somebody first draws on its pool; so activating it does not go through every client of the bank.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tenants.transaction import Transaction

STATEMENT_LIMIT_S = 300

PoolKey = tuple[int, str]
"""A cap's id, and its subject."""

# The tenor of a contract that is older than the ledger is that of its facility. What falls under a cap falls under
# those above it: a pool counts whatever the filters of its cap, or of one below it, let through.
_UNCOUNTED = """
with recursive wanted as materialized (
    select pair.cap_id, pair.subject, cap.per, cap.counts, cap.currency
    from unnest($1::int[], $2::text[]) as pair (cap_id, subject)
    join bank.concentration_cap as cap on cap.id = pair.cap_id
), below (cap_id, id) as (
    select cap_id, cap_id from wanted
    union
    select below.cap_id, child.id from below join bank.concentration_cap as child on child.parent_id = below.id
), filter as materialized (
    select below.cap_id as counted_in, cap.*
    from below join bank.concentration_cap as cap on cap.id = below.id
    where cap.status = 'ACTIVE' and (cap.valid_until is null or cap.valid_until >= app.today())
), member as materialized (
    select wanted.*, client.branch_id, client.id as client_id
    from wanted
    join bank.client on client.registration_country = split_part(wanted.subject, ':', 1)
        and client.registration_number = substr(wanted.subject, strpos(wanted.subject, ':') + 1)
    where wanted.per = 'CLIENT' or wanted.per = 'GROUP' and wanted.subject like '%:%' and not exists (
        select from bank.client_group as grouped
        where grouped.branch_id = client.branch_id and grouped.client_id = client.id
    )
    union all
    select wanted.*, grouped.branch_id, grouped.client_id
    from wanted
    join bank.client_group as grouped
        on grouped.group_no = case when wanted.subject ~ '^[0-9]+$' then wanted.subject::bigint end
    where wanted.per = 'GROUP'
), candidate as (
    select wanted.*, promised.branch_id, promised.client_id, promised.id, promised.facility_id, promised.product,
        promised.tenor_months, promised.earmarked_minor, promised.reserved_minor, promised.utilised_minor
    from wanted
    join bank.limit_commitment as promised on promised.currency = wanted.currency
    where wanted.per = 'BANK' and promised.status in ('EARMARKED', 'RESERVED', 'UTILISED')
    union all
    select member.*, promised.id, promised.facility_id, promised.product,
        promised.tenor_months, promised.earmarked_minor, promised.reserved_minor, promised.utilised_minor
    from member
    join bank.limit_commitment as promised on promised.branch_id = member.branch_id
        and promised.client_id = member.client_id and promised.currency = member.currency
    where promised.status in ('EARMARKED', 'RESERVED', 'UTILISED')
), uncounted as materialized (
    select one.branch_id, one.cap_id, one.subject, one.currency, one.id as commitment_id,
        case one.counts
            when 'LOANS' then one.utilised_minor
            else one.earmarked_minor + one.reserved_minor + one.utilised_minor
        end as amount
    from candidate as one
    join bank.client on client.branch_id = one.branch_id and client.id = one.client_id
    left join bank.region_class as class on class.region_code = client.region_code
    left join bank.facility on facility.branch_id = one.branch_id and facility.id = one.facility_id
    cross join lateral (
        select coalesce(one.tenor_months, (
            extract(year from age(facility.matures_on, facility.disbursed_on)) * 12
            + extract(month from age(facility.matures_on, facility.disbursed_on))
        )::int) as months
    ) as tenor
    where exists (
        select from filter
        where filter.counted_in = one.cap_id
        and (filter.products = '{}' or one.product = any (filter.products))
        and (filter.grades = '{}' or client.credit_grade = any (filter.grades))
        and (filter.region_codes = '{}' or client.region_code = any (filter.region_codes))
        and (filter.region_tiers = '{}' or class.economic_tier = any (filter.region_tiers))
        and (
            filter.industry_codes = '{}'
            or filter.industry_scheme = client.industry_scheme and exists (
                select from unnest(filter.industry_codes) as code where starts_with(client.industry_code, code)
            )
        )
        and (tenor.months is null or tenor.months >= coalesce(filter.tenor_from_months, 0))
        and (tenor.months is null or filter.tenor_until_months is null or tenor.months <= filter.tenor_until_months)
    )
    and not exists (
        select from bank.cap_posting as posting
        where posting.branch_id = one.branch_id and posting.commitment_id = one.id and posting.cap_id = one.cap_id
    )
)
"""

_WHERE = f"{_UNCOUNTED} select distinct branch_id from uncounted where amount > 0 order by 1"

_COUNT = f"""{_UNCOUNTED}, movement as materialized (
    select uncounted.*, latest.id as movement_id
    from uncounted
    cross join lateral (
        select movement.id from bank.limit_movement as movement
        where movement.branch_id = uncounted.branch_id and movement.commitment_id = uncounted.commitment_id
        order by movement.recorded_at desc, movement.id desc
        limit 1
    ) as latest
    where uncounted.amount > 0
), summed as materialized (
    select branch_id, cap_id, subject, currency, sum(amount)::bigint as amount
    from movement group by 1, 2, 3, 4
), shared as (
    insert into bank.cap_share as share (branch_id, cap_id, subject, currency, share_minor, used_minor)
    select branch_id, cap_id, subject, currency, amount, amount from summed
    on conflict (branch_id, cap_id, subject) do update
    set share_minor = share.share_minor + excluded.share_minor, used_minor = share.used_minor + excluded.used_minor
), posted as (
    insert into bank.cap_posting (branch_id, movement_id, cap_id, subject, commitment_id, delta_minor)
    select branch_id, movement_id, cap_id, subject, commitment_id, amount from movement
), told as (
    insert into bank.cap_deal (branch_id, id, cap_id, subject, delta_minor, currency, actor, reason)
    select branch_id, app.limit_row_id(), cap_id, subject, amount, currency, $3, 'already on the books' from summed
), pooled as (
    update bank.cap_pool as pool
    set dealt_minor = pool.dealt_minor + whole.amount, version = pool.version + 1, updated_at = now(),
        over_limit = pool.dealt_minor + whole.amount > pool.ceiling_minor
    from (select cap_id, subject, sum(amount)::bigint as amount from summed group by 1, 2) as whole
    where pool.cap_id = whole.cap_id and pool.subject = whole.subject
)
select count(*) from movement
"""

_LOCK_TOPS = """
select 1 from bank.limit_node as node
where node.kind in ('BANK', 'REGION', 'BRANCH') and ($1::int[] is null or node.branch_id = any ($1))
order by node.branch_id, node.id
for no key update
"""


async def branches_with_uncounted(transaction: Transaction, pools: Collection[PoolKey]) -> list[int]:
    """Where contracts of the pools' subjects stand on the books that no pool of theirs counts yet."""
    return [row[0] for row in await transaction.fetch(_WHERE, _pairs(pools))]


async def count(transaction: Transaction, pools: Collection[PoolKey], actor: str) -> int:
    """Count them, and say how many they were. Their branches' top nodes, and the pools, are locked already."""
    rows = await transaction.fetch(_COUNT, [*_pairs(pools), actor])
    counted: int = rows[0][0]
    return counted


async def lock_tops(transaction: Transaction, branches: Sequence[int] | None = None) -> None:
    """Keep everybody from booking in these branches (None: in the whole bank) until the transaction ends."""
    await transaction.fetch(_LOCK_TOPS, [branches])


def _pairs(pools: Collection[PoolKey]) -> list[list[int] | list[str]]:
    ordered = sorted(pools)
    return [[cap_id for cap_id, _ in ordered], [subject for _, subject in ordered]]
