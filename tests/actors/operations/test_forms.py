"""Requests and answers over HTTP are an interface: methods, paths, names and types stay what they are."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.operations import (
    Answer,
    DefinitionsAnswer,
    Request,
    answers,
    controls,
    daemons,
    events,
    inquiries,
    keys,
    pools,
    requests,
    retention,
    schedules,
    sensors,
    sessions,
    table,
)
from stretto.actors.operations import definition_requests as about
from stretto.actors.operations.errors import BadRequest
from stretto.actors.operations.forms import (
    answer_of,
    body_of,
    has_body,
    path_fields,
    request_of,
    route_for,
    route_of,
    written_as,
)  # fmt: skip
from stretto.actors.operations.routes import API, ROUTES, Route

REQUESTS = [
    (requests.Submit("w.ref", {"n": 1}), "POST /runs", b'{"workflow":"w.ref","inputs":{"n":1}}'),
    (
        requests.Submit(requests.Definition("w", "ref: w"), idempotency_key="k", labels={"a": "b"}, wait=2.5, note="n"),
        "POST /runs?wait=2.5",
        b'{"workflow":{"file":"w","text":"ref: w"},"inputs":{},"labels":{"a":"b"},"note":"n"}',
    ),
    (requests.DescribeApi(), "GET /openapi.json", b""),
    (requests.Describe("w.ref"), "POST /definitions:describe", b'{"workflow":"w.ref"}'),
    (requests.Errors("r1", "t"), "GET /runs/r1/errors?task=t", b""),
    (
        requests.History("r1", 5, "item_completed", "t", 7),
        "GET /runs/r1/history?after=5&kind=item_completed&task=t&limit=7",
        b"",
    ),
    (requests.RunDefinition("r1"), "GET /runs/r1/definition", b""),
    (requests.RunCounts(5.5), "GET /runs/counts?since=5.5&children=listed", b""),
    (requests.RunCounts(5.5, "workflow"), "GET /runs/counts?since=5.5&by=workflow&children=listed", b""),
    (requests.DeleteRun("r1", note="old"), "DELETE /runs/r1?note=old", b""),
    (requests.Tasks("r1"), "GET /runs/r1/tasks", b""),
    (requests.Task("r1", "t", 2), "GET /runs/r1/tasks/t?visit=2", b""),
    (requests.RunInputs("r1"), "GET /runs/r1/inputs", b""),
    (requests.RunOutput("r1"), "GET /runs/r1/output", b""),
    (requests.ItemResult("r1", "t", 2, 1, 3), "GET /runs/r1/tasks/t/items/2/result?visit=1&attempt=3", b""),
    (requests.Cells("r1", "t", 2, 77), "GET /runs/r1/tasks/t/cells?visit=2&known=77", b""),
    (requests.ErrorItems("r1", "0a1b"), "GET /runs/r1/errors/0a1b/items", b""),
    (requests.Context("r1", 3, ("tasks", "t")), "GET /runs/r1/context?at=3&path=tasks&path=t", b""),
    (requests.ItemInput("r1", "t", 3, 1, 2), "GET /runs/r1/tasks/t/items/3/input?visit=1&attempt=2", b""),
    (requests.ContextVersions("r1"), "GET /runs/r1/context/versions", b""),
    (requests.Timeline("r1"), "GET /runs/r1/timeline", b""),
    (requests.ContextValue("r1", 7, ("a", "b c")), "GET /runs/r1/context/value?at=7&path=a&path=b+c", b""),
    (requests.PreviewCancel("r1"), "POST /runs/r1/cancel?dry_run=1", b"{}"),
    (requests.PreviewRerun("r1", "failed_tasks"), "POST /runs/r1/rerun?dry_run=1", b'{"scope":"failed_tasks"}'),
    (controls.SetMaxFailures("r1", "t", 3), "PATCH /runs/r1/tasks/t", b'{"max_failures":3}'),
    (requests.Watch("r1"), "GET /runs/r1/stream", b""),
    (requests.WatchAll("failed", "w.ref"), "GET /stream?status=failed&workflow=w.ref", b""),
    (requests.OutcomeOf("r1"), "GET /runs/r1/outcome", b""),
    (requests.OutcomeOf("r1", 60), "GET /runs/r1/outcome?wait=60", b""),
    (requests.Status("r1"), "GET /runs/r1/status", b""),
    (controls.Cancel("r1"), "POST /runs/r1/cancel", b"{}"),
    (controls.Cancel("r1", note="too öld"), "POST /runs/r1/cancel", '{"note":"too öld"}'.encode()),
    (controls.Pause("r1"), "POST /runs/r1/pause", b"{}"),
    (controls.Resume("r1"), "POST /runs/r1/resume", b"{}"),
    (controls.CancelTask("r1", "fan"), "POST /runs/r1/tasks/fan/cancel", b"{}"),
    (controls.PauseTask("r1", "fan"), "POST /runs/r1/tasks/fan/pause", b"{}"),
    (controls.ResumeTask("r1", "fan"), "POST /runs/r1/tasks/fan/resume", b"{}"),
    (controls.SetConcurrency("r1", "t", 3), "PATCH /runs/r1/tasks/t", b'{"concurrency":3}'),
    (controls.SetMaxFailures("r1", "t", 3, note="n"), "PATCH /runs/r1/tasks/t", b'{"max_failures":3,"note":"n"}'),
    (controls.Extend("r1", 60.5), "POST /runs/r1/extend", b'{"seconds":60.5}'),
    (controls.SkipItem("r1", "t", 2), "POST /runs/r1/tasks/t/items/2/skip", b"{}"),
    (controls.RetryItem("r1", "t", 2), "POST /runs/r1/tasks/t/items/2/retry", b"{}"),
    (about.Definitions(), "GET /definitions", b""),
    (about.Definitions("a b"), "GET /definitions?q=a+b", b""),
    (about.ShowDefinition("a/b.c"), "GET /definitions/a%2Fb.c", b""),
    (about.DefinitionSource("a"), "GET /definitions/a/source", b""),
    (about.DefinitionGraph("a"), "GET /definitions/a/graph", b""),
    (about.DefinitionDrawing("a"), "GET /definitions/a/graph.svg", b""),
    (about.RunGraph("r1"), "GET /runs/r1/graph", b""),
    (about.RunDrawing("r1"), "GET /runs/r1/graph.svg", b""),
    (about.Validate("a.yaml", "x"), "POST /definitions:validate", b'{"file":"a.yaml","text":"x"}'),
    (about.Reload(note="why"), "POST /definitions:reload", b'{"note":"why"}'),
    (
        about.Rehearse("w.ref", script=[about.RehearsalRule(task="t", result=None)]),
        "POST /definitions:rehearse",
        (
            b'{"workflow":"w.ref","inputs":{},"script":[{"task":"t","input":{},"result":null,"duration":null}],'
            b'"controls":[],"config":{},"keystore":{}}'
        ),
    ),
    (about.Actions("echo", "core"), "GET /actions?q=echo&pack=core", b""),
    (about.ShowAction("core.echo"), "GET /actions/core.echo", b""),
    (about.ShowEngine(), "GET /engine", b""),
    (about.ListRoutes(), "GET ", b""),
    (requests.Rerun("r1", "failed_tasks"), "POST /runs/r1/rerun", b'{"scope":"failed_tasks"}'),
    (requests.Rerun("r1", "failed_items", "t"), "POST /runs/r1/rerun", b'{"scope":"failed_items","task":"t"}'),
    (requests.Rerun("r1", idempotency_key="schlüssel"), "POST /runs/r1/rerun", b'{"scope":"everything"}'),
    (requests.Recover("r1"), "POST /runs/r1/recover", b"{}"),
    (requests.Runs(), "GET /runs?children=listed&limit=50", b""),
    (
        requests.Runs("failed", "w.ref", 5.5, {"k": "v=1"}, "t x", "folded", "c", 7),
        "GET /runs?status=failed&workflow=w.ref&since=5.5&label=k%3Dv%3D1&q=t+x&children=folded&cursor=c&limit=7",
        b"",
    ),
    (requests.FindRun("12345678"), "GET /runs:find?text=12345678", b""),
    (requests.Run("r1"), "GET /runs/r1", b""),
    (
        requests.Items("r1", "t", "failed", "c", 7),
        "GET /runs/r1/tasks/t/items?outcome=failed&cursor=c&limit=7&order=ended&min_attempts=1",
        b"",
    ),
    (requests.Items("r1", limit=7), "GET /runs/r1/items?limit=7&order=ended&min_attempts=1", b""),
    (requests.Item("r1", "größe", 2), "GET /runs/r1/tasks/gr%C3%B6%C3%9Fe/items/2", b""),
    (requests.ItemOutput("r1", "t", 2, 3), "GET /runs/r1/tasks/t/items/2/output?attempt=3", b""),
    (requests.FollowOutput("r1", "t", 3), "GET /runs/r1/tasks/t/items/3/output?follow=1", b""),
    (requests.FollowOutput("r1", "t", 3, 2), "GET /runs/r1/tasks/t/items/3/output?follow=1&attempt=2", b""),
    (requests.Why("r1", "t"), "GET /runs/r1/why?task=t", b""),
    (requests.Export("r1"), "GET /runs/r1/export", b""),
    (requests.Tokens(), "GET /tokens", b""),
    (
        requests.CreateToken("ci", "operator", 60.0, ["w.ref"], "why"),
        "POST /tokens",
        b'{"name":"ci","role":"operator","lasts":60.0,"workflows":["w.ref"],"note":"why"}',
    ),
    (sessions.Me(), "GET /me", b""),
    (sessions.LogIn(code="c"), "POST /session", b'{"code":"c"}'),
    (sessions.LogIn(token="t"), "POST /session", b'{"token":"t"}'),
    (sessions.LogOut(), "DELETE /session", b""),
    (sessions.CreateEnterCode(), "POST /enter-codes", b"{}"),
    (sessions.CreateEnterCode("r1"), "POST /enter-codes", b'{"run":"r1"}'),
    (requests.RevokeToken("ci", "lost"), "DELETE /tokens/ci?note=lost", b""),
    (requests.Audit(5.5, "ci", "c", 7), "GET /audit?since=5.5&who=ci&cursor=c&limit=7", b""),
    (keys.Keys(), "GET /keys?limit=50", b""),
    (
        keys.Keys("pack", "ops", "a", "pack/ops/a", 7),
        "GET /keys?scope=pack&owner=ops&prefix=a&cursor=pack%2Fops%2Fa&limit=7",
        b"",
    ),
    (keys.Key("a.b:c@d"), "GET /keys/a.b%3Ac%40d?scope=system", b""),
    (keys.KeyValue("a", "user", "mira"), "GET /keys/a/value?scope=user&owner=mira", b""),
    (
        keys.SetKey("a", [1, None], "pack", "ops", True, 60.0, 0, note="n"),
        "PUT /keys/a",
        b'{"value":[1,null],"scope":"pack","owner":"ops","secret":true,"lasts":60.0,"version":0,"note":"n"}',
    ),
    (keys.DeleteKey("a", version=3), "DELETE /keys/a?scope=system&version=3", b""),
    (events.SendToHook("deploy", {"a": [1]}), "POST /hooks/deploy", b'{"a":[1]}'),
    (events.SendToWebhook("deploy", {"a": [1]}), "POST /webhooks/deploy", b'{"a":[1]}'),
    (events.SendEvent("a.b", 5, key="k"), "POST /events", b'{"trigger_ref":"a.b","payload":5,"key":"k"}'),
    (
        events.Events("a.b", "hook:x", 1.5, 2.5, matched=True, cursor="c"),
        "GET /events?event_type=a.b&source=hook%3Ax&since=1.5&until=2.5&matched=True&cursor=c&limit=50",
        b"",
    ),
    (events.ShowEvent("evt-1"), "GET /events/evt-1", b""),
    (events.ReplayEvent("evt-1", note="n"), "POST /events/evt-1/replay", b'{"note":"n"}'),
    (events.Rules(), "GET /rules", b""),
    (events.ShowRule("a.b"), "GET /rules/a.b", b""),
    (events.DisableRule("a.b", note="n"), "POST /rules/a.b/disable", b'{"note":"n"}'),
    (events.EnableRule("a.b", note="n"), "POST /rules/a.b/enable", b'{"note":"n"}'),
    (
        events.TryRule("a.b", {"x": 1}, "t", {"h": "v"}, {"p": 1}),
        "POST /rules/a.b/test",
        b'{"payload":{"x":1},"event_type":"t","headers":{"h":"v"},"parameters":{"p":1}}',
    ),
    (pools.Pools(), "GET /pools", b""),
    (inquiries.Inquiries("r1", "pending"), "GET /inquiries?run=r1&status=pending&limit=50", b""),
    (inquiries.ShowInquiry("q1"), "GET /inquiries/q1", b""),
    (
        inquiries.AnswerInquiry("q1", {"go": True}, note="n"),
        "POST /inquiries/q1/answer",
        b'{"response":{"go":true},"note":"n"}',
    ),
    (
        inquiries.LinkInquiry("q1", "mira", 60.0, note="n"),
        "POST /inquiries/q1/links",
        b'{"to":"mira","lasts":60.0,"note":"n"}',
    ),
    (
        pools.DrainPool("compute", "compute-1", note="n"),
        "POST /pools/compute/drain",
        b'{"worker":"compute-1","note":"n"}',
    ),
    (daemons.Daemons(), "GET /daemons", b""),
    (daemons.Daemon(7), "GET /daemons/7", b""),
    (daemons.DrainDaemon(7, note="n"), "POST /daemons/7/drain", b'{"note":"n"}'),
    (sensors.Sensors(), "GET /sensors", b""),
    (sensors.Sensor("a"), "GET /sensors/a", b""),
    (sensors.SensorLogs("a", 7), "GET /sensors/a/logs?count=7", b""),
    (sensors.RestartSensor("a", note="n"), "POST /sensors/a/restart", b'{"note":"n"}'),
    (schedules.Schedules(), "GET /schedules", b""),
    (schedules.Schedule("ops.nightly"), "GET /schedules/ops.nightly", b""),
    (schedules.ScheduleTimes("a", 10.5, 3), "GET /schedules/a/next?since=10.5&count=3", b""),
    (schedules.PauseSchedule("a", note="n"), "POST /schedules/a/pause", b'{"note":"n"}'),
    (schedules.ResumeSchedule("a"), "POST /schedules/a/resume", b"{}"),
    (schedules.TriggerSchedule("a"), "POST /schedules/a/trigger", b"{}"),
    (retention.PreviewPrune(60.5, 10), "POST /runs:prune?dry_run=1", b'{"older_than_seconds":60.5,"keep":10}'),
    (requests.Prune(60.5, 10), "POST /runs:prune", b'{"older_than_seconds":60.5,"keep":10}'),
]
ANSWERS: list[tuple[type[Request], Answer, bytes]] = [
    (requests.Submit, answers.Accepted("r1", "w.ref"), b'{"run":"r1","workflow":"w.ref"}'),
    (
        requests.Rerun,
        answers.Accepted("r1", "w.ref", replayed=True),
        b'{"run":"r1","workflow":"w.ref","replayed":true}',
    ),
    (requests.OutcomeOf, answers.NotEnded(), b""),
    (requests.DeleteRun, answers.Done(), b""),
    (requests.Tasks, answers.TasksAnswer([{"task": "t"}]), b'{"tasks":[{"task":"t"}]}'),
    (requests.Task, answers.TaskAnswer({"task": "t"}), b'{"task":"t"}'),
    (requests.RunInputs, answers.ValueAnswer({"n": 1}), b'{"n":1}'),
    (requests.RunCounts, answers.CountsAnswer("1970", {"failed": 1}), b'{"since":"1970","statuses":{"failed":1}}'),
    (
        requests.RunCounts,
        answers.CountsAnswer("1970", {"failed": 1}, {"w": {"failed": 1}}),
        b'{"since":"1970","statuses":{"failed":1},"workflows":{"w":{"failed":1}}}',
    ),
    (
        requests.Describe,
        answers.Described("w.ref", {"n": "integer"}),
        b'{"workflow":"w.ref","parameters":{"n":"integer"}}',
    ),
    (requests.DescribeApi, answers.ApiDescription(msgspec.Raw(b'{"openapi":"3.1.0"}')), b'{"openapi":"3.1.0"}'),
    (requests.Status, answers.StatusAnswer({"id": "r1"}), b'{"id":"r1"}'),
    (controls.Cancel, answers.StatusAnswer({"id": "r1"}), b'{"id":"r1"}'),
    (about.Definitions, DefinitionsAnswer([{"ref": "w.ref"}]), b'{"definitions":[{"ref":"w.ref"}]}'),
    (requests.Recover, answers.Done(), b"{}"),
    (requests.Runs, answers.RunsAnswer([{"id": "r1"}], "c"), b'{"runs":[{"id":"r1"}],"next":"c"}'),
    (requests.FindRun, answers.Found("r1"), b'{"run":"r1"}'),
    (requests.Run, answers.RunAnswer({"id": "r1"}), b'{"id":"r1"}'),
    (requests.Items, answers.ItemsAnswer([{"index": 2}], None), b'{"items":[{"index":2}],"next":null}'),
    (
        requests.Items,
        answers.ItemsAnswer([{"index": 2}], None, untimed=True),
        b'{"items":[{"index":2}],"next":null,"untimed":true}',
    ),
    (requests.Item, answers.ItemAnswer({"index": 2}), b'{"index":2}'),
    (requests.ItemOutput, answers.OutputAnswer({"stdout": "x"}), b'{"stdout":"x"}'),
    (requests.Why, answers.WaitsAnswer([{"kind": "paused"}]), b'[{"kind":"paused"}]'),
    (requests.Prune, answers.Pruned(2), b'{"runs":2}'),
    (
        requests.OutcomeOf,
        answers.Ended("r1", "failed", None, [{"kind": "failed"}], {"t": {}}),
        b'{"run":"r1","status":"failed","output":null,"errors":[{"kind":"failed"}],"tasks":{"t":{}}}',
    ),
    (requests.Audit, answers.AuditAnswer([{"who": "ci"}], None), b'{"entries":[{"who":"ci"}],"next":null}'),
]


@pytest.mark.parametrize(("request_", "line", "body"), REQUESTS, ids=lambda each: type(each).__name__)
def test_a_request_is_written_and_read(request_: Request, line: str, body: bytes) -> None:
    """Both ends take it from the same table."""
    written = written_as(request_)
    method, _, target = line.partition(" ")
    assert (written.method, written.target, written.body) == (method, API + target, body)
    headers = [(name.lower().encode(), value.encode()) for name, value in written.headers.items()]
    assert read(written.method, written.target, written.body, headers) == request_


def read(method: str, target: str, body: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = ()) -> Request:
    """Return the request of a target, found as a server finds it."""
    pairs = parse_qsl(target.partition("?")[2], keep_blank_values=True)
    parts = target.partition("?")[0].removeprefix(API).split("/")
    alike: list[Route] = []
    for route in ROUTES:
        names = route.place.split("/")
        fits = len(names) == len(parts) and all(
            name.startswith("{") or name == part for name, part in zip(names, parts, strict=True)
        )
        if route.method == method and fits and (not alike or route.place == alike[0].place):
            alike.append(route)
            fields = {
                name[1:-1]: unquote(part) for name, part in zip(names, parts, strict=True) if name.startswith("{")
            }
    return request_of(route_for(alike, pairs, body), fields, pairs, body, headers)


@pytest.mark.parametrize(("request_", "answer", "body"), ANSWERS, ids=lambda each: getattr(each, "__name__", ""))
def test_an_answer_is_written_and_read(request_: type[Request], answer: Answer, body: bytes) -> None:
    """An answer of one member is that member."""
    route = route_of(request_)
    if body:
        assert body_of(route, answer) == body
    assert answer_of(route, body) == answer


def test_every_request_is_pinned() -> None:
    """A new request needs its line here, and each route has one."""
    assert set(table.REQUESTS) == {type(request_) for request_, _, _ in REQUESTS} == {route.request for route in ROUTES}
    lines = {(route.method, route.path, route.request) for route in ROUTES}
    assert len(lines) == len(ROUTES)


def test_all_fields_of_a_path_are_fields_of_its_request() -> None:
    """And the answer's member is one."""
    for route in ROUTES:
        assert set(path_fields(route)) <= set(route.request.__struct_fields__), route
        assert route.member is None or route.member in route.answer.__struct_fields__, route


@pytest.mark.parametrize(
    ("method", "target", "body", "told"),
    [
        ("GET", "/runs?limt=5", b"", "there is no 'limt' here; did you mean 'limit'?"),
        ("GET", "/keys/a?q=1", b"", "there is no 'q' here; there are: owner, scope"),
        ("GET", "/runs?limit=0", b"", "`limit` must be an integer of at least 1, got '0'"),
        ("GET", "/runs?limit=x", b"", "`limit` must be an integer, got 'x'"),
        ("GET", "/runs/r/tasks/t/items/1?visit=null", b"", "`visit` must not be null: leave it out"),
        ("GET", "/runs/r/outcome?wait=NULL", b"", "`wait` must not be null: leave it out"),
        ("GET", "/keys?scope=null", b"", "`scope` must not be null: leave it out"),
        ("GET", "/runs?limit=1&limit=2", b"", "'limit' is given twice"),
        ("GET", "/runs?label=x", b"", "`label` must be NAME=VALUE, got 'x'"),
        ("GET", "/runs?priority=hihg", b"", "got 'hihg'; did you mean 'high'?"),
        ("GET", "/runs?since=yesterday", b"", "`since` must be an instant as in RFC 3339, got 'yesterday'"),
        ("GET", "/runs?since=nan", b"", "`since` must be an instant as in RFC 3339, got 'nan'"),
        ("GET", "/runs?since=-inf", b"", "`since` must be an instant as in RFC 3339, got '-inf'"),
        ("GET", "/runs?since=1e999", b"", "`since` must be an instant as in RFC 3339, got '1e999'"),
        ("GET", "/runs/r/tasks/t/items/-1", b"", "`index` must be an integer of at least 0, got '-1'"),
        ("POST", "/runs?wait=61", b'{"workflow":"w"}', "`wait` must be a number of at most 60, got '61'"),
        ("POST", "/runs?wait=nan", b'{"workflow":"w"}', "`wait` must be a number, got 'nan'"),
        ("POST", "/runs?wiat=1", b'{"workflow":"w"}', "there is no 'wiat' here; did you mean 'wait'?"),
        ("POST", "/runs", b'{"workflow":"w","wait":1}', "there is no 'wait' here; give it in the query"),
        ("POST", "/runs?note=x", b'{"workflow":"w"}', "there is no 'note' here; give it in the body"),
        (
            "POST",
            "/runs",
            b'{"workflow":"w","idempotency_key":"k"}',
            "there is no 'idempotency_key' here; send it as the header Idempotency-Key",
        ),
        (
            "POST",
            "/runs/r/pause",
            b'{"note":"' + b"x" * 1001 + b'"}',
            "`note` must be a text of at most 1000 characters",
        ),
        ("POST", "/runs/r/cancel?x=1", b"", "POST /api/v1/runs/{run}/cancel takes no query, got 'x'"),
        ("POST", "/runs/r/cancel?dry_run=true", b"", "`dry_run` must be 1, got 'true'"),
        ("GET", "/runs/r/tasks/t/items/0/output?follow=0", b"", "`follow` must be 1, got '0'"),
        ("POST", "/runs", b"", "`workflow` is required"),
        ("POST", "/runs", b"{", "the body must be a JSON object"),
        ("POST", "/runs", b"[]", "the body must be a JSON object, got a list"),
        ("POST", "/runs", b"\xff", "the body must be a JSON object"),
        ("POST", "/runs", b"[" * 100_000, "the body must be a JSON object"),
        ("POST", "/runs", b'{"workflow":"w","inputs":' + b'{"a":' * 100_000, "the body must be a JSON object"),
        ("POST", "/runs", b'{"workflow":5}', "`workflow` must be a text or an object, got 5"),
        ("POST", "/runs/r/rerun", b'{"run":"other"}', "there is no 'run' here"),
        ("POST", "/runs/r/rerun", b'{"scope":"failed_tasks","task":"t"}', "a task needs the scope failed_items"),
        ("PATCH", "/runs/r/tasks/t", b'{"concurrency":"3"}', "`concurrency` must be an integer, got a text"),
        ("PATCH", "/runs/r/tasks/t", b'{"note":"why"}', "give 'concurrency' or 'max_failures'"),
        (
            "PATCH",
            "/runs/r/tasks/t",
            b'{"max_failres":3}',
            "there is no 'max_failres' here; did you mean 'max_failures'?",
        ),
    ],
)
def test_what_is_no_request_is_refused(method: str, target: str, body: bytes, told: str) -> None:
    """The message says where, what was expected, and the nearest name."""
    with pytest.raises(BadRequest) as refused:
        read(method, API + target, body)
    assert told.lower() in str(refused.value).lower()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([b"a", b"b"], "the header Idempotency-Key is given twice"),
        ([b"\xff"], "the header Idempotency-Key must be text in UTF-8"),
    ],
)
def test_a_header_is_one_text(values: list[bytes], told: str) -> None:
    """Of two, neither is the client's key."""
    with pytest.raises(BadRequest, match=told):
        read("POST", f"{API}/runs", b'{"workflow":"w"}', [(b"idempotency-key", value) for value in values])


@pytest.mark.parametrize("text", ["2026-11-28T06:00:00Z", "2026-11-28T07:00:00+01:00", "1795845600"])
def test_an_instant_is_written_in_any_way(text: str) -> None:
    """With its offset, or in seconds."""
    assert read("GET", f"{API}/runs?since={quote(text)}") == requests.Runs(since=1795845600.0)


@given(st.sampled_from([route for route in ROUTES if has_body(route)]), st.binary(max_size=200))
def test_no_body_is_more_than_refused(route: object, body: bytes) -> None:
    """Whatever bytes come, there is a request or a `BadRequest`."""
    assert isinstance(route, tuple)
    fields = dict.fromkeys(path_fields(route), "1")  # type: ignore[arg-type]  # a named tuple
    try:
        read_back = request_of(route, fields, (), body)  # type: ignore[arg-type]  # as above
    except BadRequest:
        return
    assert isinstance(read_back, msgspec.Struct)


@pytest.mark.parametrize(("text", "seconds"), [("1e300", 250_000_000_000.0), ("-1e300", -62_000_000_000.0), ("5", 5.0)])
def test_an_instant_beyond_all_is_one_that_can_be_shown(text: str, seconds: float) -> None:
    """No run is that old or new."""
    assert request_of(route_of(requests.RunCounts), {}, [("since", text)]) == requests.RunCounts(seconds)


@pytest.mark.parametrize(
    ("kind", "query", "body"),
    [
        (requests.History, [("after", str(2**63))], b""),
        (requests.Prune, [], b'{"keep":9223372036854775808}'),
        (requests.Describe, [], msgspec.json.encode({"workflow": {"file": "f" * 4097, "text": ""}})),
    ],
)
def test_what_no_store_and_no_finding_can_have_is_refused(
    kind: type[Any], query: list[tuple[str, str]], body: bytes
) -> None:
    """Numbers that are too large, and names that are too long."""
    path = {"run": "r1"} if kind is requests.History else {}
    with pytest.raises(BadRequest):
        request_of(route_of(kind), path, query, body)
