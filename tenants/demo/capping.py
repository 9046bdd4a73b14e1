"""The demo bank's concentration caps: its capital, the supervisors' presets, and a few of its own."""

from __future__ import annotations

import datetime as dt
from typing import Any

from domain.limits.regulation import Capital, checked_cap
from domain.refusals import Refusal
from tenants.actions import caps
from tenants.actions.once import Done
from tenants.limits.dealing import count_what_was_opened
from tenants.limits.presets import shipped_presets
from tenants.transaction import Transaction

DRAFTED_BY, ACTIVATED_BY = "demo", "demo (second)"
CURRENCY = "CNY"
ESTATE = {"industry_scheme": "GB/T 4754", "industry_codes": ["K"]}

_IS_CAPPED = "select exists (select from bank.concentration_cap)"
# The bank's capital is such that its largest client, and its largest group, come near what they may owe.
_LARGEST = """
select app.today() as today,
    coalesce((
        select max(owed) from (
            select sum(kept.utilised_minor) as owed
            from bank.limit_commitment as kept
            join bank.client on client.branch_id = kept.branch_id and client.id = kept.client_id
            where kept.currency = 'CNY'
            group by client.registration_country, client.registration_number
        ) as company
    ), 0)::bigint as of_company,
    coalesce((select max(exposure_minor) from bank.client_group where currency = 'CNY'), 0)::bigint as of_group,
    coalesce((
        select sum(earmarked_minor + reserved_minor + utilised_minor) from bank.limit_commitment
        where currency = 'CNY'
    ), 0)::bigint as of_all
"""
_STANDING = """
select coalesce(sum(promised.earmarked_minor + promised.reserved_minor + promised.utilised_minor), 0)::bigint
from bank.limit_commitment as promised
join bank.client on client.branch_id = promised.branch_id and client.id = promised.client_id
where promised.currency = 'CNY' and client.industry_scheme = $1 and starts_with(client.industry_code, $2)
"""


async def cap_lending(transaction: Transaction) -> None:
    """Record the capital and put the caps in force, where there are none; what is on the books is counted."""
    if (await transaction.fetch(_IS_CAPPED, ()))[0][0]:
        await count_what_was_opened(transaction, DRAFTED_BY)
        return
    largest = (await transaction.fetch(_LARGEST, ()))[0]
    if not largest["of_all"]:
        return
    today: dt.date = largest["today"]
    net = max(largest["of_company"] * 1000 // 95, 1)
    tier_1 = max(net * 8 // 10, largest["of_group"] * 1000 // 190, 1)
    capital = Capital(net, tier_1, CURRENCY)
    _done(await caps.record_capital(transaction, DRAFTED_BY, today.replace(day=1), capital, today))
    _done(await caps.apply_presets(transaction, DRAFTED_BY, shipped_presets(), CURRENCY, today))
    estate = (await transaction.fetch(_STANDING, (ESTATE["industry_scheme"], "K")))[0][0]
    whole = largest["of_all"]
    # Real estate is nearly full; what is lent to the weakest for long counts in what is lent to them at all.
    await _draft(transaction, today, "Real estate", estate * 102 // 100 + 1, **ESTATE)
    await _draft(transaction, today, "Underdeveloped regions", whole // 2, region_tiers=["UNDERDEVELOPED"])
    await _draft(transaction, today, "Supply chain finance", whole // 3, products=["SUPPLY_CHAIN_FINANCE"])
    graded = await _draft(transaction, today, "Grade C", whole // 2, grades=["C"])
    await _draft(
        transaction,
        today,
        "Grade C, over five years",
        whole // 4,
        grades=["C"],
        tenor_from_months=61,
        parent_id=graded,
    )
    drafts = await transaction.fetch(
        "select id from bank.concentration_cap where status = 'DRAFT' order by id", ()
    )
    for row in drafts:
        _done(await caps.activate(transaction, ACTIVATED_BY, row["id"], 1, today))


async def _draft(transaction: Transaction, today: dt.date, name: str, ceiling: int, **filters: Any) -> Any:
    facts = checked_cap(
        {
            "name": name,
            "per": "BANK",
            "counts": "EXPOSURE",
            "currency": CURRENCY,
            "ceiling_minor": ceiling,
            "valid_from": today,
            **filters,
        }
    )
    if isinstance(facts, Refusal):
        raise TypeError(f"the demo's own cap {name!r}: {facts.message}")
    return _done(await caps.draft(transaction, DRAFTED_BY, facts)).key[0]


def _done(outcome: Any) -> Done:
    if not isinstance(outcome, Done):
        raise TypeError(f"the demo's own caps: {outcome}")
    return outcome
