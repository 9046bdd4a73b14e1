"""Other tenants' rows change nothing: not one byte of any answer, by any field or argument, by either engine.

On a server that is not the tests' own, one operation in EVERY_NTH is asked (every one, if that is 1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import orjson
import pytest
from compared_answers import Bank, opened_bank, told_of
from conftest import Server
from drawn_operations import Drawn, drawn_operation
from drawn_values import Pool
from every_argument import every_argument
from known_pool import known_pool
from odd_bank import WRITTEN_ODDLY
from schema_coverage import askable, asked_for
from small_bank import BEIJING, JIANGSU, PUDONG, SHANGHAI, SmallBank, client_id

from domain.access import Caller
from schema.graph import graph
from tenants import tables as t

# graphql-core drops what it has not begun to await beside a field that is refused.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SCHEMA = graph()._schema
CANARY = "CANARY"
DRAWN = 30
EVERY_NTH = int(os.environ.get("EVERY_NTH", "6" if "DATABASE_URL" in os.environ else "1"))
# Innermost first, so that each can be deleted. No client's own users see any row of these, its own neither.
HIDDEN_FROM_CLIENTS = [
    t.branch_scorecard_part,
    t.branch_scorecard_class,
    t.branch_scorecard,
    t.compensation_posting,
    t.compensation_movement,
    t.compensation_claim,
    t.compensation_enrolment,
    t.allocation_cell,
    t.quota_change,
    t.quota_snapshot,
    t.cap_posting,
    t.cap_deal,
    t.cap_share,
    t.limit_posting,
    t.limit_movement,
    t.limit_commitment,
    t.limit_node_version,
    t.limit_node,
]
TABLES = [
    *HIDDEN_FROM_CLIENTS,
    t.client_link,
    t.task,
    t.segment_history,
    t.interaction,
    t.complaint,
    t.client_month,
    t.rating,
    t.posting,
    t.credit_event,
    t.facility,
    t.contact,
    t.financial_statement,
    t.client,
    t.staff,
    t.import_job,
    t.group_derivation,
]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A caller, and which rows of which table are others': as SQL over the table's columns."""

    caller: Caller
    others: dict[str, str]

    def foreign(self, table: str) -> str:
        """The condition on one table's rows."""
        return self.others.get(table, self.others[""])


OWN = f"array['{client_id(1)}', '{client_id(4)}']::uuid[]"
NOT_OURS = f"branch_id not in ({SHANGHAI}, {PUDONG})"
TENANTS = {
    "a branch": Tenant(SmallBank.shanghai, {"": NOT_OURS}),
    "a client of two branches": Tenant(
        SmallBank.huaxia,
        {
            "": f"client_id <> all ({OWN})",
            "client": f"id <> all ({OWN})",
            "staff": f"branch_id not in ({SHANGHAI}, {JIANGSU})",
            "import_job": "true",
            "group_derivation": "true",
            **dict.fromkeys([table.name for table in HIDDEN_FROM_CLIENTS], "true"),
        },
    ),
}


@pytest.fixture(scope="module")
def bank(server: Server, odd_template: str) -> Iterator[Bank]:
    with opened_bank(server, odd_template) as bank:
        yield bank


@dataclass(frozen=True, slots=True)
class Others:
    """What must never be told: the keys of others' rows, as they are written."""

    keys: list[bytes]


async def mark(administrator: asyncpg.Connection, tenant: Tenant) -> Others:
    """Put the canary into every text of others' rows that may be rewritten."""
    keys: list[bytes] = []
    for table in TABLES:
        foreign = tenant.foreign(table.name)
        if "id" in table.c:
            found = await administrator.fetch(f"select id from {table} where {foreign}")
            keys += [str(row["id"]).encode() for row in found]
        if columns := WRITTEN_ODDLY.get(table):
            changes = ", ".join(f"{name} = '{CANARY} ' || id" for name in columns)
            await administrator.execute(f"update {table} set {changes} where {foreign}")
    return Others(keys)


async def delete(administrator: asyncpg.Connection, tenant: Tenant) -> None:
    """Take away all that is others', though of ledgers nothing is ever taken away."""
    for table in HIDDEN_FROM_CLIENTS:
        await administrator.execute(f"alter table {table} disable trigger user")
    for table in TABLES:
        await administrator.execute(f"delete from {table} where {tenant.foreign(table.name)}")


async def answers(bank: Bank, tenant: Tenant, operations: list[Drawn]) -> list[bytes]:
    """What the tenant is told, having seen that both engines say the same."""
    told = []
    for operation in operations:
        answered = await bank.answers(tenant.caller, operation.text, operation.variables)
        assert not answered.differ, (operation, answered)
        told.append(answered.compiled)
    return told


async def compiled_answer(bank: Bank, tenant: Tenant, operation: Drawn) -> bytes:
    faults: list[BaseException] = []
    request = await bank.request(tenant.caller)
    body = await bank.body(bank.engines[0], request, operation.text, operation.variables, faults)
    assert not faults, operation
    return told_of(body)


async def before_and_after(bank: Bank, tenant: Tenant) -> None:
    administrator = await asyncpg.connect(bank.dsn, timeout=20)
    try:
        others = await mark(administrator, tenant)
        pool = await known_pool(bank, SCHEMA)
        texts = every_argument(SCHEMA, pool)
        assert askable(SCHEMA) <= asked_for(SCHEMA, texts)
        texts = texts[::EVERY_NTH]
        operations = [Drawn(text, {}) for text in texts]
        operations += [drawn_operation(SCHEMA, pool, seed) for seed in range(DRAWN)]
        present = await answers(bank, tenant, operations)
        assert not [told for told in present[: len(texts)] if b'"errors":[' in told]
        await delete(administrator, tenant)
        # The executor said the same as the plans while the others were there: what these do not tell, it did not.
        absent = [await compiled_answer(bank, tenant, operation) for operation in operations]
    finally:
        await administrator.close()
    for operation, with_others, without in zip(operations, present, absent, strict=True):
        assert with_others == without, operation
        assert_tells_of_nobody(others, operation, with_others)


def assert_tells_of_nobody(others: Others, operation: Drawn, told: bytes) -> None:
    assert CANARY.encode() not in told, operation
    asked = operation.text.encode() + orjson.dumps(operation.variables)
    assert not [key for key in others.keys if key in told and key not in asked], operation


def test_answers_to_a_branch_are_the_same_whether_others_are_there_or_not(
    server: Server, odd_template: str
) -> None:
    with opened_bank(server, odd_template) as bank:
        bank.run(before_and_after(bank, TENANTS["a branch"]))


# Ids

BY_ID = {
    "Client": "{{ client(id: {id}) {{ id }} }}",
    "Facility": "{{ facility(id: {id}) {{ id }} }}",
    "ImportJob": "{{ importStatus(id: {id}) {{ id }} }}",
}
LISTS = {
    "Client": "{{ clients(where: {{ id: [{id}] }}) {{ totalCount nodes {{ id }} }} }}",
    "Facility": "{{ clients(where: {{ facilities: {{ some: {{ id: [{id}] }} }} }}) {{ totalCount }} }}",
    "Contact": "{{ clients(where: {{ contacts: {{ some: {{ id: [{id}] }} }} }}) {{ totalCount }} }}",
    "FinancialStatement": "{{ clients(where: {{ statements: {{ some: {{ id: [{id}] }} }} }}) {{ totalCount }} }}",
    "CreditEvent": "{{ clients(where: {{ creditEvents: {{ some: {{ id: [{id}] }} }} }}) {{ totalCount }} }}",
    "RepaymentPosting": "{{ facilities(where: {{ postings: {{ some: {{ id: [{id}] }} }} }}) {{ totalCount }} }}",
    "Staff": "{{ clients(where: {{ relationshipManager: {{ id: [{id}] }} }}) {{ totalCount }} }}",
}


async def what_ids_tell(bank: Bank, pool: Pool, caller: Caller, mine: frozenset[int]) -> None:
    for type_name, ids in pool.ids.items():
        foreign = [one for one in ids if one.count(":") == 2 and int(one.split(":")[1]) not in mine]
        if type_name not in LISTS | BY_ID or not foreign:
            continue
        missing = foreign[0][:-12] + "f" * 12
        documents = [
            "{{ node(id: {id}) {{ id }} nodes(ids: [{id}]) {{ id }} }}",
            BY_ID.get(type_name),
            LISTS.get(type_name),
        ]
        for document in filter(None, documents):
            expected = await bank.answers(caller, document.format(id=f'"{missing}"'))
            for one in foreign[:5]:
                told = await bank.answers(caller, document.format(id=f'"{one}"'))
                assert not told.differ
                assert told.compiled == expected.compiled == expected.normal


def test_an_id_of_another_tenant_answers_as_one_that_does_not_exist(bank: Bank, odd_pool: Pool) -> None:
    bank.run(what_ids_tell(bank, odd_pool, SmallBank.shanghai, frozenset({SHANGHAI, PUDONG})))
    bank.run(what_ids_tell(bank, odd_pool, SmallBank.beijing, frozenset({BEIJING})))
    bank.run(what_ids_tell(bank, odd_pool, SmallBank.huaxia, frozenset({SHANGHAI, JIANGSU})))
