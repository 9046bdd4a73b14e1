"""Global ids: fetched again by `node`, worth nothing outside of their owner's sight."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from conftest import Ask
from hypothesis import given
from hypothesis import strategies as st
from small_bank import CLIENTS, JIANGSU, SHANGHAI, SmallBank, client_id

from domain.access import Caller
from schema.errors import BadInput
from schema.graph import Engine
from schema.ids import decode, encode

HQ = SmallBank.headquarters
# Every tenant type of the graph: how to find one row of Beijing's first client.
HARVEST = """
{ unit(code: "110000") { clients(first: 1) { nodes { id
    facilities(first: 1) { nodes { id postings(first: 1) { nodes { id } } } }
    statements(first: 1) { nodes { id } } contacts(first: 1) { nodes { id } }
    creditEvents(first: 1) { nodes { id } } relationshipManager { id } } } } }
"""


async def of_beijing(ask: Ask) -> dict[str, str]:
    data = await ask(HQ, HARVEST)
    (client,) = data["unit"]["clients"]["nodes"]
    (facility,) = client["facilities"]["nodes"]
    return {
        "Client": client["id"],
        "Facility": facility["id"],
        "RepaymentPosting": facility["postings"]["nodes"][0]["id"],
        "FinancialStatement": client["statements"]["nodes"][0]["id"],
        "Contact": client["contacts"]["nodes"][0]["id"],
        "CreditEvent": client["creditEvents"]["nodes"][0]["id"],
        "Staff": client["relationshipManager"]["id"],
    }


def missing_one(row_id: str) -> str:
    """The id of a row that does not exist, in the same branch."""
    found = decode(row_id)
    return encode(found.type_name, (found.key[0], client_id(999)))


LOOKUPS = {
    "node": "query ($id: ID!) { node(id: $id) { __typename id } }",
    "nodes": "query ($id: ID!) { nodes(ids: [$id]) { __typename id } }",
    "client": "query ($id: ID!) { client(id: $id) { id legalName } }",
    "facility": "query ($id: ID!) { facility(id: $id) { id reference } }",
    "clients": "query ($id: ID!) { clients(where: {id: [$id]}) { totalCount nodes { id } } }",
    "facilities": "query ($id: ID!) { facilities(where: {id: [$id]}) { totalCount nodes { id } } }",
}


ENGINES = pytest.mark.parametrize(
    "engine", [Engine(explains=True), Engine(compiled=False)], ids=["compiled", "normal"]
)


@ENGINES
@pytest.mark.parametrize(
    "caller", [SmallBank.shanghai, SmallBank.east, SmallBank.huaxia], ids=lambda c: c.subject
)
async def test_a_foreign_id_is_answered_exactly_as_a_missing_one(ask: Ask, caller: Caller) -> None:
    for type_name, row_id in (await of_beijing(ask)).items():
        assert (await ask(HQ, LOOKUPS["node"], id=row_id))["node"] == {"__typename": type_name, "id": row_id}
        own_missing = encode(type_name, (SHANGHAI, client_id(999)))
        for lookup in LOOKUPS.values():
            foreign = await ask.full(caller, lookup, id=row_id)
            assert foreign == await ask.full(caller, lookup, id=missing_one(row_id)), (type_name, lookup)
            assert foreign == await ask.full(caller, lookup, id=own_missing), (type_name, lookup)


@ENGINES
async def test_a_neighbour_in_the_same_branch_is_missing_for_a_client(ask: Ask) -> None:
    neighbour = encode("Client", (SHANGHAI, client_id(0)))
    for lookup in LOOKUPS.values():
        told = await ask.full(SmallBank.huaxia, lookup, id=neighbour)
        assert told == await ask.full(SmallBank.huaxia, lookup, id=missing_one(neighbour))


@ENGINES
async def test_every_id_that_is_shown_is_found_again(ask: Ask) -> None:
    shown = await ask(
        SmallBank.shanghai,
        """{ units { nodes { __typename id staff { nodes { __typename id } } } }
             regions { nodes { __typename id indicators { nodes { __typename id } } } }
             clients { nodes { __typename id statements { nodes { __typename id } }
               contacts { nodes { __typename id } } creditEvents { nodes { __typename id } }
               facilities { nodes { __typename id postings { nodes { __typename id } } } } } } }""",
    )
    nodes: list[dict[str, Any]] = []

    def gather(value: Any) -> None:
        if isinstance(value, dict):
            if "id" in value:
                nodes.append({"__typename": value["__typename"], "id": value["id"]})
            for inner in value.values():
                gather(inner)
        for inner in value if isinstance(value, list) else ():
            gather(inner)

    gather(shown)
    assert len({node["__typename"] for node in nodes}) == 10
    # In another order and some of them twice: answered in the order asked for.
    wanted = (nodes[::-1] + nodes[:5])[:100]
    data = await ask(
        SmallBank.shanghai,
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }",
        ids=[node["id"] for node in wanted],
    )
    assert data["nodes"] == wanted


MALFORMED = {
    "empty": "",
    "blank": " ",
    "words": "not an id",
    "a number": "5",
    "another API's": base64.b64encode(b"Client:5").decode(),
    "padded": "=" * 8,
    "other script": "客户",
    "long": "A" * 100_000,
    "not UTF-8": base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
    "trailing newline": encode("Client", (SHANGHAI, client_id(0))) + "\n",
    "with padding": encode("Client", (SHANGHAI, client_id(0))) + "=",
    "unknown type": encode("Secret", (SHANGHAI, client_id(0))),
    "an edge": encode("ClientConnection", (SHANGHAI, client_id(0))),
    "half a key": encode("Client", (SHANGHAI,)),
    "no key": encode("Client", ()),
    "key too long": encode("Client", (SHANGHAI, client_id(0), 1)),
    "key the wrong way round": encode("Client", (client_id(0), SHANGHAI)),
    "text for a number": encode("Client", ("4", client_id(0))),
    "huge branch": f"Client:99999999999:{client_id(0)}",
    "branch past its type": f"Client:{2**31}:{client_id(0)}",
    "digits without end": "OrganisationUnit:" + "9" * 9000,
    "negative": "OrganisationUnit:-1",
    "zero padded": "OrganisationUnit:01",
    "NUL inside": "Region:s3100",
    "half a character": "Region:s3",
    "text that is not UTF-8": "Region:sff",
    "text as it is": "Region:310000",
    "upper case": f"Client:{SHANGHAI}:{client_id(10)}".upper().replace("CLIENT", "Client"),
    "a UUID without dashes": f"Client:{SHANGHAI}:{client_id(0).hex}",
    "other digits": "OrganisationUnit:٤",
    "an id of long ago": base64.urlsafe_b64encode(b"OrganisationUnit\ni4").decode().rstrip("="),
}
TAKES_AN_ID = {
    "node": "query ($id: ID!) { node(id: $id) { id } }",
    "nodes": "query ($id: ID!) { nodes(ids: [$id]) { id } }",
    "client": LOOKUPS["client"],
    "facility": LOOKUPS["facility"],
    "importStatus": "query ($id: ID!) { importStatus(id: $id) { id } }",
}


async def test_a_malformed_id_is_bad_input_wherever_it_is_given(ask: Ask) -> None:
    for name, row_id in MALFORMED.items():
        for field, query in TAKES_AN_ID.items():
            error = await ask.error(SmallBank.shanghai, query, id=row_id)
            assert error["extensions"] == {"code": "BAD_USER_INPUT"}, (name, field)
            assert len(error["message"]) < 200, (name, field)
            assert "Traceback" not in error["message"]


async def test_a_malformed_id_in_a_condition_is_bad_input_too(ask: Ask) -> None:
    for name, row_id in MALFORMED.items():
        body = await ask.full(SmallBank.shanghai, LOOKUPS["clients"], id=row_id)
        if "errors" in body:
            assert {e["extensions"]["code"] for e in body["errors"]} == {"BAD_USER_INPUT"}, name
        else:
            assert body["data"]["clients"] == {"totalCount": 0, "nodes": []}, name


@pytest.mark.parametrize(
    ("field", "other"), [("client", "Facility"), ("facility", "Client"), ("importStatus", "Staff")]
)
async def test_an_id_of_another_type_is_bad_input_and_says_so(ask: Ask, field: str, other: str) -> None:
    row_id = encode(other, (SHANGHAI, client_id(0)))
    error = await ask.error(SmallBank.shanghai, TAKES_AN_ID[field], id=row_id)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert other in error["message"]


async def test_nodes_takes_a_hundred_and_no_more(ask: Ask) -> None:
    row_id = encode("Client", (SHANGHAI, client_id(0)))
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert (await ask(SmallBank.shanghai, query, ids=[]))["nodes"] == []
    assert (await ask(SmallBank.shanghai, query, ids=[row_id] * 100))["nodes"] == [{"id": row_id}] * 100
    assert (await ask.error(SmallBank.shanghai, query, ids=[row_id] * 101))["extensions"][
        "code"
    ] == "BAD_USER_INPUT"


async def test_one_bad_id_among_nodes_is_told_and_the_others_are_not_guessed_at(ask: Ask) -> None:
    good = encode("Client", (SHANGHAI, client_id(0)))
    foreign = encode("Client", (JIANGSU, client_id(3)))
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert (await ask(SmallBank.shanghai, query, ids=[foreign, good]))["nodes"] == [None, {"id": good}]
    body = await ask.full(SmallBank.shanghai, query, ids=[good, "junk"])
    assert body["data"] is None
    assert [e["extensions"]["code"] for e in body["errors"]] == ["BAD_USER_INPUT"]


keys = st.lists(
    st.integers(0, 2**31 - 1) | st.uuids() | st.text().filter(lambda s: "\0" not in s), max_size=4
)


@given(st.from_regex(r"[A-Z][a-z]{0,20}", fullmatch=True), keys)
def test_an_id_leads_back_to_what_it_was_made_of(type_name: str, key: list[Any]) -> None:
    found = decode(encode(type_name, tuple(key)))
    assert (found.type_name, found.key) == (type_name, tuple(key))


id_parts = st.from_regex(r"[0-9a-f]{1,12}|s([0-9a-f]{2})*|-?0?[0-9]+", fullmatch=True) | st.uuids().map(str)


@given(st.text() | st.lists(id_parts, max_size=4).map(lambda parts: ":".join(["Client", *parts])))
def test_any_text_is_an_id_in_its_one_written_form_or_bad_input(text: str) -> None:
    try:
        found = decode(text)
    except BadInput:
        return
    assert encode(found.type_name, found.key) == text


def test_ids_of_the_two_clients_of_one_company_differ() -> None:
    assert CLIENTS[1][1] == CLIENTS[4][1]
    assert encode("Client", (SHANGHAI, client_id(1))) != encode("Client", (JIANGSU, client_id(4)))
