"""The development issuer signs in whoever works at this machine, and no page or machine beyond it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from serving_http import Site, only_code

from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory

LOCAL = ["127.0.0.1:8000", "127.0.0.1", "127.8.8.8:80", "localhost", "LocalHost:8000", "[::1]:8000", "[::1]"]
FOREIGN = [
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example:8000",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
    "evil.example@localhost",
    "localhost:8000:80",
    "192.168.1.5:8000",
    "0.0.0.0:8000",
    "[::]:8000",
    "[::1",
    "::1",
    "",
    ":8000",
    "localhost\xa0",
]


def site_at(home: Path, **settings: Any) -> Site:
    """The application without a database, which the issuer does not ask."""
    nowhere = Database(Credentials("postgresql://nowhere"))
    return Site(nowhere, Directory(nowhere), home, **settings)


async def token_asked(site: Site, host: str, path: str = "/dev/token", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()}
    transport = httpx.ASGITransport(app=site.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        parameters = {"persona": "headquarters"}
        return await client.get(path, params=parameters, headers={b"Host": host.encode("latin-1"), **sent})


def assert_refused(response: httpx.Response) -> None:
    assert (response.status_code, only_code(response)) == (403, "FORBIDDEN")
    assert "token" not in response.json()


@pytest.mark.parametrize("host", LOCAL)
async def test_this_machine_is_given_tokens(tmp_path: Path, host: str) -> None:
    response = await token_asked(site_at(tmp_path), host)
    assert response.status_code == 200
    assert response.json()["token"]


@pytest.mark.parametrize("host", FOREIGN)
async def test_a_name_made_to_point_here_is_given_none(tmp_path: Path, host: str) -> None:
    # A rebound name is same-origin to the browser that was misled, so only the name tells.
    response = await token_asked(site_at(tmp_path), host, Sec_Fetch_Site="same-origin")
    assert_refused(response)
    assert "127.0.0.1" in response.json()["errors"][0]["message"]
    assert "evil" not in response.text


@pytest.mark.parametrize("host", ["evil.example", "[::1"])
async def test_a_forwarded_or_absent_name_does_not_help(tmp_path: Path, host: str) -> None:
    assert_refused(await token_asked(site_at(tmp_path), host, X_Forwarded_Host="localhost"))


@pytest.mark.parametrize("host", ["evil.example", "bank.example:8000", "192.168.1.5"])
async def test_who_opened_the_issuer_to_the_network_is_reached_by_any_name(tmp_path: Path, host: str) -> None:
    response = await token_asked(site_at(tmp_path, host="0.0.0.0"), host)
    assert response.status_code == 200


@pytest.mark.parametrize("listening", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize(
    ("came_from", "status"),
    [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("", 403), ("x", 403)],
)
async def test_another_sites_page_is_given_no_token(
    tmp_path: Path, listening: str, came_from: str, status: int
) -> None:
    site = site_at(tmp_path, host=listening)
    response = await token_asked(site, "localhost:8000", Sec_Fetch_Site=came_from)
    assert response.status_code == status
    if status == 403:
        assert_refused(response)


@pytest.mark.parametrize("path", ["/healthz", "/graphql"])
async def test_nothing_but_the_issuer_asks_by_which_name_it_was_reached(tmp_path: Path, path: str) -> None:
    response = await token_asked(site_at(tmp_path), "bank.example", path, Sec_Fetch_Site="cross-site")
    assert response.status_code == {"/healthz": 200, "/graphql": 401}[path]
