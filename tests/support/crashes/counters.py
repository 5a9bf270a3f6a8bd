"""The counters of a daemon, which never fall as long as it lives."""

import urllib.request
from http.client import HTTPException
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tests.support.crashes.runs import promise
from tests.support.harness import PATIENCE

_GROWING: Final = {"counter", "histogram"}


class Counters:
    """What one daemon has told of its counters so far."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def look(self, url: str) -> None:
        """Read them all once more, if the daemon still lives. Raises `BrokenPromise` if one has fallen, or is gone."""
        try:
            with urllib.request.urlopen(f"{url}/metrics", timeout=PATIENCE) as answer:  # noqa: S310 - our own daemon
                text = answer.read().decode()
        except (OSError, HTTPException):
            return  # it was killed, maybe in the middle of its answer
        now = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            if family.type in _GROWING
            for sample in family.samples
            if not sample.name.endswith("_created")
        }
        for name, before in self._seen.items():
            promise(now.get(name, -1) >= before, f"the counter {name} was {before} and is {now.get(name)}")
        self._seen = now
