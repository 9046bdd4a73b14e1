"""How branches are scored: models as versions, the scorecards of each branch, and the parts that explain them.

Models are the same for every branch; a scorecard is a row of the branch that it is about.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from domain.scorecards.kinds import ScorecardClass, ScorecardModelStatus, ScoreDirection, ScorePeriod
from tenants.tables.columns import (
    SCHEMA,
    at,
    code,
    metadata,
    tenant_foreign_key,
    tenant_key,
    version,
)

scorecard_model = Table(
    "scorecard_model",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    # What `domain.scorecards.models` reads.
    Column("parameters", JSONB, nullable=False),
    *code("status", ScorecardModelStatus, default=ScorecardModelStatus.DRAFT),
    Column("created_by", Text, nullable=False),
    Column("activated_by", Text),
    version(),
    at("created_at"),
    at("activated_at", nullable=True),
    at("archived_at", nullable=True),
    # Whoever wrote it is not the one to put it into force.
    CheckConstraint("activated_by <> created_by", name="four_eyes"),
    CheckConstraint(
        "status <> 'ACTIVE' or (activated_by is not null and activated_at is not null)", name="active_since"
    ),
    Index("uq_scorecard_model_active", "status", unique=True, postgresql_where=text("status = 'ACTIVE'")),
)

scorecard_class = Table(
    "scorecard_class",
    metadata,
    Column("model_id", Integer, ForeignKey(f"{SCHEMA}.scorecard_model.id"), nullable=False),
    *code("class_code", ScorecardClass),
    Column("position", SmallInteger, nullable=False),
    Column("weight", Numeric(9, 6), nullable=False),
    PrimaryKeyConstraint("model_id", "class_code"),
    CheckConstraint("weight between 0 and 1", name="weight_is_a_share"),
)

scorecard_indicator = Table(
    "scorecard_indicator",
    metadata,
    Column("model_id", Integer, ForeignKey(f"{SCHEMA}.scorecard_model.id"), primary_key=True),
    Column("indicator", Text, primary_key=True),
    *code("class_code", ScorecardClass),
    Column("position", SmallInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("figure", Text, nullable=False),
    *code("direction", ScoreDirection),
    # The figure that earns nothing, and the one that earns everything.
    Column("floor_value", Numeric(18, 6), nullable=False),
    Column("target_value", Numeric(18, 6), nullable=False),
    Column("weight", Numeric(9, 6), nullable=False),
    CheckConstraint("weight between 0 and 1", name="weight_is_a_share"),
    CheckConstraint(
        "(direction = 'HIGHER_IS_BETTER') = (target_value > floor_value) and target_value <> floor_value",
        name="target_lies_that_way",
    ),
)

branch_scorecard = Table(
    "branch_scorecard",
    metadata,
    *tenant_key(),
    Column("model_id", Integer, ForeignKey(f"{SCHEMA}.scorecard_model.id"), nullable=False),
    *code("period", ScorePeriod),
    Column("period_end", Date, nullable=False),
    # From 0 to 100; null where nothing is known.
    Column("score", Numeric(9, 6)),
    # The indicators of which the bank does not know the figure.
    Column("missing", ARRAY(Text), nullable=False, server_default="{}"),
    Column("computed_by", Text, nullable=False),
    at("computed_at"),
    UniqueConstraint("branch_id", "period_end"),
    CheckConstraint("score between 0 and 100", name="score_in_range"),
)
"""What a branch was worth to the bank by the end of a period: one a period, by the model that scored it last."""

branch_scorecard_class = Table(
    "branch_scorecard_class",
    metadata,
    Column("branch_id", Integer, autoincrement=False, nullable=False),
    Column("scorecard_id", Uuid, nullable=False),
    *code("class_code", ScorecardClass),
    Column("position", SmallInteger, nullable=False),
    # Its share of the whole once what is missing is borne by the rest.
    Column("weight", Numeric(9, 6), nullable=False),
    Column("points", Numeric(9, 6), nullable=False),
    PrimaryKeyConstraint("branch_id", "scorecard_id", "class_code"),
    tenant_foreign_key(["scorecard_id"], "branch_scorecard"),
)

branch_scorecard_part = Table(
    "branch_scorecard_part",
    metadata,
    Column("branch_id", Integer, autoincrement=False, nullable=False),
    Column("scorecard_id", Uuid, nullable=False),
    *code("class_code", ScorecardClass),
    Column("indicator", Text, nullable=False),
    Column("position", SmallInteger, nullable=False),
    # Null where it is missing; then its weight is nothing, and the others bear it.
    Column("value", Numeric),
    Column("scaled", Numeric(9, 6)),
    Column("weight", Numeric(9, 6)),
    Column("points", Numeric(9, 6)),
    PrimaryKeyConstraint("branch_id", "scorecard_id", "class_code", "indicator"),
    tenant_foreign_key(["scorecard_id"], "branch_scorecard"),
)
