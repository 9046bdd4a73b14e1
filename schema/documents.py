"""The documents that callers send: each parsed, validated and measured once, and kept within bounds."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    StringValueNode,
    ValidationContext,
    ValidationRule,
    parse,
    specified_rules,
    validate,
)

from schema.costs import Cost, Term, cost_tree
from schema.errors import Code, CodedError
from schema.limits import DEFAULT_LIMITS, Limits, asks_for_the_schema_alone, excesses, introspects
from schema.scalars import parse_text
from schema.variables import Variables

MOST_BYTES = 48_000_000
MOST_ERRORS = 10
LONGEST_MESSAGE = 500
MOST_COMPARISONS = 100_000
BYTES_PER_TOKEN = 500
"""What the syntax tree takes, measured on documents of 200 to 20,000 characters."""
BYTES_PER_DOCUMENT = 2_000
BYTES_PER_ERROR = 1_000

_NAME_ONE = "say by `operationName` which operation of the document is meant"


@dataclass(slots=True, eq=False)
class Operation:
    """One operation of a valid document, with whatever was worked out for it so far."""

    name: str | None
    kind: OperationType
    node: OperationDefinitionNode
    document: DocumentNode
    fragments: dict[str, FragmentDefinitionNode]
    text: str
    introspects: bool
    is_about_the_schema: bool
    """Whether it asks for nothing else, and without variables."""
    costs: Term
    variables: Variables
    schema_answer: bytes | None = None
    """What it was answered, where it is about the schema alone."""
    deciding: tuple[str, ...] | None = None
    """The variables that decide what is in the answer, once the compiler has looked."""
    plans: dict[Any, Any] = field(default_factory=dict)

    def cost(self, variables: Mapping[str, Any]) -> Cost:
        """The most that it may cost with these variables, coerced or as they were sent (schema.costs)."""
        return self.costs.cost(variables)


@dataclass(slots=True, eq=False)
class Document:
    """A text that was read once: its operations, or why it is refused."""

    text_bytes: int
    refused: tuple[GraphQLError, ...]
    operations: dict[str | None, Operation]
    weight: int
    """Estimated bytes of memory, plans included."""
    sha256: str | None = None

    def operation(self, name: str | None) -> Operation:
        """The operation meant. Raises CodedError (BAD_REQUEST) where none or several may be."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None:
            raise CodedError(Code.BAD_REQUEST, _NAME_ONE)
        if name not in self.operations:
            raise CodedError(Code.BAD_REQUEST, f"the document has no operation named {name[:100]!r}")
        return self.operations[name]


class Documents:
    """A store of documents by their text; the least recently used go first when it is full."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        limits: Limits = DEFAULT_LIMITS,
        most_bytes: int = MOST_BYTES,
        hide_suggestions: bool = False,
    ) -> None:
        self.limits = limits
        self.hide_suggestions = hide_suggestions
        self._schema = schema
        self._most_bytes = most_bytes
        # One document, with its plans, takes no more than this of the room.
        self._heaviest = most_bytes // 8
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._trusted: dict[str, Document] = {}
        self._texts: dict[str, str] = {}
        self.bytes = 0

    def find(self, text: str) -> Document:
        """The document of this text; one that is refused says why, as often as it is asked for."""
        if (trusted := self._trusted.get(text)) is not None:
            return trusted
        if (known := self._kept.get(text)) is not None:
            self._kept.move_to_end(text)
            return known
        document = self._read(text)
        if document.weight <= self._heaviest:
            self._kept[text] = document
            self._make_room(document.weight)
        return document

    def trust(self, text: str) -> Document:
        """The document of this text, kept for good; what is refused is not."""
        document = self._read(text)
        if not document.refused:
            self._trusted[text] = document
        return document

    def register(self, sha256: str, text: str) -> None:
        """Let the text be asked for by its hash while it is kept. Raises CodedError where it has another hash."""
        if hashlib.sha256(text.encode()).hexdigest() != sha256:
            message = (
                "`sha256Hash` is not the SHA-256 of `query`: send the lower-case hex digest of its UTF-8"
            )
            raise CodedError(Code.BAD_REQUEST, message)
        document = self.find(text)
        if self._kept.get(text) is document:
            document.sha256 = sha256
            self._texts[sha256] = text

    def text_of(self, sha256: str) -> str | None:
        """The text that was registered under this hash, while it is kept."""
        return self._texts.get(sha256)

    def weigh(self, operation: Operation, bytes_: int) -> None:
        """Count the bytes of a plan that was added to an operation."""
        document = self._kept.get(operation.text)
        if document is None or operation not in document.operations.values():
            return
        document.weight += bytes_
        self._make_room(bytes_)
        if document.weight > self._heaviest and operation.text in self._kept:
            self._drop(operation.text)

    @property
    def count(self) -> int:
        """How many documents are kept, trusted ones included."""
        return len(self._kept) + len(self._trusted)

    def _make_room(self, bytes_: int) -> None:
        self.bytes += bytes_
        while self.bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, text: str) -> None:
        dropped = self._kept.pop(text)
        self.bytes -= dropped.weight
        if dropped.sha256 is not None:
            self._texts.pop(dropped.sha256, None)

    def _read(self, text: str) -> Document:
        size = len(text.encode("utf-8", "surrogatepass"))
        try:
            document = parse(text, max_lexical_tokens=self.limits.tokens, max_comments=self.limits.tokens)
        except GraphQLError as error:
            return _refused(size, [error], Code.PARSE_FAILED)
        errors = excesses(document, self.limits) or validate(
            self._schema, document, RULES, max_errors=MOST_ERRORS, hide_suggestions=self.hide_suggestions
        )
        if errors:
            return _refused(size, errors, Code.VALIDATION_FAILED)
        operations = self._operations(text, document)
        weight = BYTES_PER_DOCUMENT + 2 * size + BYTES_PER_TOKEN * _tokens(document)
        return Document(size, (), operations, weight)

    def _operations(self, text: str, document: DocumentNode) -> dict[str | None, Operation]:
        parts = document.definitions
        fragments = {part.name.value: part for part in parts if isinstance(part, FragmentDefinitionNode)}
        return {
            (name := part.name.value if part.name else None): Operation(
                name=name,
                kind=part.operation,
                node=part,
                document=document,
                fragments=fragments,
                text=text,
                introspects=introspects(part, fragments),
                is_about_the_schema=not part.variable_definitions
                and asks_for_the_schema_alone(part, fragments),
                costs=cost_tree(self._schema, part, fragments),
                variables=Variables(self._schema, part),
            )
            for part in parts
            if isinstance(part, OperationDefinitionNode)
        }


class _TextCanBeStored(ValidationRule):
    """A string literal must be text that PostgreSQL can hold."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        try:
            parse_text(node.value)
        except CodedError as refused:
            self.report_error(GraphQLError(refused.message, node, original_error=refused))


class _FieldsCanBeMerged(OverlappingFieldsCanBeMergedRule):
    """The specification's rule, which compares fields in pairs, with less patience than graphql-core's own."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = MOST_COMPARISONS


RULES = (
    *(rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule),
    _FieldsCanBeMerged,
    _TextCanBeStored,
)


def _refused(size: int, errors: list[GraphQLError], code: Code) -> Document:
    shown = tuple(_kept(error, code) for error in errors[:MOST_ERRORS])
    weight = BYTES_PER_DOCUMENT + 2 * size + BYTES_PER_ERROR * len(shown)
    return Document(size, shown, {}, weight)


def _kept(error: GraphQLError, code: Code) -> CodedError:
    """The error with its code and without the syntax tree; what it quotes of the document is cut short."""
    told = Code((error.extensions or {}).get("code", code))
    message = error.message
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]}…"
    if message == "Validation aborted.":
        message = "the document is too intricate to be checked: ask in several operations"
    kept = CodedError(told, message)
    kept.locations = error.locations
    return kept


def _tokens(document: DocumentNode) -> int:
    token = document.loc.start_token if document.loc else None
    count = 0
    while token is not None:
        count += 1
        token = token.next
    return count
