"""Concentration caps in every state, with shares of every branch, deals and postings; the bank's own capital."""

from __future__ import annotations

import asyncpg

_CAPITAL = """
    insert into bank.regulatory_capital (day, net_capital_minor, tier_1_minor, currency, recorded_by)
    values ('2023-12-31', 90000000, 80000000, 'CNY', 'x'), ('2024-01-31', 100000000, 70000000, 'CNY', E'"y"\\t')
"""
_COLUMNS = (
    "id, name, per, counts, currency, ceiling_minor, ceiling_fraction, ceiling_of, reportable_fraction, preset, "
    "parent_id, replaces_id, status, valid_from, valid_until, created_by, activated_by, activated_at, archived_at"
)
_SINCE = "'2020-01-01', null, 'a', 'b', '2020-01-01Z'"
_CAPS = f"""
    insert into bank.concentration_cap ({_COLUMNS}) overriding system value values
    (900, 'all', 'BANK', 'EXPOSURE', 'CNY', 9000000, null, null, null, null, null, null, 'ACTIVE', {_SINCE}, null),
    (903, 'o', 'BANK', 'LOANS', 'CNY', 0, null, null, null, null, null, null, 'ARCHIVED', {_SINCE}, now()),
    (901, 'some', 'BANK', 'LOANS', 'CNY', 8000000, null, null, null, null, 900, 903, 'ACTIVE', {_SINCE}, null),
    (902, 'g', 'GROUP', 'EXPOSURE', 'CNY', null, 0.25, 'TIER_1', 0.1, 'X', null, null, 'ACTIVE', {_SINCE}, null),
    (904, 'net', 'CLIENT', 'LOANS', 'CNY', null, 0.1, 'NET_CAPITAL', null, null, null, null, 'DRAFT', '2020-01-01',
        '2030-12-31', 'a', null, null, null)
"""
_FILTERS = """
    update bank.concentration_cap set industry_scheme = 'GB/T 4754', industry_codes = '{"K","E\\"\\\\47"}',
        region_tiers = '{CORE,KEY}', region_codes = '{310000}', grades = '{A}', products = '{TERM_LOAN,GREEN_LOAN}',
        tenor_from_months = 0, tenor_until_months = 12
    where id = 901
"""
_SHARES = """
    insert into bank.cap_share (branch_id, cap_id, subject, currency, share_minor, used_minor, over_limit, dealt_at)
    select u.id, p.cap_id, p.subject, 'CNY', 1000 * u.id, 0, p.cap_id = 903, '2024-01-01Z'
    from bank.unit u cross join (values (900, ''), (901, ''), (903, ''), (902, '7'), (902, E'CN:"9\\\\1'))
        as p (cap_id, subject)
    where u.kind in ('BRANCH', 'SUB_BRANCH')
"""
_DEALS = """
    insert into bank.cap_deal (branch_id, id, cap_id, subject, delta_minor, currency, actor, reason, dealt_at)
    select s.branch_id, md5('deal' || s.cap_id || s.subject || s.branch_id)::uuid, s.cap_id, s.subject,
        s.share_minor, 'CNY', E'"x"\\n', '\\u2028', '2024-01-01 00:00:00.5Z'
    from bank.cap_share s
"""
# No more of a branch's contracts than its share has room for.
_POSTINGS = """
    insert into bank.cap_posting (branch_id, movement_id, cap_id, subject, commitment_id, delta_minor)
    select k.branch_id, m.id, 900, '', k.id, 200
    from (select distinct on (branch_id) * from bank.limit_commitment where status = 'RESERVED') k
    join bank.limit_movement m on m.branch_id = k.branch_id and m.commitment_id = k.id
"""
_USED = """
    update bank.cap_share s set used_minor = p.delta_minor
    from bank.cap_posting p where p.branch_id = s.branch_id and p.cap_id = s.cap_id and p.subject = s.subject
"""
_POOLS = """
    insert into bank.cap_pool (cap_id, subject, currency, ceiling_minor, dealt_minor, over_limit)
    select cap_id, subject, 'CNY', case cap_id when 903 then 0 else 900000 end, sum(share_minor), cap_id = 903
    from bank.cap_share group by 1, 2
"""


async def cap_everything(administrator: asyncpg.Connection) -> None:
    """Fill every table of caps for every branch; contracts are there already."""
    for statement in (_CAPITAL, _CAPS, _FILTERS, _SHARES, _DEALS, _POSTINGS, _USED, _POOLS):
        await administrator.execute(statement)
