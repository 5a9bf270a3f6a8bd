"""The driver for StackStorm's integration tests, with tests of our own in the same form."""

import subprocess
import sys
from pathlib import Path

import stackstorm_suite

BASE = """
import retrying
import unittest
from st2client import client as st2
from st2client import models
from st2common.constants import action
from st2common.util.monkey_patch import monkey_patch
import six
import eventlet

class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = st2.Client(base_url="http://127.0.0.1")

    def start(self, ref, **parameters):
        return self.client.executions.create(models.LiveAction(action=ref, parameters=parameters))

    @retrying.retry(retry_on_exception=lambda error: isinstance(error, AssertionError), wait_fixed=1, stop_max_delay=1)
    def until(self, execution, status):
        execution = self.client.executions.get_by_id(execution.id)
        self.assertEqual(execution.status, status)
        return execution
"""
TESTS = """
from integration.orquesta import base

class Tests(base.Base):
    def setUp(self):
        self.client.keys.update(base.models.KeyValuePair(name="a", value="kept"))

    def test_a_run(self):
        ended = self.until(self.start("examples.go", cmd="exit 0"), base.action.DONE)
        self.assertDictEqual(ended.result, {"output": {"key": "kept"}})
        children = self.client.executions.query(parent=ended.id)
        self.assertEqual([(each.status, each.context["orquesta"]["task_name"]) for each in children],
                         [("succeeded", "t")])

    def test_a_failure(self):
        ended = self.until(self.start("examples.go", cmd="exit 1"), "failed")
        result = {"failed": True, "return_code": 1, "stderr": "", "stdout": "", "succeeded": False}
        message = "Execution failed. See result for details."
        self.assertDictEqual(ended.result, {"output": {"key": "kept"}, "errors": [
            {"type": "error", "task_id": "t", "message": message, "result": result}]})

    def test_a_rerun(self):
        first = self.until(self.start("examples.go", cmd="exit 1"), "failed")
        again = self.client.executions.re_run(first.id, tasks=["t"])
        self.assertNotEqual(again.id, first.id)
        again = self.until(again, "failed")
        self.assertEqual(again.context["workflow_execution"], first.id)

    def test_a_pause_and_a_cancellation(self):
        run = self.start("examples.go", cmd="while true; do sleep 0.05; done")
        self.until(run, "running")
        self.client.executions.pause(run.id)
        self.until(run, "pausing")
        self.client.executions.resume(run.id)
        self.client.executions.delete(run)
        self.until(run, "canceled")

    def test_an_inquiry(self):
        run = self.start("examples.ask")
        self.until(run, "paused")
        asked, = self.client.executions.query(parent=run.id)
        self.assertEqual(asked.status, "pending")
        self.client.inquiries.respond(asked.id, {"fine": True})
        self.until(run, base.action.DONE)

    def test_what_does_not_happen(self):
        self.assertEqual(self.start("examples.go", cmd="exit 0").status, "succeeded")

    def test_a_refusal(self):
        self.assertIn("examples.none", self.until(self.start("examples.none"), "failed").result["errors"][0]["message"])
"""
GO = """
version: 1.0
input: [cmd]
tasks:
  t: {action: core.local, input: {cmd: <% ctx(cmd) %>, timeout: 1}}
output:
- key: <% st2kv('system.a') %>
"""
ASK = """
version: 1.0
tasks:
  t: {action: core.ask, input: {schema: {type: object, properties: {fine: {type: boolean}}}}}
"""
METADATA = """
name: go
runner_type: orquesta
entry_point: workflows/go.yaml
enabled: true
parameters: {cmd: {type: string}}
"""


def test_tests_run_as_they_are_and_are_counted(tmp_path: Path) -> None:
    """The test that expects what does not happen fails, and only that one."""
    files = {
        "st2common/st2common/constants/action.py": "DONE = 'succeeded'\n",
        "st2tests/integration/__init__.py": "",
        "st2tests/integration/orquesta/__init__.py": "",
        "st2tests/integration/orquesta/base.py": BASE,
        "st2tests/integration/orquesta/test_ours.py": TESTS,
        "contrib/examples/pack.yaml": "ref: examples\nname: examples\nversion: 1.0.0\n",
        "contrib/examples/actions/go.yaml": METADATA,
        "contrib/examples/actions/workflows/go.yaml": GO,
        "contrib/examples/actions/ask.yaml": METADATA.replace("go", "ask").replace("cmd: {type: string}", ""),
        "contrib/examples/actions/workflows/ask.yaml": ASK,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [sys.executable, stackstorm_suite.__file__, str(tmp_path), "--seconds", "20"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [each for each in ended.stdout.splitlines() if each.startswith(("passed", "FAILED"))]
    assert [each.split(" ")[:2] for each in lines] == [
        ["passed", "test_ours.Tests.test_a_failure"],
        ["passed", "test_ours.Tests.test_a_pause_and_a_cancellation"],
        ["passed", "test_ours.Tests.test_a_refusal"],
        ["passed", "test_ours.Tests.test_a_rerun"],
        ["passed", "test_ours.Tests.test_a_run"],
        ["passed", "test_ours.Tests.test_an_inquiry"],
        ["FAILED", "test_ours.Tests.test_what_does_not_happen"],
    ], ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1] == "6 of 7 passed"
    assert ended.returncode == 1
