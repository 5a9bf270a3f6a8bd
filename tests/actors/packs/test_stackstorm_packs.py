"""StackStorm packs: real files, real processes, and Orquesta workflows that call them."""

from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from stretto.actors import Outcome
from stretto.actors.actions import RenderedCommands
from stretto.actors.actions.core.addresses import AddressPolicy
from stretto.actors.catalogue import Catalogue, core_actions
from stretto.actors.packs import InvalidPackConfig, findings_of, read_packs
from stretto.actors.packs.model import PackCall
from stretto.definitions.errors import InvalidDefinition, UnknownWorkflow
from tests.support.engines import Bench, outcome_of
from tests.support.stand_in_programs import StandIns, stand_ins
from tests.support.waiting import PATIENCE

__all__ = ["stand_ins"]

GREET = """
name: greet
pack: zoo
description: Greets an animal
runner_type: local-shell-script
entry_point: greet.sh
enabled: true
parameters:
  loud: {type: boolean}
  quiet: {type: boolean, default: false}
  note: {type: string}
  name: {type: string, required: true, position: 0}
  toys: {type: array, position: 2}
  times: {type: integer, position: 1, default: 1}
"""
GREET_SH = '#!/bin/sh\nfor each in "$@"; do printf "[%s]" "$each"; done\necho\necho "in $ST2_ACTION_PACK_NAME" >&2\n'
WORKFLOW_METADATA = """
name: visit
pack: zoo
runner_type: orquesta
entry_point: workflows/visit.yaml
parameters:
  animal: {type: string, required: true}
  keeper: {type: string, default: Ada}
"""
WORKFLOW = """
version: 1.0
input: [animal, keeper, mood: calm]
tasks:
  greet:
    action: zoo.greet name=<% ctx(animal) %>
    next:
      - when: <% succeeded() and result().return_code = 0 %>
        publish: said=<% result().stdout %>
output:
  - said: <% ctx(said) %>
  - keeper: <% ctx(keeper) %>
  - mood: <% ctx(mood) %>
"""


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """A folder with one pack in it."""
    folder = tmp_path / "packs" / "zoo"
    (folder / "actions" / "workflows").mkdir(parents=True)
    (folder / "pack.yaml").write_text("name: zoo\ndescription: Animals\nversion: 1.0.0\nauthor: A\nemail: a@b.c\n")
    (folder / "actions" / "greet.yaml").write_text(GREET)
    (folder / "actions" / "greet.sh").write_text(GREET_SH)
    (folder / "actions" / "visit.yaml").write_text(WORKFLOW_METADATA)
    (folder / "actions" / "workflows" / "visit.yaml").write_text(WORKFLOW)
    return folder.parent


def add(zoo: Path, name: str, text: str, **files: str) -> None:
    """Add an action's metadata, and files next to it."""
    actions = zoo / "zoo" / "actions"
    (actions / f"{name}.yaml").write_text(f"name: {name}\n{text}")
    for file, content in files.items():
        (actions / file.replace("_py", ".py").replace("_sh", ".sh")).write_text(content)


def call(bench: Bench, action: str, given: str = "", next_: str = "") -> Outcome:
    """Run one action in an Orquesta workflow whose output is the action's result."""
    text = f"version: 1.0\nvars: [r: null]\ntasks:\n  t:\n    action: {action}\n"
    text += f"    input: {given}\n" if given else ""
    text += "    next: [{publish: [r: <% result() %>]}]\noutput: [r: <% ctx(r) %>]\n"
    path = bench.folder / "call.yaml"
    path.write_text(text)
    return outcome_of(bench.proxy.submit(str(path)).get(timeout=PATIENCE))


def result_of(outcome: Outcome) -> Any:
    """Return the action's result."""
    assert outcome.status == "succeeded", outcome.errors
    assert outcome.output is not None
    return outcome.output["r"]


def failure_of(outcome: Outcome) -> str:
    """Return the first error of a failed run."""
    assert outcome.status == "failed"
    return str(outcome.errors[0]["message"])


def refusal_of(bench: Bench, action: str, given: str = "") -> str:
    """Return why a workflow that calls an action does not start: nothing of it may be performed."""
    with pytest.raises(InvalidDefinition) as refused:
        call(bench, action, given)
    return str(refused.value)


@pytest.mark.parametrize("setting", ["definitions", "packs"])
def test_a_folder_of_packs_runs_as_it_is(start_bench: Callable[..., Bench], zoo: Path, setting: str) -> None:
    """Metadata gives refs, parameters and defaults. The workflow's own defaults fill the rest."""
    bench = start_bench(**{setting: zoo})
    assert bench.proxy.workflows().get(timeout=PATIENCE) == ("zoo.visit",)
    outcome = outcome_of(bench.proxy.submit("zoo.visit", {"animal": "emu"}).get(timeout=PATIENCE))
    assert (outcome.status, outcome.output) == ("succeeded", {"said": "[emu][1][]", "keeper": "Ada", "mood": "calm"})


def test_scripts_get_arguments_as_from_stackstorm(start_bench: Callable[..., Bench], zoo: Path) -> None:
    """Named arguments come first: a flag for true, nothing for false, null and ''. Positions follow, with commas."""
    bench = start_bench(packs=zoo)
    given = "{name: $(id) 'x', times: '2', toys: [a, 1], loud: true, note: ''}"
    assert result_of(call(bench, "zoo.greet", given)) == {
        "stdout": "[--loud][$(id) 'x'][2][a,1]",
        "stderr": "in zoo",
        "failed": False,
        "succeeded": True,
        "return_code": 0,
        "exit_code": 0,
    }
    assert result_of(call(bench, "zoo.greet", "{name: x, note: hi, kwarg_op: '-'}"))["stdout"] == "[-note=hi][x][1][]"


def test_misfits_are_reported(start_bench: Callable[..., Bench], zoo: Path) -> None:
    """The text of a number is valid for a number, as in StackStorm. Other texts are not."""
    bench = start_bench(packs=zoo)
    outcome = call(bench, "zoo.greet", "{name: x, times: <% 'many' %>}")
    assert "'times' must be of type integer, got string" in outcome.errors[0]["message"]


def test_a_script_that_fails_has_a_result(start_bench: Callable[..., Bench], zoo: Path) -> None:
    """The result has the exit code and the output."""
    add(zoo, "fall", "runner_type: local-shell-script\nentry_point: fall.sh\n", fall_sh="echo '{\"a\": 1}'; exit 3\n")
    outcome = call(start_bench(packs=zoo), "zoo.fall")
    assert outcome.status == "failed"
    assert outcome.output is not None
    assert (outcome.output["r"]["return_code"], outcome.output["r"]["stdout"]) == (3, {"a": 1})
    assert "zoo.fall exited with 3" in outcome.errors[0]["message"]


def test_a_script_in_another_language_runs_without_the_executable_bit(
    start_bench: Callable[..., Bench], zoo: Path
) -> None:
    """Its first line names the interpreter."""
    code = "#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:])\n"
    add(
        zoo,
        "say",
        "runner_type: local-shell-script\nentry_point: say.py\nparameters: {a: {type: object}}\n",
        say_py=code,
    )
    given = "{a: {b: 1}, env: {PYTHONUTF8: '1'}}"
    assert result_of(call(start_bench(packs=zoo), "zoo.say", given))["stdout"] == "['--a={\"b\": 1}']"


def test_a_plain_script_in_python_reads_json(start_bench: Callable[..., Bench], zoo: Path) -> None:
    """Its JSON output is `result().result`, and `lib` is on its path."""
    (zoo / "zoo" / "lib").mkdir()
    (zoo / "zoo" / "lib" / "adding.py").write_text("def add(a, b): return a + b\n")
    code = "import json, sys\nfrom adding import add\n"
    code += "given = json.load(sys.stdin)\njson.dump({'sum': add(**given)}, sys.stdout)\n"
    schema = "parameters: {a: {type: integer, required: true}, b: {type: integer, default: 5}}\n"
    add(zoo, "add", f"runner_type: python-script\nentry_point: add.py\n{schema}", add_py=code)
    result = result_of(call(start_bench(packs=zoo), "zoo.add", "{a: 2}"))
    assert (result["result"], result["exit_code"], result["stdout"]) == ({"sum": 7}, 0, '{"sum": 7}')


def test_an_action_that_needs_more_of_stackstorm_is_refused_with_a_hint(
    start_bench: Callable[..., Bench], zoo: Path
) -> None:
    """The finding points at the import, the pack's other actions stay, and a caller is refused with the hint."""
    code = "from st2common.runners.base_action import Action\nimport st2client\n\n\nclass Add(Action):\n    pass\n"
    add(zoo, "add", "runner_type: python-script\nentry_point: add.py\n", add_py=code)
    bench = start_bench(packs=zoo)
    message = refusal_of(bench, "zoo.add")
    assert f"{zoo}/zoo/actions/add.py:2:1: the file imports st2client" in message
    assert "make it a plain script" in message
    assert result_of(call(bench, "zoo.greet", "{name: x}"))["return_code"] == 0


REFUSED = {
    "runner_type: winrm-ps-cmd\n": ("unsupported_runner", 2, "WinRM"),
    "runner_type: inquirer\n": ("unsupported_runner", 2, "core.ask"),
    "runner_type: announcement\n": ("unsupported_runner", 2, "core.http"),
    "runner_type: mistral-v2\nentry_point: x.yaml\n": ("unsupported_runner", 2, "Orquesta"),
    "runner_type: local-shell-scrpt\n": ("unsupported_runner", 2, "did you mean 'local-shell-script'?"),
    "runner_type: local-shell-script\nentry_point: gret.sh\n": ("no_such_file", 3, "greet.sh"),
    "runner_type: local-shell-script\nentry_point: ../../secret\n": ("outside_pack", 3, ""),
    "runner_type: http-request\nparameters:\n  url: {default: 'x{{ action_context.host }}', immutable: true}\n": (
        "needs_stackstorm", 4, "remove `immutable`",
    ),
    "runner_type: http-request\nparameters:\n  host: {type: string}\n  url: {default: 'http://{{ hots }}/'}\n": (
        "unknown_name", 5, "did you mean 'host'?",
    ),
    "runner_type: orquesta\nentry_point: workflows/visit.yaml\nparameters:\n"
    "  day: {default: '{{ 1 + 1 }}', immutable: true}\n": ("computed_default", 5, "remove `immutable`"),
    "runner_type: orquesta\nentry_point: workflows/visit.yaml\nparameters:\n  a: {default: '{{ b }}'}\n"
    "  b: {default: '{{ a }}'}\n": ("computed_default", 5, ""),
    "runner_type: orquesta\nentry_point: workflows/visit.yaml\nparameters:\n  day: {}\n  a: {default: '{{ dya }}'}\n": (
        "unknown_name", 6, "did you mean 'day'?",
    ),
    "runner_type: orquesta\nentry_point: workflows/visit.yaml\nparameters:\n  a: {default: '{{ 1 +/ 2 }}'}\n": (
        "expression_syntax", 5, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "text", REFUSED, ids=[text.split("\n")[0].partition(": ")[2] + str(n) for n, text in enumerate(REFUSED)]
)
def test_an_unsupported_action_is_refused_alone(zoo: Path, text: str) -> None:
    """The finding has the place and a replacement, and the pack's other actions stay."""
    add(zoo, "odd", text)
    (pack,) = read_packs([zoo])
    (refused,) = pack.refused
    code, line, hint = REFUSED[text]
    assert refused.ref == "zoo.odd"
    assert (refused.findings[0].code, refused.findings[0].place.line) == (code, line)
    assert hint in refused.findings[0].hint
    assert {each.ref for each in pack.actions} == {"zoo.greet"}


RENDERED = (
    "runner_type: local-shell-cmd\nparameters:\n  count: {type: integer}\n"
    "  cmd: {default: 'echo {{ count + 1 }}', immutable: true}\n"
)


def test_a_command_built_from_parameters_runs_unless_it_is_refused(
    start_bench: Callable[..., Bench], zoo: Path
) -> None:
    """A parameter may share its name with a function."""
    add(zoo, "count", RENDERED)
    assert "core_local.rendered_cmd: allow" in refusal_of(
        start_bench(packs=zoo, rendered_commands="refuse"), "zoo.count", "{count: 1}"
    )
    assert result_of(call(start_bench(packs=zoo), "zoo.count", "{count: '1'}"))["stdout"] == 2
    (finding,) = findings_of(read_packs([zoo])[0], core_actions())
    assert (finding.code, finding.severity) == ("rendered_command", "warning")


def test_a_native_definition_calls_no_action_that_builds_its_command(
    start_bench: Callable[..., Bench], zoo: Path
) -> None:
    """Unless the setting allows it: a native definition has no other way to let data run as code."""
    add(zoo, "count", RENDERED)
    text = "tasks: [{name: t, action: zoo.count, input: {count: 1}}]\noutput_map: {r: '{{ task.t.stdout }}'}\n"
    bench = start_bench(packs=zoo)
    with pytest.raises(InvalidDefinition, match="builds its command from its input"):
        bench.run(text)
    assert start_bench(packs=zoo, rendered_commands="allow").run(text).output == {"r": 2}


LITERAL = {
    "a literal command": "{cmd: 'echo ok'}",
    "data in the environment": "{cmd: 'echo $A', env: {A: <% 'o' + 'k' %>}}",
    "data as arguments": "{argv: [echo, <% 'o' + 'k' %>]}",
}
COMPUTED = {
    "an expression in it": ("core.local", "{cmd: \"echo <% 'o' + 'k' %>\"}"),
    "a computed input": ("core.local", "<% dict(cmd => 'echo ok') %>"),
    "a computed name": ("<% 'core.local' %>", "{cmd: \"echo {{ 'ok' }}\"}"),
}


@pytest.mark.parametrize("given", LITERAL.values(), ids=LITERAL)
def test_literal_commands_run(start_bench: Callable[..., Bench], given: str) -> None:
    """Data reaches them separately from the command."""
    assert result_of(call(start_bench(), "core.local", given))["stdout"] == "ok"


@pytest.mark.parametrize("case", COMPUTED)
def test_computed_commands_run_for_the_owner(start_bench: Callable[..., Bench], case: str) -> None:
    """Where they are refused, that is before the run, or before the action if only it knows what it is given."""
    assert result_of(call(start_bench(), *COMPUTED[case]))["stdout"] == "ok"
    refusing = start_bench(rendered_commands="refuse")
    if case == "an expression in it":
        assert "rendered_command" in refusal_of(refusing, *COMPUTED[case])
    else:
        assert "cmd must be a literal text" in failure_of(call(refusing, *COMPUTED[case]))


@pytest.mark.parametrize("setting", ["owner", "allow"])
@pytest.mark.parametrize("case", COMPUTED)
def test_computed_commands_of_a_remote_client_need_a_permission(
    start_bench: Callable[..., Bench], case: str, setting: RenderedCommands
) -> None:
    """The data of such a run comes from elsewhere. Sub-workflows are looked at, too, before anything is performed."""
    action, given = COMPUTED[case]
    bench = start_bench(rendered_commands=setting)
    (bench.folder / "inner.yaml").write_text(f"version: 1.0\ntasks:\n  t:\n    action: {action}\n    input: {given}\n")
    (bench.folder / "outer.yaml").write_text(
        "version: 1.0\ntasks:\n  first: {action: core.noop, next: [{do: second}]}\n  second: {action: inner}\n"
    )
    bench = start_bench(rendered_commands=setting, definitions=bench.folder)

    def start() -> Outcome:
        return outcome_of(bench.proxy.submit("outer", origin="remote").get(timeout=PATIENCE))

    if setting == "allow":
        assert start().status == "succeeded"
    elif case == "an expression in it":
        with pytest.raises(InvalidDefinition, match=r"inner.yaml:5:\d+: error: 'cmd' of core.local must be literal"):
            start()
    else:
        assert "cmd must be a literal text" in failure_of(start())


def test_an_expression_in_a_command_is_a_warning_with_the_safe_form() -> None:
    """Of whoever reads the definition; not where an operator has allowed it."""
    text = 'version: 1.0\ntasks: {t: {action: core.local, input: {cmd: "echo <% 1 %>"}}}\n'
    (finding,) = Catalogue(core_actions()).read_definition_text(text, "t.yaml").findings
    assert (finding.code, finding.severity) == ("rendered_command", "warning")
    assert "can run any program" in finding.message
    assert '"$NAME"' in finding.hint
    assert Catalogue(core_actions("allow")).read_definition_text(text, "t.yaml").findings == ()


def test_native_definitions_always_need_literal_commands(start_bench: Callable[..., Bench]) -> None:
    """The setting concerns Orquesta definitions only."""
    bench = start_bench(rendered_commands="allow")
    with pytest.raises(InvalidDefinition, match="rendered_command"):
        bench.run("tasks: [{name: t, action: core.local, input: {cmd: 'echo {{ 1 }}'}}]\n")


def test_core_actions_return_stackstorms_results(start_bench: Callable[..., Bench]) -> None:
    """core.echo looks like a command's output, JSON output is parsed, and the last line break is removed."""
    bench = start_bench()
    assert result_of(call(bench, "core.echo", "{message: hello}"))["stdout"] == "hello"
    assert result_of(call(bench, "core.error", "{message: oh}"))["stderr"] == "oh"
    assert result_of(call(bench, "core.local", "{cmd: 'echo [1, 2]; echo >&2'}"))["stdout"] == [1, 2]
    assert result_of(call(bench, "core.noop")) is None
    assert result_of(call(bench, "core.pause", "{max_pause: 0}"))["result"] == 0
    assert len(result_of(call(bench, "core.uuid"))["result"]) == 36
    failed = call(bench, "core.local", "{cmd: 'echo no >&2; exit 2', sudo: false}")
    assert failed.output is not None
    assert (failed.output["r"]["failed"], failed.output["r"]["stderr"]) == (True, "no")


def test_native_definitions_keep_strettos_core(start_bench: Callable[..., Bench]) -> None:
    """In one engine each dialect has its own core actions."""
    bench = start_bench()
    text = "tasks: [{name: t, action: core.echo, input: {message: hello}}]\noutput_map: {r: '{{ task.t.result }}'}\n"
    assert bench.run(text).output == {"r": "hello"}


def test_missing_core_actions_have_a_replacement(start_bench: Callable[..., Bench]) -> None:
    """The message has more than the nearest name."""
    assert "call core.http" in refusal_of(start_bench(), "core.announcement")


class _Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Answer with the request's body and content type."""
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        self.send_response(204 if not body else 404 if body == b"lost" else 200)
        self.send_header("content-type", self.headers["content-type"])
        self.send_header("x-asked", f"{self.path} {self.headers.get('cookie')} {self.headers.get('authorization')}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing."""


@pytest.fixture
def server() -> Any:
    """The URL of a server that answers with the request's body."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as made:
        thread = Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        made.shutdown()
        thread.join()


def test_requests_have_stackstorms_results(start_bench: Callable[..., Bench], zoo: Path, server: str) -> None:
    """core.http and a pack's action return status_code, body, parsed and headers."""
    schema = "parameters:\n  path: {type: string, required: true}\n  body: {type: object}\n  method: {type: string}\n"
    schema += f"  url: {{default: '{server}/{{{{ path }}}}', immutable: true}}\n"
    add(zoo, "ask", f"runner_type: http-request\n{schema}  headers: {{default: {{content-type: application/json}}}}\n")
    bench = start_bench(packs=zoo, addresses=AddressPolicy())
    result = result_of(call(bench, "zoo.ask", "{path: x, body: {a: 1}, cookies: {c: d}}"))
    assert (result["status_code"], result["body"], result["parsed"]) == (200, {"a": 1}, True)
    assert result["headers"]["x-asked"] == "/x c=d None"
    failed = call(bench, "core.http", f"{{url: '{server}', method: POST, body: lost, username: u, password: pass}}")
    assert failed.output is not None
    assert {name: failed.output["r"][name] for name in ("status_code", "body", "parsed")} == {
        "status_code": 404, "body": "lost", "parsed": False,
    }  # fmt: skip
    assert failed.output["r"]["headers"]["x-asked"].endswith("Basic dTpwYXNz")


def test_unsupported_parts_of_a_pack_are_warnings(zoo: Path) -> None:
    """Policies and the like are warnings. The configuration's schema is read, and none of its settings is required."""
    (zoo / "zoo" / "policies").mkdir()
    (zoo / "zoo" / "policies" / "r.yaml").write_text("name: r\n")
    schema = "---\napi_key: {type: string, secret: true, required: true}\nregion: {type: string, default: eu}\n"
    (zoo / "zoo" / "config.schema.yaml").write_text(schema)
    (pack,) = read_packs([zoo])
    assert pack.manifest.config_schema is not None
    assert [(each.name, each.required) for each in pack.manifest.config_schema.values()] == [
        ("api_key", False), ("region", False),
    ]  # fmt: skip
    assert ["policies/ is not acted on" in str(each) for each in pack.warnings] == [True]


def test_the_configuration_may_be_a_folder(start_bench: Callable[..., Bench], zoo: Path, tmp_path: Path) -> None:
    """The folder has a file for each pack, as StackStorm's configs. A misfit to the schema is reported."""
    (zoo / "zoo" / "config.schema.yaml").write_text("region: {type: string}\n")
    configs = tmp_path / "configs"
    configs.mkdir()
    (configs / "zoo.yaml").write_text("region: 5\n")
    with pytest.raises(InvalidPackConfig, match=r"'zoo.region' must be of type"):
        start_bench(packs=zoo, pack_config=configs)
    (configs / "zoo.yaml").write_text("region: eu\n")
    start_bench(packs=zoo, pack_config=configs)


def test_a_default_that_needs_stackstorm_must_be_given(start_bench: Callable[..., Bench], zoo: Path) -> None:
    """The workflow that calls the action must give the value."""
    schema = "parameters:\n  key: {type: string, default: '{{ action_context.parent.key }}', position: 0}\n"
    add(zoo, "sign.it", f"runner_type: local-shell-script\nentry_point: greet.sh\n{schema}")
    bench = start_bench(packs=zoo)
    assert result_of(call(bench, "zoo.sign.it", "{key: k}"))["stdout"] == "[k]"
    assert "zoo.sign.it needs the input 'key'" in refusal_of(bench, "zoo.sign.it", "{cwd: /}")
    (pack,) = read_packs([zoo])
    assert ["reads 'action_context', which needs StackStorm" in str(each) for each in pack.warnings] == [True]


STORED = """runner_type: local-shell-script
entry_point: greet.sh
parameters:
  name: {type: string, default: "{{ st2kv.system.zoo.keeper }}", position: 0}
  token: {type: string, default: "{{ st2kv.system.token | decrypt_kv }}", position: 1}
  times: {type: integer, default: "{{ st2kv.system.times | default(7) }}", position: 2}
  region: {type: string, default: "{{ config_context.region }}-{{ name }}", position: 3}
"""


def test_a_default_reads_the_key_value_store_and_the_configuration(
    start_bench: Callable[..., Bench], zoo: Path, tmp_path: Path
) -> None:
    """As the value is when the item starts. A secret is a secret of the run, and what is given is never looked up."""
    add(zoo, "sign", STORED)
    (zoo / "zoo" / "config.schema.yaml").write_text("region: {type: string, default: eu}\n")
    bench = start_bench(packs=zoo, store=f"sqlite:///{tmp_path}/runs.db")
    for name, value in (("zoo.keeper", "Ada"), ("token", "hush-hush")):
        bench.proxy.set_key(name, value, secret=name == "token").get(timeout=PATIENCE)
    assert result_of(call(bench, "zoo.sign"))["stdout"] == "[Ada][******][7][eu-Ada]"
    bench.proxy.set_key("times", "3").get(timeout=PATIENCE)
    assert result_of(call(bench, "zoo.sign", "{name: Bo, token: x}"))["stdout"] == "[Bo][x][3][eu-Bo]"


def test_a_default_has_stackstorms_filters(start_bench: Callable[..., Bench], zoo: Path) -> None:
    """Beside those of the native language."""
    schema = """runner_type: local-shell-script
entry_point: greet.sh
parameters:
  path: {type: string, default: /a/b.txt, position: 0}
  file: {type: string, default: "{{ path | basename | regex_replace('txt$', 'md') }}", position: 1}
  data: {position: 2, default: "{{ '{\\"a\\": [1, 2]}' | json_parse | jsonpath_query('a[0]') | first }}"}
"""
    add(zoo, "filters", schema)
    assert result_of(call(start_bench(packs=zoo), "zoo.filters"))["stdout"] == "[/a/b.txt][b.md][1]"


def test_a_default_without_its_key_fails_the_item_and_names_the_key(
    start_bench: Callable[..., Bench], zoo: Path
) -> None:
    """And one that reads a secret without decrypting it says how to."""
    add(zoo, "sign", STORED)
    bench = start_bench(packs=zoo)
    failure = failure_of(call(bench, "zoo.sign"))
    assert "the default of 'name' cannot be evaluated: there is no key 'zoo.keeper' in the scope 'system'" in failure
    bench.proxy.set_key("zoo.keeper", "Ada", secret=True).get(timeout=PATIENCE)
    assert "st2kv.system.zoo.keeper | decrypt_kv" in failure_of(call(bench, "zoo.sign", "{token: x}"))


DEFAULTS = """runner_type: orquesta
entry_point: workflows/told.yaml
parameters:
  host: {type: string, default: "{{ config_context.region }}.{{ zone }}"}
  zone: {type: string, default: z1}
  times: {type: integer, default: "{{ st2kv.system.times | default('2') }}"}
  token: {type: string, default: "{{ st2kv.system.token | decrypt_kv }}"}
  hidden: {type: string, secret: true, default: "{{ zone }}-hidden"}
  by: {default: "{{ action_context.parent.pack }} {{ action_context.api_user }}"}
"""
TOLD = """version: 1.0
input: [host, times, token, hidden, by]
tasks: {a: {action: core.noop}}
output:
  - host: <% ctx(host) %>
  - next: <% ctx(times) + 1 %>
  - secrets: <% [ctx(token), ctx(hidden)] %>
  - by: <% ctx(by) %>
"""


def test_defaults_of_a_workflow_s_metadata_may_have_expressions(
    start_bench: Callable[..., Bench], zoo: Path, tmp_path: Path
) -> None:
    """They read other parameters, keys, the configuration and the run. Values are cast, and secrets are masked."""
    add(zoo, "told", DEFAULTS)
    (zoo / "zoo" / "actions" / "workflows" / "told.yaml").write_text(TOLD)
    (zoo / "zoo" / "config.schema.yaml").write_text("region: {type: string, default: eu}\n")
    bench = start_bench(packs=zoo, store=f"sqlite:///{tmp_path}/runs.db")
    bench.proxy.set_key("token", "hush-hush", secret=True).get(timeout=PATIENCE)

    def told(**inputs: str | int) -> Mapping[str, Any]:
        outcome = outcome_of(bench.proxy.submit("zoo.told", inputs).get(timeout=PATIENCE))
        assert outcome.status == "succeeded", outcome.errors
        return outcome.output or {}

    first = bench.proxy.submit("zoo.told").get(timeout=PATIENCE)
    outcome_of(first)
    found = told()
    assert (found["host"], found["next"], found["secrets"]) == ("eu.z1", 3, ["******", "******"])
    assert found["by"].startswith("zoo ")
    bench.proxy.set_key("times", "5").get(timeout=PATIENCE)
    found = told(host="given", token="mine", hidden="own")
    assert (found["host"], found["next"], found["secrets"]) == ("given", 6, ["mine", "******"])
    # The first run has what it has read, also when it is read back from the store.
    assert bench.proxy.context_value(first.id, path=["variables", "times"]).get(timeout=PATIENCE) == 2
    assert "cannot read the configuration" in str(
        outcome_of(bench.proxy.submit("zoo.told", {"host": "{{ config_context.region }}"}).get(timeout=PATIENCE)).errors
    )


def test_a_default_of_a_workflow_that_its_parameter_does_not_accept_ends_the_run(
    start_bench: Callable[..., Bench], zoo: Path
) -> None:
    """As a missing key does."""
    add(zoo, "told", DEFAULTS.replace("default('2')", "default('many')"))
    (zoo / "zoo" / "actions" / "workflows" / "told.yaml").write_text(TOLD)
    (zoo / "zoo" / "config.schema.yaml").write_text("region: {type: string, default: eu}\n")
    bench = start_bench(packs=zoo)
    outcome = outcome_of(bench.proxy.submit("zoo.told").get(timeout=PATIENCE))
    assert outcome.status == "failed"
    assert "'times' must be of type integer, got string" in str(outcome.errors)
    assert "there is no key 'system.token'" in str(outcome.errors)


def test_a_disabled_action_is_left_out(zoo: Path) -> None:
    """Its findings are left out as well."""
    add(zoo, "odd", "enabled: false\nrunner_type: winrm-cmd\n")
    (pack,) = read_packs([zoo])
    assert pack.refused == ()
    assert [type(each) for each in pack.actions] == [PackCall]


def test_an_unsupported_workflow_fails_with_the_reason(start_bench: Callable[..., Bench], zoo: Path) -> None:
    """The reason comes with a submission by its ref, and with a call from another workflow."""
    add(zoo, "chain", "runner_type: mistral-v2\nentry_point: chain.yaml\n")
    bench = start_bench(definitions=zoo)
    with pytest.raises(UnknownWorkflow, match=r"Stretto does not support the runner 'mistral-v2'"):
        bench.proxy.submit("zoo.chain").get(timeout=PATIENCE)
    (zoo / "zoo" / "actions" / "workflows" / "visit.yaml").write_text(
        "version: 1.0\ntasks: {a: {action: zoo.nothing}}\n"
    )
    assert "there is no action 'zoo.nothing'" in refusal_of(start_bench(definitions=zoo), "zoo.visit", "{animal: x}")


CHAIN = """
vars: {loudly: true}
chain:
  - name: first
    ref: zoo.greet
    params: {name: "{{ animal }}", loud: "{{ loudly }}"}
    publish: {said: "{{ first.stdout }}"}
    on-success: fails
  - {name: fails, ref: core.local, parameters: {cmd: "exit 3"}, on-success: never, on-failure: last}
  - {name: never, ref: core.noop}
  - name: last
    ref: core.echo
    params: {message: "{{ said }} {{ fails.return_code }} {{ __results.fails.return_code }} {{ never }}"}
    publish: {code: "{{ last.stdout }}", run: "{{ action_context.parent.execution_id }}"}
default: first
"""


def test_an_action_chain_runs_with_its_results_and_published_variables(
    start_bench: Callable[..., Bench], zoo: Path
) -> None:
    """A failure that `on-failure` handles does not fail the chain. A task that was not reached has the result null."""
    metadata = "runner_type: action-chain\nentry_point: chains/chain.yaml\nparameters: {animal: {type: string}}\n"
    (zoo / "zoo" / "actions" / "chains").mkdir()
    (zoo / "zoo" / "actions" / "chains" / "chain.yaml").write_text(CHAIN)
    add(zoo, "chain", metadata)
    bench = start_bench(definitions=zoo)
    outcome = outcome_of(bench.proxy.submit("zoo.chain", {"animal": "cat"}).get(timeout=PATIENCE))
    assert outcome.status == "succeeded", outcome.errors
    assert outcome.output is not None
    ended = outcome.output["tasks"]
    run_id = ended[0]["execution_id"].split("/")[0]
    said = "[--loud][cat][1][]"
    assert outcome.output["published"] == {"said": said, "code": f"{said} 3 3 None", "run": run_id}
    assert [(each["id"], each["name"], each["state"]) for each in ended] == [
        ("first", "first", "succeeded"), ("fails", "fails", "failed"), ("last", "last", "succeeded"),
    ]  # fmt: skip
    assert ended[1]["result"]["return_code"] == 3
    assert ended[0]["created_at"] <= ended[0]["updated_at"] <= ended[2]["updated_at"]
    assert {"liveaction_id", "workflow"} < set(ended[0])


def test_a_workflow_reads_the_tasks_and_the_published_variables_of_a_chain(
    start_bench: Callable[..., Bench], zoo: Path
) -> None:
    """The paths are those of StackStorm. A variable that nothing has published is not there."""
    actions = zoo / "zoo" / "actions"
    (actions / "workflows" / "chain.yaml").write_text(
        "chain:\n  - {name: a, ref: core.echo, params: {message: moo}, publish: {said: '{{ a.stdout }}'}}\n"
    )
    add(zoo, "chain", "runner_type: action-chain\nentry_point: workflows/chain.yaml\n")
    (actions / "workflows" / "caller.yaml").write_text(
        "version: 1.0\noutput:\n  - said: <% task(a).result.published.said %>\n"
        "  - first: <% task(a).result.tasks[0].result.stdout %>\ntasks: {a: {action: zoo.chain}}\n"
    )
    add(zoo, "caller", "runner_type: orquesta\nentry_point: workflows/caller.yaml\n")
    outcome = outcome_of(start_bench(definitions=zoo).proxy.submit("zoo.caller").get(timeout=PATIENCE))
    assert outcome.output == {"said": "moo", "first": "moo"}, outcome.errors


def test_a_chain_whose_task_fails_without_a_handler_fails(start_bench: Callable[..., Bench], zoo: Path) -> None:
    (zoo / "zoo" / "actions" / "chain.yml").write_text(
        "name: chain\nrunner_type: action-chain\nentry_point: workflows/broken.yaml\n"
    )
    (zoo / "zoo" / "actions" / "workflows" / "broken.yaml").write_text(
        "chain: [{name: a, ref: core.local, params: {cmd: 'exit 3'}, on-success: b}, {name: b, ref: core.noop}]\n"
    )
    bench = start_bench(definitions=zoo)
    assert outcome_of(bench.proxy.submit("zoo.chain").get(timeout=PATIENCE)).status == "failed"


def test_scripts_run_on_hosts_and_as_root(start_bench: Callable[..., Bench], zoo: Path, stand_ins: StandIns) -> None:
    """With the runners `remote-shell-script` and `remote-shell-cmd`, and `sudo` in the metadata."""
    add(zoo, "there", GREET.replace("local-shell-script", "remote-shell-script").replace("name: greet", ""))
    result = result_of(call(start_bench(packs=zoo), "zoo.there", "{name: cat, hosts: 'a,b'}"))
    assert {host: each["stdout"] for host, each in result.items()} == {"a": "[cat][1][]", "b": "[cat][1][]"}
    add(zoo, "root", GREET.replace("parameters:", "parameters:\n  sudo: {default: true}").replace("name: greet", ""))
    assert result_of(call(start_bench(packs=zoo), "zoo.root", "{name: cat}"))["stdout"] == "[cat][1][]"
    assert stand_ins.calls()[-1][:6] == ["sudo", "-n", "-E", "-u", "root", "--"]
    add(zoo, "cmd", "runner_type: remote-shell-cmd\nparameters: {cmd: {default: 'echo $HOST', immutable: true}}\n")
    assert result_of(call(start_bench(packs=zoo), "zoo.cmd", "{hosts: x}"))["x"]["stdout"] == "x"
