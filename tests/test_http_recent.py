"""Requests that are read once and answered for everybody anew: the same bytes, never the same rows."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from serving_http import VIEWER, Site, site
from small_bank import SHANGHAI, client_id

from api.endpoint import Endpoint
from api.recent import LONGEST_BODY_BYTES, RecentRequests
from schema.graph import Engine, Prepared
from schema.ids import encode

__all__ = ["site"]

PAGE = """query ($n: Int) { clients(first: $n) { totalCount nodes { id } }
    units { nodes { clients { totalCount } } } }"""
HUAXIA = "client:91310115MA1K35X12A"


def recent(site: Site) -> RecentRequests:
    endpoint = vars(site.app)["_endpoint"]
    assert isinstance(endpoint, Endpoint)
    return endpoint._recent


async def test_the_same_bytes_show_each_caller_its_own_rows(site: Site) -> None:
    body = json.dumps({"query": PAGE, "variables": {"n": 5}})
    seen: dict[str, Any] = {}
    for persona in ("headquarters", "branch:310000", "branch:110000", "region:EAST", HUAXIA) * 2:
        answered = (await site.raw(body, persona)).json()["data"]
        assert seen.setdefault(persona, answered) == answered
    totals = [seen[persona]["clients"]["totalCount"] for persona in seen]
    assert totals == [7, 3, 2, 5, 2]
    assert recent(site).find(body.encode()) is not None


async def test_a_body_is_read_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[Any] = []
    prepare = Engine.prepare

    def counting(self: Engine, *args: Any, **more: Any) -> Any:
        prepared.append(args)
        return prepare(self, *args, **more)

    monkeypatch.setattr(Engine, "prepare", counting)
    for _ in range(3):
        assert (await site.ask(VIEWER)).status_code == 200
    assert len(prepared) == 1


async def test_what_was_refused_is_refused_again_and_not_kept(site: Site) -> None:
    body = json.dumps({"query": "{ nothing }"})
    first, second = await site.raw(body), await site.raw(body)
    assert first.json() == second.json()
    assert first.json()["errors"]
    assert recent(site).find(body.encode()) is None


async def test_a_change_that_is_sent_twice_is_made_once_by_its_key_as_ever(site: Site) -> None:
    mutation = """mutation ($input: UpdateClientInput!) { updateClient(input: $input) {
        ... on UpdateClientSuccess { client { city version } } ... on UserError { code } } }"""
    given = {
        "idempotencyKey": "k",
        "clientId": encode("Client", (SHANGHAI, client_id(0))),
        "expectedVersion": 1,
        "city": "X",
    }
    answers = [(await site.ask(mutation, {"input": given}, "branch:310000")).json()["data"] for _ in range(2)]
    assert answers[0] == answers[1] == {"updateClient": {"client": {"city": "X", "version": 2}}}


async def test_what_comes_with_its_hash_is_registered_each_time(site: Site) -> None:
    sha256 = hashlib.sha256(VIEWER.encode()).hexdigest()
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": sha256}}
    body = json.dumps({"query": VIEWER, "extensions": extensions})
    assert (await site.raw(body)).status_code == 200
    assert recent(site).find(body.encode()) is None


def test_those_asked_for_longest_ago_make_room_and_long_ones_are_not_kept() -> None:
    kept = RecentRequests(most_bytes=2)
    first, second, third = (cast(Prepared, SimpleNamespace(n=n)) for n in range(3))
    kept.keep(b"1", first)
    kept.keep(b"2", second)
    assert kept.find(b"1") is first
    kept.keep(b"3", third)
    assert [kept.find(body) for body in (b"1", b"2", b"3")] == [first, None, third]
    kept.keep(b"x" * (LONGEST_BODY_BYTES + 1), first)
    assert kept.find(b"x" * (LONGEST_BODY_BYTES + 1)) is None
