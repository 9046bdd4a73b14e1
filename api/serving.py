"""Running the server: the port first, then the bank, then requests, until somebody says stop."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from sqlalchemy import select

from api.app import create_app
from api.bank import (
    credentials_of,
    data_home,
    database_of,
    embedded_of,
    found_database,
    identity_home,
    migrate,
)
from api.embedded import EmbeddedError, EmbeddedPostgres
from api.issuer import DevelopmentIssuer, verifier_for
from api.logs import configure_logs, log
from api.settings import Settings
from tenants import guard
from tenants.database import Database
from tenants.demo import demo_is_loaded, load_demo
from tenants.organisation import Directory
from tenants.tables import client

Say = Callable[[str], None]
WATCH_S = 0.5
EXAMPLE = (
    "{ viewer { role branchCount } clients(first: 3) { totalCount nodes { legalName branch { name } } } }"
)


class CannotServe(Exception):
    """The server cannot start; the message says why and what to do."""


def run(settings: Settings, *, demo: bool, scale: int, say: Say) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises CannotServe, EmbeddedError, UnsafeDatabase, DatabaseUnavailable.

    With `demo`, an empty bank is filled with the demo bank first, and tokens for its personas are shown.
    """
    os.environ.pop("PGPORT", None)  # asyncpg would look for the embedded server's socket under that number
    configure_logs(settings.log_level)
    # A signal before the server listens must end us the same way as one after: through every `finally`.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    listening = _listen(settings)
    embedded = embedded_of(settings)
    try:
        if embedded is not None:
            say(f"database: embedded, in {data_home(settings)}")
            embedded.start()
            asyncio.run(found_database(embedded))
        credentials = credentials_of(settings, embedded)
        migrate(credentials)
        database = database_of(settings, credentials)
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(settings, database, embedded, listening, demo=demo, scale=scale, say=say))
    finally:
        listening.close()
        if embedded is not None:
            embedded.stop()


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything else is done, so that a taken one costs nobody time."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as problem:
        listening.close()
        if problem.errno == errno.EADDRINUSE:
            reason = f"port {settings.port} on {settings.host} is taken: stop what listens there, or set PORT"
        else:
            reason = (
                f"cannot listen on {settings.host}:{settings.port} ({problem.strerror}): set HOST or PORT"
            )
        raise CannotServe(reason) from None
    return listening


async def _serve(
    settings: Settings,
    database: Database,
    embedded: EmbeddedPostgres | None,
    listening: socket.socket,
    *,
    demo: bool,
    scale: int,
    say: Say,
) -> None:
    await database.open()
    try:
        await guard.verify(database)
        for warning in await guard.warnings(database):
            log.warning("database", warning=warning)
        directory = Directory(database)
        if demo:
            await _fill(database, directory, scale=scale, say=say)
        issuer = None
        if settings.token_jwks is None:
            issuer = DevelopmentIssuer(
                identity_home(settings),
                environment=settings.environment,
                audience=settings.token_audience,
            )
        personas = await personas_of(database, directory)
        app = create_app(
            settings,
            database=database,
            directory=directory,
            verifier=verifier_for(settings, identity_home(settings)),
            issuer=issuer,
            personas=personas,
        )
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5
        )
        host, port = listening.getsockname()[:2]
        _introduce(f"http://{host}:{port}", issuer, personas, say)
        watching = asyncio.create_task(_keep_alive(embedded)) if embedded else None
        try:
            await uvicorn.Server(config).serve(sockets=[listening])
        finally:
            if watching:
                watching.cancel()
    finally:
        await database.close()


async def _fill(database: Database, directory: Directory, *, scale: int, say: Say) -> None:
    organisation = await directory.organisation()
    if await demo_is_loaded(database):
        return
    if len(organisation) and organisation.with_code("HQ") is None:
        say("the database holds a bank of its own: the demo bank is not loaded")
        return
    await load_demo(database, directory, scale=scale, say=say)
    directory.forget()


async def personas_of(database: Database, directory: Directory) -> list[str]:
    """One persona of each kind that this bank has, to try the graph as."""
    organisation = await directory.organisation()
    found = ["headquarters", "analyst", "auditor"]
    codes = {unit.kind.value: unit.code for unit in sorted(organisation, key=lambda u: u.code, reverse=True)}
    if organisation.with_code("EAST"):
        codes |= {"REGION": "EAST", "BRANCH": "310000"}
    if region := codes.get("REGION"):
        found.append(f"region:{region}")
    if branch := codes.get("BRANCH"):
        found += [f"branch:{branch}", f"manager:{branch}", f"officer:{branch}"]
        found += await _a_client_of(database, directory, branch)
    return found


async def _a_client_of(database: Database, directory: Directory, branch: str) -> list[str]:
    unit = (await directory.organisation()).with_code(branch)
    if unit is None:
        return []
    first = (
        select(client.c.registration_country, client.c.registration_number)
        .where(client.c.branch_id == unit.id)
        .order_by(client.c.branch_id, client.c.id)
        .limit(1)
    )
    async with database.transaction(await directory.operator()) as transaction:
        row = await transaction.row(first)
    if row is None:
        return []
    country, number = row["registration_country"], row["registration_number"]
    return [f"client:{number}" if country == "CN" else f"client:{country}:{number}"]


def _introduce(url: str, issuer: DevelopmentIssuer | None, personas: list[str], say: Say) -> None:
    say(f"\nbranchgraph serves {url}/graphql (open it in a browser for GraphiQL); Ctrl-C stops it.")
    if issuer is None:
        return
    say("\nTokens of the development issuer, one per persona, good for eight hours:\n")
    tokens = {persona: issuer.token(persona) for persona in personas}
    for persona, token in tokens.items():
        say(f"  {persona}\n    {token}")
    shown = next((p for p in personas if p.startswith("branch:")), "headquarters")
    say(f"\nTry it as {shown}:\n")
    say(
        f"  curl -s {url}/graphql -H 'Content-Type: application/json' \\\n"
        f'    -H "Authorization: Bearer $(.venv/bin/python -m api token --persona {shown} | tail -1)" \\\n'
        f'    -d \'{{"query": "{EXAMPLE}"}}\'\n'
    )


async def _keep_alive(embedded: EmbeddedPostgres) -> None:
    """Start the embedded database again if it is killed; what it had acknowledged is still there."""
    while True:
        await asyncio.sleep(WATCH_S)
        if not embedded.is_running():
            log.error("database", warning="the embedded PostgreSQL ended; starting it again")
            try:
                await asyncio.to_thread(embedded.start)
                log.info("database", warning="the embedded PostgreSQL runs again")
            except EmbeddedError as problem:
                log.error("database", warning=str(problem))
