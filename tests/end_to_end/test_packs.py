"""Packs in real workflows, and secrets that are nowhere in clear, whatever was made of them."""

import hmac
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from stretto.definitions.context.masking import MASK
from stretto.metrics import configure_logging
from tests.support.harness import PATIENCE, running_engine, scrape, write_workflow
from tests.support.paths import DOCS

PACKS = DOCS / "packs"
DOCUMENT = PACKS.with_suffix(".md").read_text()
TOKEN = "tok-Zebra9!42"
PASSWORD = "pw-Quagga7?"
KEY = "cfg-Okapi-55"
FORMS = (
    TOKEN, TOKEN.upper(), TOKEN.lower(), TOKEN[:6], TOKEN[::-1], "-".join(TOKEN), TOKEN.replace("Zebra", "Horse"),
    PASSWORD, PASSWORD.upper(), PASSWORD[:5], KEY, KEY.title(),
)  # fmt: skip

LEAKY = """
ref: leaky.flow
parameters: {password: {type: string, secret: true}}
vars:
  loud: "{{ keystore.token | upper }}"
tasks:
  - name: echo
    action: core.echo
    input:
      message:
        a: "{{ keystore.token[:6] }}"
        b: "{{ keystore.token | list | reverse | join('') }}"
        c: "{{ config.key | title }}"
    next: [{do: [log, shout, broken, raises, child, items]}]
  - name: log
    action: core.log
    input:
      level: warning
      message:
        all: "{{ keystore.token }} {{ vars.loud }}"
        cut: "{{ task.echo.result.a }}"
        password: "{{ parameters.password | upper }}"
  - name: shout
    action: leaky.shout
    input: {secret: "{{ keystore.token | list | join('-') }}"}
  - name: broken
    action: core.echo
    input: {message: "{{ int(keystore.token | replace('Zebra', 'Horse')) }}"}
  - name: raises
    action: leaky.raises
    input: {secret: "{{ parameters.password[:5] }}"}
  - name: child
    action: leaky.child
    input: {given: "{{ vars.loud | lower }}"}
  - name: items
    with_items: ["{{ keystore.token }}", "{{ parameters.password }}"]
    action: core.fail
    input: {message: "no {{ item }} {{ item | upper }}"}
output_map:
  plain: "{{ keystore.token }}"
  loud: "{{ workflow.loud }}"
  cut: "{{ task.echo.result.a }}"
  turned: "{{ task.echo.result.b }}"
  titled: "{{ task.echo.result.c }}"
  password: "{{ parameters.password }} {{ parameters.password | upper }}"
  echoed: "{{ task.shout.result }}"
  child: "{{ task.child.result }}"
  status: "{{ task.echo.outcome }}"
  length: "{{ task.echo.result | length }}"
"""
CHILD = """
ref: leaky.child
parameters: {given: {type: string}}
tasks:
  - {name: say, action: core.echo, input: {message: "{{ parameters.given }}"}, next: [{do: [stop]}]}
  - {name: stop, action: core.fail, input: {message: "child of {{ parameters.given }}"}}
output_map: {given: "{{ task.say.result }}"}
"""


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    """Write a pack that does everything wrong with its secrets, and the workflows that call it."""
    pack = tmp_path / "packs" / "leaky"
    (pack / "actions").mkdir(parents=True)
    (pack / "pack.yaml").write_text('ref: leaky\nversion: "1"\nconf_schema: {key: {type: string, secret: true}}\n')
    for name, code in (
        ("shout", "import sys\ntext = sys.stdin.read()\nprint(text)\nsys.exit(text)"),
        ("raises", "import json, sys\nraise ValueError(json.load(sys.stdin)['secret'])"),
    ):
        (pack / "actions" / f"{name}.py").write_text(code)
        (pack / "actions" / f"{name}.yaml").write_text(
            f"ref: {name}\nrunner_type: python\nentry_point: {name}.py\nparameters: {{secret: {{type: string}}}}\n"
        )
    flows = tmp_path / "flows"
    flows.mkdir()
    write_workflow(flows, "flow", LEAKY)
    write_workflow(flows, "child", CHILD)
    return tmp_path


def test_a_secret_is_nowhere_in_clear(leaky: Path, restored_logging: None) -> None:
    """Outcome, status, log and metrics hold no form of any secret, and still say what happened."""
    log = io.StringIO()
    configure_logging("DEBUG", log, style="json")
    with running_engine(
        definitions=str(leaky / "flows"), packs=leaky / "packs", keystore={"token": TOKEN},
        pack_config={"leaky": {"key": KEY}},
    ) as bed:  # fmt: skip
        handle = bed.submit("leaky.flow", {"password": PASSWORD})
        outcome = handle.outcome.get(timeout=PATIENCE)
        told = {
            "outcome": json.dumps([outcome.output, outcome.errors]),
            "status": json.dumps(bed.engine.status(handle.id).get(timeout=PATIENCE)),
            "metrics": scrape(bed.engine.metrics_url.get(timeout=PATIENCE)).text,
        }
    told["log"] = log.getvalue()
    assert {(where, form) for where, text in told.items() for form in FORMS if form in text} == set()
    assert outcome.output is not None
    assert (outcome.output["status"], outcome.output["length"]) == ("succeeded", 3)
    assert "action_logged" in told["log"]
    messages = {error["task"]: error["message"] for error in outcome.errors if error["task"]}
    assert messages["shout"].startswith("leaky.shout exited with 1")
    assert "after reading a secret" in messages["broken"]


def test_actions_receive_secrets_as_they_are(tmp_path: Path) -> None:
    """Masking is for what is told, never for what is worked with: the signature is the right one."""
    path = write_workflow(
        tmp_path, "flow",
        "tasks: {t: {action: fleet.sign, input: {text: hello, key: '{{ keystore.keys.signing }}'}}}\n"
        "output_map: {signature: '{{ task.t.result.signature }}'}\n",
    )  # fmt: skip
    with running_engine(packs=PACKS, keystore={"keys": {"signing": "k" * 20}}) as bed:
        output: Any = bed.run(path).output
    assert output["signature"] == hmac.new(b"k" * 20, b"hello", "sha256").hexdigest()


def test_the_sample_pack_runs() -> None:
    """Python and shell actions, the pack's configuration and the keystore, in one workflow."""
    with running_engine(packs=PACKS, keystore={"signing_key": "s3cr3t-signing-key"}) as bed:
        hosts = [{"host": "web-1", "load": 0.5}, {"host": "web-2", "load": 0.9}]
        outcome = bed.run(PACKS / "check_fleet.yaml", {"hosts": hosts})
    assert outcome.status == "succeeded", outcome.errors
    assert outcome.output is not None
    assert outcome.output["region"] == "eu-central-1"
    assert outcome.output["said"] == ["web-1 is ok\n", "web-2 is warn\n"]
    assert len(outcome.output["signature"]) == 64


def test_the_command_line_tells_no_secret_parameter(tmp_path: Path) -> None:
    """Neither `run --json` nor its progress shows one, whatever filter it went through."""
    path = write_workflow(
        tmp_path, "flow",
        "parameters: {password: {type: string, secret: true}}\n"
        "tasks: {t: {action: core.fail, input: {message: '{{ parameters.password | upper }}'}}}\n"
        "output_map: {cut: '{{ parameters.password[:5] }}', all: '{{ parameters.password }}'}\n",
    )  # fmt: skip
    done = CliRunner().invoke(main, ["run", "--json", str(path), f"password={PASSWORD}"])
    assert json.loads(done.stdout)["output"] == {"cut": MASK, "all": MASK}
    assert not [form for form in FORMS if form in done.stdout + done.stderr]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_the_sample_packs_node_action_runs(tmp_path: Path) -> None:
    """Arguments in, JSON lines out."""
    path = write_workflow(
        tmp_path, "flow",
        "tasks: {t: {action: fleet.list_hosts, input: {count: 2}}}\noutput_map: {hosts: '{{ task.t.result }}'}\n",
    )  # fmt: skip
    with running_engine(packs=PACKS) as bed:
        assert bed.run(path).output == {"hosts": [{"host": "web-1", "load": 0.5}, {"host": "web-2", "load": 1}]}


def test_the_documents_files_are_the_samples() -> None:
    """What docs/packs.md shows stands in the sample pack, word for word."""
    blocks = re.findall(r"```(?:yaml|python)\n(.*?)```", DOCUMENT, re.DOTALL)
    shown = [block for block in blocks if "Engine.open" not in block]
    names = ("pack.yaml", "actions/grade.yaml", "actions/grade.py", "actions/weigh.yaml", "actions/weigh.py")
    files = [(PACKS / "fleet" / name).read_text() for name in names]
    assert shown == files


def test_the_documents_python_runs() -> None:
    """It is a whole program."""
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL) if "Engine.open" in block]
    root = PACKS.parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "['web-1 is warn\\n']\n"), done.stderr


LITERAL = "lit-Marabu7!"
PLAIN = "pln-Kiwi-77"
NESTED = "nst-Gecko-31"
HANDED = "hnd-Heron-90"
FALLBACK = "dfl-Bison-64"
RESULT = "res-Lemur-12"
GIVEN_FORMS = tuple(
    form
    for secret in (LITERAL, PLAIN, NESTED, HANDED, FALLBACK, RESULT)
    for form in (secret, secret.upper(), secret[:7], secret[::-1])
)
"""No place of these is marked as secret but the parameters of actions and workflows that they are given to."""

GIVING = """
ref: takers.flow
parameters: {plain: {}, hosts: {type: array}, handed: {}}
vars: [{copied: "{{ parameters.plain }}"}]
tasks:
  - name: before
    action: core.log
    input: {level: warning, message: "LITERAL {{ parameters.plain | upper }} {{ workflow.copied[:7] }}"}
    next:
      - publish: [{kept: "{{ parameters.handed }}"}]
        do: [fetch, literal, through, items, child, broken, refused]
  - {name: fetch, action: takers.fetch, next: [{publish: [{fetched: "{{ result().stdout }}"}], do: [pass_on, fails]}]}
  - {name: pass_on, action: takers.shout, input: {token: "{{ workflow.fetched | trim }}"}}
  - {name: fails, action: core.fail, input: {message: "{{ task.fetch.result.stdout | upper }}"}}
  - {name: literal, action: takers.shout, input: {token: "LITERAL"}}
  - {name: through, action: takers.shout, input: {token: "Bearer {{ workflow.copied }}"}}
  - {name: items, action: takers.shout, with_items: "{{ parameters.hosts }}", input: {token: "{{ item.token }}"}}
  - {name: child, action: takers.child, input: {given: "{{ workflow.kept }}"}}
  - {name: broken, action: core.echo, input: {message: "{{ int(parameters.plain | reverse | join) }}"}}
  - {name: refused, action: takers.shout, input: {token: "LITERAL", level: "LITERAL"}}
output_map:
  literal: "LITERAL"
  plain: "{{ parameters.plain }} {{ parameters.plain | upper }} {{ workflow.copied | reverse | join }}"
  hosts: "{{ parameters.hosts }}"
  cut: "{{ parameters.hosts[0].token[:7] }}"
  handed: "{{ parameters.handed | upper }} {{ workflow.kept | reverse | join }}"
  fetched: "{{ task.fetch.result.stdout }} {{ workflow.fetched | trim | reverse | join }}"
  echoed: "{{ task.pass_on.errors }} {{ task.child.errors }}"
"""
TAKING_CHILD = """
ref: takers.child
parameters: {given: {}}
tasks:
  - {name: grandchild, action: takers.grandchild, input: {secret: "{{ parameters.given }}"}}
output_map: {given: "{{ parameters.given | upper }}"}
"""
GRANDCHILD = """
ref: takers.grandchild
parameters: {secret: {secret: true}}
tasks:
  - {name: say, action: core.log, input: {level: warning, message: "{{ parameters.secret | upper }}"}}
"""
SHOUT = """
ref: shout
runner_type: python
entry_point: shout.py
parameters:
  token: {type: string, secret: true}
  spare: {type: string, secret: true, default: FALLBACK}
  level: {type: string, enum: [low, high]}
"""


@pytest.fixture
def takers(tmp_path: Path) -> Path:
    """Write a pack whose action takes secret parameters and tells them, and workflows that give it plain values."""
    actions = tmp_path / "packs" / "takers" / "actions"
    actions.mkdir(parents=True)
    (actions.parent / "pack.yaml").write_text('ref: takers\nversion: "1"\n')
    (actions / "shout.yaml").write_text(SHOUT.replace("FALLBACK", FALLBACK))
    (actions / "shout.py").write_text("import sys\ntext = sys.stdin.read()\nprint(text)\nsys.exit(text)")
    (actions / "fetch.yaml").write_text("ref: fetch\nrunner_type: shell\nentry_point: fetch.sh\n")
    (actions / "fetch.sh").write_text(f"echo '{RESULT}'\n")
    flows = tmp_path / "flows"
    flows.mkdir()
    for name, text in (("flow", GIVING), ("child", TAKING_CHILD), ("grandchild", GRANDCHILD)):
        write_workflow(flows, name, text.replace("LITERAL", LITERAL))
    return tmp_path


def test_what_is_given_to_a_secret_parameter_is_nowhere_in_clear(takers: Path, restored_logging: None) -> None:
    """Written literally or come from a place that is not secret: no form of it is told, before or after the action."""
    log = io.StringIO()
    configure_logging("DEBUG", log, style="json")
    with running_engine(definitions=str(takers / "flows"), packs=takers / "packs") as bed:
        inputs = {"plain": PLAIN, "handed": HANDED, "hosts": [{"name": "web-1", "token": NESTED}]}
        handle = bed.submit("takers.flow", inputs)
        outcome = handle.outcome.get(timeout=PATIENCE)
        told = {
            "outcome": json.dumps([outcome.output, outcome.errors]),
            "status": json.dumps(bed.engine.status(handle.id).get(timeout=PATIENCE)),
            "metrics": scrape(bed.engine.metrics_url.get(timeout=PATIENCE)).text,
        }
    told["log"] = log.getvalue()
    assert {(where, form) for where, text in told.items() for form in GIVEN_FORMS if form in text} == set()
    assert outcome.output is not None
    assert outcome.output["hosts"] == [{"name": "web-1", "token": MASK}]
    assert told["log"].count('"action_logged"') == 2
    messages = {error["task"]: error["message"] for error in outcome.errors if error["task"]}
    assert messages["literal"].startswith("takers.shout exited with 1")
    assert '"spare":"******"' in messages["literal"]
    assert "after reading a secret" in messages["broken"]


def test_a_secret_member_of_a_parameter_is_nowhere_in_clear(tmp_path: Path) -> None:
    """The object's other members are told, the secret one is not, nor what is made of it."""
    path = write_workflow(
        tmp_path, "flow",
        "parameters: {owner: {properties: {name: {}, key: {secret: true}}}}\n"
        "tasks: {t: {action: core.fail, input: {message: '{{ parameters.owner.key | upper }}'}}}\n"
        "output_map: {owner: '{{ parameters.owner }}', cut: '{{ parameters.owner.key[:5] }}'}\n",
    )  # fmt: skip
    with running_engine() as bed:
        outcome = bed.run(path, {"owner": {"name": "team-a", "key": PASSWORD}})
    assert outcome.output == {"owner": {"name": "team-a", "key": MASK}, "cut": MASK}
    assert not [form for form in FORMS if form in json.dumps(outcome.errors)]
