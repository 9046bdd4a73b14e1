"""How each type of relationship is managed, and the tasks that come of it, as callers see them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from domain.access import Role
from domain.lending import Product
from domain.playbooks import CancelCause, PlaybookStatus, SecurityDemand, TaskKind, TaskStatus
from schema.bound_fields import Node
from schema.clients import CLIENT
from schema.codes import described
from schema.fields import bound, column, connection, to_one
from tenants.tables import client_playbook, client_task

described(
    PlaybookStatus,
    "Where a version of a playbook is in its life.",
    {
        PlaybookStatus.DRAFT: "Being written; no client is managed by it.",
        PlaybookStatus.ACTIVE: "In force: the one version by which clients are managed.",
        PlaybookStatus.ARCHIVED: "Was in force once.",
    },
)
described(
    TaskKind,
    "What a task asks somebody to do.",
    {
        TaskKind.REVIEW: "Look the client over and write down what follows.",
        TaskKind.VISIT: "Go and see the client.",
        TaskKind.CALL: "Call the client.",
        TaskKind.MEETING: "Meet the client's management.",
        TaskKind.SURVEY: "Ask the client a list of questions.",
        TaskKind.OFFER: "Make the client an offer.",
        TaskKind.MONITORING: "Watch the client without asking it.",
        TaskKind.COACHING: "Help the client's management.",
        TaskKind.REMINDER: "Remind the client of something.",
    },
)
described(
    TaskStatus,
    "Where a task stands; it is overdue while it is open and its day has passed.",
    {
        TaskStatus.OPEN: "To be done.",
        TaskStatus.DONE: "Done.",
        TaskStatus.CANCELLED: "Not to be done any more.",
    },
)
described(
    CancelCause,
    "Why a task was cancelled.",
    {
        CancelCause.RELATIONSHIP_CHANGED: "The client is of another type now, or no client any more.",
        CancelCause.PLAYBOOK_CHANGED: "A new version of the playbook asks for it no longer.",
        CancelCause.EARLIER_REOPENED: "The one before it was reopened.",
    },
)
described(
    SecurityDemand,
    "What security a playbook asks for.",
    {
        SecurityDemand.NEGOTIATED: "Part of terms made for the client.",
        SecurityDemand.NONE: "None: credit may be unsecured.",
        SecurityDemand.STANDARD: "What the product asks for.",
        SecurityDemand.ADDITIONAL: "More than the product asks for.",
    },
)

OF_PLAYBOOK = {"playbook_id": "id"}
OF_VERSION = {"playbook_id": "playbook_id"}
PLAYBOOK = {"id": "playbook_id"}
_LATITUDE = (
    "How many basis points below the list price the owner may go; negative: at least so many above are asked."
)


@bound("playbook", hidden_from_clients=True)
class Playbook(Node):
    """How clients of one type are looked after: one version of it."""

    dimension: str = column("dimension_code", "The dimension that `value` is of.", where=True, order=True)
    value: str = column(
        "value", "Which clients it is for: those with this value of the dimension.", where=True, order=True
    )
    number: int = column("number", "Counts the versions of one value's playbook.", where=True, order=True)
    status: PlaybookStatus = column("status", "Whether it is in force.", where=True)
    name: str = column("name", "What it is called.", where=True)
    strategy: str = column("strategy", "The strategy in words.")
    owner_level: Role = column("owner_level", "Who owns the service of these clients.", where=True)
    review_every_months: int = column("review_every_months", "How often a client is reviewed.", where=True)
    contact_every_days: int = column(
        "contact_every_days", "How long a client is without contact at most.", where=True
    )
    contact_plan: str = column("contact_plan", "Who is in touch how, in words.")
    pricing_latitude_bps: int = column("pricing_latitude_bps", _LATITUDE, where=True)
    required_security: SecurityDemand = column("required_security", "What security is asked for.", where=True)
    security_note: str | None = column("security_note", "More about the security, in words.")
    created_by: str = column("created_by", "Who drafted it.", where=True)
    edited_by: str = column("edited_by", "Who wrote it last.", where=True)
    activated_by: str | None = column("activated_by", "Who put it into force.", where=True)
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    created_at: dt.datetime = column("created_at", "When it was drafted.", where=True, order=True)
    edited_at: dt.datetime = column("edited_at", "When it was last written.")
    activated_at: dt.datetime | None = column("activated_at", "When it came into force.", where=True)
    archived_at: dt.datetime | None = column("archived_at", "When another took its place.", where=True)
    items: Any = connection("PlaybookItem", "The tasks that it implies.", on=OF_PLAYBOOK, order=("position",))
    products: Any = connection(
        "PlaybookProduct", "The product line, the most important first.", on=OF_PLAYBOOK, order=("position",)
    )


@bound("playbook_item", hidden_from_clients=True)
class PlaybookItem(Node):
    """A task that a playbook implies for each of its clients."""

    code: str = column("code", "Its code, unique in the playbook and the same in every version.", where=True)
    position: int = column("position", "Its place in the playbook, from 0.", order=True)
    title: str = column("title", "What is to be done.", where=True)
    kind: TaskKind = column("kind", "What kind of task it is.", where=True)
    owner_level: Role = column("owner_level", "Who is to do it.", where=True)
    first_due_days: int = column("first_due_days", "How many days after the client came it is first due.")
    every_months: int | None = column(
        "every_months", "After how many months it is due again; null: once.", where=True
    )
    playbook: Any = to_one("Playbook", PLAYBOOK, "The playbook.", required=True)


@bound("playbook_product", hidden_from_clients=True)
class PlaybookProduct(Node):
    """A product that a playbook offers."""

    product: Product = column("product", "The product.", where=True)
    position: int = column("position", "Its place in the product line, from 0.", order=True)
    playbook: Any = to_one("Playbook", PLAYBOOK, "The playbook.", required=True)


@bound(client_playbook, hidden_from_clients=True)
class ClientPlaybook(Node):
    """The playbook in force for a client's type of relationship, as the type was last recorded."""

    relationship_type: str = column("value", "The client's type of relationship.", where=True)
    since: dt.datetime = column("since", "Since when the type is on record.", where=True, order=True)
    number: int = column("number", "The playbook's version.")
    name: str = column("name", "What the playbook is called.")
    strategy: str = column("strategy", "The strategy in words.")
    owner_level: Role = column("owner_level", "Who owns the client's service.", where=True)
    review_every_months: int = column("review_every_months", "How often the client is reviewed.", where=True)
    contact_every_days: int = column(
        "contact_every_days", "How long the client is without contact at most.", where=True
    )
    contact_plan: str = column("contact_plan", "Who is in touch how, in words.")
    pricing_latitude_bps: int = column("pricing_latitude_bps", _LATITUDE, where=True)
    required_security: SecurityDemand = column("required_security", "What security is asked for.", where=True)
    security_note: str | None = column("security_note", "More about the security, in words.")
    items: Any = connection("PlaybookItem", "The tasks that it implies.", on=OF_VERSION, order=("position",))
    products: Any = connection(
        "PlaybookProduct", "The product line, the most important first.", on=OF_VERSION, order=("position",)
    )
    playbook: Any = to_one("Playbook", PLAYBOOK, "The version of the playbook.", required=True)
    client: Any = to_one("Client", CLIENT, "The client.", required=True)


@bound(client_task, hidden_from_clients=True)
class Task(Node):
    """Something that a playbook asks to be done for a client by a day."""

    title: str = column("title", "What is to be done.", where=True)
    kind: TaskKind = column("kind", "What kind of task it is.", where=True)
    item_code: str = column("item_code", "Which item of the playbook it comes from.", where=True)
    due_on: dt.date = column("due_on", "By when.", where=True, order=True)
    status: TaskStatus = column("status", "Where it stands.", where=True)
    overdue: bool = column("overdue", "Whether it is open and its day has passed.", where=True)
    owner_level: Role = column("owner_level", "Who is to do it.", where=True)
    done_at: dt.datetime | None = column(
        "done_at", "When it was said to be done, in the bank's time.", where=True, order=True
    )
    done_by: str | None = column("done_by", "Who said so.", where=True)
    outcome: str | None = column("outcome", "What came of it.")
    cancelled_because: CancelCause | None = column(
        "cancelled_because", "Why it was cancelled; null where it was not.", where=True
    )
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    created_at: dt.datetime = column("created_at", "When it was made.", where=True, order=True)
    client: Any = to_one("Client", CLIENT, "The client.", required=True)
    assignee: Any = to_one(
        "Staff",
        {"branch_id": "branch_id", "id": "assignee_id"},
        "Who is to do it; null where nobody of that level works at the branch.",
    )
    branch: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "The client's branch.", required=True)
    playbook: Any = to_one(
        "Playbook", PLAYBOOK, "The version of the playbook that asks for it.", required=True
    )
