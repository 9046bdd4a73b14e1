"""The page and what it loads, each with headers that keep the browser on this host."""

import os
from collections.abc import Awaitable, Callable, Sequence
from html import escape
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.graphiql.install import ASSETS, BUNDLES, COMMAND
from api.graphiql.operations import example_groups

HERE = Path(__file__).parent
EXAMPLES = HERE / "examples"

POLICY = "; ".join(
    (
        "default-src 'self'",
        # GraphiQL's dialogs write a <style> element whose text depends on the window.
        "style-src 'self' 'unsafe-inline'",
        # GraphiQL's style sheet carries its fonts and its squiggles as data: URLs.
        "font-src 'self' data:",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
EVERY_FILE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
PAGE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    # One URL, two answers: the page for a browser, GraphQL for everyone else.
    "Vary": "Accept",
}

_PAGE = Template((HERE / "page.html").read_text(encoding="utf-8"))
_MISSING = Template((HERE / "missing.html").read_text(encoding="utf-8"))
_PERSONA_FIELDS = Template((HERE / "sign_in_persona.html").read_text(encoding="utf-8"))
_TOKEN_FIELD = (HERE / "sign_in_token.html").read_text(encoding="utf-8")


def page(*, development: bool, personas: Sequence[str], assets: Path = ASSETS) -> HTMLResponse:
    """GraphiQL, or what is missing; looked up on each request, so fetching the assets needs no restart."""
    missing = missing_bundles(assets)
    if missing:
        files = ", ".join(missing)
        return HTMLResponse(_MISSING.substitute(files=files, command=COMMAND), headers=PAGE_HEADERS)
    sign_in = _persona_fields(personas) if development else _TOKEN_FIELD
    return HTMLResponse(_PAGE.substitute(sign_in=sign_in), headers=PAGE_HEADERS)


def routes(*, assets: Path = ASSETS, examples: Path = EXAMPLES) -> list[BaseRoute]:
    """The page's own files; the examples are read once, so that a broken one stops the start, not a user."""
    groups = example_groups(examples)

    async def examples_json(_: Request) -> Response:
        return JSONResponse(groups, headers=EVERY_FILE_HEADERS)

    return [
        Mount("/graphiql/assets", _Assets(directory=assets, check_dir=False), name="graphiql-assets"),
        Route("/graphiql/examples.json", examples_json),
        Route("/graphiql/page.js", _own_file("page.js", "text/javascript")),
        Route("/graphiql/page.css", _own_file("page.css", "text/css")),
    ]


def missing_bundles(assets: Path) -> list[str]:
    """The names of the files that set-up should have fetched and that are not there."""
    return [name for name in BUNDLES if not (assets / name).is_file()]


def _persona_fields(personas: Sequence[str]) -> str:
    options = "".join(f'<option value="{escape(persona)}">{escape(persona)}</option>' for persona in personas)
    return _PERSONA_FIELDS.substitute(options=options)


def _own_file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_: Request) -> Response:
        return FileResponse(HERE / name, media_type=media_type, headers=EVERY_FILE_HEADERS)

    return endpoint


class _Assets(StaticFiles):
    async def check_config(self) -> None:
        """The folder may come later; until then every file in it is a 404, not a 500."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(EVERY_FILE_HEADERS)
        return response
