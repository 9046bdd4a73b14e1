"""The units that rows need: found in the tree, or made as the mapping declares them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from domain.intake.mapping import Mapping, UnitForm
from domain.organisation import KINDS_WITH_CLIENTS, Organisation, UnitKind
from tenants.database import Database
from tenants.organisation import Directory
from tenants.tables import unit

UNKNOWN = "names a unit that this bank does not have"
KEEPS_NO_CLIENTS = "names a unit that keeps no clients"


async def ensure_headquarters(database: Database, directory: Directory, mapping: Mapping) -> int:
    """The id of the root, which is made where the bank has none."""
    organisation = await directory.organisation()
    if (root := _root(organisation)) is None:
        form = mapping.headquarters
        await _add(database, directory, form.code, form.name, UnitKind.HEADQUARTERS, None)
        root = _root(await directory.organisation())
    assert root is not None, "just made"
    return root


async def ensure_units(
    database: Database, directory: Directory, mapping: Mapping, codes: Iterable[str]
) -> dict[str, int | str]:
    """For each code the id of its unit, or why rows cannot be kept there. What exists is left as it is."""
    directory.forget()
    for code in codes:
        if (form := mapping.unit_named(code)) is not None:
            await _ensure(database, directory, mapping, form)
    organisation = await directory.organisation()
    return {code: _keeper(organisation, code) for code in codes}


def _keeper(organisation: Organisation, code: str) -> int | str:
    found = organisation.with_code(code)
    if found is None:
        return UNKNOWN
    return found.id if found.kind in KINDS_WITH_CLIENTS else KEEPS_NO_CLIENTS


async def _ensure(database: Database, directory: Directory, mapping: Mapping, form: UnitForm) -> int:
    if found := (await directory.organisation()).with_code(form.code):
        return found.id
    above = mapping.unit_named(form.parent) if form.parent else None
    if above is None:
        parent = await ensure_headquarters(database, directory, mapping)
    else:
        parent = await _ensure(database, directory, mapping, above)
    await _add(database, directory, form.code, form.name, form.kind, parent)
    made = (await directory.organisation()).with_code(form.code)
    assert made is not None, "just made"
    return made.id


async def _add(
    database: Database, directory: Directory, code: str, name: str, kind: UnitKind, parent: int | None
) -> None:
    """Make the unit, unless another run has just done so."""
    async with database.transaction(await directory.operator(), write=True) as transaction:
        known = await transaction.value(select(unit.c.id).where(unit.c.code == code))
        if known is None:
            values = {"code": code, "name": name, "kind": kind.value, "parent_id": parent}
            # Not on any conflict: a taken id would be swallowed, and the unit would silently not be there.
            conflict = None if kind is UnitKind.HEADQUARTERS else [unit.c.code]
            await transaction.rows(
                insert(unit).values(values).on_conflict_do_nothing(index_elements=conflict)
            )
    directory.forget()


def _root(organisation: Organisation) -> int | None:
    return next((u.id for u in organisation if u.kind is UnitKind.HEADQUARTERS), None)
