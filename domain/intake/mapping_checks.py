"""The mistakes a mapping can make in its sources: targets, code lists, options that do not fit their target."""

from __future__ import annotations

from collections.abc import Iterator

from domain.intake.cells import Bad
from domain.intake.mapping import CodeList, EntityForm, Mapping, Source, When
from domain.intake.readers import Constant, constant
from domain.intake.sources import references
from domain.intake.targets import SEVERAL_A_ROW, TARGETS, UNIT, Kind, Target, is_found_only
from domain.spelling import nearest

_DATE_OPTIONS = frozenset({"formats", "not_before", "not_after"})
_BOUNDS = frozenset({"minimum", "maximum"})

OPTIONS_OF: dict[Kind, frozenset[str]] = {
    Kind.TEXT: frozenset({"pattern"}),
    Kind.REGISTRATION: frozenset({"pattern"}),
    Kind.INTEGER: _BOUNDS,
    Kind.DATE: _DATE_OPTIONS,
    Kind.AMOUNT: frozenset(),
    Kind.DECIMAL: frozenset(),
    Kind.CODE: frozenset(),
    Kind.BOOLEAN: frozenset(),
}
"""Options of a column that mean something for some kinds only."""

_SPECIAL = _DATE_OPTIONS | _BOUNDS | {"pattern"}


def mistakes(mapping: Mapping) -> Iterator[str]:
    """Every mistake, led by the key that makes it."""
    for source in mapping.unit or ():
        yield from _of_source(mapping, "unit", UNIT, source)
    for entity, key, form in mapping.entities():
        yield from _of_entity(mapping, entity, key, form)
    yield from _of_circles(mapping)


def _of_entity(mapping: Mapping, entity: str, key: str, form: EntityForm) -> Iterator[str]:
    targets = TARGETS[entity]
    for name in form.fields:
        if name not in targets:
            yield f"{key}.{name}: unknown target{nearest(name, targets)}"
    for name, target in targets.items():
        if target.required and name not in form.fields and not is_found_only(entity, form.fields):
            yield f"{key}.{name}: missing; there is no {entity} without it"
        if target.kind is Kind.AMOUNT and name in form.fields and "currency" not in form.fields:
            yield f"{key}.{name}: is an amount; {key}.currency must say in which currency"
    for condition in form.when:
        yield from _of_condition(mapping, f"{key}.when", condition)
    for name, sources in form.fields.items():
        for source in sources:
            if name in targets:
                yield from _of_source(mapping, f"{key}.{name}", targets[name], source)


def _of_source(mapping: Mapping, key: str, target: Target, source: Source) -> Iterator[str]:
    given = [n for n, v in (("column", source.column), ("from", source.from_)) if v is not None]
    given += ["constant"] if source.constant is not None else []
    if len(given) != 1:
        yield f"{key}: needs exactly one of column, constant and from, and has {' and '.join(given) or 'none'}"
        return
    for condition in source.when:
        yield from _of_condition(mapping, f"{key}.when", condition)
    yield from _of_options(key, target, source)
    if source.codes is not None:
        yield from _of_codes(mapping, f"{key}.codes", target, source.codes)
    elif target.kind is Kind.BOOLEAN and source.column is not None:
        yield f"{key}: needs a code list (codes = …) that says what is true and what is false"
    if source.constant is not None:
        yield from _of_constant(mapping, f"{key}.constant", target, source.constant)
    if source.from_ is not None:
        yield from _of_reference(mapping, f"{key}.from", source.from_, target.kind)
    if source.plus_months is not None:
        yield from _of_reference(mapping, f"{key}.plus_months", source.plus_months, Kind.INTEGER)


def _of_options(key: str, target: Target, source: Source) -> Iterator[str]:
    set_ = source.model_fields_set
    for option in sorted((set_ & _SPECIAL) - (OPTIONS_OF[target.kind] if source.column else frozenset())):
        yield f"{key}.{option}: has no meaning for a {target.kind}"
    if "codes" in set_ and source.column is None:
        yield f"{key}.codes: has a meaning for a column only"
    for option in sorted(set_ & {"plus_months", "at_most"}):
        if source.from_ is None or target.kind is not Kind.DATE:
            yield f"{key}.{option}: has a meaning for a date taken from another target only"


def _of_codes(mapping: Mapping, key: str, target: Target, name: str) -> Iterator[str]:
    if name not in mapping.codes:
        yield f"{key}: there is no code list {name!r}{nearest(name, mapping.codes)}"
        return
    listed: CodeList = mapping.codes[name]
    for word, value in listed.items():
        yield from _of_constant(mapping, f"codes.{name}.{word!r}", target, value)


def _of_constant(mapping: Mapping, key: str, target: Target, value: Constant) -> Iterator[str]:
    meant = constant(mapping, target, value)
    if isinstance(meant, Bad):
        known = nearest(str(value), sorted(target.allowed)) if target.allowed else ""
        yield f"{key}: {value!r} {meant.reason}{known}"


def _of_condition(mapping: Mapping, key: str, condition: When) -> Iterator[str]:
    if (condition.column is None) == (condition.target is None):
        yield f"{key}: needs either column or target"
    if (condition.is_ is None) == (condition.present is None):
        yield f"{key}: needs either is or present"
    if condition.target is not None:
        yield from _of_reference(mapping, f"{key}.target", condition.target, None)


def _of_reference(mapping: Mapping, key: str, name: str, kind: Kind | None) -> Iterator[str]:
    entity, _, field = name.partition(".")
    mapped = {
        f"{other}.{target}": TARGETS[other][target].kind
        for other, _, form in mapping.entities()
        if other not in SEVERAL_A_ROW
        for target in form.fields
        if target in TARGETS[other]
    }
    if mapping.unit:
        mapped["unit"] = Kind.TEXT
    if name not in mapped:
        why = (
            "cannot be referred to" if entity in SEVERAL_A_ROW and field else "is not filled by this mapping"
        )
        yield f"{key}: {name!r} {why}{nearest(name, mapped)}"
    elif kind is not None and mapped[name] is not kind and {mapped[name], kind} - _WORDS:
        yield f"{key}: {name!r} is a {mapped[name]}, not a {kind}"


def _of_circles(mapping: Mapping) -> Iterator[str]:
    """A target that needs itself, whichever way round."""
    needs = {"unit": references("unit", mapping.unit or ())}
    for entity, key, form in mapping.entities():
        if entity not in SEVERAL_A_ROW:
            needs |= {
                f"{key}.{name}": references(f"{key}.{name}", given) for name, given in form.fields.items()
            }
    for start in needs:
        waiting, reached = list(needs[start]), set[str]()
        while waiting:
            if (name := waiting.pop()) not in reached:
                reached.add(name)
                waiting += needs.get(name, ())
        if start in reached:
            yield f"{start}: refers to itself in a circle"


_WORDS = frozenset({Kind.TEXT, Kind.REGISTRATION})
"""A registration number may serve as a text (a loan's reference), and the other way round."""
