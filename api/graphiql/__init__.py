"""The self-hosted GraphiQL page: what a browser sees at GET /graphql, without asking any other host."""

# Nothing is imported here at run time: `python -m api.graphiql.install` must work before the venv does.
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.responses import HTMLResponse
    from starlette.routing import BaseRoute


def graphiql_routes(*, development: bool, personas: Sequence[str]) -> list[BaseRoute]:
    """What the page loads: `/graphiql/assets/*`, `/graphiql/page.{js,css}` and `/graphiql/examples.json`."""
    from api.graphiql import page

    del development, personas  # These files are the same for everyone; what differs is in the page.
    return page.routes()


def graphiql_page(*, development: bool, personas: Sequence[str]) -> HTMLResponse:
    """The page itself, or, where its assets were never fetched, a page that says how to fetch them."""
    from api.graphiql import page

    return page.page(development=development, personas=personas)
