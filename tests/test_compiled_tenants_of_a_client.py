"""The same for a client of two branches; a file of its own, so that it runs beside the other."""

from __future__ import annotations

from compared_answers import opened_bank
from conftest import Server
from test_compiled_tenants import TENANTS, before_and_after, pytestmark

__all__ = ["pytestmark"]


def test_answers_to_a_client_are_the_same_whether_others_are_there_or_not(
    server: Server, odd_template: str
) -> None:
    with opened_bank(server, odd_template) as bank:
        bank.run(before_and_after(bank, TENANTS["a client of two branches"]))
