"""A playbook as rows: its own, one for each of its products and one for each of its items."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select

from domain.access import Role
from domain.lending import Product
from domain.playbooks import Item, Playbook, SecurityDemand, TaskKind
from tenants.tables import playbook, playbook_item, playbook_product
from tenants.transaction import Transaction


def columns_of(content: Playbook) -> dict[str, Any]:
    """The columns of the playbook's own row that its content decides."""
    return {
        "name": content.name,
        "strategy": content.strategy,
        "owner_level": content.owner_level,
        "review_every_months": content.review_every_months,
        "contact_every_days": content.contact_every_days,
        "contact_plan": content.contact_plan,
        "pricing_latitude_bps": content.pricing_latitude_bps,
        "required_security": content.required_security,
        "security_note": content.security_note,
    }


async def write_parts(transaction: Transaction, playbook_id: int, content: Playbook) -> None:
    """Put the playbook's products and items in place of those that are there; no task may come of those."""
    for table in (playbook_product, playbook_item):
        await transaction.rows(delete(table).where(table.c.playbook_id == playbook_id))
    if content.products:
        await transaction.rows(
            insert(playbook_product).values(
                [
                    {"playbook_id": playbook_id, "position": n, "product": product}
                    for n, product in enumerate(content.products)
                ]
            )
        )
    await transaction.rows(
        insert(playbook_item).values(
            [
                {
                    "playbook_id": playbook_id,
                    "position": n,
                    "code": item.code,
                    "title": item.title,
                    "kind": item.kind,
                    "owner_level": item.owner_level,
                    "first_due_days": item.first_due_days,
                    "every_months": item.every_months,
                }
                for n, item in enumerate(content.items)
            ]
        )
    )


async def content_of(transaction: Transaction, playbook_id: int) -> Playbook:
    """What a playbook that there is says."""
    row = await transaction.row(select(playbook).where(playbook.c.id == playbook_id))
    assert row is not None
    products = await transaction.rows(
        select(playbook_product)
        .where(playbook_product.c.playbook_id == playbook_id)
        .order_by(playbook_product.c.position)
    )
    items = await transaction.rows(
        select(playbook_item)
        .where(playbook_item.c.playbook_id == playbook_id)
        .order_by(playbook_item.c.position)
    )
    return Playbook(
        name=row["name"],
        strategy=row["strategy"],
        owner_level=Role(row["owner_level"]),
        review_every_months=row["review_every_months"],
        contact_every_days=row["contact_every_days"],
        contact_plan=row["contact_plan"],
        pricing_latitude_bps=row["pricing_latitude_bps"],
        required_security=SecurityDemand(row["required_security"]),
        security_note=row["security_note"],
        products=tuple(Product(product["product"]) for product in products),
        items=tuple(_item(item) for item in items),
    )


def _item(row: Any) -> Item:
    return Item(
        code=row["code"],
        title=row["title"],
        kind=TaskKind(row["kind"]),
        owner_level=Role(row["owner_level"]),
        first_due_days=row["first_due_days"],
        every_months=row["every_months"],
    )
