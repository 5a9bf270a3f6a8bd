"""The documented messages are those of the code."""

import re
from collections.abc import Iterator
from types import ModuleType

import msgspec

from stretto.actors.dispatch import clock
from stretto.actors.events import waits
from stretto.actors.history import loading
from stretto.actors.journal import messages as journal_messages
from stretto.actors.pools import ends
from stretto.actors.runs import change_messages, event_messages, looking, recovery_messages, reminders, waiting_messages
from stretto.actors.runs import messages as run_messages
from stretto.actors.runs.event_wait_item import EventWaitItem
from stretto.actors.runs.execution import EXECUTION_HANDLERS
from stretto.actors.runs.recovering import RecoveringSupervisor
from stretto.actors.runs.sub_workflow_item import SubWorkflowItem
from stretto.actors.runs.waiting_item import WaitingItem
from tests.support.paths import DOCS

MODULES = (
    run_messages,
    change_messages,
    event_messages,
    recovery_messages,
    waiting_messages,
    waits,
    reminders,
    looking,
    journal_messages,
    loading,
    clock,
    ends,
)
CONTENTS = {
    "EventWait",
    "ItemCounts",
    "ItemChanges",
    "ErrorGroup",
    "RunChanges",
    "OutputWatcher",
    "WaitEnded",
    "WaitedBefore",
}
"""The structs that messages and answers contain."""


def structs_of(module: ModuleType) -> Iterator[str]:
    """Yield the names of the structs that a module defines."""
    for name, value in vars(module).items():
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__:
            yield name


def documented() -> dict[str, set[str]]:
    """Return the messages of the documentation by receiver."""
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    section = text.split("\n### Messages\n", 1)[1].split("\n### ", 1)[0].split("\n## ", 1)[0]
    receivers: dict[str, set[str]] = {}
    for part in re.split(r"^\*\*To ", section, flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| (`[^|]*`) \|", part, flags=re.MULTILINE)
        receivers[part.split("**", 1)[0]] = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    return receivers


def names(handlers: dict[type, object]) -> set[str]:
    return {message.__name__ for message in handlers}


def test_all_messages_are_documented() -> None:
    """The other documented ones are events of the conductor, which travel as they are."""
    defined = {name for module in MODULES for name in structs_of(module)} - CONTENTS
    listed = set().union(*documented().values())
    assert defined <= listed, defined - listed
    events = {"ItemPaused", "ItemResumed", "ItemsRead", "ResultsOpened", "ResultsClosed", "StreamFailed"}
    events |= {"ItemCompleted", "ItemsWithdrawn", "ItemsHeld"}
    assert listed - defined == events | {"RetryDue", "DelayElapsed", "RunTimedOut"}


def test_each_receiver_handles_its_documented_messages() -> None:
    """As their handlers say."""
    receivers = documented()
    supervisor = names({**EXECUTION_HANDLERS, **RecoveringSupervisor._message_handlers})
    assert receivers["a run's supervisor"] == supervisor
    items = (SubWorkflowItem, WaitingItem, EventWaitItem)
    handled = {name for each in items for name in names(dict(each._message_handlers))}
    assert receivers["an item"] == handled | {"RunItem"}
