"""What is made once and stays until the end, and so is nothing for the garbage collector to look through."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def made_to_last() -> Iterator[None]:
    """Meanwhile nothing is collected, and what is there at the end never is.

    Else the collector would look through all that is already made again and again, while nothing of it is garbage:
    that took a fifth of the time of importing us and building the graph, and a quarter of serving.
    """
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collected:
            gc.enable()
