"""SQL laid out for reading: a line for each clause, indented by subquery; nothing but blanks is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKENS = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\s+|[()]|[^\s()'\"]+")
_CLAUSES = {"SELECT", "FROM", "WHERE", "ORDER", "GROUP", "LIMIT", "JOIN", "LEFT", "HAVING"}
_WIDEST = 110


def laid_out(sql: str) -> str:
    """The statement with a line break before each clause, and in lines that are too long."""
    lines: list[str] = []
    line = ""
    for depth, token in _placed(sql):
        is_clause = token in _CLAUSES and not (token == "JOIN" and line.endswith("LEFT OUTER "))
        if is_clause or (len(line) + len(token) > _WIDEST and line.endswith(" ")):
            lines.append(line.rstrip())
            line = "  " * (depth if is_clause else depth + 1)
        line += token
    return "\n".join([*lines, line.rstrip()]).lstrip("\n") + "\n"


def _placed(sql: str) -> Iterator[tuple[int, str]]:
    """Each token with the number of subqueries around it; blanks are single."""
    open_: list[bool] = []
    tokens = [" " if token.isspace() else token for token in _TOKENS.findall(sql)]
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if token == "(":
            open_.append(following == "SELECT")
        elif token == ")":
            open_.pop()
        yield sum(open_), token
