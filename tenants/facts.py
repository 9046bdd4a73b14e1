"""The kept facts: made anew, compared with what they come from, and the standings that ranks are read from.

Triggers keep the facts (`alembic/versions/0004_the_facts/`). What is here runs the very same selects over many
clients, in the scope of whoever asks; standings and rebuilds are headquarters' business.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from tenants.database import Transaction
from tenants.tables.facts import KEPT

CLIENTS_AT_ONCE = 2_000
STATEMENT_LIMIT_S = 600.0

_NEXT = """
    select branch_id, id from bank.client
    where branch_id = $1 and id > $2
    order by id limit $3
"""
ONE_TAKER = "select pg_advisory_xact_lock(hashtextextended('branchgraph standing', 0))"
_BEFORE_ALL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Difference:
    """A client whose kept facts of one family are not what would be made of its rows."""

    branch_id: int
    client_id: UUID
    family: str


async def rebuild(transaction: Transaction, branches: Sequence[int] | None = None) -> int:
    """Make the facts of all clients of these branches (None: of every branch in sight) anew; how many clients.

    Writes only what differs. The transaction's scope must hold the branches.
    """
    await transaction.connection.execute("set local statement_timeout = 0; set local jit = off")
    done = 0
    async for branch_ids, client_ids in _clients(transaction, branches):
        await transaction.connection.execute(
            "select app.keep_facts($1, $2)", branch_ids, client_ids, timeout=STATEMENT_LIMIT_S
        )
        done += len(client_ids)
    return done


async def differences(transaction: Transaction, branches: Sequence[int] | None = None) -> list[Difference]:
    """The clients whose kept facts are not what a rebuild would make them; none, as long as the triggers hold."""
    await transaction.connection.execute("set local statement_timeout = 0; set local jit = off")
    found: list[Difference] = []
    async for branch_ids, client_ids in _clients(transaction, branches):
        rows = await transaction.connection.fetch(
            _DIFFERENCES, branch_ids, client_ids, timeout=STATEMENT_LIMIT_S
        )
        found += [Difference(row["branch_id"], UUID(int=row["client_id"].int), row["family"]) for row in rows]
    return found


async def take_standing(transaction: Transaction) -> None:
    """Take the distributions of contribution and exposure over all the bank's clients, as of the bank's day.

    Needs headquarters' scope with every branch. At whole per cents the ranks read from them are exact.
    """
    await transaction.connection.execute("set local statement_timeout = 0")
    # Of two who take it at once, the second replaces what the first has committed.
    await transaction.connection.execute(ONE_TAKER, timeout=STATEMENT_LIMIT_S)
    for statement in _STANDING:
        await transaction.connection.execute(statement, timeout=STATEMENT_LIMIT_S)


async def _clients(
    transaction: Transaction, branches: Sequence[int] | None
) -> AsyncIterator[tuple[list[int], list[UUID]]]:
    """The clients by the keys that SQL takes, some thousand at once and no branch's with another's."""
    if branches is None:
        rows = await transaction.connection.fetch("select distinct branch_id from bank.client order by 1")
        branches = [row["branch_id"] for row in rows]
    for branch_id in branches:
        last = _BEFORE_ALL
        while rows := await transaction.connection.fetch(_NEXT, branch_id, last, CLIENTS_AT_ONCE):
            yield [branch_id] * len(rows), [row["id"] for row in rows]
            last = rows[-1]["id"]


def _difference(family: str) -> str:
    columns = [name for name, *_ in KEPT[family]]
    kept = ", ".join(f"kept.{name}" for name in columns)
    fresh = ", ".join(f"fresh.{name}" for name in columns)
    return f"""
        select fresh.branch_id, fresh.client_id, '{family}' as family
        from app.facts_of_{family}($1::int[], $2::uuid[]) as fresh
        left join bank.client_fact as kept
            on kept.branch_id = fresh.branch_id and kept.client_id = fresh.client_id
        where kept.client_id is null or ({kept}) is distinct from ({fresh})
    """


_DIFFERENCES = " union all ".join(_difference(family) for family in KEPT) + " order by 1, 2, 3"

# Of those who have the same amount, each is counted with all: they are at least as good as one another.
_STANDING = (
    "delete from bank.standing",
    """
    insert into bank.standing (measure, currency, day, thresholds, shares)
    select
        measure, currency, app.today(),
        array_agg(threshold order by threshold), array_agg(share order by threshold)
    from (
        select measure, currency, min(amount) as threshold, share
        from (
            select
                'CONTRIBUTION' as measure, currency, contribution12m_minor as amount,
                ceil(100 * sum(contribution12m_minor) over best_first / sum(contribution12m_minor) over every) / 100
                    as share
            from bank.client_facts
            where contribution12m_minor > 0
            window
                every as (partition by currency),
                best_first as (partition by currency order by contribution12m_minor desc)
            union all
            select
                'EXPOSURE', currency, exposure_minor,
                ceil(100 * (count(*) over best_first)::numeric / count(*) over every) / 100
            from bank.client_facts
            where exposure_minor > 0
            window
                every as (partition by currency),
                best_first as (partition by currency order by exposure_minor desc)
        ) as ranked
        group by measure, currency, share
    ) as step
    group by measure, currency
    """,
    "delete from bank.branch_standing",
    """
    insert into bank.branch_standing (branch_id, currency, day, contribution_minor)
    select branch_id, currency, app.today(), app.minor(sum(contribution12m_minor))
    from bank.client_facts
    where contribution12m_minor > 0
    group by branch_id, currency
    having app.minor(sum(contribution12m_minor)) is not null
    """,
)
