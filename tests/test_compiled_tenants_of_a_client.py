"""The same for a client of two branches; a file of its own, so that it runs beside the other."""

from __future__ import annotations

from conftest import Server
from odd_bank import opened_odd_bank
from test_compiled_tenants import TENANTS, before_and_after, pytestmark

__all__ = ["pytestmark"]


def test_answers_to_a_client_are_the_same_whether_others_are_there_or_not(
    server: Server, template: str
) -> None:
    with opened_odd_bank(server, template) as bank:
        bank.run(before_and_after(bank, TENANTS["a client of two branches"]))
