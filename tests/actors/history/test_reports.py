"""Reports of stored runs, from a store in a file, of runs that a conductor has conducted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stretto.actors.history import UnknownVisit, reports, show_item
from stretto.actors.history.masks import SEALED
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.queries import InvalidCursor
from stretto.actors.journal.records import ItemKey, ParentItem, Rerun, RunAccepted
from stretto.actors.journal.sql.reader import SqlReader
from stretto.actors.journal.sql.store import Store
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import CancelRequested, PauseRequested, UnknownTask, events
from stretto.definitions.context import RunEnvironment
from stretto.definitions.context.masking import MASK, Mask
from stretto.definitions.data.composing import object_of
from stretto.definitions.data.frozen import EMPTY_OBJECT
from tests.support.conducted import Conducted
from tests.support.counted_sql import counting
from tests.support.recording import acceptance, completed, failed, happening
from tests.support.stores import KEYRING, everything_in

ITEMS = """
ref: tests.items
parameters: {hosts: {type: array}}
tasks:
  - name: probe
    action: core.noop
    with_items: "{{ parameters.hosts }}"
    concurrency: 2000
    next: [{when: "{{ succeeded() and parameters.hosts == [] }}", do: [never]}]
  - {name: never, action: core.noop}
output_map: {answers: "{{ task.probe.result }}"}
"""
ONE = "ref: tests.one\ntasks: [{name: only, action: core.noop}]\n"
SECRET = """
ref: tests.secret
parameters: {password: {type: string, secret: true}, user: {type: string}}
tasks:
  - {name: login, action: core.noop, input: {text: "{{ parameters.password }}"}}
"""
CALLING = "ref: tests.calling\nparameters: {password: {secret: true}}\ntasks: [{name: call, action: tests.called}]\n"
CALLED = "ref: tests.called\nparameters: {given: {}}\ntasks: [{name: only, action: core.noop}]\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store in a file: how the kinds of stores differ is another matter."""
    with open_store(f"sqlite:///{tmp_path}/store.db", KEYRING) as opened:
        yield opened


def probed(store: Store) -> Conducted:
    """Return an ended run of three items, of which the second failed."""
    run = Conducted(store, ITEMS, {"hosts": ["a", "b", "c"]})
    run.succeed("probe", 2, {"up": True})
    run.fail("probe", 1, "no answer")
    run.succeed("probe", 0, {"up": False})
    assert run.finish is not None
    return run


def is_plain(value: Any) -> bool:
    """Return whether a value is JSON, and stays what it is on the way through it."""
    return bool(msgspec.json.decode(msgspec.json.encode(value)) == value)


def without_key(store: Store) -> SqlReader:
    """Return a reader of the same store that has no key."""
    return SqlReader(store.reader._engine, None, store.url)


# ---- lists


def test_runs_are_listed_the_newest_first_and_by_pages(store: Store) -> None:
    """Each run is on one page, and the last page says that it is the last."""
    runs = [Conducted(store, ONE, at=1000.0 + number) for number in range(5)]
    first = reports.list_runs(store.reader, limit=3)
    second = reports.list_runs(store.reader, limit=3, cursor=first["next"])
    assert [each["id"] for each in (*first["runs"], *second["runs"])] == [run.id for run in reversed(runs)]
    assert second["next"] is None
    assert first["runs"][0] == {
        "id": runs[4].id, "workflow": "tests.one", "status": "running", "accepted_at": "1970-01-01T00:16:44.000000Z",
        "ended_at": None, "parent": None, "rerun_of": None, "rerun_scope": None, "rerun_task": None,
        "origin": "owner", "labels": {}, "priority": "normal", "requested_by": None, "child_count": 0,
        "parent_item": None,
    }  # fmt: skip
    with pytest.raises(InvalidCursor):
        reports.list_runs(store.reader, cursor="nonsense")


def test_runs_are_listed_by_status_and_workflow(store: Store) -> None:
    """Both conditions hold together."""
    ended, running = Conducted(store, ONE), Conducted(store, ONE)
    ended.succeed("only")
    other = Conducted(store, ITEMS, {"hosts": ["a"]})

    def ids(status: str | None, workflow: str | None) -> list[str]:
        return [run["id"] for run in reports.list_runs(store.reader, status=status, workflow=workflow)["runs"]]

    assert ids("succeeded", None) == [ended.id]
    assert ids("running", None) == [other.id, running.id]
    assert ids("running", "tests.one") == [running.id]
    assert ids(None, "tests.nothing") == []


@pytest.mark.parametrize(
    "read",
    [
        reports.show_run,
        reports.status_of,
        reports.list_items,
        reports.export_run,
        reports.why,
        reports.show_definition,
        lambda reader, run_id: show_item(reader, run_id, "only", 0),
    ],
)
def test_a_run_that_there_is_not(store: Store, read: Any) -> None:
    """Whatever is asked of it, the answer is that it is unknown."""
    with pytest.raises(UnknownRun, match="there is no run 'no-such-run'"):
        read(store.reader, "no-such-run")


# ---- one run


def test_a_run_is_shown(store: Store) -> None:
    """With its inputs, its output, its errors, the visits of its tasks, and the runs of its sub-workflows."""
    run = probed(store)
    shown = reports.show_run(store.reader, run.id)
    assert is_plain(shown)
    assert (shown["id"], shown["status"], shown["inputs"]) == (run.id, "failed", {"hosts": ["a", "b", "c"]})
    assert shown["output"] == {"answers": [{"up": False}, None, {"up": True}]}
    assert run.finish is not None
    assert shown["errors"] == run.finish.errors
    assert "no answer" in [each["message"] for each in shown["errors"]]
    assert shown["ended_at"] == "1970-01-01T00:16:43.000000Z"
    (probe,) = [each for each in shown["tasks"] if each["task"] == "probe"]
    assert probe == {
        "task": "probe", "visit": 1, "status": "failed", "started_at": "1970-01-01T00:16:40.000000Z",
        "ended_at": "1970-01-01T00:16:43.000000Z", "items": 3, "succeeded": 2, "failed": 1,
    }  # fmt: skip
    assert shown["children"] == []


def test_a_run_in_progress_is_shown(store: Store) -> None:
    """A value that has not come yet is null, and nothing is counted of a visit that has not ended."""
    run = Conducted(store, ITEMS, {"hosts": ["a", "b"]})
    run.succeed("probe", 0)
    shown = reports.show_run(store.reader, run.id)
    (probe,) = [each for each in shown["tasks"] if each["task"] == "probe"]
    assert (shown["status"], shown["ended_at"], shown["output"], shown["errors"]) == ("running", None, None, [])
    assert (probe["ended_at"], probe["items"], probe["succeeded"]) == (None, None, None)


def test_a_run_in_progress_is_shown_with_its_deadline(store: Store) -> None:
    """With what requests have added; one that is on its way to its end has none, nor has one that has ended."""
    run = Conducted(store, "ref: tests.timed\ntimeout: 60\ntasks: [{name: only, action: core.noop}]\n")
    assert reports.show_run(store.reader, run.id)["deadline"] == "1970-01-01T00:17:40.000000Z"
    for seconds in (10.0, 0.5):
        run.on(events.ExtensionRequested(seconds, run.at))
    run.on(PauseRequested(run.at))
    assert reports.show_run(store.reader, run.id)["deadline"] == "1970-01-01T00:17:50.500000Z"
    run.on(CancelRequested(run.at))
    assert reports.show_run(store.reader, run.id)["deadline"] is None


def test_children_and_reruns_are_shown(store: Store) -> None:
    """A child names its parent, and a parent its children; a rerun which run it does again, and what of it."""
    parent = Conducted(store, CALLING, {"password": "x"})
    child = Conducted(store, CALLED, {"given": 1}, parent=parent, of_item=("call", 0))
    assert reports.show_run(store.reader, parent.id)["children"] == [child.id]
    shown = reports.show_run(store.reader, child.id)
    assert (shown["parent"], shown["parent_item"]) == (parent.id, {"task": "call", "visit": 1, "index": 0})
    (row,) = reports.list_runs(store.reader, parent=parent.id)["runs"]
    assert (row["id"], row["status"], row["parent_item"]["task"]) == (child.id, "running", "call")
    again = msgspec.structs.replace(child.accepted, run_id="again", parent=None, rerun=Rerun(child.id, "failed_items"))
    assert isinstance(again, RunAccepted)
    store.writer.write([again])
    shown = reports.show_run(store.reader, "again")
    assert (shown["rerun_of"], shown["rerun_scope"]) == (child.id, "failed_items")


def test_only_the_first_children_are_named(store: Store) -> None:
    """Their number says how many there are, and an export has them all."""
    parent = Conducted(store, ONE)
    items = [
        ParentItem(parent.id, ItemKey("only", 1, index), 1, EMPTY_OBJECT) for index in range(reports.MAX_CHILDREN + 2)
    ]
    children = [acceptance(None, parent=item, depth=1) for item in items]
    store.writer.write([*children])
    shown = reports.show_run(store.reader, parent.id)
    assert shown["children"] == [each.run_id for each in children][: reports.MAX_CHILDREN]
    assert shown["child_count"] == len(children)
    assert reports.export_run(store.reader, parent.id)["children"] == [each.run_id for each in children]


@pytest.mark.parametrize("ended", [True, False])
def test_the_status_is_as_the_conductor_tells_it(store: Store, ended: bool) -> None:
    """Of a run in progress and of an ended one, down to each task's counts."""
    run = Conducted(store, ITEMS, {"hosts": ["a", "b", "c"]})
    run.succeed("probe", 1)
    run.fail("probe", 0)
    if ended:
        run.succeed("probe", 2)
    assert reports.status_of(store.reader, run.id) == {
        "id": run.id,
        "workflow": "tests.items",
        "status": run.conductor.status,
        "tasks": run.conductor.tasks(),
    }


def test_why_a_run_goes_no_further(store: Store) -> None:
    """Items in flight are explained, of the run or of a task."""
    run = Conducted(store, ITEMS, {"hosts": ["a", "b"]})
    run.succeed("probe", 0)
    shown = reports.why(store.reader, run.id)
    assert [(each["kind"], each["task"], each["index"]) for each in shown] == [("item_in_flight", "probe", 1)]
    assert reports.why(store.reader, run.id, "probe") == shown


def test_why_of_an_ended_run_says_how_and_where_it_failed(store: Store) -> None:
    """Its end, then its errors in words, of the run or of a task."""
    run = Conducted(store, ITEMS, {"hosts": ["a", "b"]})
    run.succeed("probe", 0)
    run.fail("probe", 1, "no answer")
    ended, error = reports.why(store.reader, run.id)
    assert (ended["kind"], ended["status"]) == ("ended", "failed")
    assert ended["text"] == f"the run failed at {ended['since']}"
    assert error["kind"] == "error"
    assert error["text"].endswith(": 1 of 2 items: no answer (item 1) [action_failed]")
    assert reports.why(store.reader, run.id, "probe") == [ended, error]
    with pytest.raises(UnknownTask, match="did you mean 'probe'"):
        reports.why(store.reader, run.id, "prob")


# ---- items


def test_items_are_listed_in_the_order_of_their_end(store: Store) -> None:
    """Each with its outcome, a failed one with its error; by pages."""
    run = probed(store)
    shown = reports.list_items(store.reader, run.id)
    assert [(each["index"], each["outcome"]) for each in shown["items"]] == [
        (2, "succeeded"), (1, "failed"), (0, "succeeded"),
    ]  # fmt: skip
    assert shown["items"][1]["error"] == {"kind": "failed", "message": "no answer"}
    assert "error" not in shown["items"][0]
    page = reports.list_items(store.reader, run.id, limit=2)
    rest = reports.list_items(store.reader, run.id, limit=2, cursor=page["next"])
    assert [*page["items"], *rest["items"]] == shown["items"]
    assert rest["next"] is None


def test_items_are_listed_by_task_and_outcome(store: Store) -> None:
    """`failed` means all that did not succeed."""
    run = probed(store)
    assert [each["index"] for each in reports.list_items(store.reader, run.id, outcome="failed")["items"]] == [1]
    assert len(reports.list_items(store.reader, run.id, outcome="succeeded", task="probe")["items"]) == 2
    assert reports.list_items(store.reader, run.id, task="probe", outcome="timed_out")["items"] == []
    with pytest.raises(UnknownTask, match=r"there is no task 'prob' in tests.items; did you mean 'probe'\?"):
        reports.list_items(store.reader, run.id, task="prob")
    with pytest.raises(UnknownVisit, match="no visit 2 "):
        reports.list_items(store.reader, run.id, task="probe", visit=2)


def test_an_item_is_shown_with_its_result(store: Store) -> None:
    """Of a failed one, all that is known of the failure; an item that has not ended is unknown."""
    run = Conducted(store, ITEMS, {"hosts": ["a", "b", "c"]})
    run.succeed("probe", 2, {"up": [1]})
    run.fail("probe", 1, "no answer", {"tried": 3})
    shown = show_item(store.reader, run.id, "probe", 2)
    assert (shown["outcome"], shown["result"], shown["error"]) == ("succeeded", {"up": [1]}, None)
    shown = show_item(store.reader, run.id, "probe", 1)
    assert shown["error"] == {"kind": "failed", "message": "no answer", "retryable": True, "result": {"tried": 3}}
    with pytest.raises(reports.UnknownItem, match="no attempt of item 0 of the task 'probe' has ended"):
        show_item(store.reader, run.id, "probe", 0)
    with pytest.raises(UnknownTask, match="did you mean 'probe'"):
        show_item(store.reader, run.id, "prob", 0)
    with pytest.raises(UnknownVisit, match="no visit 2 "):
        show_item(store.reader, run.id, "probe", 2, visit=2)


def test_the_last_try_of_the_newest_visit_is_shown(store: Store) -> None:
    """A task that is visited again, and an item that is tried again: the last one is meant, unless a visit is named."""
    text = """
ref: tests.laps
tasks:
  - {name: begin, action: core.noop, next: [{do: [go]}]}
  - {name: go, action: core.noop, next: [{do: [back]}]}
  - {name: back, action: core.noop, next: [{when: "{{ result() < 2 }}", do: [go]}]}
"""
    run = Conducted(store, text)
    run.succeed("begin")
    run.succeed("go", result="first")
    run.succeed("back", result=1)
    run.succeed("go", result="second")
    assert show_item(store.reader, run.id, "go", 0)["result"] == "second"
    assert show_item(store.reader, run.id, "go", 0, visit=1)["result"] == "first"


# ---- exports


def test_an_export_has_everything_of_a_run(store: Store) -> None:
    """The definition's text, what the run was given and gave, and each entry in its order."""
    run = probed(store)
    shown = reports.export_run(store.reader, run.id)
    assert is_plain(shown)
    assert shown["format"] == 1
    assert shown["definition"] == {"ref": "tests.items", "file": "w.yaml", "text": f'version: "1.0.0"\n{ITEMS}'}
    assert shown["inputs"] == {"hosts": ["a", "b", "c"]}
    entries = [(each["number"], each["type"], each["index"], each["outcome"]) for each in shown["entries"]]
    assert entries == [
        (0, "item_completed", 2, "succeeded"),
        (1, "item_completed", 1, "failed"),
        (2, "item_completed", 0, "succeeded"),
    ]
    assert shown["entries"][0]["at"] == "1970-01-01T00:16:41.000000Z"
    assert shown["entries"][0]["result"] == {"up": True}


def test_an_exports_entries_are_read_as_they_are_asked_for(store: Store) -> None:
    """More than are read at once all come, in their order."""
    run = Conducted(store, ITEMS, {"hosts": list(range(520))})
    for number in range(520):
        run.succeed("probe", number)
    _, entries = reports.export_parts(store.reader, run.id)
    assert [each["number"] for each in entries] == list(range(520))


# ---- secrets


def all_reports(reader: Any, run_id: str) -> bytes:
    """Return all reports of a run."""
    items = reports.list_items(reader, run_id)
    tries = [show_item(reader, run_id, each["task"], each["index"]) for each in items["items"]]
    shown = [reports.list_runs(reader), reports.show_run(reader, run_id), reports.status_of(reader, run_id)]
    return msgspec.json.encode([*shown, items, tries, reports.export_run(reader, run_id)])


def test_a_secret_is_shown_nowhere(store: Store) -> None:
    """Wherever it stands: in an input, a result, an error's message and what comes with it."""
    run = Conducted(store, SECRET, {"password": "hunter2", "user": "hunter2's"})
    run.fail("login", message="hunter2 is wrong", result={"hunter2": "said hunter2"})
    shown = all_reports(store.reader, run.id)
    assert b"hunter2" not in shown
    assert reports.show_run(store.reader, run.id)["inputs"] == {"password": MASK, "user": f"{MASK}'s"}
    assert b"hunter2" not in everything_in(store)


def test_a_secret_default_is_shown_nowhere(store: Store) -> None:
    """Not even in the definition's text."""
    run = Conducted(store, SECRET.replace("secret: true", "secret: true, default: hunter2"), {"user": "me"})
    shown = reports.export_run(store.reader, run.id)
    assert f"default: {MASK}" in shown["definition"]["text"]
    assert "hunter2" not in str(shown)


def test_what_is_made_of_a_secret_is_shown_nowhere(store: Store) -> None:
    """Values that expressions made of it are known from its record."""
    text = """
ref: tests.made
tasks:
  - name: make
    action: core.noop
    next: [{publish: {header: "{{ keystore.token | upper }}"}, do: [use]}]
  - {name: use, action: core.noop}
"""
    keystore = object_of({"token": "abc-token-xyz"})
    surroundings = RunEnvironment(EMPTY_OBJECT, keystore, frozenset(), Mask([keystore]))
    run = Conducted(store, text, surroundings=surroundings)
    run.succeed("make")
    run.fail("use", message="refused: ABC-TOKEN-XYZ")
    shown = all_reports(store.reader, run.id)
    assert b"TOKEN-XYZ" not in shown.upper()
    (learned,) = [
        each for each in reports.export_run(store.reader, run.id)["entries"] if each["type"] == "secrets_learned"
    ][:1]
    assert set(learned) == {"number", "type", "count"}


def test_a_parents_secret_is_not_shown_of_its_child(store: Store) -> None:
    """Not even before anything has happened to the child."""
    parent = Conducted(store, CALLING, {"password": "hunter2"})
    child = Conducted(store, CALLED, {"given": "hunter2"}, parent=parent, of_item=("call", 0))
    assert reports.show_run(store.reader, child.id)["inputs"] == {"given": MASK}


def test_without_the_key_narrow_rows_are_shown_all_the_same(store: Store) -> None:
    """Encrypted values are marked as such; the rest is there."""
    run = Conducted(store, SECRET, {"password": "hunter2", "user": "me"})
    run.fail("login", message="hunter2 is wrong")
    reader = without_key(store)
    assert reports.list_runs(reader)["runs"][0]["status"] == "failed"
    shown = reports.show_run(reader, run.id)
    assert (shown["status"], shown["inputs"]) == ("failed", SEALED)
    assert reports.status_of(reader, run.id)["tasks"]["login"]["items"]["failed"] == 1
    assert reports.list_items(reader, run.id)["items"][0]["error"] == {"kind": SEALED, "message": SEALED}
    item = show_item(reader, run.id, "login", 0)
    assert (item["result"], item["error"]) == (SEALED, SEALED)
    assert b"hunter2" not in msgspec.json.encode([shown, item])


# ---- cost


def fanned_out(store: Store, items: int, **given: Any) -> str:
    """Return a run with so many ended items, every second of them failed."""
    run = acceptance(**given)
    ends = [failed(index) if index % 2 else completed(index, index) for index in range(items)]
    store.writer.write([run, happening(run.run_id, *ends, secret=run.secret)])
    return run.run_id


@pytest.mark.parametrize("secret", [False, True])
def test_an_item_is_read_by_its_key(store: Store, secret: bool) -> None:
    """However many items have ended, and with secrets, too, a constant number of statements reads one row each."""
    costs = []
    for items in (10, 10_000):
        run_id = fanned_out(store, items, secret=secret)
        show_item(store.reader, run_id, "probe", 0)  # reads the shared definition
        with counting(store.reader._engine) as counted:
            assert show_item(store.reader, run_id, "probe", items - 2)["result"] == items - 2
        costs.append((len(counted.statements), counted.steps))
    (statements, _), (of_many, steps) = costs
    assert statements == of_many <= 9
    assert steps < 1000


def test_a_page_of_failed_items_is_read_in_one_query(store: Store) -> None:
    """The errors of a page come together, and no other entry is read."""
    run_id = fanned_out(store, 10_000)
    reports.list_items(store.reader, run_id, limit=2)  # reads the shared definition
    costs = []
    for limit in (1, 500):
        with counting(store.reader._engine) as counted:
            page = reports.list_items(store.reader, run_id, outcome="failed", limit=limit)
        assert [each["error"]["message"] for each in page["items"]] == ["it said no"] * limit
        costs.append((len(counted.statements), counted.steps))
    (of_one, _), (statements, steps) = costs
    assert statements == of_one <= 5
    assert steps < 60 * 500


def test_the_items_of_a_task_are_read_in_their_order(store: Store) -> None:
    """A page of one task reads no more rows than it shows, as no index makes the database sort."""
    run_id = fanned_out(store, 10_000)
    with counting(store.reader._engine) as counted:
        assert len(reports.list_items(store.reader, run_id, task="probe", limit=10)["items"]) == 10
    assert counted.steps < 1500


@pytest.mark.parametrize(("index", "visit"), [(-1, None), (2**70, None), (0, 2**40), (0, -1)])
def test_no_item_has_a_number_that_is_none(store: Store, index: int, visit: int | None) -> None:
    """A number beyond every column is an unknown item, not an error of the database."""
    run = probed(store)
    with pytest.raises(reports.UnknownItem if visit is None else UnknownVisit):
        show_item(store.reader, run.id, "probe", index, visit)


def test_an_error_without_its_key_seals_only_itself(store: Store) -> None:
    """A run that learned a secret late has bodies of both kinds."""
    run = acceptance()
    store.writer.write([run, happening(run.run_id, failed(0))])
    store.writer.write([happening(run.run_id, failed(1), first=1, secret=True)])
    errors = [each["error"]["kind"] for each in reports.list_items(without_key(store), run.run_id)["items"]]
    assert errors == ["failed", SEALED]


def test_the_definition_is_the_one_that_the_run_has(store: Store) -> None:
    """It is compared with the text that the ref has now, if it has any."""
    run = Conducted(store, ONE)
    text = run.accepted.workflow.text
    shown = reports.show_definition(store.reader, run.id)
    assert shown == {"ref": "tests.one", "file": "w.yaml", "text": text, "same_as_now": None}
    assert reports.show_definition(store.reader, run.id, {"tests.one": text}.get)["same_as_now"] is True
    assert reports.show_definition(store.reader, run.id, {"tests.one": "other"}.get)["same_as_now"] is False
    assert reports.show_definition(store.reader, run.id, lambda _ref: None)["same_as_now"] is None


def test_the_definition_is_shown_without_secrets(store: Store) -> None:
    """A secret parameter may have a default; the comparison is of the whole texts."""
    text = "ref: tests.default\nparameters: {password: {secret: true, default: hunter2hunter}}\n"
    for given in ({}, {"password": "another one"}):  # a run with another one has not learned the default
        run = Conducted(store, text + "tasks: [{name: only, action: core.noop}]\n", given)
        whole = run.accepted.workflow.text
        shown = reports.show_definition(store.reader, run.id, {"tests.default": whole}.get)
        assert "hunter2" not in shown["text"]
        assert MASK in shown["text"]
        assert shown["same_as_now"] is True
