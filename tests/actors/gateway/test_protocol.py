"""The frames of the socket are an interface: names, order and types of their members stay what they are."""

from typing import get_args

import msgspec
import pytest

from stretto.actors.gateway import protocol
from stretto.actors.operations import Answer, Request, answers, controls, requests, table
from stretto.definitions.errors import Finding, Place

REQUESTS = [
    (
        requests.Submit("w.ref", {"n": 1}),
        b'{"type":"submit","workflow":"w.ref","inputs":{"n":1},"follow":true,"idempotency_key":null,"labels":null}',
    ),
    (
        requests.Submit(requests.Definition("w", "ref: w"), follow=False),
        (
            b'{"type":"submit","workflow":{"file":"w","text":"ref: w"},"inputs":{},"follow":false,'
            b'"idempotency_key":null,"labels":null}'
        ),
    ),
    (requests.Describe("w.ref"), b'{"type":"describe","workflow":"w.ref"}'),
    (requests.Watch("r1"), b'{"type":"watch","run":"r1"}'),
    (requests.Status("r1"), b'{"type":"status","run":"r1"}'),
    (controls.Cancel("r1"), b'{"type":"cancel","run":"r1"}'),
    (controls.Pause("r1"), b'{"type":"pause","run":"r1"}'),
    (controls.Resume("r1"), b'{"type":"resume","run":"r1"}'),
    (requests.Workflows(), b'{"type":"workflows"}'),
    (requests.Rerun("r1", "failed_tasks"), b'{"type":"rerun","run":"r1","scope":"failed_tasks","task":null}'),
    (
        requests.Rerun("r1", "failed_items", "t"),
        b'{"type":"rerun","run":"r1","scope":"failed_items","task":"t"}',
    ),
    (
        requests.Submit("w", idempotency_key="k"),
        b'{"type":"submit","workflow":"w","inputs":{},"follow":true,"idempotency_key":"k","labels":null}',
    ),
    (
        requests.Runs(),
        (
            b'{"type":"runs","status":null,"workflow":null,"since":null,"labels":null,"search":null,'
            b'"children":"listed","cursor":null,"limit":50,"until":null,"parent":null,"id_prefix":null}'
        ),
    ),
    (
        requests.Runs("failed", "w.ref", 5.5, {"k": "v"}, "text", "folded", "c", 7, 9.5, "r1", "01"),
        (
            b'{"type":"runs","status":"failed","workflow":"w.ref","since":5.5,"labels":{"k":"v"},"search":"text",'
            b'"children":"folded","cursor":"c","limit":7,"until":9.5,"parent":"r1","id_prefix":"01"}'
        ),
    ),
    (requests.Recover("r1"), b'{"type":"recover","run":"r1"}'),
    (requests.FindRun("12345678"), b'{"type":"find_run","text":"12345678"}'),
    (requests.Run("r1"), b'{"type":"run","run":"r1"}'),
    (
        requests.Items("r1", "t", ["failed", "skipped"], "c", 7, 2, "index", 3),
        (
            b'{"type":"items","run":"r1","task":"t","outcome":["failed","skipped"],"cursor":"c","limit":7,"visit":2,'
            b'"order":"index","min_attempts":3}'
        ),
    ),
    (requests.Item("r1", "t", 2), b'{"type":"item","run":"r1","task":"t","index":2,"visit":null}'),
    (requests.Cells("r1", "t", 1, 5), b'{"type":"cells","run":"r1","task":"t","visit":1,"known":5}'),
    (requests.ItemOutput("r1", "t", 2), b'{"type":"item_output","run":"r1","task":"t","index":2}'),
    (requests.Why("r1", "t"), b'{"type":"why","run":"r1","task":"t"}'),
    (controls.SetConcurrency("r1", "t", 3), b'{"type":"set_concurrency","run":"r1","task":"t","concurrency":3}'),
    (controls.SetMaxFailures("r1", "t", 0), b'{"type":"set_max_failures","run":"r1","task":"t","max_failures":0}'),
    (controls.Extend("r1", 60.5), b'{"type":"extend","run":"r1","seconds":60.5}'),
    (controls.SkipItem("r1", "t", 2), b'{"type":"skip_item","run":"r1","task":"t","index":2}'),
    (controls.RetryItem("r1", "t", 2), b'{"type":"retry_item","run":"r1","task":"t","index":2}'),
    (requests.Export("r1"), b'{"type":"export","run":"r1"}'),
    (requests.Errors("r1", "t"), b'{"type":"errors","run":"r1","task":"t"}'),
    (
        requests.History("r1", 5, "item_completed", "t", 7),
        b'{"type":"history","run":"r1","after":5,"kind":"item_completed","task":"t","limit":7}',
    ),
    (requests.PreviewCancel("r1"), b'{"type":"preview_cancel","run":"r1"}'),
    (
        requests.PreviewRerun("r1", "failed_items", "t"),
        b'{"type":"preview_rerun","run":"r1","scope":"failed_items","task":"t"}',
    ),
    (requests.Context("r1", 5, ("tasks", "t")), b'{"type":"context","run":"r1","at":5,"path":["tasks","t"]}'),
    (requests.RunCounts(5.5), b'{"type":"run_counts","since":5.5}'),
    (requests.RunDefinition("r1"), b'{"type":"definition","run":"r1"}'),
    (requests.Prune(60.5, 10), b'{"type":"prune","older_than_seconds":60.5,"keep":10}'),
]
FOUND = (
    b'{"code":"odd","message":"oh","place":{"file":"w.yaml","line":1,"column":2,"path":""},'
    b'"found":"","expected":"","hint":"","severity":"error"}'
)

ANSWERS = [
    (answers.Accepted("r1", "w.ref"), b'{"type":"accepted","run":"r1","workflow":"w.ref"}'),
    (
        answers.Described("w.ref", {"n": "integer"}),
        b'{"type":"described","workflow":"w.ref","parameters":{"n":"integer"}}',
    ),
    (
        answers.Progress("r1", "running", {"t": {}}),
        b'{"type":"progress","run":"r1","status":"running","tasks":{"t":{}}}',
    ),
    (
        answers.Ended("r1", "failed", None, [{"kind": "failed"}], {"t": {}}),
        b'{"type":"outcome","run":"r1","status":"failed","output":null,"errors":[{"kind":"failed"}],"tasks":{"t":{}}}',
    ),
    (answers.StatusAnswer({"id": "r1"}), b'{"type":"status","run":{"id":"r1"}}'),
    (answers.WorkflowsAnswer(["w.ref"]), b'{"type":"workflows","refs":["w.ref"]}'),
    (answers.Done(), b'{"type":"done"}'),
    (answers.Refused("busy", "later"), b'{"type":"error","code":"busy","message":"later","findings":[],"details":[]}'),
    (
        answers.Refused("invalid_definition", "wrong", ["w.yaml:1"], [Finding("odd", "oh", Place("w.yaml", 1, 2))]),
        b'{"type":"error","code":"invalid_definition","message":"wrong","findings":["w.yaml:1"],"details":[%s]}'
        % FOUND,
    ),
    (answers.RunsAnswer([{"id": "r1"}], "c"), b'{"type":"runs","runs":[{"id":"r1"}],"next":"c"}'),
    (answers.Found("r1"), b'{"type":"found","run":"r1"}'),
    (answers.RunAnswer({"id": "r1"}), b'{"type":"run","run":{"id":"r1"}}'),
    (answers.ItemsAnswer([{"index": 2}], None), b'{"type":"items","items":[{"index":2}],"next":null}'),
    (
        answers.ItemsAnswer([{"index": 2}], None, untimed=True),
        b'{"type":"items","items":[{"index":2}],"next":null,"untimed":true}',
    ),
    (answers.ItemAnswer({"index": 2}), b'{"type":"item","item":{"index":2}}'),
    (answers.OutputAnswer({"stdout": "x"}), b'{"type":"output","output":{"stdout":"x"}}'),
    (answers.WaitsAnswer([{"kind": "paused"}]), b'{"type":"why","reasons":[{"kind":"paused"}]}'),
    (answers.ExportAnswer({"id": "r1"}), b'{"type":"export","run":{"id":"r1"}}'),
    (answers.EntriesAnswer([msgspec.Raw(b'{"number":0}')]), b'{"type":"entries","entries":[{"number":0}]}'),
    (answers.ErrorsAnswer([{"count": 2}], 1), b'{"type":"errors","groups":[{"count":2}],"others":1}'),
    (answers.HistoryAnswer([{"number": 5}], 5), b'{"type":"history","entries":[{"number":5}],"next":5}'),
    (
        answers.CountsAnswer("1970", {"failed": 2}),
        b'{"type":"run_counts","since":"1970","statuses":{"failed":2}}',
    ),
    (answers.PreviewAnswer({"tasks": 1}), b'{"type":"preview","preview":{"tasks":1}}'),
    (
        answers.ContextAnswer(5, {"a": 1}, 7, 0),
        b'{"type":"context","at":5,"value":{"a":1},"bytes":7,"left_out":0}',
    ),
    (answers.CellsAnswer(1, 5, b"\x13\x14"), b'{"type":"cells","visit":1,"last":5,"cells":"ExQ="}'),
    (answers.DefinitionAnswer({"ref": "r"}), b'{"type":"definition","definition":{"ref":"r"}}'),
    (answers.Pruned(2), b'{"type":"pruned","runs":2}'),
]


@pytest.mark.parametrize(("request_", "frame"), REQUESTS, ids=lambda each: type(each).__name__)
def test_the_bytes_of_a_request_do_not_change(request_: Request, frame: bytes) -> None:
    """A client of an earlier version is understood."""
    assert protocol.encode(request_) == frame + b"\n"
    assert protocol.read_request(frame) == request_


@pytest.mark.parametrize(("answer", "frame"), ANSWERS, ids=lambda each: type(each).__name__)
def test_the_bytes_of_an_answer_do_not_change(answer: Answer, frame: bytes) -> None:
    """A client of an earlier version understands it."""
    assert protocol.encode(answer) == frame + b"\n"
    assert protocol.encode(protocol.read_answer(frame)) == frame + b"\n"


def test_every_frame_is_pinned() -> None:
    """A new request or answer needs its line here."""
    unpinned: set[type[msgspec.Struct]] = set(table.REQUESTS) ^ {type(request_) for request_, _ in REQUESTS}
    unpinned |= set(get_args(Answer)) ^ {type(answer) for answer, _ in ANSWERS}
    names = sorted(each.__name__ for each in unpinned)
    assert not names, f"REQUESTS and ANSWERS of this file must have one line for each: {names}"
