"""Circles of control: companies that reach one another, found in one walk (Tarjan 1972)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from domain.connections.kinds import Company


def circles(
    companies: Iterable[Company], below: Callable[[Company], Iterable[Company]]
) -> Iterator[list[Company]]:
    """The companies and all below them in circles, most of one company alone; a circle after those below it."""
    walk = _Walk(below)
    for company in list(companies):
        if company not in walk.lowest:
            yield from walk.start(company)


class _Walk:
    """A walk that keeps its path in a list: chains of control may be longer than Python's stack."""

    def __init__(self, below: Callable[[Company], Iterable[Company]]) -> None:
        self._below = below
        # Of each company: when it was reached, lowered to the earliest that can be reached again from it.
        self.lowest: dict[Company, int] = {}
        self._open: list[Company] = []
        self._is_open: set[Company] = set()
        self._path: list[tuple[Company, int, Iterator[Company]]] = []

    def start(self, top: Company) -> Iterator[list[Company]]:
        """Walk down from a company that has not been reached."""
        self._enter(top)
        while self._path:
            company, reached, following = self._path[-1]
            for other in following:
                if other not in self.lowest:
                    self._enter(other)
                    break
                if other in self._is_open:
                    self.lowest[company] = min(self.lowest[company], self.lowest[other])
            else:
                self._path.pop()
                if self._path:
                    above = self._path[-1][0]
                    self.lowest[above] = min(self.lowest[above], self.lowest[company])
                if self.lowest[company] == reached:
                    yield self._close(company)

    def _enter(self, company: Company) -> None:
        reached = self.lowest[company] = len(self.lowest)
        self._open.append(company)
        self._is_open.add(company)
        self._path.append((company, reached, iter(self._below(company))))

    def _close(self, first: Company) -> list[Company]:
        """The circle whose earliest company this is."""
        circle: list[Company] = []
        while not circle or circle[-1] != first:
            circle.append(self._open.pop())
        self._is_open.difference_update(circle)
        return circle
