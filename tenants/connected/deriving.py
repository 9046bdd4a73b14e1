"""Which clients are one group: derived from the links of all branches, by the rule in force, on the bank's day.

A branch sees of a group what it is as a whole, on the rows of its own clients; who else is in it, it does not see.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from uuid_utils.compat import uuid7

from domain.connections.groups import ConnectionRule, Group, Links, Pair, groups, numbered
from domain.connections.kinds import Company, LinkKind
from domain.lending import LoanClass
from tenants.database import Transaction
from tenants.tables import group_derivation

STATEMENT_LIMIT_S = 600

# Under headquarters' role every branch's; the same link may be recorded at both its ends, and by several sources.
# One person's word does not count: a branch that claims a stranger for its client's group would be told, in the
# group's figures, what the stranger owes elsewhere. What two branches claim of both ends counts as far as both say.
_LINKS = """
    with link as (
        select link.id, link.branch_id, link.kind, link.direction, link.share, link.recorded_by,
            link.recorded_by is null or link.confirmed_by is not null as confirmed, ends.*
        from bank.client_link as link
        join bank.client on client.branch_id = link.branch_id and client.id = link.client_id
        cross join (select app.today() as day) as today
        cross join lateral (values
            ('OUTWARD', client.registration_country, client.registration_number, related_country, related_number),
            ('INWARD', related_country, related_number, client.registration_country, client.registration_number)
        ) as ends (said, a, b, c, d)
        where link.valid_from <= today.day and (link.valid_until is null or link.valid_until > today.day)
        and ends.said = link.direction
    ), counted as (
        select id, kind, share, a, b, c, d from link where confirmed
        union all
        select one.id, kind, least(one.share, other.share), a, b, c, d
        from link as one join link as other using (kind, a, b, c, d)
        where not one.confirmed and not other.confirmed and one.direction <> other.direction
        and one.branch_id <> other.branch_id and one.recorded_by <> other.recorded_by
    )
    select kind, max(share) as share, count(distinct id) as links, a, b, c, d from counted group by kind, a, b, c, d
"""

_BEFORE = """
    select client.registration_country, client.registration_number, min(client_group.group_no)
    from bank.client_group
    join bank.client on client.branch_id = client_group.branch_id and client.id = client_group.client_id
    group by 1, 2
"""

_LAST_NUMBER = """
    select greatest(
        (select max(last_group_no) from bank.group_derivation), (select max(group_no) from bank.client_group), 0
    )
"""

_CLASSES = "'{" + ",".join(LoanClass) + "}'::text[]"
_SAID = ("group_no", "members", "exposure_minor", "currency", "worst_loan_class", "worst_days_past_due")
_SAID_NOW = ", ".join(f"said.{name}" for name in _SAID)
_SAID_BEFORE = ", ".join(f"before.{name}" for name in _SAID)

# A client without facilities owes nothing; one with facilities in several currencies owes no one sum.
_WRITTEN = f"""
    with member as (
        select client.branch_id, client.id as client_id, client.currency, found.group_no, found.members
        from unnest($1::text[], $2::text[], $3::bigint[], $4::int[]) as found (country, number, group_no, members)
        join bank.client on client.registration_number = found.number
            and client.registration_country = found.country
    ), whole as (
        select member.group_no,
            count(distinct kept.facility_currency) <= 1
                and count(*) filter (where kept.has_facility and kept.facility_currency is null) = 0 as has_one_sum,
            sum(kept.exposure_minor) as exposure,
            min(kept.facility_currency) as currency,
            max(array_position({_CLASSES}, facts.loan_class)) as worst,
            max(facts.days_past_due) as worst_days_past_due
        from member
        join bank.client_fact as kept on kept.branch_id = member.branch_id and kept.client_id = member.client_id
        join bank.client_facts as facts on facts.branch_id = member.branch_id and facts.client_id = member.client_id
        group by 1
    ), said as (
        select member.branch_id, member.client_id, group_no, member.members,
            case when whole.has_one_sum then app.minor(whole.exposure) end as exposure_minor,
            case when whole.has_one_sum then coalesce(whole.currency, member.currency) end as currency,
            ({_CLASSES})[whole.worst] as worst_loan_class, whole.worst_days_past_due
        from member join whole using (group_no)
    ), written as (
        insert into bank.client_group (branch_id, client_id, {", ".join(_SAID)})
        select said.branch_id, said.client_id, {_SAID_NOW}
        from said left join bank.client_group as before using (branch_id, client_id)
        where before.client_id is null or ({_SAID_NOW}) is distinct from ({_SAID_BEFORE})
        on conflict (branch_id, client_id) do update
        set ({", ".join(_SAID)}, derived_at) = row({", ".join(f"excluded.{name}" for name in _SAID)}, now())
        returning 1
    ), gone as (
        delete from bank.client_group
        where not exists (
            select from member
            where member.branch_id = client_group.branch_id and member.client_id = client_group.client_id
        )
        returning 1
    )
    select (select count(*) from member) as clients,
        (select count(*) from written) + (select count(*) from gone) as changed
"""


@dataclass(frozen=True, slots=True)
class Derived:
    """What a derivation found: `clients` are in groups, of whom, or of those that left one, `changed` differ."""

    key: tuple[int, UUID]
    links: int
    companies: int
    groups: int
    clients: int
    changed: int


async def derive(transaction: Transaction, home: int, subject: str) -> Derived:
    """Derive the groups anew and write what has changed. Needs headquarters' write scope; `home` is its unit's id.

    One at a time: a second one waits for the first. Readers see the groups as they were until it is over.
    """
    connection = transaction.connection
    await connection.execute(f"set local statement_timeout = '{STATEMENT_LIMIT_S}s'")
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('branchgraph groups', 0))")
    rule_row = await connection.fetchrow("select control_share, guarantees_connect from bank.connection_rule")
    rule = ConnectionRule(rule_row["control_share"], rule_row["guarantees_connect"])
    rows = await connection.fetch(_LINKS, timeout=STATEMENT_LIMIT_S)
    numbered_before = await connection.fetch(_BEFORE, timeout=STATEMENT_LIMIT_S)
    before = {(country, number): group_no for country, number, group_no in numbered_before}
    last_number = await connection.fetchval(_LAST_NUMBER)
    found = numbered(groups(_links(rows), rule), before, last_number)
    written = await connection.fetchrow(_WRITTEN, *_columns(found), timeout=STATEMENT_LIMIT_S)
    derived = Derived(
        (home, uuid7()),
        links=sum(row["links"] for row in rows),
        companies=sum(len(group) for _, group in found),
        groups=len(found),
        clients=written["clients"],
        changed=written["changed"],
    )
    numbers = [last_number, *(number for number, _ in found)]
    await _record(transaction, derived, rule, subject, max(numbers))
    return derived


def _links(rows: Iterable[Any]) -> Links:
    pairs: dict[str, set[Pair]] = defaultdict(set)
    holdings: dict[Pair, Decimal] = {}
    for kind, share, _, *ends in rows:
        pair = ((ends[0], ends[1]), (ends[2], ends[3]))
        if kind == LinkKind.OWNERSHIP:
            holdings[pair] = share
        else:
            pairs[kind].add(pair)
    return Links(holdings, frozenset(pairs[LinkKind.CONTROL]), frozenset(pairs[LinkKind.GUARANTEE]))


def _columns(found: Iterable[tuple[int, Group]]) -> tuple[list[str], list[str], list[int], list[int]]:
    """The companies as parallel arrays: country, number, the group's number, how many companies it has."""
    each: list[tuple[Company, int, int]] = [
        (company, number, len(group)) for number, group in found for company in group
    ]
    return (
        [country for (country, _), _, _ in each],
        [registered for (_, registered), _, _ in each],
        [number for _, number, _ in each],
        [size for _, _, size in each],
    )


async def _record(
    transaction: Transaction, derived: Derived, rule: ConnectionRule, subject: str, last_number: int
) -> None:
    branch_id, row_id = derived.key
    await transaction.rows(
        insert(group_derivation).values(
            branch_id=branch_id,
            id=row_id,
            derived_by=subject,
            day=await transaction.connection.fetchval("select app.today()"),
            control_share=rule.control_share,
            guarantees_connect=rule.guarantees_connect,
            links=derived.links,
            companies=derived.companies,
            groups=derived.groups,
            clients=derived.clients,
            clients_changed=derived.changed,
            last_group_no=last_number,
        )
    )
