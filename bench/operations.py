"""The operations that are measured: who asks them, and with which documents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DOCUMENTS = Path(__file__).parent / "operations"

BRANCH = "branch:310000"
REGION = "region:EAST"
HEADQUARTERS = "headquarters"
PERSONAS = (BRANCH, REGION, HEADQUARTERS)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; its documents lie in operations/, named for it.

    `by_id` says that each request asks for another client, in its variables.
    """

    name: str
    title: str
    persona: str
    by_id: bool = False

    def document(self, dialect: str = "") -> str:
        """The GraphQL document, in branchgraph's words or in those of a `dialect`."""
        return (DOCUMENTS / f"{self.name}{dialect}.graphql").read_text(encoding="utf-8")


OPERATIONS = (
    Operation("one_client", "one client by id, 8 fields", BRANCH, by_id=True),
    Operation("clients_with_facilities", "50 clients with their facilities", BRANCH),
    Operation("clients_flat", "500 clients flat, 8 fields", REGION),
    Operation("facilities_grouped", "all facilities by branch and status", HEADQUARTERS),
    Operation("largest_clients", "20 branches × 10 largest clients × facilities", HEADQUARTERS),
    Operation("filtered_connection", "20 clients, filtered, ordered, counted", BRANCH),
)
