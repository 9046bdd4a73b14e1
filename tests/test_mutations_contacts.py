"""Contacts are added, changed in part and removed once."""

from __future__ import annotations

from typing import Any

from conftest import Ask
from mutation_requests import (
    BO,
    CONTACT,
    JUN,
    REMOVE,
    SELLER,
    fresh,
    gid,
    person,
    refused,
    sent,
)
from small_bank import SHANGHAI, _id

from schema.ids import encode


async def test_a_contact_is_added_then_changed_in_part(ask: Ask) -> None:
    made = (await sent(ask, SELLER, CONTACT, person(phone="1", position="CFO", isPrimary=True)))["contact"]
    assert (made["name"], made["isPrimary"], made["version"], made["client"]) == (
        "Li Wei",
        True,
        1,
        {"id": gid(0)},
    )
    part = {"idempotencyKey": fresh(), "clientId": gid(0), "contactId": made["id"], "expectedVersion": 1}
    changed = (await sent(ask, BO, CONTACT, part | {"phone": None}))["contact"]
    assert changed == made | {"phone": None, "version": 2}, (
        "what was left out stays, the mark of a primary contact, too"
    )
    stale = await sent(ask, BO, CONTACT, part | {"idempotencyKey": fresh(), "phone": "2"})
    assert stale["code"] == "CONFLICT"
    assert stale["current"] == {"id": made["id"], "version": 2, "phone": None}


async def test_a_contact_needs_its_name_its_version_and_its_client(ask: Ask) -> None:
    own = encode("Contact", (SHANGHAI, _id(0xCC, 0)))
    table: list[tuple[dict[str, Any], str, str]] = [
        ({"name": None}, "INVALID_INPUT", "name"),
        ({"name": " "}, "INVALID_INPUT", "name"),
        ({"isPrimary": None}, "INVALID_INPUT", "isPrimary"),
        ({"contactId": own}, "INVALID_INPUT", "expectedVersion"),
        ({"contactId": own, "expectedVersion": None}, "INVALID_INPUT", "expectedVersion"),
        ({"contactId": own, "expectedVersion": 1, "name": None}, "INVALID_INPUT", "name"),
        ({"contactId": own, "expectedVersion": 1, "clientId": gid(1)}, "NOT_FOUND", "contactId"),
        ({"contactId": own, "expectedVersion": 0}, "CONFLICT", "expectedVersion"),
        ({"email": "x" * 255}, "INVALID_INPUT", "email"),
    ]
    for said, code, path in table:
        assert await refused(ask, BO, CONTACT, person(**said)) == (code, ["input", path]), said
    nameless = person()
    del nameless["name"]
    assert await refused(ask, BO, CONTACT, nameless) == ("INVALID_INPUT", ["input", "name"])


async def test_a_contact_that_has_left_is_removed_once(ask: Ask) -> None:
    added = person()
    made = (await sent(ask, SELLER, CONTACT, added))["contact"]
    leaving = {"idempotencyKey": fresh(), "contactId": made["id"], "expectedVersion": 1}
    assert await refused(ask, JUN, REMOVE, leaving) == ("NOT_FOUND", ["input", "contactId"])
    stale = await sent(ask, BO, REMOVE, leaving | {"idempotencyKey": fresh(), "expectedVersion": 7})
    assert (stale["code"], stale["current"]) == ("CONFLICT", {"id": made["id"], "version": 1})

    gone = await sent(ask, BO, REMOVE, leaving)

    assert gone["client"] == {"id": gid(0), "contacts": {"nodes": [{"name": "Contact 0"}]}}
    assert await sent(ask, BO, REMOVE, leaving) == gone, "the same key answers as the first time"
    again = leaving | {"idempotencyKey": fresh()}
    assert await refused(ask, BO, REMOVE, again) == ("NOT_FOUND", ["input", "contactId"])
    assert (await sent(ask, SELLER, CONTACT, added))["code"] == "NOT_FOUND", "its addition answers no more"
