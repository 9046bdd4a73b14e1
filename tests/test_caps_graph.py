"""Concentration caps as callers see them: headquarters everything, a branch its own share, a client nothing."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from cap_bank import SECOND
from conftest import Ask
from limit_bank import OFFICER, open_limits
from small_bank import SHANGHAI, SmallBank, client_id

from schema.ids import encode

CAP = "... on UserError { code message path }"
DRAFT = f"""
mutation ($input: DraftConcentrationCapInput!) {{
  done: draftConcentrationCap(input: $input) {{
    ... on DraftConcentrationCapSuccess {{ cap {{ id version status }} }} {CAP}
  }}
}}
"""
ACTIVATE = f"""
mutation ($input: ActivateConcentrationCapInput!) {{
  done: activateConcentrationCap(input: $input) {{
    ... on ActivateConcentrationCapSuccess {{ cap {{ id status activatedBy replaces {{ id status }} }} }} {CAP}
  }}
}}
"""
ARCHIVE = f"""
mutation ($input: ArchiveConcentrationCapInput!) {{
  done: archiveConcentrationCap(input: $input) {{
    ... on ArchiveConcentrationCapSuccess {{ cap {{ status }} }} {CAP}
  }}
}}
"""
DEAL = f"""
mutation ($input: DealCapInput!) {{
  done: dealCap(input: $input) {{
    ... on DealCapSuccess {{ share {{ share {{ amount }} used {{ amount }} unit {{ code }} }} }}
    ... on LimitRefused {{ available {{ amount }} binding }} {CAP}
  }}
}}
"""
CAPITAL = f"""
mutation ($input: RecordRegulatoryCapitalInput!) {{
  done: recordRegulatoryCapital(input: $input) {{
    ... on RecordRegulatoryCapitalSuccess {{ capital {{ day tier1 {{ amount }} }} }} {CAP}
  }}
}}
"""
PRESETS = f"""
mutation ($input: ApplyRegulatoryPresetsInput!) {{
  done: applyRegulatoryPresets(input: $input) {{
    ... on ApplyRegulatoryPresetsSuccess {{ cap {{ preset status }} }}
    ... on AlreadyRegistered {{ existing {{ id }} }} {CAP}
  }}
}}
"""
EARMARK = """
mutation ($input: EarmarkQuotaInput!) {
  done: earmarkQuota(input: $input) {
    ... on EarmarkQuotaSuccess { movement { operation } }
    ... on LimitRefused { available { amount } binding } ... on UserError { code }
  }
}
"""
SEEN = """
{ concentrationCaps(where: {status: {eq: ACTIVE}}) { nodes {
    name used { amount } pools { nodes { ceiling { amount } dealt { amount } used { amount } utilisation
      shares { totalCount } deals { totalCount } } }
    shares { nodes { unit { code } share { amount } used { amount } utilisation deals { nodes { actor } } } }
  } }
  capShares { totalCount } regulatoryCapital { totalCount } }
"""


class Asking:
    """Sends mutations under ever new keys."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._sent = 0

    async def __call__(self, caller: Any, mutation: str, **sent: Any) -> dict[str, Any]:
        self._sent += 1
        key = {"idempotencyKey": f"c{self._sent}"}
        answer: dict[str, Any] = (await self._ask(caller, mutation, input={**key, **sent}))["done"]
        return answer


@pytest.fixture
async def send(ask: Ask, administrator: asyncpg.Connection) -> Asking:
    """Mutations on a bank with limits."""
    await open_limits(administrator)
    return Asking(ask)


async def test_a_cap_is_drafted_activated_dealt_and_seen_by_whom_it_concerns(
    ask: Ask, send: Asking, small_bank: SmallBank
) -> None:
    hana = small_bank.headquarters
    sent = {"name": "All", "currency": "CNY", "validFrom": "2020-01-01"}
    for wrong, path in (
        ({}, ["input", "ceiling"]),
        ({"ceiling": "1", "ceilingFraction": "0.1"}, ["input", "ceiling"]),
        ({"ceilingFraction": "0.1"}, ["input", "ceilingOf"]),
        ({"ceiling": "1", "industryCodes": ["K"]}, ["input", "industryCodes"]),
        ({"ceiling": "1", "tenorFromMonths": 9, "tenorUntilMonths": 8}, ["input", "tenorUntilMonths"]),
    ):
        refused = await send(hana, DRAFT, **sent, **wrong)
        assert (refused["code"], refused["path"]) == ("INVALID_INPUT", path)
    cap = (await send(hana, DRAFT, **sent, ceiling="1000"))["cap"]
    named = {"capId": cap["id"], "expectedVersion": 1}
    assert (await send(hana, ACTIVATE, **named))["code"] == "SECOND_PERSON_NEEDED"
    assert (await send(SECOND, ACTIVATE, **named))["cap"]["activatedBy"] == "hugo"
    assert (await send(SECOND, ACTIVATE, **named))["code"] == "CONFLICT"
    dealt = {"capId": cap["id"], "unitCode": "320000", "amount": {"amount": "400", "currency": "CNY"}}
    assert (await send(hana, DEAL, **dealt))["share"]["share"] == {"amount": "400.00"}
    back = dealt | {"amount": {"amount": "50", "currency": "CNY"}, "takeBack": True}
    assert (await send(hana, DEAL, **back))["share"]["share"] == {"amount": "350.00"}
    most = dealt | {"amount": {"amount": "1001", "currency": "CNY"}}
    assert (await send(hana, DEAL, **most))["available"] == {"amount": "1000.00"}
    draw = {"clientId": encode("Client", (SHANGHAI, client_id(0))), "product": "TERM_LOAN"}
    money = {"amount": "700", "currency": "CNY"}
    assert (await send(OFFICER, EARMARK, **draw, amount=money))["movement"] == {"operation": "EARMARK"}
    refused = await send(OFFICER, EARMARK, **draw, amount=money)
    assert (refused["code"], refused["available"]) == ("CAP_EXCEEDED", {"amount": "300.00"})
    (seen,) = (await ask(small_bank.analyst, SEEN))["concentrationCaps"]["nodes"]
    assert len(ask.statements) == 1
    (pool,) = seen["pools"]["nodes"]
    assert (pool["used"], pool["utilisation"], pool["ceiling"]) == (
        [{"amount": "700.00"}],
        "0.700000",
        {"amount": "1000.00"},
    )
    assert {one["unit"]["code"] for one in seen["shares"]["nodes"]} == {"310000", "320000"}
    used = 'capShares(where: {utilisation: {gte: "0.5"}}) { nodes { unit { code } } }'
    used += ' concentrationCaps(where: {pools: {some: {utilisation: {lt: "0.700001"}}}}) { totalCount }'
    nearly = await ask(small_bank.analyst, f"{{ {used} }}")
    assert [one["unit"]["code"] for one in nearly["capShares"]["nodes"]] == ["310000"]
    assert nearly["concentrationCaps"]["totalCount"] == 1
    (own,) = (await ask(small_bank.shanghai, SEEN))["concentrationCaps"]["nodes"]
    assert own["pools"]["nodes"] == []
    assert [(one["unit"]["code"], one["used"]) for one in own["shares"]["nodes"]] == [
        ("310000", {"amount": "700.00"})
    ]
    assert own["used"] == [{"amount": "700.00"}]
    assert own["shares"]["nodes"][0]["deals"]["nodes"] == [{"actor": "system on behalf of ottilie"}]
    nothing = await ask(small_bank.huaxia, SEEN)
    assert nothing["concentrationCaps"]["nodes"] == []
    assert nothing["capShares"]["totalCount"] == nothing["regulatoryCapital"]["totalCount"] == 0
    narrower = (await send(hana, DRAFT, **sent, ceiling="600", replacesId=cap["id"]))["cap"]
    done = await send(SECOND, ACTIVATE, capId=narrower["id"], expectedVersion=1)
    assert done["cap"]["replaces"] == {"id": cap["id"], "status": "ARCHIVED"}
    refused = await send(OFFICER, EARMARK, **draw, amount={"amount": "1", "currency": "CNY"})
    assert refused["code"] == "CAP_EXCEEDED"
    archived = await send(hana, ARCHIVE, capId=narrower["id"], expectedVersion=2)
    assert archived["cap"] == {"status": "ARCHIVED"}
    freed = await send(OFFICER, EARMARK, **draw, amount={"amount": "1", "currency": "CNY"})
    assert freed["movement"] == {"operation": "EARMARK"}


async def test_presets_are_fractions_of_the_banks_capital_and_groups_are_held_against_them(
    ask: Ask, send: Asking, small_bank: SmallBank, administrator: asyncpg.Connection
) -> None:
    hana = small_bank.headquarters
    assert (await send(hana, PRESETS))["cap"] == {"preset": "CN_SINGLE_CLIENT_LOANS", "status": "DRAFT"}
    assert (await send(hana, PRESETS))["code"] == "ALREADY_REGISTERED"
    drafts = (await ask(hana, "{ concentrationCaps { nodes { id per ceilingFraction } } }"))[
        "concentrationCaps"
    ]
    assert sorted(one["ceilingFraction"] for one in drafts["nodes"]) == [
        "0.100000",
        "0.150000",
        "0.200000",
        "0.250000",
    ]
    for draft in drafts["nodes"]:
        refused = await send(SECOND, ACTIVATE, capId=draft["id"], expectedVersion=1)
        assert refused["code"] == "STATUS_MAY_NOT_FOLLOW"
    money = {"amount": "4000000", "currency": "CNY"}
    sent = {"netCapital": money, "tier1": money}
    assert (await send(hana, CAPITAL, **sent, day="2026-01-16"))["code"] == "INVALID_INPUT"
    assert (await send(hana, CAPITAL, **sent, day="2026-01-15"))["capital"]["tier1"] == {
        "amount": "4000000.00"
    }
    for draft in drafts["nodes"]:
        assert (await send(SECOND, ACTIVATE, capId=draft["id"], expectedVersion=1))["cap"][
            "status"
        ] == "ACTIVE"
    await administrator.execute(
        "insert into bank.client_group (branch_id, client_id, group_no, members, exposure_minor, currency) "
        "values ($1, $2, 7, 2, 90000000, 'CNY')",
        SHANGHAI,
        client_id(0),
    )
    query = (
        "{ clients(where: {group: {members: {eq: 2}}}) { nodes { group { exposures { nodes { cap { preset } "
        "fraction ceiling { amount } headroom { amount } reportable } } } } } }"
    )
    (client,) = (await ask(small_bank.shanghai, query))["clients"]["nodes"]
    assert client["group"]["exposures"]["nodes"] == [
        {
            "cap": {"preset": "CN_CONNECTED_GROUP_EXPOSURE"},
            "fraction": "0.225000",
            "ceiling": {"amount": "800000.00"},
            "headroom": {"amount": "-100000.00"},
            "reportable": None,
        },
        {
            "cap": {"preset": "BASEL_LARGE_EXPOSURE"},
            "fraction": "0.225000",
            "ceiling": {"amount": "1000000.00"},
            "headroom": {"amount": "100000.00"},
            "reportable": True,
        },
    ]
