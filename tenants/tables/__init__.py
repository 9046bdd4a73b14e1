"""The tables, as SQLAlchemy Core sees them; the migrations make them, `alembic check` holds both equal."""

from tenants.tables.behaviour import client_month, complaint, interaction, rating
from tenants.tables.clients import client, contact, financial_statement, staff
from tenants.tables.columns import metadata
from tenants.tables.divisions import (
    division,
    division_cluster,
    division_model,
    division_move,
    division_move_exposure,
    division_part,
    division_policy,
    division_policy_product,
    industry_indicator,
)
from tenants.tables.facts import (
    branch_standing,
    business_day,
    client_fact,
    client_fact_version,
    client_group,
    region_class,
    region_cluster,
    standing,
)
from tenants.tables.lending import credit_event, facility, posting
from tenants.tables.links import client_link, connection_rule, group_derivation
from tenants.tables.playbooks import (
    client_playbook,
    client_task,
    playbook,
    playbook_item,
    playbook_product,
    task,
)
from tenants.tables.records import idempotency_key, import_job
from tenants.tables.reference import currency, region, region_indicator, unit
from tenants.tables.rules import dimension, rule_set, rule_set_simulation, rules_change, segment_history

__all__ = [
    "branch_standing",
    "business_day",
    "client",
    "client_fact",
    "client_fact_version",
    "client_group",
    "client_link",
    "client_month",
    "client_playbook",
    "client_task",
    "complaint",
    "connection_rule",
    "contact",
    "credit_event",
    "currency",
    "dimension",
    "division",
    "division_cluster",
    "division_model",
    "division_move",
    "division_move_exposure",
    "division_part",
    "division_policy",
    "division_policy_product",
    "facility",
    "financial_statement",
    "group_derivation",
    "idempotency_key",
    "import_job",
    "industry_indicator",
    "interaction",
    "metadata",
    "playbook",
    "playbook_item",
    "playbook_product",
    "posting",
    "rating",
    "region",
    "region_class",
    "region_cluster",
    "region_indicator",
    "rule_set",
    "rule_set_simulation",
    "rules_change",
    "segment_history",
    "staff",
    "standing",
    "task",
    "unit",
]
