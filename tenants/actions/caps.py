"""Concentration caps: drafted, put in force by a second person, archived; shares dealt; the bank's capital."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import asyncpg
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects import postgresql

from domain.limits.regulation import MAY_FOLLOW, Capital, CapPer, CapStatus, Preset
from domain.money import Money
from domain.refusals import Possible, Refusal, RefusalCode, invalid, not_found, second_person_needed
from tenants.actions.as_seen import locked_as_seen
from tenants.actions.once import Done, Key, Outcome, Refused
from tenants.limits.counting import STATEMENT_LIMIT_S, PoolKey, lock_tops
from tenants.limits.dealing import count_on_the_books, redeal, set_ceilings, take_back
from tenants.tables import cap_share, concentration_cap, regulatory_capital
from tenants.transaction import Transaction

ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('branchgraph caps', 0))"

_ABOVE = """
with recursive above (id) as (
    select $1::int
    union
    select cap.parent_id from above join bank.concentration_cap as cap on cap.id = above.id
    where cap.parent_id is not null
)
select cap.id from above join bank.concentration_cap as cap on cap.id = above.id
where cap.per = 'BANK' and cap.status = 'ACTIVE'
"""


async def draft(transaction: Transaction, actor: str, facts: Mapping[str, Any]) -> Outcome:
    """Write a cap down: of checked `facts`, its columns. Nothing is counted yet."""
    await transaction.rows(text(ONE_AT_A_TIME))
    for column, path in (("parent_id", "parentId"), ("replaces_id", "replacesId")):
        if facts.get(column) is not None and (
            refusal := await _kin_refused(transaction, facts, column, path)
        ):
            return Refused(refusal)
    made: int = await transaction.value(
        insert(concentration_cap).values(**facts, created_by=actor).returning(concentration_cap.c.id)
    )
    return Done((made,))


async def activate(
    transaction: Transaction, actor: str, cap_id: int, expected_version: int, today: dt.date
) -> Outcome:
    """Put a cap in force, by a second person, in place of the one that it replaces.

    What stands on the books and falls under it is counted; nobody books meanwhile. More than the ceiling may be
    found: then the pool is over its limit, and nothing new falls under the cap until that has passed.
    """
    cap = await _locked(transaction, cap_id, expected_version)
    if isinstance(cap, Refused):
        return cap
    if refusal := await _activation_refused(transaction, cap, actor, today):
        return Refused(refusal, (cap_id,))
    await transaction.connection.execute(f"set local statement_timeout = '{STATEMENT_LIMIT_S}s'")
    await lock_tops(transaction)
    await _set(transaction, cap_id, status=CapStatus.ACTIVE, activated_by=actor, activated_at=func.now())
    if cap["replaces_id"] is not None:
        await _replace(transaction, cap["replaces_id"], cap_id)
    pools: list[PoolKey] = [(row[0], "") for row in await transaction.fetch(_ABOVE, [cap_id])]
    if pools:
        await count_on_the_books(transaction, pools, actor, "put in force")
    return Done((cap_id,))


async def archive(transaction: Transaction, actor: str, cap_id: int, expected_version: int) -> Outcome:
    """Give up a draft, or let a cap bind no more; its shares stay as they are, for the record."""
    del actor
    cap = await _locked(transaction, cap_id, expected_version)
    if isinstance(cap, Refused):
        return cap
    if CapStatus.ARCHIVED not in MAY_FOLLOW[CapStatus(cap["status"])]:
        return Refused(_may_not_follow("this cap has been archived already"), (cap_id,))
    await _set(transaction, cap_id, status=CapStatus.ARCHIVED, archived_at=func.now())
    return Done((cap_id,))


async def deal_room(
    transaction: Transaction, actor: str, key: PoolKey, branch_id: int, amount: Money
) -> Outcome:
    """See to it that a branch has room for so much under a cap: of the pool's rest, then of others' idle shares."""
    refusal = await _dealing_refused(transaction, key, amount)
    if refusal:
        return Refused(refusal)
    brought = await redeal(transaction, {key: {branch_id: amount.minor}}, actor, "dealt by headquarters")
    if not brought.enough:
        return Refused(_too_much(brought.reachable or 0, amount.currency, brought.binding or ""))
    return await _share(transaction, key, branch_id)


async def return_room(
    transaction: Transaction, actor: str, key: PoolKey, branch_id: int, amount: Money
) -> Outcome:
    """Take so much of a branch's idle share back into the pool."""
    refusal = await _dealing_refused(transaction, key, amount)
    if refusal:
        return Refused(refusal)
    idle = await take_back(transaction, key, branch_id, amount.minor, actor, "taken back by headquarters")
    if idle is not None:
        return Refused(_too_much(idle, amount.currency, "what the branch does not use"))
    return await _share(transaction, key, branch_id)


async def record_capital(
    transaction: Transaction, actor: str, day: dt.date, capital: Capital, today: dt.date
) -> Outcome:
    """Record the bank's capital as of a day; ceilings that are fractions of it follow at once."""
    if day > today:
        return Refused(invalid("the day has not come yet: record the capital when it is in force", "day"))
    await transaction.rows(text(ONE_AT_A_TIME))
    c = regulatory_capital.c
    columns = {
        "net_capital_minor": capital.net_capital,
        "tier_1_minor": capital.tier_1,
        "currency": capital.currency,
        "recorded_by": actor,
    }
    statement = postgresql.insert(regulatory_capital).values(day=day, **columns)
    statement = statement.on_conflict_do_update(
        index_elements=[c.day], set_={**columns, "version": c.version + 1, "recorded_at": func.now()}
    )
    recorded: int = await transaction.value(statement.returning(c.id))
    over = await set_ceilings(transaction)
    if over:
        await redeal(transaction, {key: {} for key in over}, actor, "the bank's capital has changed")
    return Done((recorded,))


async def apply_presets(
    transaction: Transaction, actor: str, presets: tuple[Preset, ...], currency: str, today: dt.date
) -> Outcome:
    """Draft the supervisors' limits that are neither drafted nor in force; the first of them is the answer."""
    await transaction.rows(text(ONE_AT_A_TIME))
    c = concentration_cap.c
    there = {
        row["preset"]: (row["id"],)
        for row in await transaction.rows(
            select(c.id, c.preset).where(
                c.preset.is_not(None), c.currency == currency, c.status != CapStatus.ARCHIVED
            )
        )
    }
    made: list[Key] = []
    for preset in presets:
        if preset.code in there:
            continue
        values = {
            "preset": preset.code,
            "name": preset.name,
            "per": preset.per,
            "counts": preset.counts,
            "currency": currency,
            "ceiling_fraction": preset.fraction,
            "ceiling_of": preset.of,
            "reportable_fraction": preset.reportable,
            "deal_fraction": preset.deal,
            "valid_from": today,
            "created_by": actor,
        }
        made.append((await transaction.value(insert(concentration_cap).values(**values).returning(c.id)),))
    if not made:
        message = "every preset is drafted or in force already in this currency"
        return Refused(Refusal(RefusalCode.ALREADY_REGISTERED, message), next(iter(there.values()), None))
    return Done(made[0])


async def _kin_refused(
    transaction: Transaction, facts: Mapping[str, Any], column: str, path: str
) -> Refusal | None:
    """A parent, and what is replaced, is a cap that is not archived, of the same currency."""
    c = concentration_cap.c
    row = await transaction.row(select(concentration_cap).where(c.id == facts[column]))
    if row is None:
        return not_found("cap", path)
    if row["status"] == CapStatus.ARCHIVED:
        return invalid("this cap has been archived", path)
    if row["currency"] != facts["currency"]:
        return invalid(f"this cap counts {row['currency']}, the other {facts['currency']}", path)
    return None


async def _activation_refused(
    transaction: Transaction, cap: asyncpg.Record, actor: str, today: dt.date
) -> Refusal | None:
    if CapStatus.ACTIVE not in MAY_FOLLOW[CapStatus(cap["status"])]:
        return _may_not_follow("only a draft comes into force: draft another one in its place")
    if actor == cap["created_by"]:
        return second_person_needed("wrote a cap", "put it in force", "capId")
    if not cap["valid_from"] <= today <= (cap["valid_until"] or dt.date.max):
        return _may_not_follow("it holds from another day on, or no more: activate it within its validity")
    if cap["ceiling_of"] is not None:
        c = regulatory_capital.c
        known = await transaction.row(
            select(c.id).where(c.currency == cap["currency"], c.day <= today).limit(1)
        )
        if known is None:
            return _may_not_follow(f"record the bank's regulatory capital in {cap['currency']} first")
    c = concentration_cap.c
    replaced = cap["replaces_id"]
    if replaced is not None and (
        await transaction.value(select(c.status).where(c.id == replaced)) != CapStatus.ACTIVE
    ):
        return _may_not_follow("what it should replace is not in force: draft it anew")
    return None


async def _replace(transaction: Transaction, old: int, new: int) -> None:
    await _set(transaction, old, status=CapStatus.ARCHIVED, archived_at=func.now())
    c = concentration_cap.c
    await transaction.rows(
        update(concentration_cap).where(c.parent_id == old, c.id != new).values(parent_id=new)
    )


async def _dealing_refused(transaction: Transaction, key: PoolKey, amount: Money) -> Refusal | None:
    cap_id, subject = key
    if amount.minor <= 0:
        return invalid("an amount is more than 0", "amount")
    row = await transaction.row(select(concentration_cap).where(concentration_cap.c.id == cap_id))
    if row is None:
        return not_found("cap", "capId")
    if row["status"] != CapStatus.ACTIVE:
        return _may_not_follow("only of a cap in force are shares dealt")
    if row["currency"] != amount.currency:
        return Refusal(
            RefusalCode.CURRENCY_DIFFERS, f"the cap counts {row['currency']}", ("amount", "currency")
        )
    if (row["per"] == CapPer.BANK) != (subject == ""):
        return invalid("name the group or company of a cap that is per group or company", "subject")
    if subject and await transaction.value(_pool_exists(key)) is None:
        return not_found("pool of this cap yet: it is made when somebody first draws on it", "subject")
    return None


def _pool_exists(key: PoolKey) -> Any:
    cap_id, subject = key
    return text("select 1 from bank.cap_pool where cap_id = :cap_id and subject = :subject").bindparams(
        cap_id=cap_id, subject=subject
    )


async def _share(transaction: Transaction, key: PoolKey, branch_id: int) -> Outcome:
    c = cap_share.c
    there = await transaction.row(
        select(c.cap_id).where(c.branch_id == branch_id, c.cap_id == key[0], c.subject == key[1])
    )
    return Done((branch_id, *key)) if there else Refused(not_found("share of this branch", "unitCode"))


async def _locked(transaction: Transaction, cap_id: int, expected_version: int) -> asyncpg.Record | Refused:
    """The cap, with all others locked against changes, or why there is nothing to change."""
    await transaction.rows(text(ONE_AT_A_TIME))
    row = select(concentration_cap).where(concentration_cap.c.id == cap_id)
    return await locked_as_seen(transaction, row, (cap_id,), expected_version, not_found("cap", "capId"))


async def _set(transaction: Transaction, cap_id: int, **values: Any) -> None:
    c = concentration_cap.c
    await transaction.rows(
        update(concentration_cap).where(c.id == cap_id).values(**values, version=c.version + 1)
    )


def _may_not_follow(message: str) -> Refusal:
    return Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("capId",))


def _too_much(most: int, currency: str, binding: str) -> Refusal:
    said = Money(most, currency)
    refusal = Refusal(RefusalCode.CAP_EXCEEDED, f"{binding} leaves {said.amount} {currency}", ("amount",))
    return replace(refusal, possible=Possible(most, currency, binding))
