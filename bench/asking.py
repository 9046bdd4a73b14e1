"""How a contender is asked, one request at a time."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.answers import NoAnswer

ANSWER_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Asking:
    """How one operation is asked of one contender; `bodies` take turns."""

    url: str
    headers: Mapping[str, str]
    bodies: Sequence[bytes]


class Conversation:
    """One kept connection to where an operation is asked."""

    def __init__(self, asking: Asking) -> None:
        url = urlsplit(asking.url)
        self._path = url.path
        self._headers = {"Content-Type": "application/json", **asking.headers}
        self._connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=ANSWER_WITHIN_S)

    def ask(self, body: bytes) -> bytes:
        """The answer to one body. Raises NoAnswer where it is not a success."""
        try:
            self._connection.request("POST", self._path, body, self._headers)
            response = self._connection.getresponse()
            answered = response.read()
        except (OSError, http.client.HTTPException) as lost:
            raise NoAnswer(f"does not answer: {lost}") from None
        if response.status != 200:
            raise NoAnswer(f"answers {response.status}: {answered[:300].decode(errors='replace')}")
        return answered

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


def answer(asking: Asking, number: int = 0) -> bytes:
    """The answer to one of the bodies. Raises NoAnswer where it is not a success."""
    with closing(Conversation(asking)) as conversation:
        return conversation.ask(asking.bodies[number])


def latencies_s(asking: Asking, times: int) -> list[float]:
    """Seconds that each of so many requests took, one after the other. Raises NoAnswer."""
    with closing(Conversation(asking)) as conversation:
        taken = []
        for number in range(times):
            began = time.perf_counter()
            conversation.ask(asking.bodies[number % len(asking.bodies)])
            taken.append(time.perf_counter() - began)
    return taken
