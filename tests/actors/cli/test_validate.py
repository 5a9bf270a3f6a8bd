"""`stretto validate`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from stretto.actors.cli import main
from stretto.actors.cli.findings import framed
from stretto.definitions.errors import Finding, Place

GOOD = """\
version: "1"
ref: test.good
parameters: {n: {type: integer, required: true}}
tasks: [{name: a, action: core.noop}]
"""
BAD = """\
version: "1"
ref: test.bad
tasks:
  - name: a
    action: core.echo
    input: {message: "{{ parameters.n }}"}
"""
CALLS = """\
version: "1"
tasks:
  - {name: a, action: test.good, input: {n: many, m: 1}}
  - {name: b, action: test.godo}
"""
DOUBLE = """\
from stretto.actors import action

@action("validatetest.double")
def double(n: int) -> int:
    return n * 2
"""


def stretto(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["validate", *arguments])


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_finding_is_shown_with_its_line_and_spot(tmp_path: Path) -> None:
    """Code, message, file:line:column, the line, a caret under each character of the expression, and the remedy."""
    path = written(tmp_path / "bad.yaml", BAD)
    result = stretto(path)
    assert result.exit_code == 1
    assert result.stderr == ""
    assert result.stdout == (
        "error[unknown_parameter]: the workflow has no parameter 'n'\n"
        f" --> {path}:6:23\n"
        "  |\n"
        '6 |     input: {message: "{{ parameters.n }}"}\n'
        "  |                       ^^^^^^^^^^^^^^^^^^\n"
        "  = help: declare n in parameters\n"
        "\n"
        "1 error, 0 warnings in 1 file\n"
    )


@pytest.mark.parametrize(
    ("before", "marked"), [("say: ", "{{ n }}"), ("say: ", "<% ctx(n) %>"), ("東京: ", "{{ n }}"), ("say: ", "東京")]
)
def test_the_mark_is_below_all_that_is_wrong(tmp_path: Path, before: str, marked: str) -> None:
    """An expression in either language; East Asian characters take two columns of a terminal."""
    path = written(tmp_path / "w.yaml", f"{before}{marked}!\n")
    mark = click.unstyle(framed(Finding("bad", "is bad", Place(path, 1, len(before) + 1)))).splitlines()[-1]
    assert mark == f"  | {' ' * cell_len(before)}{'^' * cell_len(marked)}"


def test_a_good_file_says_so(tmp_path: Path) -> None:
    """Exit 0, and a line that says how many files were looked at."""
    result = stretto(written(tmp_path / "good.yaml", GOOD))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "1 file: all is well\n", "")


def test_warnings_alone_are_no_failure(tmp_path: Path) -> None:
    """A warning is told, and the exit code stays 0."""
    result = stretto(written(tmp_path / "old.yaml", "tasks: [{name: a, action: core.noop}]\n"))
    assert result.exit_code == 0
    assert "warning[missing_version]" in result.stdout
    assert "0 errors, 1 warning in 1 file" in result.stdout


def test_a_folder_is_searched_and_every_file_told(tmp_path: Path) -> None:
    """Files below a folder are found; a file named twice is told once."""
    (tmp_path / "below").mkdir()
    path = written(tmp_path / "below/bad.yml", BAD)
    written(tmp_path / "good.yaml", GOOD)
    result = stretto(str(tmp_path), path)
    assert result.stdout.count("unknown_parameter") == 1
    assert "1 error, 0 warnings in 2 files" in result.stdout


def test_json_gives_every_finding_as_an_object(tmp_path: Path) -> None:
    """One list; a finding has the same ten fields, whatever it is."""
    path = written(tmp_path / "bad.yaml", BAD)
    result = stretto(path, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {
            "code": "unknown_parameter",
            "severity": "error",
            "message": "the workflow has no parameter 'n'",
            "file": path,
            "line": 6,
            "column": 23,
            "path": "tasks[0].input.message",
            "found": "",
            "expected": "",
            "hint": "declare n in parameters",
        }
    ]
    assert stretto(written(tmp_path / "good.yaml", GOOD), "--json").stdout == "[]\n"


def test_a_workflow_beside_is_an_action_with_its_parameters(tmp_path: Path) -> None:
    """The ref of a file in the same folder is known, and its parameters are checked like an action's."""
    written(tmp_path / "good.yaml", GOOD)
    told = json.loads(stretto(written(tmp_path / "calls.yaml", CALLS), "--json").stdout)
    assert [(each["code"], each["line"], each["column"]) for each in told] == [
        ("wrong_input_type", 3, 45),
        ("unknown_input", 3, 51),
        ("unknown_action", 4, 23),
    ]
    assert told[2]["hint"] == "did you mean 'test.good'?"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack with an action, a workflow in two files, and one that stands alone."""
    folder = tmp_path / "zoo"
    for below in ("actions/workflows", "workflows", "queues"):
        (folder / below).mkdir(parents=True)
    written(folder / "pack.yaml", 'ref: zoo\nversion: "1"\n')
    written(folder / "actions/count.yaml", "ref: zoo.count\nentry_point: count.sh\nparameters: {n: {type: integer}}\n")
    written(folder / "actions/count.sh", "true\n")
    written(folder / "actions/feed.yaml", "ref: feed\nworkflow_file: feed.yaml\nparameters: {n: {type: integer}}\n")
    graph = 'tasks: [{name: a, action: zoo.count, input: {n: "{{ parameters.n }}"}}]\n'
    written(folder / "actions/workflows/feed.yaml", graph)
    written(folder / "workflows/night.yaml", "ref: zoo.night\ntasks: [{name: a, action: zoo.feed, input: {n: 1}}]\n")
    written(folder / "queues/timer.yaml", "ref: zoo.timer\n")
    return folder


def test_a_pack_is_checked_as_a_pack(pack: Path) -> None:
    """Each file is what its place makes it; the pack's own actions and workflows are known; the rest is named once."""
    result = stretto(str(pack))
    assert result.exit_code == 0
    assert result.stdout.startswith("warning[not_acted_on]: queues/ is not acted on")
    assert result.stdout.endswith("\n0 errors, 1 warning in 5 files\n")
    assert stretto(str(pack / "actions/workflows/feed.yaml")).stdout == "1 file: all is well\n"


def test_what_is_wrong_in_a_packs_files_is_told_where_it_stands(pack: Path) -> None:
    """The manifest's, the metadata's and the workflows' findings, each with its line shown."""
    written(pack / "pack.yaml", 'ref: zoo\nversion: "1"\nworker_selector: {}\nauthr: me\n')
    written(pack / "actions/count.yaml", "ref: zoo.count\nentry_point: cont.sh\n")
    written(pack / "actions/feed.yaml", "ref: feed\nworkflow_file: feed.yaml\nparameters: {m: {type: integer}}\n")
    told = json.loads(stretto(str(pack), "--json").stdout)
    assert sorted((Path(each["file"]).name, each["code"], each["line"], each["column"]) for each in told) == [
        ("count.yaml", "no_such_file", 2, 14),
        ("feed.yaml", "unknown_action", 1, 27),
        ("feed.yaml", "unknown_parameter", 1, 50),
        ("night.yaml", "unknown_input", 2, 45),
        ("pack.yaml", "not_acted_on", 1, 1),  # the folder of queues
        ("pack.yaml", "not_acted_on", 3, 1),
        ("pack.yaml", "unknown_field", 4, 1),
    ]
    assert "4 | authr: me\n" in stretto(str(pack / "pack.yaml")).stdout


@pytest.fixture
def stackstorms(tmp_path: Path) -> Path:
    """A folder with a pack of StackStorm's: a script, and a workflow in a folder of its own."""
    folder = tmp_path / "packs" / "farm"
    (folder / "actions/graphs").mkdir(parents=True)
    written(folder / "pack.yaml", "name: farm\nversion: 1.0.0\n")
    written(folder / "actions/count.yaml", "name: count\nrunner_type: python-script\nentry_point: count.py\n")
    written(folder / "actions/count.py", "print(1)\n")
    written(folder / "actions/night.yaml", "name: night\nrunner_type: orquesta\nentry_point: graphs/night.yaml\n")
    written(folder / "actions/graphs/night.yaml", "version: 1.0\ntasks: {a: {action: farm.count}}\n")
    written(folder / "actions/graphs/old.yaml", "version: '2.0'\n")
    return folder


def test_a_pack_of_stackstorms_is_checked_as_one(stackstorms: Path) -> None:
    """The manifest, two actions, the workflow that one of them names; a file that no action names is not ours."""
    assert stretto(str(stackstorms.parent)).stdout == "4 files: all is well\n"
    assert stretto(str(stackstorms.parent), "--packs", str(stackstorms)).stdout == "4 files: all is well\n"


def test_what_is_wrong_in_a_pack_of_stackstorms_is_told_where_it_stands(stackstorms: Path) -> None:
    """Of programs and of the settings' schema, too; who calls what is refused is told why."""
    written(stackstorms / "actions/count.py", "import st2client\n")
    written(stackstorms / "config.schema.yaml", "region: {type: strin}\n")
    result = stretto(str(stackstorms), "--json")
    told = {Path(each["file"]).name: each for each in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert {name: (each["code"], each["severity"], each["line"]) for name, each in told.items()} == {
        "count.py": ("stackstorm_action", "error", 1),
        "config.schema.yaml": ("bad_choice", "error", 1),
        "night.yaml": ("unknown_action", "error", 2),
    }
    assert "imports st2client" in told["night.yaml"]["hint"]
    shown = stretto(str(stackstorms / "actions/count.yaml")).stdout
    assert "1 | import st2client" in shown


def test_a_folder_of_a_pack_without_definitions_is_wrong_usage(pack: Path) -> None:
    """Rather than all being well."""
    result = stretto(str(pack / "queues"))
    assert result.exit_code == 2
    assert "there is no definition among the files of" in result.stderr


def test_an_action_of_a_pack_whose_ref_is_taken_is_told(pack: Path) -> None:
    """By Python code that was loaded before it."""
    code = written(pack.parent / "taken.py", DOUBLE.replace("validatetest.double", "zoo.taken"))
    path = written(pack / "actions/taken.yaml", "ref: zoo.taken\nentry_point: count.sh\n")
    (told,) = json.loads(stretto(path, "--actions", code, "--json").stdout)
    assert told["code"] == "duplicate_ref"


@pytest.mark.parametrize("with_packs", [False, True])
def test_a_copy_of_a_pack_in_it_is_one_warning(pack: Path, *, with_packs: bool) -> None:
    """The repository of a pack may have a template of it. Asked for by --packs, the pack is read alone."""
    shutil.copytree(pack, pack / "etc" / "template")
    told = json.loads(stretto(str(pack), "--json", *(["--packs", str(pack)] if with_packs else [])).stdout)
    here = [each for each in told if "/template/" in each["file"]]
    assert [(each["code"], each["severity"]) for each in here] == ([] if with_packs else [("not_loaded", "warning")])
    assert not [each for each in told if each["severity"] == "error"]


def test_metadata_that_is_no_file_is_a_finding(pack: Path) -> None:
    """A link to nothing and a folder are among the files of actions, and no search for files meets them."""
    (pack / "actions/gone.yaml").symlink_to("nothing")
    (pack / "actions/folder.yaml").mkdir()
    told = json.loads(stretto(str(pack), "--json").stdout)
    unreadable = [Path(each["file"]).name for each in told if each["code"] == "not_readable"]
    assert unreadable == ["folder.yaml", "gone.yaml"]


def test_where_actions_come_from_is_told_when_no_name_is_near(tmp_path: Path) -> None:
    """The flags that make actions known; the workflow's own ref is no proposal."""
    text = 'version: "1"\nref: core.install\ntasks: [{name: a, action: core.uninstall}]\n'
    (told,) = json.loads(stretto(written(tmp_path / "w.yaml", text), "--json").stdout)
    assert told["hint"] == "actions come from --packs and --actions, and workflows from --definitions"


def test_actions_of_ones_own_are_checked(tmp_path: Path) -> None:
    """--actions loads code, whose signatures say what an action takes."""
    code = written(tmp_path / "double.py", DOUBLE)
    path = written(
        tmp_path / "w.yaml", 'version: "1"\ntasks: [{name: a, action: validatetest.double, input: {n: x}}]\n'
    )
    told = json.loads(stretto(path, "--json", "--actions", code).stdout)
    assert [(each["code"], each["expected"]) for each in told] == [("wrong_input_type", "an integer")]


def test_two_files_of_one_ref_are_told(tmp_path: Path) -> None:
    """The second one, in the order of their names, is refused as the catalogue does."""
    written(tmp_path / "a.yaml", GOOD)
    written(tmp_path / "b.yaml", GOOD)
    (finding,) = json.loads(stretto(str(tmp_path), "--json").stdout)
    assert (finding["code"], finding["file"]) == ("duplicate_ref", str(tmp_path / "b.yaml"))


OF_ONE_REF = """\
ref: validatetest.count
version: "1"
parameters: {words: {type: array, required: true}}
tasks: [{name: a, action: validatetest.count, input: {n: 1}}]
"""


def test_a_ref_of_a_workflow_and_an_action_is_a_finding(tmp_path: Path) -> None:
    """A task that calls the ref runs the action. Without the action it calls its own workflow, as the hint says."""
    path = written(tmp_path / "w.yaml", OF_ONE_REF)
    unknown, missing = sorted(json.loads(stretto(path, "--json").stdout), key=lambda each: each["message"])
    assert (unknown["code"], missing["code"]) == ("unknown_input", "missing_input")
    assert "the task calls its own workflow" in unknown["hint"]
    assert "the task calls its own workflow" in missing["hint"]
    code = written(tmp_path / "count.py", DOUBLE.replace("validatetest.double", "validatetest.count"))
    (clash,) = json.loads(stretto(path, "--json", "--actions", code).stdout)
    assert (clash["code"], clash["severity"], clash["line"], clash["column"]) == ("shadowed_ref", "warning", 1, 6)
    assert clash["message"] == "an action has the ref 'validatetest.count', too: tasks that call it run the action"


def test_a_file_that_is_no_text_is_a_finding(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are told as an error of that file."""
    (tmp_path / "x.yaml").write_bytes(b"ref: a\nversion: \xff\n")
    result = stretto(str(tmp_path))
    assert result.exit_code == 1
    assert "error[not_utf8]: the file is not UTF-8 text: byte 16 cannot be read" in result.stdout
    assert f"{tmp_path / 'x.yaml'}:2:10" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name at least one file or folder"),
        (("nowhere.yaml",), "there is no file or folder 'nowhere.yaml'"),
        (("EMPTY",), "there is no definition"),
        (("GOOD", "--actions", "no_such_module_at_all"), "no_such_module_at_all"),
    ],
)
def test_wrong_usage_is_exit_2_and_told_on_standard_error(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    """Nothing is on standard output, which is for findings."""
    (tmp_path / "empty").mkdir()
    named = {"EMPTY": str(tmp_path / "empty"), "GOOD": written(tmp_path / "good.yaml", GOOD)}
    result = stretto(*(named.get(each, each) for each in arguments))
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_colour_is_for_terminals_that_want_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colour, unless NO_COLOR is set; a pipe gets none."""
    path = written(tmp_path / "bad.yaml", BAD)
    assert "\x1b[" in CliRunner().invoke(main, ["validate", path], color=True).stdout
    assert "\x1b[" not in stretto(path).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in CliRunner().invoke(main, ["validate", path], color=True).stdout


def test_a_definition_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """Control characters of a file are not passed on, and a very long line is shown around the spot."""
    text = 'version: "1"\nmetadata: "' + "x" * 5000 + '"\ntasks: [{name: "a\\e[31m", action: "core\u202e.x"}]\n'
    result = stretto(written(tmp_path / "x.yaml", text + "z" * 3000 + ": 1\n"))
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) < 1000


def test_the_schema_is_printed_without_any_path() -> None:
    """--schema needs no file."""
    result = stretto("--schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["$schema"].endswith("2020-12/schema")


def test_no_engine_is_loaded(tmp_path: Path) -> None:
    """Validation needs neither Pykka nor the engine, nor what takes longest to import: HTTP, metrics and logs."""
    path = written(tmp_path / "good.yaml", GOOD)
    code = (
        "import sys\nfrom stretto.actors.cli import main\n"
        f"try: main(['validate', {path!r}])\nexcept SystemExit as error: assert not error.code\n"
        "unwanted = {'pykka', 'aiohttp', 'yarl', 'structlog', 'prometheus_client', 'stretto.actors.engine.engine'}\n"
        "assert not unwanted & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_names_of_the_keystore_and_the_configuration_are_checked_if_they_are_given(tmp_path: Path) -> None:
    """Without the files nobody knows the names. A file, a folder and a pack are checked alike."""
    text = GOOD.replace("core.noop", "core.echo, input: {message: '{{ keystore.tokn }} {{ config.url }}'}")
    path = written(tmp_path / "good.yaml", text)
    keystore = written(tmp_path / "keystore.yml", "token: abcd\n")
    assert stretto(path).exit_code == 0
    for target in (path, str(tmp_path)):
        result = stretto(target, "--keystore", keystore, "--json")
        (finding,) = [each for each in json.loads(result.stdout) if each["file"] == path]
        assert (result.exit_code, finding["code"], finding["hint"]) == (
            1, "unknown_keystore_name", "did you mean 'token'?"
        )  # fmt: skip
    result = stretto(path, "--pack-config", written(tmp_path / "config.yml", "link: http://x\n"), "--json")
    assert [each["code"] for each in json.loads(result.stdout)] == ["unknown_config_name"]
    assert stretto(path, "--keystore", str(tmp_path / "none")).exit_code == 2
