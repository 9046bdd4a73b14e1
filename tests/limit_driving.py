"""The real graph over a real PostgreSQL, driven step by step from code that does not wait: for state machines."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from limit_bank import DAY, TOPS, open_limits, top
from small_bank import CLIENTS, client_id

from domain.access import Caller
from schema.graph import Engine
from schema.ids import decode, encode
from schema.request import Request
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.limits.expiring import expire_due
from tenants.limits.verifying import verify
from tenants.organisation import Directory

LIMIT_TABLES = ("limit_posting", "limit_movement", "limit_commitment", "limit_node_version", "limit_node")
BOOKED = "movement { id amount { amount } commitment { id } }"
KEPT = "node { id version }"
BOOKINGS = (
    "earmarkQuota",
    "extendEarmark",
    "reserveQuota",
    "utiliseQuota",
    "repayQuota",
    "releaseQuota",
    "writeOffQuota",
    "reverseMovement",
    "syndicateQuota",
    "overrideQuota",
)
_keys = itertools.count(1)


def fresh_key() -> str:
    """An idempotency key that nobody has used."""
    return f"step-{next(_keys)}"


def document(name: str) -> str:
    """The mutation of this name."""
    capital = name[0].upper() + name[1:]
    shown = BOOKED if name in BOOKINGS else KEPT
    return f"""mutation ($input: {capital}Input!) {{ {name}(input: $input) {{ __typename
        ... on UserError {{ code message path }}
        ... on LimitRefused {{ available {{ amount currency }} binding }}
        ... on {capital}Success {{ {shown} }} }} }}"""


def money(minor: int, currency: str = "CNY") -> dict[str, str]:
    """As callers send it."""
    return {"amount": f"{minor // 100}.{minor % 100:02d}", "currency": currency}


def minor(sent: dict[str, str]) -> int:
    """As the ledger keeps it."""
    return int(sent["amount"].replace(".", ""))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a mutation: DONE or the refusal's code, and the payload."""

    code: str
    payload: dict[str, Any]

    @property
    def commitment(self) -> str:
        """The commitment's id."""
        found: str = self.payload["movement"]["commitment"]["id"]
        return found


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A limit as it is kept."""

    held: tuple[int, int, int]
    idle: int
    dealt: int
    consumed: int
    sanctioned: int
    raised: int
    status: str
    over_limit: bool


class Driven:
    """A bank under its graph: it is asked, and waited for."""

    def __init__(self, credentials: Credentials, engine: Engine) -> None:
        self.runner = asyncio.Runner()
        self.engine = engine
        self.day = DAY
        self.runner.run(self._opened(credentials))

    async def _opened(self, credentials: Credentials) -> None:
        self.database = Database(credentials, connections=5)
        await self.database.open()
        self.directory = Directory(self.database)
        self.administrator = await asyncpg.connect(credentials.url, timeout=20)

    def close(self) -> None:
        """Let go of it."""

        async def closed() -> None:
            await self.administrator.close()
            await self.database.close()

        self.runner.run(closed())
        self.runner.close()

    def begin(self, amounts: dict[int, int], authority: int, raised: int, longest: int) -> None:
        """A bank without history, whose units have these limits of their own, and its policy: what a region and
        headquarters decide alone, for how many days an earmark holds."""
        self.runner.run(self._begun(amounts, authority, raised, longest))
        self.day = DAY

    async def _begun(self, amounts: dict[int, int], authority: int, raised: int, longest: int) -> None:
        run = self.administrator.execute
        await run("set session_replication_role = replica")
        for table in LIMIT_TABLES:
            await run(f"delete from bank.{table}")
        await run("set session_replication_role = origin")
        await open_limits(self.administrator)
        await run(
            "insert into bank.delegated_authority (role, amount_minor, currency) "
            "values ('REGIONAL_MANAGER', $1, 'CNY'), ('HEADQUARTERS_ADMINISTRATOR', $2, 'CNY') "
            "on conflict (role) do update set amount_minor = excluded.amount_minor, currency = 'CNY'",
            authority,
            raised,
        )
        await run("update bank.limit_policy set longest_earmark_days = $1", longest)
        for unit in amounts:
            dealt = sum(amounts[below] for below, (_, above, _) in TOPS.items() if above == unit)
            await run(
                "update bank.limit_node set sanctioned_minor = $2, dealt_minor = $3 where id = $1",
                top(unit),
                amounts[unit],
                dealt,
            )

    def passes(self, day: dt.date, *, sweeps: bool) -> None:
        """It is another day; with or without the job that ends what has expired."""
        self.day = day
        self.runner.run(self._passed(day, sweeps=sweeps))

    async def _passed(self, day: dt.date, *, sweeps: bool) -> None:
        await self.administrator.execute("update bank.business_day set day = $1", day)
        scope = await self.directory.operator()
        while sweeps:
            async with self.database.transaction(scope, write=True) as transaction:
                sweeps = await expire_due(transaction, scope.branches) > 0

    def send(self, caller: Caller, mutation: str, key: str, said: dict[str, Any]) -> Answer:
        """Carry out a mutation; what is None is not said."""
        given = {name: value for name, value in said.items() if value is not None}
        payload = self.ask(caller, document(mutation), input=given | {"idempotencyKey": key})[mutation]
        return Answer(payload.get("code", "DONE"), payload)

    def ask(self, caller: Caller, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        body = self.runner.run(self._asked(caller, query, variables))
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def _asked(self, caller: Caller, query: str, variables: dict[str, Any]) -> Any:
        request = Request(
            database=self.database,
            directory=self.directory,
            organisation=await self.directory.organisation(),
            scope=await self.directory.scope(caller),
            today=self.day,
        )
        answered = await self.engine.answer(
            request,
            self.engine.documents.find(query),
            variables=variables,
            operation=None,
            reading_only=False,
            report=_fail,
        )
        return orjson.loads(answered.body)

    def nodes(self) -> dict[str, NodeRow]:
        """Every limit by its id."""
        rows = self.runner.run(self.administrator.fetch("select * from bank.limit_node"))
        return {
            encode("LimitNode", (row["branch_id"], UUID(int=row["id"].int))): NodeRow(
                (row["earmarked_minor"], row["reserved_minor"], row["utilised_minor"]),
                row["idle_fenced_minor"],
                row["dealt_minor"],
                row["consumed_minor"],
                row["sanctioned_minor"],
                row["raised_alone_minor"],
                row["status"],
                row["over_limit"],
            )
            for row in rows
        }

    def commitments(self) -> dict[str, tuple[int, int, int]]:
        """What every commitment holds, by its id."""
        rows = self.runner.run(self.administrator.fetch("select * from bank.limit_commitment"))
        return {
            encode("LimitCommitment", (row["branch_id"], UUID(int=row["id"].int))): (
                row["earmarked_minor"],
                row["reserved_minor"],
                row["utilised_minor"],
            )
            for row in rows
        }

    def syndicated(self, movement: str) -> list[tuple[str, str, str]]:
        """The client, the movement and the commitment of each part of a deal."""
        found = self.runner.run(
            self.administrator.fetch(
                "select k.branch_id, k.client_id, m.id as movement, k.id from bank.limit_commitment k "
                "join bank.limit_movement m on m.branch_id = k.branch_id and m.commitment_id = k.id "
                "where k.syndication_id = (select c.syndication_id from bank.limit_commitment c "
                "join bank.limit_movement d on d.branch_id = c.branch_id and d.commitment_id = c.id "
                "where d.branch_id = $1 and d.id = $2)",
                *decode(movement).key,
            )
        )
        return [
            (
                encode("Client", (row["branch_id"], UUID(int=row["client_id"].int))),
                encode("LimitMovement", (row["branch_id"], UUID(int=row["movement"].int))),
                encode("LimitCommitment", (row["branch_id"], UUID(int=row["id"].int))),
            )
            for row in found
        ]

    def branches_behind(self) -> set[int]:
        """Where earmarks have passed their time and have not been swept."""
        rows = self.runner.run(
            self.administrator.fetch(
                "select distinct branch_id from bank.limit_commitment "
                "where status = 'EARMARKED' and expires_at <= app.moment()"
            )
        )
        return {row["branch_id"] for row in rows}

    def differences(self) -> list[str]:
        """What `verify` finds."""

        async def verified() -> list[str]:
            async with self.database.transaction(await self.directory.operator()) as transaction:
                return [str(one) for one in await verify(transaction)]

        return self.runner.run(verified())

    def available(self, caller: Caller, clients: list[int], product: str) -> dict[int, int]:
        """What `quota` says that each client may draw; in the currency of its limit."""
        shown = "{ available { amount currency } }"
        fields = " ".join(
            f'q{index}: quota(clientId: "{client(index)}", product: {product}) {shown}' for index in clients
        )
        told = self.ask(caller, f"{{ {fields} }}")
        return {index: minor(told[f"q{index}"]["available"]) for index in clients}


def client(index: int) -> str:
    """A client's id in the graph."""
    return encode("Client", (CLIENTS[index][0], client_id(index)))


def _fail(cause: BaseException) -> str:
    raise AssertionError("a fault of the server's own") from cause
