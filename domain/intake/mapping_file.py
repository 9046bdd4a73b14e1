"""Reading a mapping file (TOML): everything it names is checked before the first row is read."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from decimal import Decimal

from pydantic import ValidationError

from domain.intake.mapping import (
    Amounts,
    Dates,
    EntityForm,
    FileForm,
    HeadquartersForm,
    Mapping,
    MappingRefused,
    Model,
    Source,
    UnitForm,
    When,
)
from domain.intake.mapping_checks import mistakes
from domain.intake.targets import NEEDS, SEVERAL_A_ROW, TARGETS, is_found_only
from domain.organisation import KINDS_BELOW, UnitKind
from domain.spelling import nearest

LARGEST_MAPPING = 1_000_000


def read_mapping(written: str) -> Mapping:
    """The mapping, or MappingRefused with every mistake found."""
    if len(written) > LARGEST_MAPPING:
        raise MappingRefused(f"the mapping is longer than {LARGEST_MAPPING} characters")
    try:
        mapping = Mapping.model_validate(tomllib.loads(written, parse_float=Decimal))
    except tomllib.TOMLDecodeError as problem:
        raise MappingRefused(f"the mapping is not TOML: {problem}") from None
    except (RecursionError, ValueError) as problem:
        if isinstance(problem, ValidationError):
            raise MappingRefused("\n".join(_mistakes_of_form(problem))) from None
        raise MappingRefused(f"the mapping is not usable TOML: {problem}") from None
    if mistakes := list(_mistakes(mapping)):
        raise MappingRefused("\n".join(mistakes))
    return mapping


def _mistakes_of_form(problem: ValidationError) -> Iterator[str]:
    for error in problem.errors(include_url=False, include_context=False):
        place = [str(p) for p in error["loc"] if p != "fields" and not isinstance(p, int)]
        key, message = ".".join(place) or "the mapping", error["msg"].removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            model = _model_at(place)
            names = [field.alias or name for name, field in model.model_fields.items()]
            message = "unknown key" + nearest(place[-1], names)
        yield f"{key}: {message}"


def _model_at(place: list[str]) -> type[Model]:
    """Which model the last name of the place was looked up in."""
    if len(place) == 1:
        return Mapping
    if place[0] in TARGETS or place[0] == "unit":
        return When if "when" in place else Source
    forms: dict[str, type[Model]] = {
        "file": FileForm,
        "dates": Dates,
        "amounts": Amounts,
        "units": UnitForm,
        "headquarters": HeadquartersForm,
    }
    return forms.get(place[0], Mapping)


def _mistakes(mapping: Mapping) -> Iterator[str]:
    yield from mistakes(mapping)
    yield from _mistakes_of_tree(mapping)
    yield from _mistakes_of_entities(mapping)


def _mistakes_of_tree(mapping: Mapping) -> Iterator[str]:
    declared = {unit.code: unit for unit in mapping.units}
    if len(declared) < len(mapping.units) or mapping.headquarters.code in declared:
        yield "units: a code is declared twice"
    for unit in mapping.units:
        if unit.parent is None or unit.parent == mapping.headquarters.code:
            above = UnitKind.HEADQUARTERS
        elif unit.parent in declared:
            above = declared[unit.parent].kind
        else:
            yield f"units: {unit.code!r} stands under {unit.parent!r}, which is not declared" + nearest(
                unit.parent, declared
            )
            continue
        if unit.kind not in KINDS_BELOW[above]:
            yield f"units: {unit.code!r} is a {unit.kind}, which may not stand under a {above}"
    if _has_cycle(declared):
        yield "units: some stand below themselves"


def _has_cycle(declared: dict[str, UnitForm]) -> bool:
    for start in declared:
        seen, current = set(), declared.get(start)
        while current and current.parent:
            if current.code in seen:
                return True
            seen.add(current.code)
            current = declared.get(current.parent)
    return False


def _mistakes_of_entities(mapping: Mapping) -> Iterator[str]:
    for entity, forms in _forms(mapping):
        if len(forms) > 1 and entity not in SEVERAL_A_ROW:
            yield f"{entity}: a row makes one at most"
        if forms and entity in NEEDS and not getattr(mapping, NEEDS[entity]):
            yield f"{entity}: needs [{NEEDS[entity]}] in the same mapping"
        if forms and entity not in SEVERAL_A_ROW and forms[0].when:
            yield f"{entity}: only {' and '.join(sorted(SEVERAL_A_ROW))} take a condition"
    if mapping.client and not mapping.unit:
        yield "unit: missing; it says which branch keeps the row's client"
    if not any(forms and not is_found_only(entity, forms[0].fields) for entity, forms in _forms(mapping)):
        yield f"the mapping makes nothing of a row; it needs some of {', '.join(TARGETS)}"


def _forms(mapping: Mapping) -> list[tuple[str, Sequence[EntityForm]]]:
    return [(entity, getattr(mapping, entity)) for entity in TARGETS]
