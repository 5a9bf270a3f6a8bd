"""StackStorm's Python actions of classes: found without an import, and run in kept processes with a stand-in."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Outcome
from stretto.actors.packs import Pack, examine_packs
from tests.support.engines import Bench

BASE = """
from st2common.runners.base_action import Action
class Base(Action):
    def __init__(self, config=None, action_service=None):
        super().__init__(config=config, action_service=action_service)
        self.factor = self.config.get("factor", 1)
"""
GO = """
import enum
import os
from datetime import date
from lib.base import Base
from helping import HELP
class Grade(enum.Enum):
    GOOD = "good"
class Mute:
    def __str__(self):
        raise ValueError("no words")
class Go(Base):
    def run(self, n, way="ok"):
        self.logger.info("going %s", n)
        print("out")
        if way == "tuple":
            return True, [n]
        if way == "false":
            return False, {"n": n}
        if way == "raise":
            raise ValueError("a value is odd")
        if way == "scope":
            return self.action_service.get_value("k", scope="team")
        if way == "exit":
            os._exit(7)
        if way == "path":
            return [os.environ.get(name) for name in ("PATH", "MORE")]
        if way == "odd":
            return True, {1}
        if way == "dated":
            return [date(2026, 11, 29), float("nan"), Grade.GOOD]
        if way == "status":
            return "fine", [n]
        if way == "mute":
            return Mute()
        return {"n": n * self.factor, "pid": os.getpid(), "help": HELP, "pack": os.environ["ST2_ACTION_PACK_NAME"]}
"""
METADATA = """
name: {name}
runner_type: python-script
entry_point: {file}
enabled: true
parameters:
  n: {{type: integer, required: true}}
  way: {{type: string, default: ok}}
{more}
"""


class Sample:
    """A pack of StackStorm's in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("actions/lib", "lib"):
            (folder / name).mkdir(parents=True)
        (folder / "pack.yaml").write_text("ref: hosts\nname: hosts\nversion: 1.0.0\n")
        (folder / "config.schema.yaml").write_text("factor: {type: integer, default: 2}\n")
        (folder / "lib" / "helping.py").write_text("HELP = 'yes'\n")
        self.write("lib/__init__.py", "")
        self.write("lib/base.py", BASE)
        self.add("go", GO)

    def write(self, name: str, text: str) -> None:
        """Write a file of actions."""
        (self.folder / "actions" / name).write_text(text)

    def add(self, name: str, code: str, more: str = "") -> None:
        """Write an action."""
        self.write(f"{name}.py", code)
        self.write(f"{name}.yaml", METADATA.format(name=name, file=f"{name}.py", more=more))

    def read(self) -> Pack:
        """Read the pack."""
        (pack,), errors = examine_packs([self.folder])
        assert errors == []
        return pack


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample(tmp_path / "hosts")


@pytest.fixture
def run(start_bench: Callable[..., Bench], sample: Sample) -> Callable[..., Outcome]:
    """Start an engine with the pack, and run its action."""
    bench = start_bench(packs=sample.folder, pack_config={"hosts": {"factor": 3}})

    def call(**given: Any) -> Outcome:
        return bench.run(
            f"tasks:\n- {{name: t, action: hosts.go, input: {given}}}\noutput_map: {{r: '{{{{ task.t.result }}}}'}}"
        )

    return call


def result_of(outcome: Outcome) -> Any:
    """Return the task's result."""
    assert outcome.output is not None
    return outcome.output["r"]


def test_a_class_runs_in_a_kept_process_with_its_configuration(run: Callable[..., Outcome]) -> None:
    """Its base is in the pack's own lib. The result has StackStorm's form."""
    first, second = (result_of(run(n=number)) for number in (2, 3))
    assert first == {
        "result": {"n": 6, "pid": second["result"]["pid"], "help": "yes", "pack": "hosts"}, "exit_code": 0,
        "stdout": "out\n", "stderr": "INFO st2.actions.python.Go: going 2\n",
    }  # fmt: skip
    assert "st2common" not in sys.modules


@pytest.mark.parametrize(
    ("way", "result", "message"),
    [
        ("tuple", [1], None),
        ("odd", "{1}", None),
        ("dated", ["2026-11-29", None, "good"], None),
        ("status", None, "TypeError: the first of the two values that run() returns must be True or False, got 'fine'"),
        ("false", {"n": 1}, "hosts.go returned False and its result"),
        ("raise", None, "ValueError: a value is odd"),
        ("scope", None, "KeyValueStoreError: get_value: the scope must be one of 'system', 'st2kv.system', 'user'"),
    ],
)
def test_a_result_and_a_failure_have_the_form_of_stackstorm(
    run: Callable[..., Outcome], way: str, result: Any, message: str | None
) -> None:
    """A tuple says whether the action has succeeded. An exception is a failure with its traceback."""
    outcome = run(n=1, way=way)
    ended = result_of(outcome)
    assert (ended["result"], ended["exit_code"]) == (result, 0 if message is None else 1)
    if message is None:
        assert outcome.status == "succeeded"
    else:
        assert message in outcome.errors[0]["message"]
    if way == "raise":
        assert [frame["function"] for frame in outcome.errors[0]["traceback"]] == ["run"]
        assert "inside.py" not in ended["stderr"]


@pytest.mark.parametrize(("way", "message"), [("exit", "exit code 7"), ("mute", "has no text: ValueError: no words")])
def test_the_end_of_a_process_fails_its_item(run: Callable[..., Outcome], way: str, message: str) -> None:
    """The next one runs in another."""
    assert message in run(n=1, way=way).errors[0]["message"]
    assert run(n=1).status == "succeeded"


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("from st2client.models import Execution", "st2client.models.Execution"),
        ("from st2client.commands.resource import add_auth_token_to_kwargs_from_cli", "st2client.commands.resource"),
        ("import st2common.util.jinja", "st2common.util.jinja"),
        (
            "from st2common.runners.base_action import Action\nfrom st2common.constants import pack",
            "st2common.constants",
        ),
        ("import lib.more", "st2client"),
        ("from lib import more", "st2client"),
    ],
)
def test_more_of_stackstorm_is_refused_by_name(sample: Sample, code: str, what: str) -> None:
    """Also if a file of the pack imports it. The other actions stay."""
    sample.write("lib/more.py", "import st2client\n")
    sample.add("bad", code)
    pack = sample.read()
    assert [each.ref for each in pack.actions] == ["hosts.go"]
    assert [finding.code for each in pack.refused for finding in each.findings] == ["stackstorm_action"]
    assert f"imports {what}, which is part of StackStorm" in pack.refused[0].findings[0].message


@pytest.mark.parametrize(
    "code",
    [
        "from st2common.runners.base_action import Action\nclass A(Action):\n    pass",
        "from st2common.runners.base_action import Action as Base\nclass A(Base):\n    pass",
        "import st2common.runners.base_action\nclass A(st2common.runners.base_action.Action):\n    pass",
        "from st2common.runners import base_action\nclass A(base_action.Action):\n    pass",
        "from st2actions.runners.pythonrunner import Action\nclass A(Action):\n    pass",
        "from lib import base\nclass A(base.Base):\n    pass",
    ],
)
def test_a_class_is_found_however_its_base_is_imported(sample: Sample, code: str) -> None:
    """Without importing anything."""
    sample.add("other", code)
    found = {each.ref: each.code for each in sample.read().actions}  # type: ignore[union-attr]
    assert found["hosts.other"] is not None


def test_a_setting_s_default_that_does_not_fit_is_loaded(sample: Sample) -> None:
    """With a warning, as StackStorm does."""
    (sample.folder / "config.schema.yaml").write_text("regions: {type: array, default: us-east-1}\n")
    warnings = [(each.code, each.severity) for each in sample.read().warnings]
    assert warnings == [("bad_default", "warning")]


def test_a_client_of_more_than_keys_is_refused(sample: Sample) -> None:
    """Its first use of what is not there would raise."""
    sample.write("lib/more.py", "from st2client.client import Client\nclient = Client()\n")
    sample.add("bad", "from lib.more import client\nclient.executions.create(1)\n")
    sample.add("good", "from lib.more import client\nclient.keys.get_by_name('a')\n")
    pack = sample.read()
    assert [each.ref for each in pack.actions] == ["hosts.go", "hosts.good"]
    message = "the file uses the client's executions, which is part of StackStorm"
    assert [finding.message for each in pack.refused for finding in each.findings] == [message]


@pytest.mark.parametrize("caught", ["", " ImportError", " (KeyError, Exception)"])
def test_an_import_whose_failure_is_handled_is_not_refused(sample: Sample, caught: str) -> None:
    """The file has another way. One that handles something else is refused."""
    code = "try:\n    import st2common.util.jinja\nexcept{}:\n    pass\n"
    sample.add("good", code.format(caught))
    sample.add("bad", code.format(" KeyError"))
    pack = sample.read()
    assert [each.ref for each in pack.actions] == ["hosts.go", "hosts.good"]
    assert [each.ref for each in pack.refused] == ["hosts.bad"]


KEYS = """
from lib.base import Base
from st2client.client import Client
from st2client.models import KeyValuePair
from st2common import log
from st2common.util import isotime
LOG = log.getLogger(__name__)
class Go(Base):
    def run(self, n, way):
        keys = Client(base_url="http://localhost").keys
        keys.update(KeyValuePair(name="seen.a", value={"n": n}, ttl=60))
        keys.update(KeyValuePair(name="seen.b", value="hidden", secret=True))
        found = [(each.name, each.value) for each in keys.get_all(prefix="seen.")]
        clear = keys.get_by_name("seen.b", decrypt=True).value
        gone = [keys.delete(KeyValuePair(name="seen.b")) for _ in range(2)]
        when = isotime.format(isotime.parse("2026-01-02T05:04:05+02:00"), usec=False)
        return {"found": found, "clear": clear, "gone": gone, "when": when, "none": keys.get_by_name("seen.b"),
                "moments": [isotime.format(0, usec=False, offset=False), isotime.validate("no", raise_exception=False)]}
"""


def test_the_client_s_keys_are_those_of_the_engine(start_bench: Callable[..., Bench], sample: Sample) -> None:
    """No URL is called. Logs and moments are StackStorm's, too."""
    sample.add("go", KEYS)
    workflow = "tasks:\n- {name: t, action: hosts.go, input: {n: 5}}\noutput_map: {r: '{{ task.t.result }}'}"
    outcome = start_bench(packs=sample.folder).run(workflow)
    assert outcome.status == "succeeded", outcome.errors
    assert result_of(outcome)["result"] == {
        "found": [["seen.a", '{"n": 5}'], ["seen.b", None]], "clear": "hidden", "gone": [True, False],
        "when": "2026-01-02T03:04:05+00:00", "none": None, "moments": ["1970-01-01T00:00:00Z", False],
    }  # fmt: skip


def test_the_class_that_runs_is_no_base_of_another_one_in_the_file(sample: Sample) -> None:
    """A base often comes first, and has no run of its own."""
    begin = "from st2common.runners.base_action import Action\nclass Base(Action):\n    pass\n"
    sample.add("other", f"{begin}class Go(Base):\n    def run(self):\n        return 1\n")
    found = {each.ref: each.code for each in sample.read().actions}  # type: ignore[union-attr]
    assert getattr(found["hosts.other"], "_class", None) == "Go"


def test_a_script_stays_a_script(sample: Sample) -> None:
    """Also one with a class of another Action."""
    sample.add("plain", "class Action:\n    pass\nclass A(Action):\n    pass\n")
    found = {each.ref: each.code for each in sample.read().actions}  # type: ignore[union-attr]
    assert found["hosts.plain"] is None


def test_isolation_is_checked(sample: Sample) -> None:
    """A class may ask for a process of its own; a script cannot have a kept one, and nothing runs on a thread."""
    sample.add("alone", GO, "isolation: fresh")
    sample.add("plain", "print(1)", "isolation: worker")
    sample.add("thread", GO, "isolation: thread")
    pack = sample.read()
    assert {each.ref for each in pack.actions} == {"hosts.go", "hosts.alone"}
    assert [each.findings[0].code for each in pack.refused] == ["bad_choice", "bad_choice"]


def test_variables_of_a_call_leave_the_process_as_it_was(run: Callable[..., Outcome], sample: Sample) -> None:
    """A variable that the process has had gets its value back."""
    first = result_of(run(n=1, way="path"))["result"]
    assert result_of(run(n=1, way="path", env={"PATH": "/none", "MORE": "1"}))["result"] == ["/none", "1"]
    assert result_of(run(n=1, way="path"))["result"] == first
    assert first[0] is not None


@pytest.mark.parametrize(
    ("signature", "made"),
    [
        ("self, config=None, action_service=None", 1),
        ("self, config", 2),
        ("self, configuration", 2),
    ],
)
def test_an_error_of_a_constructor_is_its_own(
    start_bench: Callable[..., Bench], sample: Sample, signature: str, made: int
) -> None:
    """Only a constructor that does not take StackStorm's arguments is called with the configuration alone."""


@pytest.mark.parametrize("required", ["", "six>=1\n"])
def test_a_package_of_stackstorms_own_environment_has_to_be_required(tmp_path: Path, required: str) -> None:
    """Old packs import `six` and name it nowhere."""
    (tmp_path / "actions").mkdir()
    (tmp_path / "pack.yaml").write_text("name: old\nversion: 1.0.0\n")
    (tmp_path / "requirements.txt").write_text(required)
    (tmp_path / "actions/go.yaml").write_text("name: go\nrunner_type: python-script\nentry_point: go.py\n")
    code = "import six\nfrom st2common.runners.base_action import Action\nclass Go(Action):\n    def run(self): pass\n"
    (tmp_path / "actions/go.py").write_text(code)
    (pack,), errors = examine_packs([tmp_path])
    assert errors == []
    found = [(each.code, each.place.line, each.hint) for each in pack.warnings if each.code == "package_not_required"]
    hint = "add six to the pack's requirements.txt, and run `stretto packs setup`"
    assert found == ([] if required else [("package_not_required", 1, hint)])
