"""The records of what failed: complete, bounded and masked."""

import json
from typing import Any

import pytest

from stretto.definitions import freeze, thaw
from stretto.definitions.conductor import Failure
from stretto.definitions.conductor.errors import MAX_ITEM_ERRORS
from stretto.definitions.errors import Frame
from tests.support.driving import Drive
from tests.support.rehearsal import rehearse

FIELDS = {
    "code",
    "message",
    "task",
    "visit",
    "item_index",
    "attempt",
    "action",
    "where",
    "expression",
    "input",
    "traceback",
    "causes",
    "handled",
}


def definition(**task: Any) -> str:
    """Return a workflow of one task."""
    return json.dumps(
        {
            "version": "1",
            "parameters": {"token": {"type": "string", "secret": True}, "items": {"type": "array"}},
            "tasks": [{"name": "a", "action": "core.noop", **task}],
        }
    )


def errors_of(drive: Drive) -> list[dict[str, Any]]:
    """Return the records of a run that has ended."""
    records: list[dict[str, Any]] = thaw(drive.finish.errors)
    return records


def failing(text: str, inputs: dict[str, Any], failure: Failure) -> list[dict[str, Any]]:
    """Return the records of a run whose one task fails so."""
    drive = Drive(text, inputs)
    drive.fails("a", failure=failure)
    return errors_of(drive)


def test_a_record_describes_all_of_a_failure() -> None:
    """Every field that an outcome promises is there; what does not apply is null."""
    (record,) = failing(definition(), {}, Failure("failed", "no luck", input=freeze({"x": 1})))
    assert set(record) == FIELDS
    assert record == {
        "code": "action_failed",
        "message": "no luck",
        "task": "a",
        "visit": 1,
        "item_index": None,
        "attempt": 1,
        "action": "core.noop",
        "where": {"file": "test.yaml", "line": 1, "column": record["where"]["column"]},
        "expression": None,
        "input": {"x": 1},
        "traceback": None,
        "causes": None,
        "handled": False,
    }


def test_a_record_has_the_frames_of_an_exception_masked() -> None:
    """A line of code may contain a secret of the run."""
    frame = Frame("/srv/actions.py", 7, "connect", "login('hunter2!')")
    (record,) = failing(definition(), {"token": "hunter2!"}, Failure("exception", "KeyError: 'x'", traceback=(frame,)))
    assert record["traceback"] == [
        {"file": "/srv/actions.py", "line": 7, "function": "connect", "code": "login('******')"}
    ]


def test_equal_errors_of_items_are_counted() -> None:
    """The different errors are listed with their counts, the most frequent first; the rest is one number."""
    drive = Drive(definition(with_items="{{ parameters.items }}"), {"items": list(range(40))})
    for index in range(40):
        message = "no luck" if index % 2 else f"no luck with {index}"
        drive.fails("a", index, failure=Failure("failed", message))
    whole, *items = errors_of(drive)
    assert len(items) == MAX_ITEM_ERRORS
    assert [(cause["count"], cause["of"], cause["message"], cause["item_index"]) for cause in whole["causes"]] == [
        (20, 40, "no luck", 1),
        *((1, 40, f"no luck with {index}", index) for index in range(0, 18, 2)),
        (11, 40, "other errors", None),
    ]
    assert all(item["causes"] is None for item in items)


def test_an_expressions_error_has_its_source_and_place() -> None:
    """A failed rendering names the expression and where it stands."""
    text = 'version: "1"\ntasks:\n  - name: a\n    action: core.noop\n    with_items: "{{ workflow.nope }}"\n'
    (record,) = rehearse(text).errors
    assert (record["expression"], record["where"]) == (
        "workflow.nope",
        {"file": "rehearsed.yaml", "line": 5, "column": 18},
    )
    assert "has no 'nope'" in record["message"]


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("workflow.zzz", "the namespace 'workflow' has no 'zzz'; there are: hosts, region"),
        ("workflow.regio", "the namespace 'workflow' has no 'regio'; did you mean 'region'?"),
        ("workflow.hosts.zzz", "the object has no field 'zzz'; there are: a, b"),
        ("task.a.result", "the task 'a' has not finished yet"),
    ],
)
def test_the_names_in_scope_are_listed(expression: str, shown: str) -> None:
    """The nearest one, or else those that there are."""
    text = 'version: "1"\nvars: {region: x, hosts: {b: 1, a: 2}}\n'
    text += f'tasks: [{{name: a, action: core.noop, when: "{{{{ {expression} }}}}"}}]\n'
    (record,) = rehearse(text).errors
    assert record["message"] == shown


@pytest.mark.parametrize(("failures", "shown"), [(1, 1), (10, 10), (11, 10), (300, 10)])
def test_at_most_ten_item_errors_are_shown_and_all_counted(failures: int, shown: int) -> None:
    """A task's own record counts all; the first ten items, in the items' order, are shown."""
    drive = Drive(definition(with_items="{{ parameters.items }}", concurrency=300), {"items": list(range(300))})
    for index in reversed(range(300)):
        if index < failures:
            drive.fails("a", index)
        else:
            drive.completes("a", None, index)
    records = errors_of(drive)
    assert [record["item_index"] for record in records] == [None, *range(shown)]
    assert (records[0]["code"], f"{failures} of 300 items failed" in records[0]["message"]) == ("items_failed", True)


def test_the_records_of_a_run_are_bounded() -> None:
    """However many tasks fail, two hundred records are kept and the rest counted."""
    tasks = [{"name": f"t{number}", "action": "core.noop"} for number in range(250)]
    drive = Drive(json.dumps({"version": "1", "tasks": tasks}))
    for number in range(250):
        drive.fails(f"t{number}")
    records = errors_of(drive)
    assert len(records) == 201
    assert records[-1]["code"] == "more_errors"
    assert "50" in records[-1]["message"]


def test_a_large_input_is_cut() -> None:
    """An input of more than 4 KiB is shown as the beginning of its JSON."""
    (small,) = failing(definition(), {}, Failure("failed", "m", input=freeze({"x": "y" * 4000})))
    (large,) = failing(definition(), {}, Failure("failed", "m", input=freeze({"x": "y" * 1_000_000})))
    assert small["input"] == {"x": "y" * 4000}
    assert isinstance(large["input"], str)
    assert large["input"].startswith('{"x":"yyy')
    assert len(large["input"]) < 4096 + 50


@pytest.mark.parametrize("text", ["\x01" * 4000, "😀" * 4000, "😀" * 10_000])
def test_four_kibibytes_are_bytes(text: str) -> None:
    """The shown input is at most 4 KiB of UTF-8 JSON, whatever the characters."""
    (record,) = failing(definition(), {}, Failure("failed", "m", input=freeze({"x": text})))
    assert len(json.dumps(record["input"], ensure_ascii=False).encode()) < 4096 + 100


def test_a_long_message_is_cut() -> None:
    """A message of megabytes does not enter the record of a run."""
    (record,) = failing(definition(), {}, Failure("failed", "x" * 1_000_000))
    assert len(record["message"]) < 10_000


def test_secrets_are_masked_wherever_they_stand() -> None:
    """The value of a secret parameter is in no record: not in messages, inputs, keys, nor in what was cut."""
    token = "-".join(("s3cr3t", "value"))
    failure = Failure(
        "failed", f"denied for {token}!", input=freeze({token: [f"Bearer {token}"], "deep": {"x": [token]}})
    )
    (record,) = failing(definition(), {"token": token}, failure)
    assert token not in json.dumps(record)
    assert record["message"] == "denied for ******!"
    cut = Failure("failed", "m", input=freeze({"x": "y" * 4090 + token + "y" * 9000}))
    (record,) = failing(definition(), {"token": token}, cut)
    assert "s3cr" not in json.dumps(record)


LEAKS = {
    "cut in a message": ("{{ int(parameters.token) }}", "S3cr3t" * 20),
    "cut in a setting": ("{{ parameters.token }}", "S3cr3t" * 20),
    "escaped in a message": ("{{ int(parameters.token) }}", "S3cr3t\nS3cr3t"),
    "as a name": ("{{ workflow[parameters.token] }}", "S3cr3t\nS3cr3t"),
}


@pytest.mark.parametrize(("expression", "token"), LEAKS.values(), ids=LEAKS)
def test_no_part_of_a_secret_is_shown_by_an_expressions_error(expression: str, token: str) -> None:
    """A secret that an error quotes is masked even when the quotation is cut or escaped."""
    drive = Drive(definition(timeout=expression), {"token": token})
    assert "S3cr3t" not in json.dumps(errors_of(drive))


def test_a_handled_failure_says_so() -> None:
    """Errors that a transition took care of stay in the outcome, marked."""
    text = json.dumps(
        {
            "version": "1",
            "tasks": [
                {"name": "a", "action": "core.noop", "next": [{"do": "b"}]},
                {"name": "b", "action": "core.noop"},
            ],
        }
    )
    run = rehearse(text, script=[{"task": "a", "status": "failed"}])
    assert (run.status, [record["handled"] for record in run.errors]) == ("succeeded", [True])
