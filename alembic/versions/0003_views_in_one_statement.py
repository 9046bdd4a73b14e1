"""What compiled views walk: the tree in both directions, and the largest clients of a branch in their order.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Of one statement each, so that PostgreSQL writes them into the query that calls them.
WALKS = (
    """
    create function app.units_below(top int) returns setof int stable parallel safe language sql
    begin atomic
        with recursive below as (
            select top as id
            union all
            select unit.id from bank.unit join below on unit.parent_id = below.id
        )
        select below.id from below;
    end
    """,
    """
    create function app.units_above(bottom int) returns table (id int, distance int)
    stable parallel safe language sql
    begin atomic
        with recursive above as (
            select unit.parent_id as id, 1 as distance from bank.unit where unit.id = bottom
            union all
            select unit.parent_id, above.distance + 1 from bank.unit join above on unit.id = above.id
        )
        select above.id, above.distance from above where above.id is not null;
    end
    """,
)
LARGEST = "ix_client_branch_id_registered_capital_desc"


def upgrade() -> None:
    for walk in WALKS:
        op.execute(walk)
    # The amounts' largest come first, and clients without one last: the plain index has them the other way.
    op.create_index(
        LARGEST,
        "client",
        ["branch_id", sa.text("registered_capital_minor desc nulls last"), "id"],
        schema="bank",
    )


def downgrade() -> None:
    op.drop_index(LARGEST, "client", schema="bank")
    op.execute("drop function app.units_above(int)")
    op.execute("drop function app.units_below(int)")
