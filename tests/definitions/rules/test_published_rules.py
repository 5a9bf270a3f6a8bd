"""Rules like those that StackStorm and Attune publish as examples: read without findings, and answered alike.

They have the shapes of StackStorm's contrib/examples/rules and of Attune's guide to rules, in other words.
"""

from typing import Any, NamedTuple

import pytest

from stretto.definitions.data import freeze
from stretto.definitions.rules import WEBHOOK, answers, render
from tests.support.events import event, rule


class Published(NamedTuple):
    """A rule, an event that it answers, the inputs of the run, and payloads that it does not answer."""

    text: str
    event: dict[str, Any]
    inputs: dict[str, Any]
    others: tuple[Any, ...] = ()


PUBLISHED = {
    "the webhook of a URL, with a criterion on its body": Published(
        """
name: ticket_webhook
pack: examples
description: Notes a ticket that comes by a webhook.
enabled: true
trigger:
  type: core.st2.webhook
  parameters: {url: tickets}
criteria:
  trigger.body.system: {pattern: desk, type: equals}
action:
  ref: core.echo
  parameters: {message: "ticket {{trigger.body.number}}"}
""",
        {
            "type": WEBHOOK, "parameters": freeze({"url": "tickets"}),
            "payload": {"body": {"system": "desk", "number": 7}, "headers": {}},
        },
        {"message": "ticket 7"},
        ({"body": {"system": "other"}, "headers": {}}, {"body": {}, "headers": {}}),
    ),
    "the end of an action, with two criteria": Published(
        """
---
    name: "failed_command"
    pack: "examples"
    description: "Tells of a command that failed."
    enabled: true

    trigger:
        type: "core.st2.generic.actiontrigger"
        parameters: {}

    criteria:
        trigger.action_name:
            pattern: "remote"
            type: "equals"
        trigger.status:
            pattern: "failed"
            type: "equals"

    action:
        ref: "core.echo"
        parameters:
            message: "failed at {{trigger.start_timestamp}}"
""",
        {
            "type": "core.st2.generic.actiontrigger",
            "payload": {"action_name": "remote", "status": "failed", "start_timestamp": "noon"},
        },
        {"message": "failed at noon"},
        ({"action_name": "remote", "status": "succeeded"}, {"action_name": "local", "status": "failed"}),
    ),
    "a trigger of a sensor, with empty criteria": Published(
        """
---
name: watched_line
pack: examples
description: Repeats each line that a sensor reads.
enabled: true
trigger:
  parameters: {file_path: /var/log/app}
  type: linux.file_watch.line
criteria: {}
action:
  parameters: {message: "{{trigger.line}}"}
  ref: core.echo
""",
        {
            "type": "linux.file_watch.line", "parameters": freeze({"file_path": "/var/log/app"}),
            "payload": {"line": "started"},
        },
        {"message": "started"},
    ),
    "without criteria, and disabled": Published(
        """
---
name: "ask_people"
pack: "examples"
description: Tells people that something waits for them.
enabled: false
trigger:
  type: core.st2.generic.inquiry
action:
  ref: core.echo
  parameters:
    message: '#{{ trigger.route }}: {{trigger.id}} waits'
""",
        {"type": "core.st2.generic.inquiry", "payload": {"id": "q1", "route": "ops"}},
        {"message": "#ops: q1 waits"},
    ),
    "Attune: a list of conditions, of which each must hold": Published(
        """
ref: desk.urgent
pack_ref: desk
label: Urgent
description: Opens an incident for an urgent ticket.
trigger_ref: desk.polled
action_ref: desk.open_incident
enabled: true
trigger_params: {query: "stage:live", interval_seconds: 60}
conditions:
  - {field: stage, operator: equals, value: live}
  - {field: urgency, operator: contains, value: high}
action_params:
  ticket: "{{ event.payload.ticket }}"
  all: "{{ event.payload }}"
""",
        {
            "type": "desk.polled", "parameters": freeze({"query": "stage:live", "interval_seconds": 60}),
            "payload": {"stage": "live", "urgency": "very high", "ticket": 5},
        },
        {"ticket": 5, "all": {"stage": "live", "urgency": "very high", "ticket": 5}},
        ({"stage": "live", "urgency": "low"}, {"stage": "test", "urgency": "high"}, {}),
    ),
    "Attune: a condition that is an expression": Published(
        """
ref: alerts.severe
pack_ref: alerts
label: "Severe"
description: "Sends severe alerts on."
trigger_ref: core.alert
action_ref: core.http_request
trigger_params: {}
conditions:
  expression: 'event.payload.severity == "severe" and event.payload.category != "drill"'
action_params:
  method: POST
  json_body: {summary: "{{ event.payload.summary }}"}
""",
        {"type": "core.alert", "payload": {"severity": "severe", "category": "disk", "summary": "full"}},
        {"method": "POST", "json_body": {"summary": "full"}},
        ({"severity": "severe", "category": "drill"}, {"severity": "low", "category": "disk"}),
    ),
    "Attune: no conditions": Published(
        """
ref: notes.all
pack_ref: notes
label: All
trigger_ref: notes.written
action_ref: core.echo
enabled: true
conditions: {}
action_params: {message: written}
""",
        {"type": "notes.written", "payload": {"any": "thing"}},
        {"message": "written"},
    ),
}  # fmt: skip
TIMERS = {
    "an interval of StackStorm": """
---
name: every_seconds
pack: examples
enabled: false
trigger: {parameters: {delta: 10, unit: seconds}, type: core.st2.IntervalTimer}
criteria: {}
action: {parameters: {message: "{{trigger.executed_at}}"}, ref: core.echo}
""",
    "a cron of Attune": """
ref: tidy.daily
pack_ref: tidy
label: Daily
trigger_ref: core.crontimer
action_ref: tidy.up
enabled: false
trigger_params: {expression: "0 4 * * *"}
conditions: {}
action_params: {mode: daily}
""",
    "a cron of Attune with seconds": """
ref: tidy.workdays
trigger_ref: core.crontimer
action_ref: tidy.up
trigger_params: {expression: "0 0 9 * * 1-5", timezone: UTC}
""",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_rule_answers_its_events_only(name: str) -> None:
    """With the inputs that its origin renders."""
    published = PUBLISHED[name]
    read = rule(published.text)
    given = dict(published.event)
    sent = event(given.pop("payload"), **given)
    assert read.event == sent.type
    assert answers(read, sent)
    assert render(read, sent).inputs == published.inputs
    for payload in published.others:
        assert not answers(read, event(payload, **given))


@pytest.mark.parametrize("name", TIMERS)
def test_a_published_timer_is_a_schedule(name: str) -> None:
    """It is not answered by other events."""
    assert rule(TIMERS[name]).schedule is not None
