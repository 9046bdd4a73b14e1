"""From a record to the entities that a mapping makes of it, or to the reason why it makes none.

A plan is compiled once from mapping and header; then each row is a walk over its steps. The first refusal
ends the row: one bad row, one error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from domain.intake.cells import Bad
from domain.intake.mapping import Mapping, Source, When
from domain.intake.problems import FileRefused, Problem, Severity, shown
from domain.intake.row_rules import RULES
from domain.intake.sources import MISSING, Attempt, Condition, Values, attempt, condition, references
from domain.intake.targets import (
    CURRENCY_WITH_AMOUNT,
    KEYED_WITHIN,
    KEYS,
    SEVERAL_A_ROW,
    TARGETS,
    UNIT,
    Kind,
    Target,
)
from domain.spelling import nearest

Entity: TypeAlias = tuple[Any, ...]
"""An entity's values, in the order of its columns."""


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
class _Step:
    key: str
    attempts: tuple[Attempt, ...]
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
        if problem := self._contradiction(line, values):
            return Reading(None, (problem,))
        row = Row(line, values.get("unit"))
        for entity in TARGETS:
            if entity not in SEVERAL_A_ROW and self.columns[entity]:
                if entity in CURRENCY_WITH_AMOUNT and values.get(f"{entity}.amount") is None:
                    values[f"{entity}.currency"] = None
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
        if (of := KEYED_WITHIN.get(entity)) is not None:
            return (*self.key(of, row, row.entities[of][0]), *own)
        return own if entity == "region" else (row.unit, *own)

    def label(self, entity: str, name: str) -> str:
        """The file's column behind a target, or the target itself; nothing where there is no target."""
        key = f"{entity}.{name}"
        return next((step.label for step in self._single if step.key == key), key if name else "")

    def _add(self, row: Row, shape: _Shape, own: Values, problems: list[Problem]) -> None:
        """Add the entity if all that it needs is there; a warning says so where it is not."""
        entity = shape.entity
        lacking = [s for s in shape.steps if s.required and own.get(s.key) is None]
        if lacking:
            warned = any(problem.column == lacking[0].label for problem in problems)
            if not warned and entity != "region_indicator":
                reason = f"there is no {lacking[0].key}: the {entity} is not recorded"
                problems.append(Problem(row.line, lacking[0].label, "", reason, Severity.WARNING))
            return
        made = {name: own.get(f"{shape.key}.{name}") for name in self.columns[entity]}
        # An amount has a currency, and a currency belongs to an amount.
        if entity in CURRENCY_WITH_AMOUNT and "currency" in made and made.get("amount") is None:
            made["currency"] = None
        row.entities.setdefault(entity, []).append(tuple(made.values()))

    def _contradiction(self, line: int, values: Values) -> Problem | None:
        """The first of the rules between an entity's own facts that the row breaks."""
        for entity, rules in RULES.items():
            if self.columns[entity]:
                facts = {name: values[f"{entity}.{name}"] for name in self.columns[entity]}
                client = tuple(values.get(f"client.{name}") for name in KEYS["client"])
                for rule in rules:
                    if broken := rule(facts, client):
                        name, reason = broken
                        return Problem(line, self.label(entity, name), shown(str(facts[name])), reason)
        return None

    def _take(
        self, step: _Step, line: int, fields: Sequence[str], values: Values, problems: list[Problem]
    ) -> Problem | None:
        """Put the step's value among the values, or say why the row is refused."""
        values[step.key] = step.default
        for tried in step.attempts:
            if tried.holds and not tried.holds(fields, values):
                continue
            found = tried.find(fields, values)
            if found is MISSING:
                if tried.required:
                    return Problem(line, tried.label, "", "is blank and must not be")
                continue
            if not isinstance(found, Bad):
                values[step.key] = found
                return None
            value = shown(fields[tried.place]) if tried.place is not None else ""
            if tried.refuses:
                return Problem(line, tried.label, value, found.reason)
            reason = f"{found.reason}; set missing"
            problems.append(Problem(line, tried.label, value, reason, Severity.WARNING))
        if step.required and step.default is None and step.key.partition("[")[0] not in SEVERAL_A_ROW:
            return Problem(line, step.label, "", "is blank and must not be")
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
                raise FileRefused(
                    f"the mapping's targets refer to each other in a circle: {', '.join(below)}"
                )
            if key not in ordered:
                for other in references(key, sources[key]):
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
        return _Shape(entity, key, condition(self._header, form.when), steps)

    def _step(self, key: str, target: Target, sources: Sequence[Source]) -> _Step:
        attempts = tuple(attempt(self._mapping, self._header, key, target, source) for source in sources)
        label = next((source.column for source in sources if source.column is not None), key)
        return _Step(key, attempts, target.required, target.default, label)


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
