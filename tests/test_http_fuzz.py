"""Whatever is sent, monstrous or broken, the answer is coded, soon there, and never our fault."""

from __future__ import annotations

import json
import random
import time
from typing import Any

from serving_http import (
    NEW_CLIENT,
    REGISTER,
    VIEWER,
    Site,
    checked,
    nested,
    site,
)

__all__ = ["site"]

MONSTERS = [
    nested("{ viewer", "}", 4000),
    nested("{", "}", 4000),
    "{ clients(first: " + nested("[", "]", 4000) + ") { nodes { id } } }",
    "query Q($a: " + "[" * 3000 + "Int" + "]" * 3000 + ") { viewer { role } }",
    "{ viewer { role } }" + " " * 900_000,
    "{ a" * 20_000,
    VIEWER + "#" + "x" * 900_000,
    'query Q { viewer { role(a: """' + "x" * 500_000 + '""") } }',
    "query Q { viewer { role } } " + " ".join(f"fragment F{i} on Query {{ ...F{i}}}" for i in range(900)),
    "\x00",
    "{ viewer { role } }\ufeff",
    "{ viewer { r\u00f6le } }",
]


async def test_a_monstrous_document_is_answered_in_a_second(site: Site) -> None:
    await site.ask(VIEWER)
    for query in MONSTERS:
        began = time.monotonic()
        response = await site.ask(query)
        assert time.monotonic() - began < 1.5, query[:60]
        assert response.status_code == 200
        for error in checked(response).get("errors", []):
            assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", query[:60]


SEEDS = [
    VIEWER,
    "query Q($n: Int = 2, $w: ClientWhere) { clients(first: $n, where: $w) { totalCount nodes { legalName } } }",
    '{ clients(where: {legalName: {contains: "钢"}}, orderBy: [{field: LEGAL_NAME}]) { edges { cursor } } }',
    '{ node(id: "abc") { __typename id } nodes(ids: ["x", "y"]) { id } }',
    "{ units(first: 2) { nodes { clients(first: 1) { nodes { facilities { nodes { limit { amount } } } } } } } }",
    REGISTER,
    "fragment F on Client { id branch { code } } { clients(first: 1) { nodes { ...F @skip(if: false) } } }",
    "{ __schema { types { name } } }",
]
SPLINTERS = [
    *(
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "!",
        "$",
        "@",
        "...",
        '"',
        '"""',
        "null",
        "true",
        "-1",
        "1.5e309",
        "\\",
    ),
    *(
        "99999999999",
        "\x00",
        "\ud83d\ude00",
        "é",
        "# ",
        "\n",
        "query",
        "mutation",
        "subscription",
        "fragment",
    ),
    *(
        "on",
        "id",
        "first:",
        "after:",
        "last: 5",
        "@include(if: $n)",
        "__typename",
        "\\u0000",
        "\\uD800",
        "$x: Int",
    ),
]


def broken(chance: random.Random, text: str) -> str:
    for _ in range(chance.randint(1, 4)):
        at, width = chance.randrange(len(text) + 1), chance.randint(0, 12)
        put = chance.choice([chance.choice(SPLINTERS), text[at : at + width] * 3, ""])
        text = text[:at] + put + text[at + chance.randint(0, width) :]
    return text


VALUES: list[Any] = [
    None,
    True,
    -1,
    2**31,
    2**63,
    1.5,
    "",
    "x" * 300,
    "\x00",
    "钢",
    [],
    [1],
    {},
    {"a": {"b": []}},
    ["\ud7ff"],
]


def fuzzed(chance: random.Random) -> bytes:
    query: Any = broken(chance, chance.choice(SEEDS)) if chance.random() < 0.85 else chance.choice(VALUES)
    names = ("n", "w", "input", "x")
    variables: Any = {name: chance.choice(VALUES) for name in names if chance.random() < 0.5}
    if "input" in variables and chance.random() < 0.7:
        variables["input"] = NEW_CLIENT | {chance.choice(list(NEW_CLIENT)): chance.choice(VALUES)}
    body = {"query": query, "variables": variables if chance.random() < 0.9 else chance.choice(VALUES)}
    raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if chance.random() < 0.15:
        at = chance.randrange(len(raw))
        return raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :]
    return raw


async def test_of_a_thousand_broken_requests_none_is_our_fault(site: Site) -> None:
    chance = random.Random(20260115)
    seen: set[str] = set()
    headers = site.signed_in("branch:310000")
    for number in range(1000):
        body = fuzzed(chance)
        response = await site.send("POST", content=body, headers=headers)
        assert response.status_code in (200, 400), (number, body)
        codes = {error["extensions"]["code"] for error in checked(response).get("errors", [])}
        assert "INTERNAL_SERVER_ERROR" not in codes, (number, body)
        seen |= codes
    assert {"BAD_REQUEST", "BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"} <= seen
