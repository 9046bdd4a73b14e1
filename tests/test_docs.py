"""What the documents say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from api.settings import settings_table
from schema.graph import graph

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EXAMPLES = sorted((ROOT / "api" / "graphiql" / "examples").glob("*.graphql"))


def mistakes(document: str) -> list[str]:
    return [error.message for error in validate(graph()._schema, parse(document))]


def operations_in(document: Path) -> list[str]:
    text = document.read_text(encoding="utf-8")
    asked = re.findall(r"^ask \S+ '(.*)'$", text, re.MULTILINE)
    written = re.findall(r"```graphql\n(.*?)```", text, re.DOTALL)
    return [*(query.replace('\\"', '"') for query in asked), *written]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.stem))
def test_every_example_of_graphiql_fits_the_schema(file: Path) -> None:
    assert mistakes(file.read_text(encoding="utf-8")) == []


def test_every_operation_in_a_document_fits_the_schema() -> None:
    operations = [operation for document in DOCUMENTS for operation in operations_in(document)]
    assert len(operations) >= 30
    assert [mistakes(operation) for operation in operations] == [[]] * len(operations)


def test_every_link_in_a_document_leads_somewhere() -> None:
    for document in DOCUMENTS:
        links = re.findall(r"\]\((?!https?://)([^)#\s]+)", document.read_text(encoding="utf-8"))
        assert [link for link in links if not (document.parent / link).exists()] == [], document


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"(docs/{page.name})" not in readme] == []


def test_every_file_that_the_architecture_names_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:api|schema|tenants|domain|alembic|docs|tests)/[\w./*{},-]*)`", text))
    assert len(named) >= 40
    assert [
        name for name in sorted(named) if not all(any(ROOT.glob(one)) for one in alternatives(name))
    ] == []


def alternatives(name: str) -> list[str]:
    """What `a/{b,c}.py` stands for."""
    if not (braces := re.search(r"\{([^}]*)\}", name)):
        return [name.rstrip("/")]
    return [
        one
        for said in braces[1].split(",")
        for one in alternatives(name[: braces.start()] + said + name[braces.end() :])
    ]


def test_the_readme_lists_every_setting() -> None:
    assert settings_table() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"):
        named = set(re.findall(r"`make ([a-z0-9-]+)", (ROOT / document).read_text(encoding="utf-8")))
        assert named <= targets, document
