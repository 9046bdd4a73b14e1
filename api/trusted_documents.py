"""Documents by their ids: those that the bank trusts from a manifest, and those that callers registered by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from api.sent import Sent, Turned
from schema.documents import Documents
from schema.errors import Code, CodedError

APOLLO_FORMAT = "apollo-persisted-query-manifest"
MOST_FAULTS = 20
_PREFIX = "sha256:"


class ManifestError(Exception):
    """The manifest cannot be used; str() says which entries and why."""


class KnownDocuments:
    """Finds the text of what was sent. With `only`, nothing is executed but what the manifest holds."""

    def __init__(
        self, documents: Documents, trusted: Mapping[str, str] | None = None, *, only: bool = False
    ) -> None:
        self._documents = documents
        self._only = only
        self._texts = dict(trusted or {})
        self._trusted = frozenset(self._texts.values())
        # The hash of a trusted text is an id of it, whatever the manifest calls it.
        for text in self._trusted:
            self._texts.setdefault(hashlib.sha256(text.encode()).hexdigest(), text)

    def text_of(self, sent: Sent) -> str:
        """The document meant. Raises Turned: PERSISTED_QUERY_NOT_FOUND, BAD_REQUEST, FORBIDDEN."""
        if sent.query is not None:
            return self._taken(sent.query, sent.sha256)
        if sent.document_id is not None:
            text = self._by_id(sent.document_id.removeprefix(_PREFIX)) or self._texts.get(sent.document_id)
            if text is None:
                raise _unknown("no document has this `documentId`: register it, or send its text as `query`")
            return text
        text = self._by_id(sent.sha256 or "")
        if text is None:
            # These very words make Apollo's and urql's clients send the text along.
            raise _unknown("PersistedQueryNotFound")
        return text

    def _by_id(self, name: str) -> str | None:
        return self._texts.get(name) or (None if self._only else self._documents.text_of(name))

    def _taken(self, text: str, sha256: str | None) -> str:
        if self._only and text not in self._trusted:
            message = (
                "only documents of this server's manifest are taken: add this one to the manifest that your "
                "client's build writes, and send its `documentId`"
            )
            raise Turned(403, Code.FORBIDDEN, message)
        if sha256 is not None:
            try:
                self._documents.register(sha256, text)
            except CodedError as wrong:
                raise Turned(400, Code.BAD_REQUEST, wrong.message) from None
        return text


def trusted_documents(path: Path, documents: Documents) -> dict[str, str]:
    """The manifest's documents by id, each of them read and kept. Raises ManifestError.

    Understood are an object from id to text, as graphql-codegen's client preset and relay-compiler write it, and
    Apollo's manifest.
    """
    try:
        manifest = orjson.loads(path.read_bytes())
    except OSError as problem:
        raise ManifestError(f"{path}: cannot be read ({problem.strerror})") from None
    except orjson.JSONDecodeError as problem:
        raise ManifestError(f"{path}: is not JSON ({problem})") from None
    texts: dict[str, str] = {}
    faults: list[str] = []
    for name, text in _entries(manifest, path):
        fault = "stands there twice" if texts.get(name, text) != text else _fault(text, documents)
        if fault:
            faults.append(f"  {name}: {fault}")
        else:
            texts[name] = text
    if faults:
        more = [f"  … and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        told = [f"{path}: these documents cannot be trusted:", *faults[:MOST_FAULTS], *more]
        raise ManifestError("\n".join(told))
    return texts


def _entries(manifest: Any, path: Path) -> Iterator[tuple[str, Any]]:
    if not isinstance(manifest, dict):
        raise ManifestError(f"{path}: must be a JSON object from id to text, or Apollo's manifest")
    if manifest.get("format") != APOLLO_FORMAT:
        yield from manifest.items()
        return
    operations = manifest.get("operations")
    for number, entry in enumerate(operations if isinstance(operations, list) else [None]):
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
            raise ManifestError(f"{path}: operation {number} must be an object with `id` and `body`")
        yield entry["id"], entry.get("body")


def _fault(text: Any, documents: Documents) -> str | None:
    """Why a text cannot be trusted; None where it can, and is from now on."""
    if not isinstance(text, str):
        return "is not a text"
    refused = documents.trust(text).refused
    return refused[0].message if refused else None


def _unknown(message: str) -> Turned:
    return Turned(400, Code.PERSISTED_QUERY_NOT_FOUND, message, answers_the_graph=True)
