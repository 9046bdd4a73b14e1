"""What a caller sent: a request of GraphQL over HTTP, of the right kinds, or turned away with a code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from schema.errors import Code

JSON = "application/json"
MOST_PARAMETERS = 20
LONGEST_ID = 256
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Turned(Exception):
    """The request is turned away before the graph sees it.

    `answers_the_graph` is for what GraphQL itself refuses: 200 to callers of the older media type.
    """

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        answers_the_graph: bool = False,
        **extensions: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}
        self.extensions = extensions
        self.answers_the_graph = answers_the_graph


@dataclass(frozen=True, slots=True)
class Sent:
    """One operation as it was asked for: by its text, by an id of its document, or by both text and hash."""

    query: str | None
    document_id: str | None
    sha256: str | None
    variables: dict[str, Any] | None
    operation: str | None


def refuse_other_kinds(content_type: str) -> None:
    """Only JSON in UTF-8 is read: a browser sends nothing else to us from another site unasked. Raises Turned."""
    if content_type == JSON:
        return
    kind, _, parameters = content_type.partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if kind.strip().lower() != JSON or charset not in ("", "charset=utf-8"):
        raise Turned(415, Code.BAD_REQUEST, f"send the request as {JSON} in UTF-8")


def from_body(body: bytes) -> Sent:
    """The request in a POST. Raises Turned."""
    return _sent(_decoded(body, "the body"))


def from_query_string(raw: bytes) -> Sent:
    """The request in a GET's URL. Raises Turned."""
    try:
        given = dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except ValueError:
        message = f"the query string has more than {MOST_PARAMETERS} parameters"
        raise Turned(400, Code.BAD_REQUEST, message) from None
    parts: dict[str, Any] = {name: given[name] for name in ("query", "documentId") if name in given}
    parts["operationName"] = given.get("operationName") or None
    for name in ("variables", "extensions"):
        if value := given.get(name):
            parts[name] = _decoded(value.encode("utf-8", "surrogatepass"), f"`{name}`")
    return _sent(parts)


def _decoded(raw: bytes, what: str) -> Any:
    try:
        return orjson.loads(raw)
    except (orjson.JSONDecodeError, RecursionError):
        raise Turned(400, Code.BAD_REQUEST, f"{what} is not JSON in UTF-8") from None


def _sent(parts: Any) -> Sent:
    if not isinstance(parts, dict):
        raise _wrong("the body must be one JSON object: batches are not taken")
    variables, operation = parts.get("variables"), parts.get("operationName")
    if variables is not None and not isinstance(variables, dict):
        raise _wrong("`variables` must be an object")
    if operation is not None and not isinstance(operation, str):
        raise _wrong("`operationName` must be a string")
    sha256 = _persisted(parts.get("extensions"))
    document_id = _document_id(parts.get("documentId"))
    query = parts.get("query")
    if query is None and (sha256 or document_id):
        return Sent(None, document_id, sha256, variables, operation)
    if not isinstance(query, str):
        raise _wrong("`query` must be a string with a GraphQL document")
    if document_id is not None:
        raise _wrong("send `query` or `documentId`, not both")
    return Sent(query, None, sha256, variables, operation)


def _document_id(given: Any) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not 0 < len(given) <= LONGEST_ID:
        raise _wrong(f"`documentId` must be a string of 1 to {LONGEST_ID} characters")
    return given


def _persisted(extensions: Any) -> str | None:
    """The hash of an automatic persisted query, where one is meant."""
    if extensions is None:
        return None
    if not isinstance(extensions, dict):
        raise _wrong("`extensions` must be an object")
    given = extensions.get("persistedQuery")
    if given is None:
        return None
    if not isinstance(given, dict) or given.get("version") != 1:
        raise _wrong("`extensions.persistedQuery` must be an object of `version` 1")
    sha256 = given.get("sha256Hash")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise _wrong("`extensions.persistedQuery.sha256Hash` must be 64 lower-case hexadecimal digits")
    return sha256


def _wrong(message: str) -> Turned:
    return Turned(400, Code.BAD_REQUEST, message)
