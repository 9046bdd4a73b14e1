"""What is available: functions over the limits, for a client, for a unit, on any day.

The SQL is in `0011_quotas/`. Frozen as it was when written.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import re
from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ROOM = Path(__file__).parent / "0011_quotas"
FILES = ("amounts", "states", "quota", "products", "unit_quota")


def upgrade() -> None:
    for name in FILES:
        sql = (ROOM / f"{name}.sql").read_text(encoding="utf-8")
        for statement in re.split(r";\n\n(?=--|create)", sql):
            op.execute(statement.strip().removesuffix(";"))


def downgrade() -> None:
    for made in (
        "unit_quota_by_product",
        "unit_quota_by_segment",
        "unit_quota",
        "limit_states_below",
        "limit_held_by_product",
        "quota",
        "limit_path_then",
        "limit_path",
        "limit_states",
        "limit_states_then",
        "limit_state_of",
        "limit_lapsed",
        "limit_in_effect",
    ):
        op.execute(f"drop function app.{made}")
    op.execute("drop type app.limit_state")
    for made in ("money", "most_converted", "half_even_sum", "half_even"):
        op.execute(f"drop function app.{made}")
