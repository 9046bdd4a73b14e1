"""The example operations: one file a persona kind, each operation titled by the comment above it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    parse,
)
from graphql.language import Visitor, visit

KINDS_IN_ORDER = ("headquarters", "region", "branch", "client")


class Example(TypedDict):
    """One operation: `query` is its own text, followed by the fragments it spreads."""

    name: str
    title: str
    query: str


class ExampleGroup(TypedDict):
    """The examples of one persona kind, in the order of its file."""

    persona: str
    examples: list[Example]


def example_groups(folder: Path) -> list[ExampleGroup]:
    """Every `*.graphql` of the folder, widest view first; a mistake is an error that names the file."""
    files = sorted(folder.glob("*.graphql"), key=_rank)
    return [ExampleGroup(persona=file.stem, examples=_examples_in(file)) for file in files]


def _rank(file: Path) -> tuple[int, str]:
    known = file.stem in KINDS_IN_ORDER
    return (KINDS_IN_ORDER.index(file.stem) if known else len(KINDS_IN_ORDER), file.stem)


def _examples_in(file: Path) -> list[Example]:
    text = file.read_text(encoding="utf-8")
    try:
        document = parse(text)
    except Exception as error:
        raise ValueError(f"{file.name}: {error}") from error
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if any(operation.name is None for operation in operations):
        raise ValueError(f"{file.name}: an operation has no name; write `query AName {{ … }}`")
    return [_example(operation, document, text) for operation in operations]


def _example(operation: OperationDefinitionNode, document: DocumentNode, text: str) -> Example:
    assert operation.name is not None
    name = operation.name.value
    comment = _comment_above(operation, text)
    parts = [*([_hashed(comment)] if comment else []), _source(operation, text)]
    parts += [f"\n{_source(fragment, text)}" for fragment in _fragments_of(operation, document)]
    return Example(name=name, title=" ".join(comment) or name, query="\n".join(parts) + "\n")


def _comment_above(node: ExecutableDefinitionNode, text: str) -> list[str]:
    """The unbroken run of `#` lines right above the definition, without their `#`."""
    lines = text[: _span(node)[0]].splitlines()
    run: list[str] = []
    while lines and lines[-1].lstrip().startswith("#"):
        run.insert(0, lines.pop().strip().lstrip("#").strip())
    return run


def _hashed(comment: list[str]) -> str:
    return "\n".join(f"# {line}".rstrip() for line in comment)


def _fragments_of(node: ExecutableDefinitionNode, document: DocumentNode) -> Iterator[FragmentDefinitionNode]:
    """The fragments that the node spreads, directly or not, in the order of the file."""
    known = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    wanted: set[str] = set()
    to_read: list[ExecutableDefinitionNode] = [node]
    while to_read:
        new = _spreads_in(to_read.pop()) & known.keys() - wanted
        wanted |= new
        to_read += [known[name] for name in new]
    return (fragment for name, fragment in known.items() if name in wanted)


def _spreads_in(node: ExecutableDefinitionNode) -> set[str]:
    spreads = _Spreads()
    visit(node, spreads)
    return spreads.names


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        self.names.add(node.name.value)


def _source(node: ExecutableDefinitionNode, text: str) -> str:
    start, end = _span(node)
    return text[start:end]


def _span(node: ExecutableDefinitionNode) -> tuple[int, int]:
    assert node.loc is not None
    return node.loc.start, node.loc.end
