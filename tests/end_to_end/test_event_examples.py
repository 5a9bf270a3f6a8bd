"""The examples of docs/events.md, with the bodies that Alertmanager and GitHub send."""

import re
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.catalogue import load_library
from stretto.definitions.data import freeze
from stretto.definitions.rules import Event, Hook, Rule, answers, render
from tests.support.paths import DOCS

FILE = re.compile(r"```yaml\n# (\w+\.yaml)\n(.*?)```", re.DOTALL)
ALERT: dict[str, Any] = {
    "receiver": "stretto",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "InstanceDown", "instance": "web-1:9100", "job": "node", "severity": "critical"},
            "annotations": {"summary": "Instance web-1:9100 down"},
            "startsAt": "2026-11-28T20:00:00.000Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
            "fingerprint": "8c9f2b1d3e4a5f60",
        }
    ],
    "groupLabels": {"alertname": "InstanceDown"},
    "commonLabels": {"alertname": "InstanceDown", "instance": "web-1:9100", "job": "node", "severity": "critical"},
    "commonAnnotations": {"summary": "Instance web-1:9100 down"},
    "externalURL": "http://alertmanager:9093",
    "version": "4",
    "groupKey": '{}:{alertname="InstanceDown"}',
    "truncatedAlerts": 0,
}
"""A body of Alertmanager's webhook, version 4."""
PUSH: dict[str, Any] = {
    "ref": "refs/heads/main",
    "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
    "after": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5",
    "created": False,
    "deleted": False,
    "forced": False,
    "base_ref": None,
    "compare": "https://github.com/octo-org/octo-repo/compare/6113728f27ae...59b20b8d5c6f",
    "commits": [{"id": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5", "message": "Update README", "distinct": True}],
    "head_commit": {"id": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5", "message": "Update README"},
    "repository": {"id": 17273051, "name": "octo-repo", "full_name": "octo-org/octo-repo", "private": True},
    "pusher": {"name": "mona", "email": "mona@example.com"},
    "sender": {"login": "mona", "id": 1, "type": "User"},
}
"""A body of GitHub's push event, without most of its links."""


@pytest.fixture
def triggers(tmp_path: Path) -> tuple[dict[str, Rule], dict[str, Hook]]:
    """Return the rules and webhooks of the page, which have no finding."""
    for name, text in FILE.findall((DOCS / "events.md").read_text()):
        (tmp_path / name).write_text(text)
    catalogue = load_library([tmp_path]).catalogue
    assert catalogue.refs() == ("ops.restart",)
    assert not any(catalogue.findings.values())
    return dict(catalogue.triggers.rules), dict(catalogue.triggers.hooks)


def event(hook: Hook, payload: Any, headers: dict[str, str]) -> Event:
    given: Any = freeze(headers)
    return Event(id="evt-1", type=hook.event, payload=freeze(payload), at=0.0, source="hook", headers=given)


def test_an_alert_restarts_its_instance(triggers: tuple[dict[str, Rule], dict[str, Hook]]) -> None:
    """One that is resolved, or not critical, does not."""
    rules, hooks = triggers
    rule, hook = rules["on_alert"], hooks["alertmanager"]
    assert (hook.style, rule.event) == ("alertmanager", hook.event)
    sent = event(hook, ALERT, {})
    assert answers(rule, sent)
    assert render(rule, sent).inputs == {"host": "web-1:9100"}
    assert not answers(rule, event(hook, ALERT | {"status": "resolved"}, {}))
    assert not answers(rule, event(hook, ALERT | {"commonLabels": {}}, {}))


def test_a_push_to_main_is_answered(triggers: tuple[dict[str, Rule], dict[str, Hook]]) -> None:
    """Another branch, or another event of GitHub's, is not."""
    rules, hooks = triggers
    rule, hook = rules["on_push"], hooks["github"]
    sent = event(hook, PUSH, {"x-github-event": "push"})
    assert answers(rule, sent)
    text = "octo-org/octo-repo is at 59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"
    assert render(rule, sent).inputs == {"message": text}
    assert not answers(rule, event(hook, PUSH | {"ref": "refs/heads/x"}, {"x-github-event": "push"}))
    assert not answers(rule, event(hook, PUSH, {"x-github-event": "ping"}))
