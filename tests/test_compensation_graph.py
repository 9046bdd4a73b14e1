"""The fund and the scorecards in the graph: who does what, in which words it is refused, what a branch is told."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from compensation_bank import fall_behind, furnish, terms
from conftest import Ask
from division_bank import writing
from graphql import parse, validate
from mutation_requests import BO, HQ, JUN, OFFICER, READERS, REFUSAL, SELLER, fresh
from small_bank import CLIENTS, facility_id

from api.compensation_command import compensation_command
from api.scorecards_command import scorecards_command
from domain.access import Caller, Role
from schema.graph import graph
from schema.ids import encode
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.scorecards.models import ensure_default_model

SECOND = Caller("henry", Role.HEADQUARTERS_ADMINISTRATOR)
ROOM = "... on CompensationRefused { available { amount currency } }"
CLAIM = """claim { id version status amount { amount } recovered { amount } claimedBy decidedBy paidBy reason
    fund { standing } movements { nodes { operation postings { nodes { funder bucket delta { amount } } } } } }"""


def mutation(name: str, shown: str) -> str:
    title = name[0].upper() + name[1:]
    room = ROOM if name in ("enrolLoan", "claimCompensation", "approveClaim", "recordRecovery") else ""
    return f"""mutation ($input: {title}Input!) {{ {name}(input: $input) {{ {REFUSAL} {room}
        ... on {title}Success {{ {shown} }} }} }}"""


DRAFT = mutation("draftCompensationTerms", "terms { id number status version fund { id code standing } }")
ACTIVATE = mutation("activateCompensationTerms", "terms { id status activatedBy version fund { standing } }")
CONTRIBUTE = mutation("contributeToFund", "movement { operation amount { amount } fund { standing } }")
ENROL = mutation("enrolLoan", "enrolment { id version principal { amount } covered { amount } enrolledBy }")
WITHDRAW = mutation("withdrawLoan", "enrolment { status }")
MAKE = mutation("claimCompensation", CLAIM)
APPROVE, REJECT, PAY, RECOVER = (
    mutation(name, CLAIM) for name in ("approveClaim", "rejectClaim", "payClaim", "recordRecovery")
)
DRAFT_MODEL = mutation("draftScorecardModel", "model { id number status version }")
ACTIVATE_MODEL = mutation("activateScorecardModel", "model { id status activatedBy }")
COMPUTE = mutation(
    "computeScorecards",
    "model { number scorecards(first: 1) { totalCount nodes { periodEnd score classes { totalCount } } } }",
)


async def done(ask: Ask, caller: Caller, asked: str, **said: Any) -> dict[str, Any]:
    (payload,) = (await ask(caller, asked, input={"idempotencyKey": fresh()} | said)).values()
    assert isinstance(payload, dict)
    return payload


def about(claim: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"claimId": claim["id"], "expectedVersion": claim["version"]} | more


async def test_a_fund_from_its_terms_to_a_recovery(ask: Ask, database: Database) -> None:
    drafted = {"fundCode": "GREEN", "name": "Green fund", "currency": "CNY", "parameters": terms()}
    made = (await done(ask, HQ, DRAFT, **drafted))["terms"]
    assert (made["number"], made["status"], made["fund"]["standing"]) == (1, "DRAFT", "STOPPED")
    into_force = {"termsId": made["id"], "expectedVersion": 1}
    assert (await done(ask, HQ, ACTIVATE, **into_force))["code"] == "SECOND_PERSON_NEEDED"
    assert (await done(ask, SECOND, ACTIVATE, **into_force))["terms"]["status"] == "ACTIVE"
    assert (await done(ask, SECOND, ACTIVATE, **into_force))["code"] == "CONFLICT"
    fund, loan = made["fund"]["id"], encode("Facility", (CLIENTS[0][0], facility_id(0, 1)))
    enrolling = {"fundId": fund, "facilityId": loan}
    assert (await done(ask, OFFICER, ENROL, **enrolling))["code"] == "FUND_STOPPED"
    for funder, amount in (("CITY", "30000.00"), ("DISTRICT", "30000.00")):
        paid_in = {"fundId": fund, "funder": funder, "amount": {"amount": amount, "currency": "CNY"}}
        paid = (await done(ask, HQ, CONTRIBUTE, **paid_in))["movement"]
    assert paid["fund"]["standing"] == "ACTIVE"
    late = encode("Facility", (CLIENTS[0][0], facility_id(0, 0)))
    refused = await done(ask, OFFICER, ENROL, **enrolling | {"facilityId": late})
    assert (refused["code"], "days past due already" in refused["message"]) == ("NOT_ELIGIBLE", True)
    covered = (await done(ask, OFFICER, ENROL, **enrolling))["enrolment"]
    assert (covered["principal"], covered["covered"]) == ({"amount": "400000.01"}, {"amount": "320000.00"})
    assert (await done(ask, OFFICER, ENROL, **enrolling))["code"] == "ALREADY_REGISTERED"
    assert (await done(ask, JUN, ENROL, **enrolling))["code"] == "NOT_FOUND"
    of = {"enrolmentId": covered["id"]}
    assert (await done(ask, OFFICER, MAKE, **of))["code"] == "NOT_YET_CLAIMABLE"
    async with writing(database) as transaction:
        await fall_behind(transaction, 0, 50_000)
    beyond = await done(ask, OFFICER, MAKE, **of, amount={"amount": "40000.01", "currency": "CNY"})
    assert (beyond["code"], beyond["available"]["amount"]) == ("BEYOND_COVERAGE", "40000.00")
    claim = (await done(ask, OFFICER, MAKE, **of, amount={"amount": "0.04", "currency": "CNY"}))["claim"]
    large = (await done(ask, OFFICER, MAKE, **of))["claim"]
    # A twentieth of what is covered: 20,000.00 and not a fen more.
    tripped = await done(ask, HQ, APPROVE, **about(large))
    assert (tripped["code"], tripped["available"]["amount"]) == ("BREAKER_TRIPPED", "20000.00")
    turned_down = (await done(ask, HQ, REJECT, **about(large, reason=" Too much. ")))["claim"]
    assert (turned_down["status"], turned_down["reason"]) == ("REJECTED", "Too much.")
    granted = (await done(ask, HQ, APPROVE, **about(claim)))["claim"]
    assert (await done(ask, HQ, PAY, **about(granted)))["code"] == "SECOND_PERSON_NEEDED"
    paid = (await done(ask, SECOND, PAY, **about(granted)))["claim"]
    back = {"amount": {"amount": "0.01", "currency": "CNY"}}
    asked = {"idempotencyKey": fresh()} | about(paid, **back)
    first, again = [(await ask(HQ, RECOVER, input=asked))["recordRecovery"] for _ in range(2)]
    assert first == again
    assert first["claim"]["recovered"] == {"amount": "0.01"}
    postings = {
        (moved["operation"], posted["funder"], posted["bucket"]): posted["delta"]["amount"]
        for moved in first["claim"]["movements"]["nodes"]
        for posted in moved["postings"]["nodes"]
    }
    assert postings == {
        ("RESERVE", "CITY", "RESERVED"): "0.02",
        ("RESERVE", "DISTRICT", "RESERVED"): "0.02",
        ("PAY", "CITY", "RESERVED"): "-0.02",
        ("PAY", "DISTRICT", "RESERVED"): "-0.02",
        ("PAY", "CITY", "PAID"): "0.02",
        ("PAY", "DISTRICT", "PAID"): "0.02",
        ("RECOVER", "CITY", "RECOVERED"): "0.01",
    }
    withdrawn = await done(ask, OFFICER, WITHDRAW, **of, expectedVersion=1)
    assert withdrawn["code"] == "CONFLICT"
    for caller, asked_for, said in (
        *((reader, ENROL, enrolling) for reader in (*READERS, SELLER, HQ)),
        *((reader, APPROVE, about(claim)) for reader in (*READERS, SELLER, BO)),
    ):
        error = await ask.error(caller, asked_for, input={"idempotencyKey": fresh()} | said)
        assert error["extensions"] == {"code": "FORBIDDEN"}
    for said, place in (
        ({"parameters": terms(coverage="2")}, "parameters"),
        ({"fundCode": "NEW", "name": " "}, "name"),
        ({"fundCode": "NEW", "currency": "XXX"}, "currency"),
    ):
        assert (await done(ask, HQ, DRAFT, **drafted | said))["path"] == ["input", place]


async def test_scorecards_are_ranked_by_headquarters_and_aggregated(ask: Ask, database: Database) -> None:
    async with writing(database) as transaction:
        await furnish(transaction)
    query = """{ scorecards(
        where: { periodEnd: { eq: "2024-09-30" } }, orderBy: [{ field: SCORE, direction: DESC }]
      ) { totalCount aggregates { score { avg max } } nodes { branch { code } model { number } missing
          parts(where: { points: { gt: "0" } }) { nodes { classCode indicator value scaled weight points } } } }
      unit(code: "EAST") { scorecards(where: { period: { eq: QUARTER } }) { totalCount }
        compensationClaims { groups(by: [{ field: STATUS }]) { key { status } aggregates {
          count amount(currency: "CNY") { sum { amount } } } } } }
      scorecardModels { nodes { status indicators { totalCount } classes { nodes { classCode weight } } } } }"""
    found = await ask(HQ, query)
    assert found["scorecards"]["totalCount"] == 4
    best = found["scorecards"]["nodes"][0]
    points = sum(float(part["points"]) for part in best["parts"]["nodes"])
    assert points == float(found["scorecards"]["aggregates"]["score"]["max"]) > 0
    assert found["unit"]["scorecards"] == {"totalCount": 3}
    assert [one["key"] for one in found["unit"]["compensationClaims"]["groups"]] == [
        {"status": "CLAIMED"},
        {"status": "PAID"},
    ]
    (model,) = found["scorecardModels"]["nodes"]
    assert [one["weight"] for one in model["classes"]["nodes"]] == [
        "0.200000",
        "0.300000",
        "0.250000",
        "0.150000",
        "0.100000",
    ]
    draft = (await done(ask, HQ, DRAFT_MODEL, name="The same again"))["model"]
    into_force = {"modelId": draft["id"], "expectedVersion": 1}
    assert (await done(ask, HQ, ACTIVATE_MODEL, **into_force))["code"] == "SECOND_PERSON_NEEDED"
    assert (await done(ask, SECOND, ACTIVATE_MODEL, **into_force))["model"]["status"] == "ACTIVE"
    scored = (await done(ask, HQ, COMPUTE, periodEnd="2024-12-31"))["model"]
    assert (scored["number"], scored["scorecards"]["totalCount"]) == (2, 4)
    assert scored["scorecards"]["nodes"][0]["classes"] == {"totalCount": 5}
    assert (await done(ask, HQ, COMPUTE, periodEnd="2024-12-30"))["path"] == ["input", "periodEnd"]
    assert (await done(ask, HQ, DRAFT_MODEL, name="x", parameters="{"))["path"] == ["input", "parameters"]
    for caller in (*READERS, BO):
        error = await ask.error(caller, COMPUTE, input={"idempotencyKey": fresh(), "periodEnd": "2024-12-31"})
        assert error["extensions"] == {"code": "FORBIDDEN"}


async def install(credentials: Credentials) -> None:
    database = Database(credentials)
    await database.open()
    async with writing(database) as transaction:
        await ensure_default_model(transaction)
    await database.close()


def test_the_command_scores_every_branch(credentials: Credentials) -> None:
    environment = {"DATABASE_URL": credentials.url}
    runner = CliRunner()
    asyncio.run(install(credentials))
    told = runner.invoke(
        scorecards_command, ["compute", "--end", "2024-12-31", "--last", "2"], env=environment
    )
    assert told.exit_code == 0, told.output
    assert "4 branches scored for 2024-09-30, 2024-12-31" in told.output
    verified = runner.invoke(compensation_command, ["verify"], env=environment)
    assert verified.output == "every balance is the sum of what has moved\n"
    told = runner.invoke(scorecards_command, ["compute", "--end", "2024-12-30"], env=environment)
    assert "no quarter ends on 2024-12-30" in told.output


def test_every_operation_of_the_document_fits_the_schema() -> None:
    document = Path(__file__).parents[1] / "docs" / "compensation-and-scorecards.md"
    operations = re.findall(r"```graphql\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    assert len(operations) >= 3
    for operation in operations:
        assert validate(graph()._schema, parse(operation)) == []
