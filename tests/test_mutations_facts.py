"""Statements and credit events are recorded once and stand beside what they correct."""

from __future__ import annotations

from typing import Any

from conftest import Ask
from mutation_requests import (
    BO,
    EVENT,
    OFFICER,
    STATEMENT,
    event,
    figures,
    gid,
    refused,
    sent,
)
from small_bank import SHANGHAI, SmallBank, facility_id

from schema.ids import encode


async def test_a_correction_stands_beside_what_it_corrects(ask: Ask) -> None:
    first = await sent(ask, OFFICER, STATEMENT, figures(revenue="100.00", netIncome="-5.5"))
    assert first["statement"]["revenue"] == {"amount": "100.00", "currency": "CNY"}
    assert first["statement"]["netIncome"] == {"amount": "-5.50"}
    second = await sent(ask, OFFICER, STATEMENT, figures(revenue="101", audited=True))
    data = await ask(
        BO, "query ($id: ID!) { client(id: $id) { statements(first: 2) { nodes { id } } } }", id=gid(0)
    )
    ids = [node["id"] for node in data["client"]["statements"]["nodes"]]
    assert ids == [second["statement"]["id"], first["statement"]["id"]]


async def test_figures_and_events_that_cannot_be_are_refused(ask: Ask) -> None:
    foreign = encode("Facility", (SHANGHAI, facility_id(1)))
    table: list[tuple[str, dict[str, Any], str, list[str]]] = [
        (STATEMENT, figures(periodMonths=0), "INVALID_INPUT", ["periodMonths"]),
        (STATEMENT, figures(periodMonths=25), "INVALID_INPUT", ["periodMonths"]),
        (STATEMENT, figures(periodEnd="2026-01-16"), "INVALID_INPUT", ["periodEnd"]),
        (STATEMENT, figures(source=" "), "INVALID_INPUT", ["source"]),
        (STATEMENT, figures(currency="XXX"), "INVALID_INPUT", ["currency"]),
        (STATEMENT, figures(currency="XXX", revenue="1"), "INVALID_INPUT", ["currency"]),
        (
            STATEMENT,
            figures(totalAssets="3", totalLiabilities="1", equity="1"),
            "INVALID_INPUT",
            ["totalAssets"],
        ),
        (STATEMENT, figures(totalAssets="0.001"), "INVALID_INPUT", ["totalAssets"]),
        (STATEMENT, figures(totalAssets="9" * 20), "INVALID_INPUT", ["totalAssets"]),
        (EVENT, event(occurredOn="2026-01-16"), "INVALID_INPUT", ["occurredOn"]),
        (EVENT, event(reference=""), "INVALID_INPUT", ["reference"]),
        (EVENT, event(note="x" * 2001), "INVALID_INPUT", ["note"]),
        (EVENT, event(amount={"amount": "-1", "currency": "CNY"}), "INVALID_INPUT", ["amount", "amount"]),
        (EVENT, event(amount={"amount": "1", "currency": "XXX"}), "INVALID_INPUT", ["amount", "currency"]),
        (EVENT, event(facilityId=foreign), "NOT_FOUND", ["facilityId"]),
        (EVENT, event(facilityId=gid(0)), "INVALID_INPUT", ["facilityId"]),
    ]
    for mutation, given_input, code, path in table:
        assert await refused(ask, OFFICER, mutation, given_input) == (code, ["input", *path]), path


async def test_an_event_is_recorded_once_per_source_and_reference(ask: Ask) -> None:
    own = encode("Facility", (SHANGHAI, facility_id(0)))
    first = await sent(
        ask, OFFICER, EVENT, event(facilityId=own, amount={"amount": "7", "currency": "JPY"}, note=None)
    )
    assert first["creditEvent"] | {"id": ""} == {
        "id": "",
        "kind": "DEFAULT",
        "amount": {"amount": "7"},
        "facility": {"id": own},
        "client": {"id": gid(0)},
    }
    assert await refused(ask, OFFICER, EVENT, event()) == ("ALREADY_REGISTERED", ["input", "reference"])
    assert "creditEvent" in await sent(ask, OFFICER, EVENT, event(kind="CHARGE_OFF", amount=None))


async def test_what_the_bank_suspects_is_not_told_to_the_suspect(ask: Ask) -> None:
    for kind in ("MISUSE", "RELATED_PARTY_ABUSE", "COVENANT_DEFAULT"):
        assert "creditEvent" in await sent(
            ask, OFFICER, EVENT, event(clientId=gid(1), kind=kind, amount=None)
        )
    asked = "{ clients { nodes { id creditEvents { totalCount nodes { kind } } } } }"
    told = [
        {node["id"]: node["creditEvents"] for node in (await ask(caller, asked))["clients"]["nodes"]}[gid(1)]
        for caller in (BO, SmallBank.huaxia)
    ]
    staff, suspect = ({node["kind"] for node in events["nodes"]} for events in told)
    assert staff - suspect == {"MISUSE", "RELATED_PARTY_ABUSE"}
    assert "COVENANT_DEFAULT" in suspect
    assert told[1]["totalCount"] == told[0]["totalCount"] - 2
