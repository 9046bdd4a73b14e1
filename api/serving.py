"""Running the server: the port first, then the bank, then requests, until somebody says stop."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from types import FrameType
from typing import Any

import uvicorn
import uvloop
from sqlalchemy import select
from starlette.types import ASGIApp

from api.app import create_app
from api.bank import Bank, data_home, identity_home, opened, refresh_statistics, running_bank
from api.connection import Connection
from api.embedded import EmbeddedError, EmbeddedPostgres
from api.issuer import DevelopmentIssuer, verifier_for
from api.logs import configure_logs, log, report_stray, write_requests
from api.settings import Settings
from api.settling import settling
from api.trusted_documents import ManifestError
from api.working import working
from schema.graph import graph
from tenants import guard
from tenants.database import Database
from tenants.demo import ForeignBank, demo_is_loaded, load_demo
from tenants.organisation import Directory
from tenants.tables import client

Say = Callable[[str], None]
WATCH_S = 0.5
WAITING_CONNECTIONS = 2048
LAST_REQUESTS_S = 5
COLLECT_AFTER_OBJECTS = 20_000
AGAIN_AFTER_S = 0.01
EXAMPLE = (
    "{ viewer { role branchCount } clients(first: 3) { totalCount nodes { legalName branch { name } } } }"
)


class CannotServe(Exception):
    """The server cannot start; the message says why and what to do."""


def run(settings: Settings, *, demo_clients: int | None, say: Say) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises CannotServe, EmbeddedError, UnsafeDatabase, DatabaseUnavailable.

    An empty bank is filled with a demo bank of so many clients first. In development, tokens of personas are shown.
    """
    configure_logs(settings.log_level)
    with _until_a_signal(), closing(_listen(settings)) as listening:
        if settings.database_url is None:
            say(f"database: embedded, in {data_home(settings)}")
        with (
            _the_graph_beside() as made,
            running_bank(settings, migrating=demo_clients is not None, alone=True) as bank,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
        ):
            loop.run(_serve(settings, bank, listening, made, demo_clients=demo_clients, say=say))


@contextmanager
def _the_graph_beside() -> Iterator[Future[Any]]:
    """Build it in a thread, while the database is started, waited for and looked at."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(graph)


@contextmanager
def _until_a_signal() -> Iterator[None]:
    """SIGTERM at any moment ends us as Ctrl-C does: through every `finally`, in the event loop by cancelling."""
    # Set, not assumed: a shell without job control starts background processes with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for alike in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(alike, lambda *_: signal.raise_signal(signal.SIGINT))
    sys.unraisablehook = _ask_again
    with suppress(KeyboardInterrupt):
        yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    # CPython remembers an interrupt that has left the exec() of a text, as imports have them, until the next one:
    # it would end us by SIGINT after all.
    exec("")


def _ask_again(ignored: sys.UnraisableHookArgs) -> None:
    """What a signal raises in a destructor or in a weak reference's callback, Python drops: it comes once more.

    The collector may have worked for long before it calls them, while the signal waited.
    """
    if issubclass(ignored.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, AGAIN_AFTER_S)
    else:
        sys.__unraisablehook__(ignored)


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything else is done, so that a taken one costs nobody time.

    Whoever connects before we are ready is answered when we are.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(WAITING_CONNECTIONS)
    except (OSError, UnicodeError) as problem:
        listening.close()
        if isinstance(problem, OSError) and problem.errno == errno.EADDRINUSE:
            reason = f"port {settings.port} on {settings.host} is taken: stop what listens there, or set PORT"
        else:
            said = getattr(problem, "strerror", None) or "no such host"
            reason = f"cannot listen on {settings.host}:{settings.port} ({said}): set HOST or PORT"
        raise CannotServe(reason) from None
    return listening


async def _serve(
    settings: Settings,
    bank: Bank,
    listening: socket.socket,
    made: Future[Any],
    *,
    demo_clients: int | None,
    say: Say,
) -> None:
    asyncio.get_running_loop().set_exception_handler(report_stray)
    async with _watched(bank.embedded), opened(settings, bank.credentials) as database:
        await _check(database)
        directory = Directory(database)
        if demo_clients is not None and await _filled(database, directory, demo_clients, say):
            await refresh_statistics(bank.credentials)
        issuer = _development_issuer(settings)
        personas = await personas_of(database, directory) if issuer else []
        await asyncio.wrap_future(made)
        try:
            app = create_app(
                settings,
                database=database,
                directory=directory,
                verifier=verifier_for(settings, identity_home(settings)),
                issuer=issuer,
                personas=personas,
            )
        except ManifestError as broken:
            raise CannotServe(f"TRUSTED_DOCUMENTS: {broken}") from None
        _introduce(_url(listening), issuer, personas, say)
        async with settling(database, directory), working(database, directory, settings):
            await _answer(app, listening)


async def _check(database: Database) -> None:
    await guard.verify(database)
    for warning in await guard.warnings(database):
        log.warning("database", warning=warning)


async def _answer(app: ASGIApp, listening: socket.socket) -> None:
    """Answer requests until a signal says stop."""
    config = uvicorn.Config(
        app,
        http=Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        # Nothing here asks for the peer's address, and reading it from headers costs each request.
        proxy_headers=False,
        timeout_graceful_shutdown=LAST_REQUESTS_S,
    )
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 20)
    try:
        await _Server(config).serve(sockets=[listening])
    finally:
        write_requests()


class _Server(uvicorn.Server):
    """uvicorn's, which ends when it is told to without raising the signal once more afterwards."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal lets requests finish, a second does not."""
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True


@asynccontextmanager
async def _watched(embedded: EmbeddedPostgres | None) -> AsyncIterator[None]:
    """Meanwhile, start the embedded database again whenever it is killed."""
    watching = asyncio.create_task(_keep_alive(embedded)) if embedded else None
    try:
        yield
    finally:
        if watching:
            watching.cancel()


async def _keep_alive(embedded: EmbeddedPostgres) -> None:
    """What it had acknowledged is still there afterwards."""
    while True:
        await asyncio.sleep(WATCH_S)
        if embedded.is_running():
            continue
        log.error("database", warning="the embedded PostgreSQL ended; starting it again")
        try:
            await asyncio.to_thread(embedded.start)
            log.info("database", warning="the embedded PostgreSQL runs again")
        except EmbeddedError as problem:
            log.error("database", warning=str(problem))


async def _filled(database: Database, directory: Directory, clients: int, say: Say) -> bool:
    """Load the demo bank, unless it is there or another bank is; whether anything was loaded."""
    if await demo_is_loaded(database):
        return False
    try:
        await load_demo(database, directory, clients=clients, say=say)
    except ForeignBank:
        say("the database holds a bank of its own: the demo bank is not loaded")
        return False
    return True


def _development_issuer(settings: Settings) -> DevelopmentIssuer | None:
    if settings.token_jwks is not None:
        return None
    home = identity_home(settings)
    return DevelopmentIssuer(home, environment=settings.environment, audience=settings.token_audience)


async def personas_of(database: Database, directory: Directory) -> list[str]:
    """One persona of each kind that this bank has, to try the graph as."""
    organisation = await directory.organisation()
    found = ["headquarters", "headquarters:second", "analyst", "auditor"]
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


def _url(listening: socket.socket) -> str:
    """Where a browser on this machine finds us; one that listens everywhere is found at the loopback address."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
