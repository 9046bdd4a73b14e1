"""From a record to the entities that a mapping makes of it, or to the reason why it makes none.

A plan is compiled once from mapping and header; then each row is a walk over its steps. The first refusal
ends the row: one bad row, one error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from domain.intake import cells
from domain.intake.cells import Bad
from domain.intake.mapping import Mapping, Source, When, nearest
from domain.intake.problems import FileRefused, Problem, Severity, shown
from domain.intake.readers import constant, reader
from domain.intake.targets import KEYS, SEVERAL_A_ROW, TARGETS, UNIT, Kind, Target

Entity: TypeAlias = tuple[Any, ...]
"""An entity's values, in the order of its columns."""

Values: TypeAlias = dict[str, Any]
Condition: TypeAlias = Callable[[Sequence[str], Values], bool]
Finder: TypeAlias = Callable[[Sequence[str], Values], Any]

_MISSING = object()


@dataclass(slots=True)
class Row:
    """What one record becomes. Several entities of a kind are possible where SEVERAL_A_ROW says so."""

    line: int
    unit: str | None
    entities: dict[str, list[Entity]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """A row with its warnings, or no row and the one error that refused it."""

    row: Row | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One source of a step: where it holds, what it finds, and what a blank or bad value does to the row."""

    label: str
    place: int | None
    holds: Condition | None
    find: Finder
    required: bool
    refuses: bool


@dataclass(frozen=True, slots=True)
class _Step:
    key: str
    attempts: tuple[_Attempt, ...]
    required: bool
    default: Any
    label: str


@dataclass(frozen=True, slots=True)
class _Shape:
    """One entity of the plan: its steps in the order in which they depend on each other."""

    entity: str
    key: str
    holds: Condition | None
    steps: tuple[_Step, ...]


class Plan:
    """How rows of one file are read by one mapping. Raises FileRefused where columns are missing."""

    def __init__(self, mapping: Mapping, header: Sequence[str]) -> None:
        self._mapping = mapping
        self._header = tuple(header)
        self.columns = {entity: _columns(mapping, entity) for entity in TARGETS}
        """Of each entity, the targets that this mapping fills, in the order of the target table."""
        self._keys = {
            entity: [self.columns[entity].index(name) for name in names]
            for entity, names in KEYS.items()
            if self.columns[entity]
        }
        self._check_header()
        self._single = self._ordered()
        self._several = [
            self._shape(entity, key) for entity, key, _ in mapping.entities() if entity in SEVERAL_A_ROW
        ]

    def read(self, line: int, fields: Sequence[str]) -> Reading:
        """What a record becomes. Pure: the same record always becomes the same."""
        cells_ = [value.strip() for value in fields]
        values: Values = {}
        problems: list[Problem] = []
        for step in self._single:
            if problem := self._take(step, line, cells_, values, problems):
                return Reading(None, (problem,))
        row = Row(line, values.get("unit"))
        for entity in TARGETS:
            if entity not in SEVERAL_A_ROW and self.columns[entity]:
                row.entities[entity] = [tuple(values[f"{entity}.{name}"] for name in self.columns[entity])]
        for shape in self._several:
            if shape.holds and not shape.holds(cells_, values):
                continue
            own = dict(values)
            for step in shape.steps:
                if problem := self._take(step, line, cells_, own, problems):
                    return Reading(None, (problem,))
            self._add(row, shape, own, problems)
        return Reading(row, tuple(problems))

    def key(self, entity: str, row: Row, made: Entity) -> tuple[Any, ...]:
        """What makes this entity the same one when a later line, or a later file, brings it again."""
        own = tuple(made[place] for place in self._keys[entity])
        if entity == "region_indicator":
            return (row.entities["region"][0][self._keys["region"][0]], *own)
        return own if entity == "region" else (row.unit, *own)

    def _add(self, row: Row, shape: _Shape, own: Values, problems: list[Problem]) -> None:
        """Add the entity if all that it needs is there; a warning says so where it is not."""
        entity, targets = shape.entity, TARGETS[shape.entity]
        lacking = [s for s in shape.steps if s.required and own.get(s.key) is None]
        if lacking:
            warned = any(problem.column == lacking[0].label for problem in problems)
            if not warned and entity != "region_indicator":
                reason = f"there is no {lacking[0].key}: the {entity} is not recorded"
                problems.append(Problem(row.line, lacking[0].label, "", reason, Severity.WARNING))
            return
        made = {name: own.get(f"{shape.key}.{name}") for name in self.columns[entity]}
        # An amount has a currency, and a currency belongs to an amount.
        if any(targets[name].kind is Kind.AMOUNT for name in made) and made.get("amount") is None:
            made["currency"] = None
        row.entities.setdefault(entity, []).append(tuple(made.values()))

    def _take(
        self, step: _Step, line: int, fields: Sequence[str], values: Values, problems: list[Problem]
    ) -> Problem | None:
        """Put the step's value among the values, or say why the row is refused."""
        values[step.key] = step.default
        for attempt in step.attempts:
            if attempt.holds and not attempt.holds(fields, values):
                continue
            found = attempt.find(fields, values)
            if found is _MISSING:
                if attempt.required:
                    return Problem(line, attempt.label, "", "is blank and must not be")
                continue
            if type(found) is not Bad:
                values[step.key] = found
                return None
            value = shown(fields[attempt.place]) if attempt.place is not None else ""
            if attempt.refuses:
                return Problem(line, attempt.label, value, found.reason)
            reason = f"{found.reason}; set missing"
            problems.append(Problem(line, attempt.label, value, reason, Severity.WARNING))
        if step.required and step.default is None and step.key.partition("[")[0] not in SEVERAL_A_ROW:
            return Problem(line, step.label, "", f"is blank and must not be ({step.key})")
        return None

    def _check_header(self) -> None:
        twice = {name for name in self._header if self._header.count(name) > 1}
        for key, name in _columns_named(self._mapping):
            if name not in self._header:
                raise FileRefused(f"the file has no column {name!r}, which {key} names" + self._hint(name))
            if name in twice:
                raise FileRefused(f"the file has several columns {name!r}, which {key} names: leave one")

    def _hint(self, name: str) -> str:
        return nearest(name, [shown(column) for column in self._header[:60]])

    def _ordered(self) -> list[_Step]:
        """The steps of unit, client, facility and region so that each comes after what it refers to."""
        steps: dict[str, _Step] = {}
        if self._mapping.unit:
            steps["unit"] = self._step("unit", UNIT, self._mapping.unit)
        sources = {"unit": self._mapping.unit or ()}
        for entity, key, form in self._mapping.entities():
            if entity not in SEVERAL_A_ROW:
                steps |= {step.key: step for step in self._shape(entity, key).steps}
                sources |= {f"{key}.{name}": given for name, given in form.fields.items()}
        ordered: dict[str, _Step] = {}

        def visit(key: str, below: tuple[str, ...]) -> None:
            if key in below:
                raise FileRefused(f"the mapping's targets refer to each other in a circle: {', '.join(below)}")
            if key not in ordered:
                for other in _references(key, sources[key]):
                    if other in steps:
                        visit(other, (*below, key))
                ordered[key] = steps[key]

        for key in steps:
            visit(key, ())
        return list(ordered.values())

    def _shape(self, entity: str, key: str) -> _Shape:
        form = next(form for _, k, form in self._mapping.entities() if k == key)
        steps = tuple(
            self._step(f"{key}.{name}", target, form.fields[name])
            for name, target in sorted(TARGETS[entity].items(), key=lambda item: _LAST.get(item[1].kind, 0))
            if name in form.fields
        )
        return _Shape(entity, key, self._condition(form.when), steps)

    def _step(self, key: str, target: Target, sources: Sequence[Source]) -> _Step:
        attempts = tuple(self._attempt(key, target, source) for source in sources)
        label = next((source.column for source in sources if source.column is not None), key)
        return _Step(key, attempts, target.required, target.default, label)

    def _attempt(self, key: str, target: Target, source: Source) -> _Attempt:
        place = self._header.index(source.column) if source.column is not None else None
        find = self._finder(target, source, place)
        if source.from_ is None:
            find = _finished(key, target, find)
        return _Attempt(
            label=source.column if source.column is not None else key,
            place=place,
            holds=self._condition(source.when),
            find=find,
            required=source.required,
            refuses=source.on_bad == "refuse",
        )

    def _finder(self, target: Target, source: Source, place: int | None) -> Finder:
        if place is not None:
            return _from_cell(place, reader(self._mapping, target, source), frozenset(source.missing))
        if source.constant is not None:
            fixed = constant(self._mapping, target, source.constant)
            return lambda _, __: fixed
        assert source.from_ is not None
        return _from_target(source, source.from_)

    def _condition(self, conditions: Sequence[When]) -> Condition | None:
        """Whether any of the conditions holds; None where there is none."""
        if not conditions:
            return None
        tests = [self._test(condition) for condition in conditions]
        return lambda fields, values: any(test(fields, values) for test in tests)

    def _test(self, condition: When) -> Condition:
        if condition.column is not None:
            place = self._header.index(condition.column)
            return _tested(lambda fields, _: fields[place] or None, condition)
        name = condition.target
        return _tested(lambda _, values: values.get(name or ""), condition)


_LAST = {Kind.REGISTRATION: 1, Kind.AMOUNT: 1}
"""Within an entity these are read last: they need its country and its currency."""


def _columns(mapping: Mapping, entity: str) -> tuple[str, ...]:
    filled = {name for form in getattr(mapping, entity) for name in form.fields}
    return tuple(name for name in TARGETS[entity] if name in filled)


def _columns_named(mapping: Mapping) -> list[tuple[str, str]]:
    """(the mapping's key, the column that it names)."""
    named = [("unit", source) for source in mapping.unit or ()]
    conditions: list[tuple[str, When]] = []
    for _, key, form in mapping.entities():
        named += [(f"{key}.{name}", source) for name, sources in form.fields.items() for source in sources]
        conditions += [(f"{key}.when", condition) for condition in form.when]
    conditions += [(f"{key}.when", condition) for key, source in named for condition in source.when]
    found: list[tuple[str, Source | When]] = [*named, *conditions]
    return [(key, given.column) for key, given in found if given.column is not None]


def _references(key: str, sources: Sequence[Source]) -> set[str]:
    """What must be known before this target: what its sources name, its currency, its country."""
    entity = key.partition(".")[0]
    found = {f"{entity}.currency", f"{entity}.registration_country"} - {key}
    for source in sources:
        found |= {name for name in (source.from_, source.plus_months) if name}
        found |= {condition.target for condition in source.when if condition.target}
    # Currency and country themselves are codes: they wait for nothing of their own entity.
    own = key in {f"{entity}.currency", f"{entity}.registration_country"}
    return {name for name in found if not (own and name.partition(".")[0] == entity)}


def _from_cell(place: int, read: Callable[[str], Any], missing: frozenset[str]) -> Finder:
    def find(fields: Sequence[str], _: Values) -> Any:
        cell = fields[place]
        return _MISSING if not cell or cell in missing else read(cell)

    return find


def _from_target(source: Source, name: str) -> Finder:
    months, at_most = source.plus_months, source.at_most

    def find(_: Sequence[str], values: Values) -> Any:
        found = values.get(name)
        if months is not None and found is not None:
            added = values.get(months)
            found = None if added is None else cells.add_months(found, added)
        if found is None:
            return _MISSING
        return min(found, at_most) if at_most is not None and not isinstance(found, Bad) else found

    return find


def _finished(key: str, target: Target, find: Finder) -> Finder:
    """Amounts wait for their entity's currency, registration numbers for its country."""
    entity = key.rpartition(".")[0]
    if target.kind is Kind.AMOUNT:
        currency = f"{entity}.currency"

        def amount(fields: Sequence[str], values: Values) -> Any:
            found = find(fields, values)
            if not isinstance(found, Decimal):
                return found
            return cells.minor(found, values.get(currency), target.least)

        return amount
    if target.kind is Kind.REGISTRATION:
        country = f"{entity}.registration_country"

        def registration(fields: Sequence[str], values: Values) -> Any:
            found = find(fields, values)
            return cells.registration(found, values.get(country)) if isinstance(found, str) else found

        return registration
    return find


def _tested(find: Finder, condition: When) -> Condition:
    if condition.is_ is not None:
        words = frozenset(condition.is_)
        return lambda fields, values: str(find(fields, values)) in words
    return lambda fields, values: (find(fields, values) is not None) == condition.present
