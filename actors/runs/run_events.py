"""The events about a run itself, which are in the commit of their cause: its end, failed items, a budget nearly used.

One is made only if a rule or an actor listens to its type, and `RunEvents` only at its first use.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from stretto.actors.journal import Inquiry, InquiryChange, RunLog, new_event_id, time_as_json
from stretto.actors.outcome import EngineStopping, Outcome
from stretto.actors.runs.inquiry_links import new_link
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.services import Services
from stretto.definitions.conductor import Conductor, ItemCompleted
from stretto.definitions.context import Mask
from stretto.definitions.data import FrozenDict, freeze
from stretto.definitions.rules import ACTION_TRIGGER, Event

RUN_ENDED: Final = "stretto.run_ended"
"""A run has ended: {run, workflow, status, output, errors, labels, parent}."""
ITEM_FAILED: Final = "stretto.item_failed"
"""The last attempt of an item has failed: {run, workflow, task, visit, item, attempt, kind, message, labels}."""
BUDGET_NEARLY_USED: Final = "stretto.budget_nearly_used"
"""Four fifths of a task's `max_failures` have failed: {run, workflow, task, failed, max_failures, labels}."""
INQUIRY_ASKED: Final = "stretto.inquiry_asked"
"""A run has asked people: {run, workflow, inquiry, task, visit, item, prompt, route, schema, users, roles, ...}.

With `links` of `core.ask` it also has a personal link for each of `users`: {links: {mira: URL}}.
"""
INQUIRY_REMINDER: Final = "stretto.inquiry_reminder"
"""An inquiry waits still after the time of its reminder: as above."""
INQUIRY_ENDED: Final = "stretto.inquiry_ended"
"""An inquiry was answered, or has ended otherwise: {run, workflow, inquiry, status, response, answered_by, at}."""
EVENTS_OF_AN_END: Final = frozenset({RUN_ENDED, ACTION_TRIGGER})
_FIFTHS: Final = 4
_ROLE_OF_LINKS: Final = "viewer"
"""The role of those who answer with the links of an event: they are asked by name."""
_ST2_STATUSES: Final = {"cancelled": "canceled", "timed_out": "timeout"}


class RunEvents:
    """Makes the events about one run.

    Args:
        services: Accept events.
        request: The run.
    """

    __slots__ = ("_depth", "_labels", "_origin", "_parent", "_run_id", "_services", "_workflow")

    def __init__(self, services: Services, request: RunRequest) -> None:
        self._services = services
        self._run_id = request.handle.id
        self._workflow = request.workflow.ref
        self._origin = request.origin
        self._labels = request.labels
        self._parent = None if request.parent is None else request.parent.run_id
        self._depth = request.event_depth

    def run_ended(self, masked: Outcome, parameters: FrozenDict, mask: Mask | None, log: RunLog) -> None:
        """Add the events about the end of the run to the record of it.

        Args:
            masked: The outcome, without secrets.
            parameters: The run's inputs.
            mask: The run's secrets.
            log: The run's log.
        """
        intake = self._services.events
        if intake.wants(RUN_ENDED):
            self._add(RUN_ENDED, log, {
                "status": masked.status, "output": masked.output, "errors": masked.errors, "parent": self._parent,
            })  # fmt: skip
        if intake.wants(ACTION_TRIGGER):
            self._add(ACTION_TRIGGER, log, {
                "execution_id": self._run_id, "status": _ST2_STATUSES.get(masked.status, masked.status),
                "action_ref": self._workflow, "action_name": self._workflow.rpartition(".")[2],
                "runner_ref": "orquesta", "result": masked.output,
                "parameters": parameters if mask is None else mask.data(parameters),
            })  # fmt: skip

    def inquiry_changed(self, change: InquiryChange, log: RunLog) -> None:
        """Add the event about a question, or about its end, to the record of it. Texts are masked already."""
        name = INQUIRY_ASKED if isinstance(change, Inquiry) else INQUIRY_ENDED
        if not self._services.events.wants(name):
            return
        if isinstance(change, Inquiry):
            links = self._links_of(change, log)
            self._add(name, log, _facts_of(change) | links, secret=bool(links))
        else:
            self._add(name, log, {
                "inquiry": change.id, "status": change.status, "response": change.response,
                "answered_by": None if change.by is None else change.by.who, "at": time_as_json(change.at),
            })  # fmt: skip

    def _links_of(self, inquiry: Inquiry, log: RunLog) -> dict[str, Any]:
        """Return a personal link for each person who is asked, if the question wants them. Record their digests."""
        question, services = inquiry.question, self._services
        if not question.links:
            return {}
        made = {user: new_link(inquiry, user, _ROLE_OF_LINKS, services.now()) for user in question.users}
        log.audit(tuple(each.link for each in made.values()))
        return {"links": {user: services.public_url + each.path for user, each in made.items()}}

    def inquiry_unanswered(self, inquiry: Inquiry) -> None:
        """Accept the event that reminds of an inquiry."""
        self.once(INQUIRY_REMINDER, _facts_of(inquiry), f"{INQUIRY_REMINDER}:{inquiry.id}")

    def item_failed(self, completed: ItemCompleted, conductor: Conductor, log: RunLog) -> None:
        """Add the events about the failure of an item's last attempt to the record of it."""
        intake, failure = self._services.events, completed.failure
        if failure is not None and intake.wants(ITEM_FAILED):
            self._add(ITEM_FAILED, log, {
                "task": completed.task, "visit": completed.visit, "item": completed.index,
                "attempt": completed.attempt, "kind": failure.kind, "message": conductor.mask.text(failure.message),
            })  # fmt: skip
        if intake.wants(BUDGET_NEARLY_USED):
            for used in _nearly_used(conductor, completed.task):
                self._add(BUDGET_NEARLY_USED, log, used)

    def once(self, event_type: str, facts: dict[str, Any], key: str) -> None:
        """Accept an event that time has caused, in a commit of its own.

        Args:
            event_type: Its type.
            facts: Its payload, beside the run, the workflow and the labels.
            key: Identifies it: a recovered run may make it again.
        """
        if self._services.events.wants(event_type):
            with contextlib.suppress(EngineStopping):  # the next engine makes it
                self._services.events.accept(self._event(event_type, facts, key))

    def _add(self, event_type: str, log: RunLog, facts: dict[str, Any], *, secret: bool = False) -> None:
        intake = self._services.events
        accepted = intake.acceptance_of(self._event(event_type, facts, secret=secret))
        log.add_event(accepted, intake.notifications_of(accepted))

    def _event(
        self, event_type: str, facts: dict[str, Any], key: str | None = None, *, secret: bool = False
    ) -> Event:  # fmt: skip
        facts = {"run": self._run_id, "workflow": self._workflow, "labels": self._labels, **facts}
        return Event(
            id=new_event_id(), type=event_type, payload=freeze(facts), at=self._services.now(), source="engine",
            origin=self._origin, depth=self._depth, cause=self._run_id, key=key,
            secret=secret,
        )  # fmt: skip


def _facts_of(inquiry: Inquiry) -> dict[str, Any]:
    question = inquiry.question
    return {
        "inquiry": inquiry.id, "task": inquiry.task, "visit": inquiry.visit, "item": inquiry.index,
        "prompt": question.prompt, "route": question.route, "schema": question.schema,
        "users": list(question.users), "roles": list(question.roles), "requested_by": inquiry.requested_by,
        "asked_at": time_as_json(inquiry.asked_at), "expires_at": time_as_json(inquiry.expires_at),
    }  # fmt: skip


def _nearly_used(conductor: Conductor, task: str) -> Iterator[dict[str, Any]]:
    """Yield the budget of a task if its last failure has used up four fifths of it."""
    report = conductor.tasks()[task]
    most, failed = report.get("window", {}).get("max_failures"), report["items"]["failed"]
    if most and failed == max(-(-most * _FIFTHS // (_FIFTHS + 1)), 1):
        yield {"task": task, "failed": failed, "max_failures": most}
