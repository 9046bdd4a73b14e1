"""When something goes wrong inside: a code, an id to ask about, and nothing of what is within."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import orjson
import pytest
from conftest import Ask
from patience import PATIENCE_S
from small_bank import CLIENTS, SHANGHAI, SmallBank, client_id

from domain.access import Caller
from schema.graph import Engine
from schema.ids import encode
from schema.request import Request
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory

BO = SmallBank.shanghai
BOOK = """{ viewer { subject }
    clients { totalCount nodes { legalName facilities { totalCount nodes { reference } } } }
    facilities { totalCount } units { totalCount nodes { code } } }"""
CONTACT_PAGE = "{ clients { nodes { contacts { nodes { name } } } } }"


class Patient:
    """Asks as a server does that reports its faults and goes on."""

    def __init__(self, database: Database, engine: Engine) -> None:
        self.database = database
        self.engine = engine
        self.directory = Directory(database)
        self.causes: list[BaseException] = []

    async def __call__(self, caller: Caller, query: str, **variables: Any) -> dict[str, Any]:
        request = Request(
            database=self.database,
            directory=self.directory,
            organisation=await self.directory.organisation(),
            scope=await self.directory.scope(caller),
            today=dt.date(2026, 1, 15),
        )
        told = await self.engine.answer(
            request,
            self.engine.documents.find(query),
            variables=variables,
            operation=None,
            reading_only=False,
            report=self.report,
        )
        body: dict[str, Any] = orjson.loads(told.body)
        return body

    def report(self, cause: BaseException) -> str:
        self.causes.append(cause)
        return f"fault-{len(self.causes)}"


@pytest.fixture
async def hurried(credentials: Credentials) -> AsyncIterator[Database]:
    """A door whose statements are given up after a second."""
    database = Database(credentials, connections=3, statement_timeout_ms=1000)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def patient(hurried: Database, engine: Engine) -> Patient:
    """A server in a hurry that answers by compiled plans where it can."""
    return Patient(hurried, engine)


@pytest.fixture
def executor(hurried: Database) -> Patient:
    """The same, with everything left to the normal executor."""
    return Patient(hurried, Engine(compiled=False))


def codes(body: dict[str, Any]) -> set[str]:
    return {error["extensions"]["code"] for error in body["errors"]}


WITHIN = [
    "select",
    "bank.",
    "contact",
    "column",
    "postgres",
    "asyncpg",
    "traceback",
    "sqlalchemy",
    "legal_name",
    "/",
]


def nothing_from_within(body: dict[str, Any]) -> bool:
    told = json.dumps([(e["message"], e["extensions"]) for e in body["errors"]]).lower()
    return not [word for word in (*WITHIN, *(c[1].lower() for c in CLIENTS)) if word in told]


async def test_a_fault_of_our_own_is_masked_and_can_be_asked_about(
    patient: Patient, executor: Patient, administrator: asyncpg.Connection
) -> None:
    await administrator.execute("alter table bank.contact drop column name cascade")
    for server in (patient, executor):
        body = await server(BO, CONTACT_PAGE)
        assert codes(body) == {"INTERNAL_SERVER_ERROR"}
        assert nothing_from_within(body), body["errors"]
        told = {error["extensions"]["correlationId"] for error in body["errors"]}
        assert told == {f"fault-{n + 1}" for n in range(len(server.causes))}
        assert all(isinstance(cause, asyncpg.UndefinedColumnError) for cause in server.causes)
        # The next request is none the worse for it.
        assert "errors" not in await server(BO, "{ clients { totalCount nodes { legalName } } }")


async def test_a_plan_fails_as_a_whole_and_says_so_of_every_field_at_the_root(
    patient: Patient, administrator: asyncpg.Connection
) -> None:
    await administrator.execute("alter table bank.contact drop column name cascade")
    body = await patient(
        BO, "{ regions { totalCount } own: clients { nodes { contacts { nodes { name } } } } }"
    )
    assert body["data"] is None
    assert [error["path"] for error in body["errors"]] == [["regions"], ["own"]]
    assert all(error["locations"] for error in body["errors"])
    assert codes(body) == {"INTERNAL_SERVER_ERROR"}
    assert "extensions" not in body


async def test_a_fault_in_a_mutation_is_masked_and_undoes_it(
    patient: Patient, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(
        "alter table bank.client add constraint secret_rule check (city is distinct from 'Atlantis')"
    )
    query = """mutation ($input: UpdateClientInput!) { updateClient(input: $input) {
        __typename ... on UpdateClientSuccess { client { city version } } } }"""
    given_input = {
        "idempotencyKey": "k",
        "clientId": encode("Client", (SHANGHAI, client_id(0))),
        "expectedVersion": 1,
        "city": "Atlantis",
    }
    body = await patient(BO, query, input=given_input)
    assert codes(body) == {"INTERNAL_SERVER_ERROR"}
    assert "atlantis" not in json.dumps(body["errors"]).lower()
    assert "secret_rule" not in json.dumps(body["errors"])
    assert nothing_from_within(body)
    assert body["data"] == {"updateClient": None}
    # Nothing was kept of the failed attempt: the same key serves again when the fault is mended.
    await administrator.execute("alter table bank.client drop constraint secret_rule")
    again = await patient(BO, query, input=given_input)
    assert again["data"]["updateClient"]["client"] == {"city": "Atlantis", "version": 2}


async def test_a_value_that_the_domain_does_not_know_is_a_fault_to_the_executor_alone(
    patient: Patient, executor: Patient, administrator: asyncpg.Connection
) -> None:
    query = "{ clients { nodes { creditGrade } } }"
    change = "update bank.client set credit_grade = 'SECRET' where id = $1"
    # A plan writes codes as they stand: the database's CHECK is what keeps others out (test_schema_lint).
    with pytest.raises(asyncpg.CheckViolationError):
        await administrator.execute(change, client_id(0))
    await administrator.execute("alter table bank.client drop constraint ck_client_credit_grade_known")
    await administrator.execute(change, client_id(0))
    shown = (await patient(BO, query))["data"]["clients"]["nodes"]
    assert [node["creditGrade"] for node in shown] == ["SECRET", "B", "A"]
    body = await executor(BO, query)
    assert codes(body) == {"INTERNAL_SERVER_ERROR"}
    assert "SECRET" not in json.dumps(body["errors"])
    assert executor.causes


async def test_a_statement_that_takes_too_long_is_answered_in_time_by_a_coded_error_for_every_field(
    patient: Patient, executor: Patient, administrator: asyncpg.Connection
) -> None:
    for server in (patient, executor):
        async with administrator.transaction():
            await administrator.execute("lock table bank.facility in access exclusive mode")
            async with asyncio.timeout(PATIENCE_S):
                body = await server(BO, BOOK)
        assert codes(body) == {"TIMEOUT"}
        assert body["data"] is None
        assert nothing_from_within(body)
        assert not server.causes, "expected, and so no fault to report"
        after = await server(BO, BOOK)
        assert after["data"]["clients"]["totalCount"] == 3


async def test_a_plan_that_takes_too_long_says_so_of_every_field_at_the_root(
    patient: Patient, administrator: asyncpg.Connection
) -> None:
    async with administrator.transaction():
        await administrator.execute("lock table bank.staff in access exclusive mode")
        body = await patient(
            BO, "{ regions { totalCount } clients { nodes { relationshipManager { code } } } }"
        )
    assert body["data"] is None
    assert codes(body) == {"TIMEOUT"}
    assert [error["path"] for error in body["errors"]] == [["regions"], ["clients"]]


async def test_fields_that_can_be_null_keep_the_rest_of_an_executors_answer(
    executor: Patient, administrator: asyncpg.Connection
) -> None:
    async with administrator.transaction():
        await administrator.execute("lock table bank.staff in access exclusive mode")
        body = await executor(BO, "{ clients { nodes { legalName relationshipManager { code } } } }")
    assert codes(body) == {"TIMEOUT"}
    assert [error["path"] for error in body["errors"]] == [
        ["clients", "nodes", n, "relationshipManager"] for n in range(3)
    ]
    assert [node["relationshipManager"] for node in body["data"]["clients"]["nodes"]] == [None] * 3


async def test_a_mutation_that_waits_too_long_is_answered_in_time_and_undone(
    patient: Patient, administrator: asyncpg.Connection
) -> None:
    query = """mutation ($input: UpdateClientInput!) { updateClient(input: $input) { __typename } }"""
    row_id = encode("Client", (SHANGHAI, client_id(0)))
    given_input = {"idempotencyKey": "k", "clientId": row_id, "expectedVersion": 1, "city": "X"}
    async with administrator.transaction():
        await administrator.execute("select * from bank.client where id = $1 for update", client_id(0))
        async with asyncio.timeout(PATIENCE_S):
            body = await patient(BO, query, input=given_input)
    assert codes(body) == {"TIMEOUT"}
    assert (await patient(BO, query, input=given_input))["data"] == {
        "updateClient": {"__typename": "UpdateClientSuccess"}
    }
    assert await administrator.fetchval("select version from bank.client where id = $1", client_id(0)) == 2


async def test_a_database_that_has_gone_is_answered_by_a_code_and_its_return_is_noticed(
    patient: Patient, executor: Patient, administrator: asyncpg.Connection
) -> None:
    for server in (patient, executor):
        # Whoever looks at a row is gone, at the second attempt as at the first.
        await administrator.execute(
            "alter policy portal on bank.client using (pg_terminate_backend(pg_backend_pid()))"
        )
        body = await server(BO, "{ clients { totalCount } }")
        assert codes(body) == {"UNAVAILABLE"}
        assert nothing_from_within(body)
        await administrator.execute(
            "alter policy portal on bank.client using (branch_id = any (app.branches()))"
        )
        assert (await server(BO, "{ clients { totalCount } }"))["data"] == {"clients": {"totalCount": 3}}


async def test_nobody_notices_connections_that_were_lost_between_requests(
    patient: Patient, executor: Patient, administrator: asyncpg.Connection
) -> None:
    for server in (patient, executor):
        for _ in range(2):
            body = await server(BO, "{ clients { totalCount } }")
            assert body["data"] == {"clients": {"totalCount": 3}}
            await administrator.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )


async def test_the_fault_of_one_request_is_not_anothers(
    patient: Patient, executor: Patient, administrator: asyncpg.Connection
) -> None:
    await administrator.execute("alter table bank.contact drop column name cascade")
    for server in (patient, executor):
        bad, good = await asyncio.gather(server(BO, CONTACT_PAGE), server(BO, "{ clients { totalCount } }"))
        assert codes(bad) == {"INTERNAL_SERVER_ERROR"}
        assert "errors" not in good
        assert good["data"] == {"clients": {"totalCount": 3}}


async def test_a_row_that_must_be_there_and_is_hidden_is_a_fault_and_is_masked(
    patient: Patient, executor: Patient, administrator: asyncpg.Connection
) -> None:
    await administrator.execute("alter policy portal on bank.client using (false)")
    query = "{ facilities(first: 1) { nodes { client { legalName } } } }"
    told = await patient(BO, query)
    assert codes(told) == {"INTERNAL_SERVER_ERROR"}
    assert nothing_from_within(told)
    assert told["errors"] == (await executor(BO, query))["errors"], "the plan gave it over"


async def test_bad_input_in_one_field_leaves_the_others_answered(ask: Ask) -> None:
    body = await ask.full(BO, '{ node(id: "junk") { id } unit(code: "310000") { name } }')
    assert body["data"] == {"node": None, "unit": {"name": "Shanghai Branch"}}
    (error,) = body["errors"]
    assert (error["path"], error["extensions"]) == (["node"], {"code": "BAD_USER_INPUT"})
    assert error["locations"]


async def test_a_response_can_be_written_as_json_whatever_went_wrong(ask: Ask) -> None:
    for query in (
        '{ node(id: "\\u2028") { id } }',
        '{ unit(code: "x") { name } }',
        "{",
        "{ a }",
        '{ node(id: "💥") { id } }',
    ):
        assert json.loads(json.dumps(await ask.full(BO, query)))
