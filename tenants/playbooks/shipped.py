"""The playbooks that come with the project: one for each type of relationship, in force where there is none yet."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, insert, select

from domain.playbooks import Playbook, PlaybookStatus, read_playbook
from tenants.playbooks.rows import columns_of, write_parts
from tenants.tables import dimension, playbook
from tenants.tables.rules import SHIPPED_BY
from tenants.transaction import Transaction

SHIPPED = Path(__file__).resolve().parent / "shipped"
ACTIVATED_BY = f"{SHIPPED_BY} (shipped)"


@dataclass(frozen=True, slots=True)
class Shipped:
    """A playbook and which clients it is for: those with this value of this dimension."""

    dimension: str
    value: str
    playbook: Playbook


def shipped_playbooks() -> list[Shipped]:
    """What ships, by dimension and value."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in SHIPPED.glob("*.json")]
    found = [Shipped(made["dimension"], made["value"], read_playbook(made)) for made in documents]
    return sorted(found, key=lambda one: (one.dimension, one.value))


async def ensure_playbooks(transaction: Transaction) -> int:
    """Put the shipped playbooks in force where their dimension is known and there is none, not even a draft, for
    their value; how many were. The transaction is headquarters'."""
    dimensions = {row["code"] for row in await transaction.rows(select(dimension.c.code))}
    there = await transaction.rows(select(playbook.c.dimension_code, playbook.c.value).distinct())
    known = {(row["dimension_code"], row["value"]) for row in there}
    missing = [
        one
        for one in shipped_playbooks()
        if one.dimension in dimensions and (one.dimension, one.value) not in known
    ]
    for one in missing:
        made = await transaction.value(
            insert(playbook)
            .values(
                dimension_code=one.dimension,
                value=one.value,
                number=1,
                status=PlaybookStatus.ACTIVE,
                created_by=SHIPPED_BY,
                edited_by=SHIPPED_BY,
                activated_by=ACTIVATED_BY,
                activated_at=func.now(),
                **columns_of(one.playbook),
            )
            .returning(playbook.c.id)
        )
        await write_parts(transaction, made, one.playbook)
    return len(missing)
