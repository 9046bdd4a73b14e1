"""Regional divisions in the graph: read by the staff, written by headquarters, closed to clients' own users."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import Ask
from division_bank import divide, parameters, writing
from graphql import parse, validate
from mutation_requests import BO, HQ, READERS, REFUSAL, fresh, refused, sent
from small_bank import SmallBank

from api.divisions_command import divisions_command
from domain.access import Caller, Role
from domain.divisions.models import DivisionKind
from schema.graph import graph
from tenants.credentials import Credentials
from tenants.database import Database

SECOND = Caller("henry", Role.HEADQUARTERS_ADMINISTRATOR)
MODEL = """model { id number version status createdBy activatedBy parameters
    moves { groups(by: [{ field: FROM_CLASS }, { field: TO_CLASS }]) {
      key { fromClass toClass } aggregates { count clientCount { sum } } } }
    movedExposure { amount currency } }"""


def mutation(verb: str) -> str:
    return f"""mutation ($input: {verb.title()}DivisionModelInput!) {{ {verb}DivisionModel(input: $input) {{
        {REFUSAL}
        ... on {verb.title()}DivisionModelSuccess {{ {MODEL} }} }} }}"""


DRAFT, EDIT, SIMULATE, ACTIVATE, ARCHIVE = (
    mutation(verb) for verb in ("draft", "edit", "simulate", "activate", "archive")
)
REGIONS = """{ regions(where: { economicTier: { isNull: false } }) { nodes { code
    economicTier { classCode index year reason missing model { kind version }
      policy { pricingAdjustmentBps collateralDemand quotaWeight reviewDepth
        products(first: 2) { nodes { product } } }
      parts { nodes { indicator value scaled weight contribution } } }
    creditClimate { classCode policy { reviewDepth } parts { nodes { indicator value speaksFor } } }
    clusters { nodes { industryScheme industryCode locationQuotient clientCount clients { totalCount }
      policy { classCode } } }
    divisions(where: { year: { eq: 2023 } }) { totalCount } } } }"""


@pytest.fixture
async def bank(database: Database) -> Database:
    """The small bank with rows of every kind."""
    async with writing(database) as transaction:
        await divide(transaction)
    return database


def about(model: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "idempotencyKey": fresh(),
        "modelId": model["id"],
        "expectedVersion": model["version"],
    } | more


@pytest.mark.usefixtures("bank")
async def test_a_region_shows_its_classes_with_reasons_and_policies(ask: Ask) -> None:
    query = REGIONS.replace("(where: { economicTier: { isNull: false } })", "(orderBy: [{ field: CODE }])")
    found = await ask.full(BO, query)
    assert "errors" not in found, found["errors"]
    assert found["extensions"]["plan"]["tier"] == "compiled"
    beijing, shanghai, _ = found["data"]["regions"]["nodes"]
    assert shanghai["economicTier"] | {"parts": None} == {
        "classCode": "CORE",
        "index": "0.850000",
        "year": 2023,
        "reason": "the index 0.850000 reaches 0.60",
        "missing": ["gdpPerHead", "badLoanRate", "loansToGdp"],
        "model": {"kind": "ECONOMIC", "version": 1},
        "policy": {
            "pricingAdjustmentBps": -10,
            "collateralDemand": "STANDARD",
            "quotaWeight": "1.000000",
            "reviewDepth": "STANDARD",
            "products": {"nodes": [{"product": "ACQUISITION_LOAN"}, {"product": "PROJECT_LOAN"}]},
        },
        "parts": None,
    }
    parts = shanghai["economicTier"]["parts"]["nodes"]
    assert [part["contribution"] for part in parts] == [None, "0.400000", "0.150000", "0.300000", None, None]
    assert beijing["creditClimate"]["classCode"] == "C"
    assert beijing["creditClimate"]["policy"] == {"reviewDepth": "STRICT"}
    assert {"indicator": "pastDueShare", "value": "0.497512", "speaksFor": "C"}.keys() == (
        beijing["creditClimate"]["parts"]["nodes"][1].keys()
    )
    assert shanghai["clusters"]["nodes"] == [
        {
            "industryScheme": "GB/T 4754-2017",
            "industryCode": "G55",
            "locationQuotient": "2.333333",
            "clientCount": 2,
            "clients": {"totalCount": 2},
            "policy": {"classCode": "SERVICES"},
        }
    ]
    # In force and not: of both economic models.
    assert shanghai["divisions"]["totalCount"] == 2


@pytest.mark.usefixtures("bank")
async def test_divisions_filter_and_group_like_any_relation_and_clients_see_none(ask: Ask) -> None:
    query = """{
      clients(where: { region: { economicTier: { classCode: { eq: "CORE" } } } }) { totalCount
        groups(by: [{ region: { creditClimate: { field: CLASS_CODE } } }]) {
          key { region { creditClimate { classCode } } } aggregates { count } } }
      divisionModels(where: { kind: { eq: ECONOMIC } }) { nodes { number status
        differences { nodes { region { code } toModel { number } fromClass toClass } } } }
      divisionDifferences { totalCount }
      industry: divisionModels(where: { kind: { eq: INDUSTRY }, status: { eq: ACTIVE } }) { nodes {
        clusterDifferences(where: { toModel: { status: { eq: SIMULATED } } }) { nodes {
          region { code } industryCode fromClass toClass fromQuotient toQuotient } } } } }"""
    found = await ask(HQ, query)
    assert found["clients"] == {
        "totalCount": 3,
        "groups": [{"key": {"region": {"creditClimate": {"classCode": "C"}}}, "aggregates": {"count": 3}}],
    }
    latest, shipped = found["divisionModels"]["nodes"]
    assert (latest["number"], latest["status"], shipped["status"]) == (2, "SIMULATED", "ACTIVE")
    assert shipped["differences"]["nodes"] == [
        {"region": {"code": "310000"}, "toModel": {"number": 2}, "fromClass": "CORE", "toClass": "KEY"}
    ]
    # The draft asks for three clients of a cluster: neither Shanghai's shippers nor Jiangsu's weavers are.
    (industry,) = found["industry"]["nodes"]
    assert [tuple(node.values())[1:] for node in industry["clusterDifferences"]["nodes"]] == [
        ("I65", "TECHNOLOGY", None, "2.333333", None),
        ("G55", "SERVICES", None, "2.333333", None),
        ("C17", "MANUFACTURING", None, "3.500000", None),
    ]
    seen = await ask(
        SmallBank.huaxia,
        """{ regions { nodes { economicTier { id } clusters { totalCount } divisions { totalCount } } }
             divisionModels { totalCount } divisionDifferences { totalCount } }""",
    )
    assert set(map(str, seen["regions"]["nodes"])) == {
        str({"economicTier": None, "clusters": {"totalCount": 0}, "divisions": {"totalCount": 0}})
    }
    assert seen["divisionModels"] == seen["divisionDifferences"] == {"totalCount": 0}


async def test_headquarters_drafts_simulates_and_by_a_second_person_activates(
    ask: Ask, bank: Database
) -> None:
    del bank
    draft = {"idempotencyKey": fresh(), "kind": "ECONOMIC", "name": " Fewer cores "}
    made = (await sent(ask, HQ, DRAFT, draft))["model"]
    assert (made["number"], made["status"], made["createdBy"]) == (3, "DRAFT", HQ.subject)
    # Nothing said: what is in force.
    assert json.loads(made["parameters"])["coreFrom"] == "0.60"
    changed = about(made, parameters=parameters(DivisionKind.ECONOMIC, coreFrom="0.9"))
    made = (await sent(ask, HQ, EDIT, changed))["model"]
    assert await refused(ask, SECOND, ACTIVATE, about(made)) == (
        "STATUS_MAY_NOT_FOLLOW",
        ["input", "modelId"],
    )
    made = (await sent(ask, HQ, SIMULATE, about(made)))["model"]
    assert made["moves"]["groups"] == [
        {
            "key": {"fromClass": "CORE", "toClass": "KEY"},
            "aggregates": {"count": 1, "clientCount": {"sum": "3"}},
        }
    ]
    assert made["movedExposure"] == [{"amount": "4800000.03", "currency": "CNY"}]
    assert await refused(ask, HQ, ACTIVATE, about(made)) == ("SECOND_PERSON_NEEDED", ["input", "modelId"])
    answers = [await sent(ask, SECOND, ACTIVATE, asked) for asked in [about(made)] * 2]
    assert answers[0] == answers[1]
    assert (answers[0]["model"]["status"], answers[0]["model"]["activatedBy"]) == ("ACTIVE", "henry")
    region = await ask(BO, '{ region(code: "310000") { economicTier { classCode model { number } } } }')
    assert region["region"]["economicTier"] == {"classCode": "KEY", "model": {"number": 3}}
    assert await refused(ask, SECOND, ARCHIVE, about(answers[0]["model"])) == (
        "STATUS_MAY_NOT_FOLLOW",
        ["input", "modelId"],
    )
    assert (await sent(ask, SECOND, ARCHIVE, about(made)))["code"] == "CONFLICT"
    # Bad input, and who may not.
    bad = parameters(DivisionKind.ECONOMIC, coreFrom="2")
    for given_input, told in (
        (draft | {"name": " "}, ("INVALID_INPUT", ["input", "name"])),
        (draft | {"parameters": bad}, ("INVALID_INPUT", ["input", "parameters"])),
        (draft | {"basedOnId": "Client:1"}, ("INVALID_INPUT", ["input", "basedOnId"])),
        (draft | {"basedOnId": "DivisionModel:99"}, ("NOT_FOUND", ["input", "basedOnId"])),
    ):
        assert await refused(ask, HQ, DRAFT, given_input | {"idempotencyKey": fresh()}) == told
    gone = about(made) | {"modelId": "DivisionModel:99"}
    assert await refused(ask, HQ, SIMULATE, gone) == ("NOT_FOUND", ["input", "modelId"])
    for caller in (*READERS, BO):
        assert (await ask.error(caller, DRAFT, input=draft))["extensions"] == {"code": "FORBIDDEN"}


def test_every_operation_of_the_document_fits_the_schema() -> None:
    written = (Path(__file__).parents[1] / "docs" / "divisions.md").read_text(encoding="utf-8")
    operations = re.findall(r"```graphql\n(.*?)```", written, re.DOTALL)
    assert len(operations) == 4
    for operation in operations:
        assert validate(graph()._schema, parse(operation)) == []


def test_the_command_divides_regions_anew(credentials: Credentials) -> None:
    environment = {"DATABASE_URL": credentials.url}
    told = CliRunner().invoke(divisions_command, ["recompute"], env=environment, catch_exceptions=False)
    assert told.exit_code == 0
    assert "every region is divided by what is known now; 7 clients, of which 0 have moved" in told.output
