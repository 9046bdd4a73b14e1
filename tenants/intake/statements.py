"""SQL of imported statements: other figures of a period restate it by a later row, the same write nothing.

Each is over `staged_financial_statement s`; `joined` leads from there to the client `c`. What a file leaves blank
or out is taken over from the row before, so that a restated row is whole.
"""

from __future__ import annotations

from domain.statements import BALANCE_TOLERANCE_MINOR, STATEMENT_AMOUNTS

_AMOUNTS = tuple(f"{name}_minor" for name in STATEMENT_AMOUNTS)

_KNOWN = """
left join lateral (
    select * from bank.financial_statement k
    where k.branch_id = s.branch_id and k.client_id = c.id
        and k.period_end = s.period_end and k.period_months = s.period_months
    order by k.recorded_at desc, k.id desc limit 1
) k on true
"""


def insert_restated(columns: list[str], joined: str) -> str:
    """Writes what differs from what is known of its period; returns branch, client and period."""
    restated = _restated(columns)
    old = ", ".join(f"k.{name}" for name in restated)
    new = ", ".join(restated.values())
    return f"""
        insert into bank.financial_statement as t (
            branch_id, id, client_id, period_end, period_months, currency, source, {", ".join(restated)}
        )
        select distinct on (s.branch_id, c.id, s.period_end, s.period_months)
            s.branch_id, s.id, c.id, s.period_end, s.period_months, s.currency, s.source, {new}
        from pg_temp.staged_financial_statement s {joined} {_KNOWN}
        where s."row" >= $1 and s."row" < $2 and (k.id is null or ({old}) is distinct from ({new}))
        order by s.branch_id, c.id, s.period_end, s.period_months, s."row"
        returning t.branch_id, t.client_id, t.period_end, t.period_months
    """


def in_another_currency(joined: str) -> str:
    """Places of the staged rows whose period is known in another currency."""
    return f"""
        select s."row" from pg_temp.staged_financial_statement s {joined} {_KNOWN}
        where k.currency <> s.currency
    """


def unbalanced(columns: list[str], joined: str) -> str:
    """Places of the staged rows that would not balance together with what is known of their period."""
    merged = _restated(columns)
    sides = f"{merged['total_assets_minor']} - {merged['total_liabilities_minor']} - {merged['equity_minor']}"
    return f"""
        select s."row" from pg_temp.staged_financial_statement s {joined} {_KNOWN}
        where abs({sides}) > {BALANCE_TOLERANCE_MINOR}
    """


def _restated(columns: list[str]) -> dict[str, str]:
    """Each column of the figures with its value: the file's, else the one that is known."""
    values = {name: f"coalesce(s.{name}, k.{name})" if name in columns else f"k.{name}" for name in _AMOUNTS}
    audited = "s.audited" if "audited" in columns else "null"
    return {"audited": f"coalesce({audited}, k.audited, false)"} | values
