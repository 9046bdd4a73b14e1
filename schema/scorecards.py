"""Branch scorecards as callers see them: the models, each branch's score for a period, and how it came about."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import Text, cast

from domain.scorecards.kinds import ScorecardClass, ScorecardModelStatus, ScoreDirection, ScorePeriod
from schema.bound_fields import Node
from schema.codes import described
from schema.fields import bound, column, connection, expression, texts, to_one

described(
    ScorecardClass,
    "The classes in which a branch is scored.",
    {
        ScorecardClass.COMPLIANCE: "Whether it keeps to the rules.",
        ScorecardClass.RISK: "How its lending is being repaid.",
        ScorecardClass.RETURN: "What it earns on the capital that it binds.",
        ScorecardClass.TRANSFORMATION: "What it lends to the economy to come.",
        ScorecardClass.SOCIAL: "What it lends where the market lends too little.",
    },
)
described(
    ScoreDirection,
    "Which way an indicator is better.",
    {
        ScoreDirection.HIGHER_IS_BETTER: "The higher the better: the target lies above the floor.",
        ScoreDirection.LOWER_IS_BETTER: "The lower the better: the target lies below the floor.",
    },
)
described(
    ScorePeriod,
    "What a scorecard is about.",
    {ScorePeriod.MONTH: "The month that ended on its day.", ScorePeriod.QUARTER: "The quarter that did."},
)
described(
    ScorecardModelStatus,
    "Where a model is in its life; at most one is active.",
    {
        ScorecardModelStatus.DRAFT: "Written; no branch is scored by it.",
        ScorecardModelStatus.ACTIVE: "In force: branches are scored by it.",
        ScorecardModelStatus.ARCHIVED: "Was in force.",
    },
)

OF_MODEL = {"model_id": "id"}
MODEL = {"id": "model_id"}
OF_CARD = {"branch_id": "branch_id", "scorecard_id": "id"}
CARD = {"branch_id": "branch_id", "id": "scorecard_id"}


@bound("scorecard_model", hidden_from_clients=True)
class ScorecardModel(Node):
    """A way to score branches: one version of it."""

    number: int = column("number", "Counts the models.", where=True, order=True)
    name: str = column("name", "What it is called.", where=True)
    status: ScorecardModelStatus = column("status", "Where it is in its life.", where=True)
    parameters: str | None = expression(
        lambda model: cast(model.c.parameters, Text), "All that it says, as JSON."
    )
    created_by: str = column("created_by", "Who wrote it.", where=True)
    activated_by: str | None = column("activated_by", "Who put it into force.", where=True)
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    created_at: dt.datetime = column("created_at", "When it was written.", where=True, order=True)
    activated_at: dt.datetime | None = column("activated_at", "When it came into force.", where=True)
    archived_at: dt.datetime | None = column("archived_at", "When another took its place.", where=True)
    classes: Any = connection(
        "ScorecardModelClass", "Its classes with their weights.", on=OF_MODEL, order=("position",)
    )
    indicators: Any = connection(
        "ScorecardIndicator", "Its indicators, class by class.", on=OF_MODEL, order=("position",)
    )
    scorecards: Any = connection(
        "BranchScorecard", "What it made of branches, in sight.", on=OF_MODEL, order=("-period_end",)
    )


@bound("scorecard_class", hidden_from_clients=True)
class ScorecardModelClass(Node):
    """A class of a model."""

    class_code: ScorecardClass = column("class_code", "Which.", where=True)
    position: int = column("position", "Its place in the model, from 1.", order=True)
    weight: Decimal = column("weight", "Its share of the whole.", where=True, order=True)
    model: Any = to_one("ScorecardModel", MODEL, "The model.", required=True)


@bound("scorecard_indicator", hidden_from_clients=True)
class ScorecardIndicator(Node):
    """An indicator of a model: a figure, scaled from its floor to its target."""

    indicator: str = column("indicator", "Its code in the model.", where=True, order=True)
    class_code: ScorecardClass = column("class_code", "The class that it counts in.", where=True)
    position: int = column("position", "Its place in the model, from 1.", order=True)
    name: str = column("name", "What it is called.", where=True)
    figure: str = column(
        "figure", "Which figure of a branch it looks at; docs/compensation-and-scorecards.md.", where=True
    )
    direction: ScoreDirection = column("direction", "Which way it is better.", where=True)
    floor: Decimal = column("floor_value", "The figure that earns nothing.", where=True)
    target: Decimal = column("target_value", "The figure that earns everything.", where=True)
    weight: Decimal = column("weight", "Its share of its class.", where=True, order=True)
    model: Any = to_one("ScorecardModel", MODEL, "The model.", required=True)


@bound("branch_scorecard", hidden_from_clients=True)
class BranchScorecard(Node):
    """How a branch did in a period."""

    period: ScorePeriod = column("period", "What kind of period it is about.", where=True)
    period_end: dt.date = column("period_end", "The period's last day.", where=True, order=True)
    score: Decimal | None = column(
        "score", "From 0 to 100: the sum of the points; null where nothing is known.", where=True, order=True
    )
    missing: list[str] = texts(
        "missing", "The indicators of which the bank does not know the figure; the others bear their weight."
    )
    computed_by: str = column("computed_by", "Who had it computed.", where=True)
    computed_at: dt.datetime = column("computed_at", "When it was computed.", where=True)
    branch: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "The branch.", required=True)
    model: Any = to_one("ScorecardModel", MODEL, "The model that scored it.", required=True)
    classes: Any = connection(
        "ScorecardClassPart", "The points of each class.", on=OF_CARD, order=("position",)
    )
    parts: Any = connection("ScorecardPart", "The points of each indicator.", on=OF_CARD, order=("position",))


@bound("branch_scorecard_class", hidden_from_clients=True)
class ScorecardClassPart(Node):
    """One class's part of a score."""

    class_code: ScorecardClass = column("class_code", "Which.", where=True)
    position: int = column("position", "Its place in the model, from 1.", order=True)
    weight: Decimal = column(
        "weight", "Its share of the whole, that of what is missing spread over the rest.", where=True
    )
    points: Decimal = column("points", "What it adds to the score.", where=True, order=True)
    scorecard: Any = to_one("BranchScorecard", CARD, "The scorecard.", required=True)


@bound("branch_scorecard_part", hidden_from_clients=True)
class ScorecardPart(Node):
    """One indicator's part of a score."""

    class_code: ScorecardClass = column("class_code", "The class that it counts in.", where=True)
    indicator: str = column("indicator", "Its code in the model.", where=True, order=True)
    position: int = column("position", "Its place in the model, from 1.", order=True)
    value: Decimal | None = column("value", "The figure; null where it is missing.", where=True, order=True)
    scaled: Decimal | None = column("scaled", "From 0 at the floor to 1 at the target.", where=True)
    weight: Decimal | None = column(
        "weight", "Its share of the whole, that of what is missing spread over the rest.", where=True
    )
    points: Decimal | None = column("points", "What it adds to the score.", where=True, order=True)
    scorecard: Any = to_one("BranchScorecard", CARD, "The scorecard.", required=True)
