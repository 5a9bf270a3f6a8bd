"""All commands agree on the definitions that a file or a folder stands for."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main

pytestmark = pytest.mark.usefixtures("restored_logging")

CALLS = 'ref: a.y\nversion: "1"\ntasks: [{name: t, action: a.z}]\noutput_map: {z: "{{ task.t.result }}"}\n'
ALONE = 'ref: a.y\nversion: "1"\ntasks: [{name: t, action: core.noop}]\n'
CALLED = 'ref: a.z\nversion: "1"\ntasks: [{name: t, action: core.noop}]\noutput_map: {ran: true}\n'
UNREADABLE = 'ref: a.z\nversion: "1"\ntasks: 3\n'
FAILING = CALLED.replace("core.noop", 'core.echo, input: {message: "{{ nope() }}"}')
REHEARSAL = "workflow: two.yaml\nexpect: {status: succeeded}\n"
CALLS_FAILING = CALLED.replace("core.noop", "a.x")
BROKEN_DEEPER = FAILING.replace("a.z", "a.x")

OK, REFUSED = 0, 1

# For each layout: is the file refused, and is the folder? (rehearse: is it refused as a file?)
LAYOUTS = {
    "called beside": ({"two.yaml": CALLS, "z.yaml": CALLED}, OK, OK, OK),
    "called below": ({"two.yaml": CALLS, "sub/z.yaml": CALLED}, REFUSED, OK, OK),
    "called nowhere": ({"two.yaml": CALLS}, REFUSED, REFUSED, OK),
    "called, but unreadable": ({"two.yaml": CALLS, "z.yaml": UNREADABLE}, REFUSED, REFUSED, REFUSED),
    "called, but failing": ({"two.yaml": CALLS, "z.yaml": FAILING}, REFUSED, REFUSED, REFUSED),
    "called, but calls what fails": (
        {"two.yaml": CALLS, "z.yaml": CALLS_FAILING, "x.yaml": BROKEN_DEEPER}, REFUSED, REFUSED, REFUSED,
    ),
    "called, but there are two": ({"two.yaml": CALLS, "z.yaml": CALLED, "zz.yaml": CALLED}, REFUSED, REFUSED, REFUSED),
    "invalid, but not called": ({"two.yaml": ALONE, "z.yaml": UNREADABLE}, OK, OK, OK),
    "two of one ref, but not called": ({"two.yaml": ALONE, "z.yaml": CALLED, "zz.yaml": CALLED}, OK, OK, OK),
    "its own ref is taken": ({"two.yaml": ALONE, "z.yaml": ALONE}, OK, REFUSED, OK),
    "a rehearsal beside": ({"two.yaml": CALLS, "z.yaml": CALLED, "r.yaml": REHEARSAL}, OK, OK, OK),
    "in a hidden folder": ({"two.yaml": CALLS, ".old/z.yaml": CALLED}, REFUSED, REFUSED, OK),
}  # fmt: skip


def stretto(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def lay_out(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes the files of a layout, and returns their folder."""

    def write(layout: str) -> Path:
        for name, text in LAYOUTS[layout][0].items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def errors_of(path: Path, file: str) -> list[str]:
    """Return the errors that `validate` shows in a file, each as it is printed."""
    frames = stretto("validate", path).stdout.split("\n\n")
    return [each for each in frames if each.startswith("error[") and f"/{file}:" in each.splitlines()[1]]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_run_and_validate_agree_on_a_file(lay_out: Callable[[str], Path], layout: str) -> None:
    """Both accept the file, or both refuse it and show the same findings, with their lines."""
    file = lay_out(layout) / "two.yaml"
    expected = LAYOUTS[layout][1]
    validated, run = stretto("validate", "--json", file), stretto("run", file)
    assert (validated.exit_code, run.exit_code) == (expected, expected), (validated.output, run.stderr)
    for error in errors_of(file, "two.yaml"):
        assert error in run.stderr
    if expected == OK:
        assert json.loads(validated.stdout) == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_run_and_validate_agree_on_a_folder(lay_out: Callable[[str], Path], layout: str) -> None:
    """`validate DIR` finds an error in the workflow if and only if `run REF --definitions DIR` refuses it."""
    folder = lay_out(layout)
    expected = LAYOUTS[layout][2]
    run = stretto("run", "a.y", "--definitions", folder)
    assert run.exit_code == expected, run.stderr
    found = errors_of(folder, "two.yaml")
    if layout == "its own ref is taken":
        found = errors_of(folder, "z.yaml")  # the second file has the finding
    assert bool(found) == (expected == REFUSED)
    for error in found:
        assert error in run.stderr


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rehearse_and_graph_find_the_same_definitions(lay_out: Callable[[str], Path], layout: str) -> None:
    """A rehearsal refuses a call only if the workflow is there and unusable; a graph shows calls unchecked."""
    file = lay_out(layout) / "two.yaml"
    rehearsed = stretto("rehearse", file)
    assert rehearsed.exit_code == LAYOUTS[layout][3], rehearsed.output
    assert stretto("graph", file).exit_code == OK


def test_a_rehearsal_runs_the_workflow_beside_the_file(lay_out: Callable[[str], Path]) -> None:
    """And scripts it if it is below: then only the folder has it."""
    folder = lay_out("called beside")
    output = json.loads(stretto("rehearse", "--json", folder / "two.yaml").stdout)["output"]
    assert output == {"z": {"ran": True}}
    (folder / "below").mkdir()
    (folder / "z.yaml").rename(folder / "below/z.yaml")
    assert json.loads(stretto("rehearse", "--json", folder / "two.yaml").stdout)["output"] == {"z": None}
    given = ("a.y", "--definitions", folder)
    assert json.loads(stretto("rehearse", "--json", *given).stdout)["output"] == {"z": {"ran": True}}


def test_a_clash_names_both_files(lay_out: Callable[[str], Path]) -> None:
    """In a folder it is an error of the second file; whoever calls the ref is told both."""
    folder = lay_out("called, but there are two")
    clash, call = sorted(json.loads(stretto("validate", "--json", folder).stdout), key=lambda each: each["code"])
    assert (clash["code"], clash["file"]) == ("duplicate_ref", str(folder / "zz.yaml"))
    assert str(folder / "z.yaml") in clash["message"]
    assert str(folder / "z.yaml") in call["hint"]
    assert str(folder / "zz.yaml") in call["hint"]


def test_files_for_rehearse_are_no_definitions(lay_out: Callable[[str], Path]) -> None:
    """They are left out of folders, and of a shell's *.yaml; alone, each command names what takes them."""
    folder = lay_out("a rehearsal beside")
    (folder / "script.yaml").write_text("- {task: a, status: failed}\n")
    assert stretto("validate", folder).stdout == "2 files: all is well\n"
    assert stretto("validate", *sorted(folder.glob("*.yaml"))).stdout == "2 files: all is well\n"
    for path in (folder / "r.yaml", folder / "script.yaml"):
        alone = stretto("validate", path)
        assert (alone.exit_code, alone.stderr) == (2, f"stretto: {path} is for stretto rehearse, not a workflow\n")
        run = stretto("run", path)
        assert run.exit_code == REFUSED
        assert "error[rehearsal_file]: the file is for stretto rehearse, not a workflow" in run.stderr


def test_a_file_is_examined_with_the_folders_beside_it_on_the_command_line(lay_out: Callable[[str], Path]) -> None:
    """As `run FILE --definitions DIR` loads them."""
    folder = lay_out("called below")
    assert stretto("validate", folder / "two.yaml", folder / "sub").exit_code == OK
    assert stretto("run", folder / "two.yaml", "--definitions", folder / "sub").exit_code == OK
    assert stretto("validate", folder / "two.yaml", folder / "sub/z.yaml").exit_code == REFUSED
