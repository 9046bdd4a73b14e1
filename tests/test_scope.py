"""Who sees what: the tree decides, the database enforces."""

from __future__ import annotations

import pytest
from small_bank import BEIJING, JIANGSU, PUDONG, SHANGHAI, SmallBank
from sqlalchemy import select

from domain.access import Caller, Role
from tenants.database import Database
from tenants.organisation import Directory
from tenants.scope import OutOfScope
from tenants.tables import client

EVERY_BRANCH = {SHANGHAI, JIANGSU, BEIJING, PUDONG}


async def branches_seen(database: Database, directory: Directory, caller: Caller) -> set[int]:
    scope = await directory.scope(caller)
    async with database.transaction(scope) as transaction:
        return {row["branch_id"] for row in await transaction.rows(select(client.c.branch_id))}


@pytest.mark.parametrize(
    ("caller", "seen"),
    [
        (SmallBank.headquarters, EVERY_BRANCH),
        (SmallBank.analyst, EVERY_BRANCH),
        (SmallBank.east, {SHANGHAI, JIANGSU, PUDONG}),
        (SmallBank.shanghai, {SHANGHAI, PUDONG}),
        (SmallBank.jiangsu, {JIANGSU}),
        (SmallBank.huaxia, {SHANGHAI, JIANGSU}),
    ],
    ids=lambda value: value.subject if isinstance(value, Caller) else "",
)
async def test_a_caller_sees_its_own_subtree(
    database: Database, directory: Directory, caller: Caller, seen: set[int]
) -> None:
    assert await branches_seen(database, directory, caller) == seen


async def test_a_client_sees_its_own_rows_and_no_neighbour_in_the_same_branch(
    database: Database, directory: Directory
) -> None:
    scope = await directory.scope(SmallBank.huaxia)
    async with database.transaction(scope) as transaction:
        names = {row["legal_name"] for row in await transaction.rows(select(client.c.legal_name))}
    assert names == {"华夏钢铁有限公司"}


@pytest.mark.parametrize(
    "caller",
    [
        Caller("x", Role.BRANCH_MANAGER, office="999999"),
        Caller("x", Role.BRANCH_MANAGER, office=""),
        Caller("x", Role.CLIENT_USER, client_registration="CN:91310000607378229X"),
        Caller("x", Role.CLIENT_USER, client_registration=""),
        # A number alone is a Chinese one: another country's company is not reached by chance.
        Caller("x", Role.CLIENT_USER, client_registration="12345678"),
        # An office of the wrong kind would hand out every branch below it.
        Caller("x", Role.RELATIONSHIP_MANAGER, office="HQ"),
        Caller("x", Role.BRANCH_MANAGER, office="EAST"),
        Caller("x", Role.CREDIT_OFFICER, office="HQ"),
        Caller("x", Role.REGIONAL_MANAGER, office="310000"),
        Caller("x", Role.REGIONAL_MANAGER, office="HQ"),
    ],
)
async def test_a_token_that_names_nothing_known_is_refused(directory: Directory, caller: Caller) -> None:
    with pytest.raises(OutOfScope):
        await directory.scope(caller)
