"""What follows from each class of a model, as rows that later decisions read."""

from __future__ import annotations

from sqlalchemy import delete, insert

from domain.divisions.models import DivisionForm
from tenants.database import Transaction
from tenants.tables import division_policy, division_policy_product


async def write_policies(transaction: Transaction, model_id: int, form: DivisionForm) -> None:
    """The model's policies in place of those that stood there."""
    for table in (division_policy_product, division_policy):
        await transaction.rows(delete(table).where(table.c.model_id == model_id))
    await transaction.rows(
        insert(division_policy).values(
            [
                {
                    "model_id": model_id,
                    "class_code": policy.class_code,
                    "pricing_adjustment_bps": policy.pricing_adjustment_bps,
                    "collateral_demand": policy.collateral_demand,
                    "quota_weight": policy.quota_weight,
                    "review_depth": policy.review_depth,
                    "note": policy.note,
                }
                for policy in form.policies
            ]
        )
    )
    products = [
        {"model_id": model_id, "class_code": policy.class_code, "position": position, "product": product}
        for policy in form.policies
        for position, product in enumerate(policy.products, 1)
    ]
    if products:
        await transaction.rows(insert(division_policy_product).values(products))
