"""Without a good token nothing is answered, and with one only what its bearer may see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from serving_http import (
    CLIENTS,
    JSON,
    VIEWER,
    Site,
    gate,
    only_code,
    site,
)

from api.issuer import DevelopmentIssuer
from api.tokens import KeySet, TokenVerifier

__all__ = ["gate", "site"]


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, "Bearer"),
        ("", "Bearer"),
        ("Basic eDp5", "MALFORMED"),
        ("Bearer", "MALFORMED"),
        ("Bearer a.b.c", "MALFORMED"),
        ("Bearer " + "a" * 9000, "TOO_LARGE"),
        ("Bearer {expired}", "EXPIRED"),
        ("Bearer {elsewhere}", "WRONG_AUDIENCE"),
        ("Bearer {unknown}", "UNKNOWN_KEY"),
        ("Bearer {forged}", "BAD_SIGNATURE"),
    ],
)
async def test_without_a_good_token_nothing_is_answered(
    gate: Site, tmp_path: Path, authorization: str | None, challenge: str
) -> None:
    analyst, auditor = gate.issuer.token("analyst"), gate.issuer.token("auditor")
    tokens = {
        "forged": f"{analyst.rpartition('.')[0]}.{auditor.rpartition('.')[2]}",
        "expired": gate.issuer.token("headquarters", now=1_000_000),
        "elsewhere": DevelopmentIssuer(tmp_path, environment="development", audience="other").token(
            "analyst"
        ),
        "unknown": DevelopmentIssuer(tmp_path / "b", environment="development").token("analyst"),
    }
    headers = {} if authorization is None else {"Authorization": authorization.format(**tokens)}
    bodies: list[Any] = [{"query": VIEWER}, {"query": "{ nonsense"}, []]
    for body in bodies:
        response = await gate.send("POST", json=body, headers=headers)
        assert (response.status_code, only_code(response)) == (401, "UNAUTHENTICATED")
        assert challenge in response.headers["www-authenticate"]


async def test_an_unknown_caller_costs_no_more_than_a_header(gate: Site) -> None:
    async def untouched() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    response = await gate.send("POST", content=untouched(), headers={"Content-Type": JSON})
    assert response.status_code == 401


async def test_without_keys_nobody_can_be_known(gate: Site) -> None:
    async def unreachable() -> bytes:
        raise OSError("http://user:canary-password@issuer")

    settings = gate.settings.model_copy(update={"token_issuer": "https://issuer"})
    verifier = TokenVerifier(settings, KeySet(unreachable, ("ES256",)))
    response = await gate.send(
        "POST",
        json={"query": VIEWER},
        headers=gate.signed_in(),
        app=gate.application(None, verifier),
    )
    assert (response.status_code, only_code(response)) == (503, "UNAVAILABLE")
    assert "canary" not in response.text


@pytest.mark.parametrize("persona", ["branch:999999", "client:91310000MAY2DLL61X"])
async def test_an_office_or_company_that_is_not_there_opens_nothing(site: Site, persona: str) -> None:
    response = await site.ask(CLIENTS, persona=persona)
    assert (response.status_code, only_code(response)) == (403, "FORBIDDEN")


async def test_each_caller_sees_their_own_rows_on_one_connection(site: Site) -> None:
    counts = await asyncio.gather(
        *(site.ask("{ clients { totalCount } }", persona=p) for p in ["branch:310000", "branch:320000"] * 20)
    )
    assert [r.json()["data"]["clients"]["totalCount"] for r in counts] == [3, 2] * 20


async def test_tokens_are_handed_out_in_development_only(site: Site) -> None:
    given = await site.send("GET", "/dev/token", params={"persona": "auditor"})
    assert given.status_code == 200
    headers = {"Authorization": f"Bearer {given.json()['token']}"}
    response = await site.send("POST", json={"query": VIEWER}, headers=headers)
    assert response.json()["data"]["viewer"]["role"] == "AUDITOR"
    refused = await site.send("GET", "/dev/token", params={"persona": "king\x00<script>"})
    assert (refused.status_code, only_code(refused)) == (400, "BAD_USER_INPUT")
    absent = await site.send("GET", "/dev/token", params={"persona": "auditor"}, app=site.application(None))
    assert absent.status_code == 404
