"""How a catalogue checks and reports definitions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from stretto.actors.catalogue.callables import Callables
from stretto.definitions.errors import Finding
from stretto.definitions.model import Resources
from stretto.definitions.validation import KnownActions


class LogEvent(Protocol):
    """Logs an event."""

    def __call__(self, event: str, **facts: Any) -> None:
        """Log an event by its name, with its facts."""


LOGGER = "stretto.catalogue"


class LoggedFinding:
    """A finding in a log event: text in a line, and whole for those who render lines of their own."""

    __slots__ = ("finding",)

    def __init__(self, finding: Finding) -> None:
        self.finding = finding

    def __str__(self) -> str:
        return str(self.finding)

    def __repr__(self) -> str:
        return repr(str(self.finding))


def log_event(event: str, **facts: Any) -> None:
    """Log what an operator should look at."""
    from stretto.metrics import get_logger  # noqa: PLC0415 - `stretto validate` logs nothing, and starts without it

    log = get_logger(LOGGER)
    if "findings" in facts:
        facts["findings"] = [LoggedFinding(each) for each in facts["findings"]]
    (log.error if event == "actions_not_loaded" else log.warning)(event, **facts)


def log_nothing(event: str, **facts: Any) -> None:
    """Drop an event: the caller shows findings in its own way."""


def known_exactly(callables: Callables) -> KnownActions | None:
    """Refuse tasks that call unknown refs, as engines do."""
    return callables


@dataclass(frozen=True, slots=True)
class Rules:
    """How a catalogue checks and reports definitions.

    Attributes:
        check_calls: Returns what validation shall take for callable. None leaves calls unchecked.
        log: Where warnings go.
        find_more: Registers actions that are loaded only when a ref is unknown.
        pools: The pools in which tasks can run, `here` among them, each with what a worker has if that counts. None if
            they are not known.
        max_pack_actions: The most actions of a pack. None is the default of packs.
        runs_actions: Whether the actions will run. Then those whose pack lacks its environment are refused.
    """

    check_calls: Callable[[Callables], KnownActions | None] = known_exactly
    log: LogEvent = log_event
    find_more: Callable[[], None] | None = None
    pools: Mapping[str, Resources | None] | None = None
    max_pack_actions: int | None = None
    runs_actions: bool = True


DEFAULT_RULES = Rules()
