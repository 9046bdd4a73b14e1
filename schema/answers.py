"""The answer to one operation: its JSON, and how far the operation came."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import FieldNode, GraphQLError

from schema.faults import Report, shown


class Phase(enum.Enum):
    """How far an operation came; GraphQL over HTTP answers by it."""

    REFUSED = "refused before execution"
    MUST_POST = "refused before execution, since it writes and was asked for as a read"
    EXECUTED = "executed, perhaps with errors"


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to one operation: its JSON, in parts, since the longest need not be copied to be sent."""

    parts: tuple[bytes, ...]
    phase: Phase

    @property
    def body(self) -> bytes:
        """The whole JSON."""
        return b"".join(self.parts)


def refused_answer(errors: Iterable[GraphQLError]) -> Answer:
    """The answer to what is not executed at all."""
    body = {"errors": shown(errors, _unreachable, refused_before=True)}
    return Answer((orjson.dumps(body),), Phase.REFUSED)


def _unreachable(cause: BaseException) -> str:
    raise AssertionError("what is refused before it is executed is no fault of ours") from cause


def answered(
    data: bytes | None, errors: Sequence[GraphQLError], extensions: dict[str, Any], report: Report
) -> Answer:
    """The answer to what was executed; `data` is JSON already."""
    parts = [b'{"data":', data or b"null"]
    if errors and (told := shown(errors, report)):
        parts += [b',"errors":', orjson.dumps(told)]
    if extensions:
        parts += [b',"extensions":', orjson.dumps(extensions)]
    return Answer((*parts, b"}"), Phase.EXECUTED)


def failed(roots: Sequence[tuple[str, FieldNode]], problem: Exception) -> list[GraphQLError]:
    """One statement answers every field, so its failure is every field's."""
    return [GraphQLError(str(problem), node, path=[key], original_error=problem) for key, node in roots]
