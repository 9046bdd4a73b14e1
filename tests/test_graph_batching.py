"""How many statements an operation takes, however many parents there are: compiled, one.

The normal executor takes one for each field that needs rows."""

from __future__ import annotations

import re

import asyncpg
import pytest
from both_ways import AskBothWays as Ask
from small_bank import BEIJING, SHANGHAI, SmallBank

from domain.access import Caller
from schema.binding import bindings
from tenants.database import Database
from tenants.organisation import Directory

HQ = SmallBank.headquarters
# What the normal executor takes.
SCREENS: dict[str, tuple[str, int]] = {
    "the viewer": ("{ viewer { subject role branchCount } }", 0),
    "names": ("{ clients { nodes { legalName registeredCapital { amount } id } } }", 1),
    "names and total": ("{ clients { totalCount nodes { legalName } } }", 2),
    "managers": ("{ clients { nodes { relationshipManager { name } } } }", 2),
    "a branch's book": (
        """{ clients { nodes { legalName exposure { amount } branch { code parent { code } }
             facilities { nodes { reference postings { nodes { dueOn } } } } } } }""",
        6,
    ),
    "everything of a client": (
        """{ clients { nodes { relationshipManager { name } region { name } contacts { nodes { name } }
             statements { nodes { periodEnd } } creditEvents { nodes { kind facility { reference } } }
             facilities { totalCount nodes { creditEvents { totalCount } } } } } }""",
        9,
    ),
    "there and back": (
        "{ facilities { nodes { client { facilities { nodes { client { legalName } } } } } } }",
        3,
    ),
    "the tree": (
        "{ units { nodes { ancestors { code } children { nodes { code } } exposure { amount } } } }",
        4,
    ),
    "the units' clients": (
        "{ units { nodes { clients { totalCount nodes { id } } staff { nodes { id } } } } }",
        4,
    ),
    "one list by two names": (
        "{ a: clients(first: 2) { nodes { id } } b: clients(first: 2) { nodes { city } } }",
        1,
    ),
    "two lists": ("{ a: clients(first: 2) { nodes { id } } b: clients(first: 3) { nodes { id } } }", 2),
}


@pytest.fixture
def ask(database: Database, directory: Directory) -> Ask:
    """Both engines: their answers are the same, their statements are not."""
    return Ask(database, directory)


async def grow(administrator: asyncpg.Connection) -> None:
    """Forty clients more, each with three facilities of two postings, a contact, a statement and an event."""
    await administrator.execute(
        f"""
        insert into bank.client (branch_id, id, registration_country, registration_number, legal_name, currency,
                                 relationship_manager_id)
        select b, gen_random_uuid(), 'US', 'G' || n || '-' || b, 'Grown ' || n, 'CNY',
               (select id from bank.staff s where s.branch_id = b limit 1)
        from generate_series(1, 20) n, unnest(array[{SHANGHAI}, {BEIJING}]) b;
        insert into bank.facility (branch_id, client_id, id, reference, product, currency, limit_minor, status)
        select branch_id, c.id, gen_random_uuid(), registration_number || n, 'MORTGAGE', 'CNY', 1, 'ACTIVE'
        from bank.client c, generate_series(1, 3) n where legal_name like 'Grown%';
        insert into bank.posting (branch_id, client_id, facility_id, id, due_on, currency)
        select branch_id, client_id, f.id, gen_random_uuid(), '2024-01-01', 'CNY'
        from bank.facility f, generate_series(1, 2) where product = 'MORTGAGE';
        insert into bank.contact (branch_id, client_id, id, name)
        select branch_id, id, gen_random_uuid(), 'C' from bank.client where legal_name like 'Grown%';
        insert into bank.credit_event (branch_id, client_id, id, kind, occurred_on, source, reference)
        select branch_id, id, gen_random_uuid(), 'DEFAULT', '2024-01-01', 's', registration_number
        from bank.client where legal_name like 'Grown%';
        """
    )


@pytest.mark.parametrize("caller", [HQ, SmallBank.shanghai], ids=lambda caller: caller.subject)
async def test_a_screen_takes_as_many_statements_for_fifty_parents_as_for_seven(
    ask: Ask, administrator: asyncpg.Connection, caller: Caller
) -> None:
    await assert_counts(ask, caller)
    before = (await ask(caller, "{ clients { totalCount } }"))["clients"]["totalCount"]
    await grow(administrator)
    assert (await ask(caller, "{ clients { totalCount } }"))["clients"]["totalCount"] >= before + 20
    await assert_counts(ask, caller)


async def assert_counts(ask: Ask, caller: Caller) -> None:
    for name, (query, statements) in SCREENS.items():
        await ask(caller, query)
        assert len(ask.statements) == 1, (name, ask.statements)
        assert len(ask.normal_statements) == statements, (name, ask.normal_statements)


async def test_fifty_aliases_of_one_row_are_one_statement_for_each_field(ask: Ask) -> None:
    asked = " ".join(f'u{n}: unit(code: "310000") {{ code parent {{ code }} }}' for n in range(50))
    data = await ask(HQ, f"{{ {asked} }}")
    assert len(data) == 50
    assert (len(ask.statements), len(ask.normal_statements)) == (1, 2)


async def test_many_lookups_of_one_type_are_one_statement(ask: Ask) -> None:
    data = await ask(HQ, "{ clients { nodes { id } } }")
    ids = [node["id"] for node in data["clients"]["nodes"]]
    asked = " ".join(f'c{n}: client(id: "{row_id}") {{ legalName }}' for n, row_id in enumerate(ids))
    await ask(HQ, f"{{ {asked} }}")
    assert (len(ask.statements), len(ask.normal_statements)) == (1, 1)


async def test_what_is_not_asked_for_is_not_counted(ask: Ask) -> None:
    await ask(HQ, "{ clients { nodes { id } pageInfo { hasNextPage } } }")
    assert not [text for text in ask.statements + ask.normal_statements if "count(" in text.lower()]


async def test_a_list_reads_no_more_rows_than_its_page_and_one(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    await grow(administrator)
    data = await ask(
        HQ, "{ units { nodes { code clients(first: 2) { pageInfo { hasNextPage } nodes { id } } } } }"
    )
    pages = {unit["code"]: unit["clients"] for unit in data["units"]["nodes"]}
    assert {code: len(page["nodes"]) for code, page in pages.items()} == dict.fromkeys(pages, 2) | {
        "310000-01": 1
    }
    assert pages["310000"]["pageInfo"] == {"hasNextPage": True}
    assert pages["320000"]["pageInfo"] == {"hasNextPage": False}


async def test_a_portals_statement_names_the_branches_of_every_table_it_reads(ask: Ask) -> None:
    tables = [bound.table for bound in bindings().values()]
    tenants = "|".join(table.name for table in tables if "branch_id" in table.c)
    read = 0
    for name, (query, _) in SCREENS.items():
        await ask(SmallBank.shanghai, query)
        (statement,) = ask.statements
        for table, alias in re.findall(rf"bank\.({tenants}) AS (\w+)", statement):
            read += 1
            stated = rf"{alias}\.branch_id = (any|[ts]\d+\.)|[ts]\d+\.branch_id = {alias}\.branch_id"
            assert re.search(stated, statement), (name, table, statement)
    assert read > 20


async def test_the_executors_lists_name_their_branches_too(ask: Ask) -> None:
    await ask(SmallBank.shanghai, SCREENS["a branch's book"][0])
    lists = [text for text in ask.normal_statements if "LIMIT" in text]
    assert lists
    assert [text[-600:] for text in lists if "branch_id = any" not in " ".join(text.split())] == []
