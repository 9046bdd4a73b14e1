"""What can be changed."""

from __future__ import annotations
import strawberry


@strawberry.type(description="x")
class Mutation:
    @strawberry.field(description="y")
    def x(self) -> int:
        return 1
