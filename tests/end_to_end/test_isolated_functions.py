"""Functions in processes of their own, in real runs: what ends one of them ends its item, and nothing else."""

from pathlib import Path

from tests.support.harness import running_engine, write_workflow

ACTIONS = """
import os, time
from stretto.actors import action

@action("lone.work", isolation="worker")
def work(number: int) -> dict:
    if number == 3:
        os._exit(9)
    while number == 5:  # for ever, without giving anything up
        pass
    return {"number": number, "pid": os.getpid()}
"""
WORKFLOW = """
tasks:
  - name: work
    action: lone.work
    with_items: "{{ range(12) | list }}"
    concurrency: 4
    timeout: 10
    max_failures: 100%
    input: {number: "{{ item }}"}
output_map:
  numbers: "{{ task.work.result | select | map(attribute='number') | list }}"
  pids: "{{ task.work.result | select | map(attribute='pid') | unique | list }}"
  errors: "{{ task.work.errors }}"
"""


def test_a_crash_and_an_endless_loop_fail_their_items_only(tmp_path: Path) -> None:
    """The loop ends at the task's timeout; all other items have their results, from few processes."""
    (tmp_path / "lone.py").write_text(ACTIONS)
    with running_engine(actions=[str(tmp_path / "lone.py")], workers=2) as bed:
        outcome = bed.run(write_workflow(tmp_path, "lone", WORKFLOW), {})
    assert outcome.status == "succeeded"
    output = outcome.output
    assert isinstance(output, dict)
    assert output["numbers"] == [0, 1, 2, 4, 6, 7, 8, 9, 10, 11]
    assert 1 <= len(output["pids"]) <= 4
    kinds = {each["index"]: (each["error"]["kind"], each["error"]["message"]) for each in output["errors"]}
    assert kinds[3] == ("exception", "WorkerEnded: the worker process ended with exit code 9")
    assert kinds[5][0] == "timed_out"
