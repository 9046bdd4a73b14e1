"""What the documents say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from api.settings import settings_table
from schema.graph import graph

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "api" / "graphiql" / "examples").glob("*.graphql"))


def mistakes(document: str) -> list[str]:
    return [error.message for error in validate(graph()._schema, parse(document))]


def readme_operations() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    asked = re.findall(r"^ask \S+ '(.*)'$", text, re.MULTILINE)
    written = re.findall(r"```graphql\n(.*?)```", text, re.DOTALL)
    return [*(query.replace('\\"', '"') for query in asked), *written]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.stem))
def test_every_example_of_graphiql_fits_the_schema(file: Path) -> None:
    assert mistakes(file.read_text(encoding="utf-8")) == []


def test_every_operation_in_the_readme_fits_the_schema() -> None:
    operations = readme_operations()
    assert len(operations) >= 5
    assert [mistakes(operation) for operation in operations] == [[]] * len(operations)


def test_the_readme_lists_every_setting() -> None:
    assert settings_table() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"):
        named = set(re.findall(r"`make ([a-z0-9-]+)", (ROOT / document).read_text(encoding="utf-8")))
        assert named <= targets, document
