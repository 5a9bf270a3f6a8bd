"""Generated workflows end as they do in the reference: `stretto rehearse --jsonl` over generated.jsonl."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.differential.outcomes import differences
from tests.support.waiting import PATIENCE

STRETTO = Path(sys.executable).with_name("stretto")
RECORDS = [
    json.loads(line) for line in (Path(__file__).parent / "generated.jsonl").read_text(encoding="utf-8").splitlines()
]

# Quirks of the reference that Stretto decides against: a case that shows one must end, but may end otherwise.
REFUSED: frozenset[str] = frozenset(
    {
        "entered-while-running",
        "exception-escapes",
        "items-left-running",
        "join-forgotten-after-resume",
        "task-left-unfinished",
        "task-paused-for-ever",
    }
)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, Any]]:
    """Return what one process makes of all cases, by the name of the case."""
    lines = "".join(
        json.dumps({key: part for key, part in record["case"].items() if key != "quirks"}) + "\n" for record in RECORDS
    )
    process = subprocess.run(
        [STRETTO, "rehearse", "--jsonl"], input=lines, capture_output=True, text=True, check=False, timeout=4 * PATIENCE
    )
    assert process.returncode == 0, process.stderr
    answers = [json.loads(line) for line in process.stdout.splitlines()]
    assert len(answers) == len(RECORDS), process.stderr
    return {record["case"]["name"]: answer for record, answer in zip(RECORDS, answers, strict=True)}


@pytest.mark.parametrize("record", RECORDS, ids=[record["case"]["name"] for record in RECORDS])
def test_a_generated_workflow_ends_as_in_the_reference(
    record: dict[str, Any], outcomes: dict[str, dict[str, Any]]
) -> None:
    """Status, output, results, launched actions with their input, and the tasks with errors are the reference's."""
    case = record["case"]
    answer = outcomes[case["name"]]
    if REFUSED.isdisjoint(case.get("quirks") or []):
        assert differences(record["expected"], answer) == {}, case["workflow"]
    else:
        assert answer["status"] in {"succeeded", "failed", "canceled", "paused", "invalid"}
