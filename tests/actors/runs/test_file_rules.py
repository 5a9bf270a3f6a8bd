"""The opener of each file: by the run's origin, by who wrote the definition, and by whether the path is fixed."""

from dataclasses import replace

import pytest

from stretto.actors.files import FileAccess
from stretto.actors.files.protected import RefusedFile
from stretto.actors.journal import Origin
from stretto.actors.runs.file_rules import FileRules
from stretto.definitions import read_workflow

TEXT = """
version: "1.0.0"
parameters: {path: {type: string}}
tasks:
  - name: fixed
    action: core.echo
    with_items: {lines: /elsewhere/items}
    results: {jsonl: /elsewhere/results}
    input: {message: "{{ item }}"}
  - name: made
    action: core.echo
    with_items: {lines: "/elsewhere/{{ parameters.path }}"}
    results: {jsonl: "{{ parameters.path }}"}
    input: {message: "{{ item }}"}
  - {name: list, action: core.echo, with_items: [1], input: {message: "{{ item }}"}}
  - {name: one, action: core.noop}
"""
ACCESS = FileAccess(read=["/read"], write=["/write"])
ANYWHERE, READ, WRITE = ACCESS.anywhere, ACCESS.readable, ACCESS.writable


@pytest.mark.parametrize(
    ("origin", "installed", "openers"),
    [
        ("owner", True, (ANYWHERE, ANYWHERE, ANYWHERE, ANYWHERE)),
        ("owner", False, (ANYWHERE, ANYWHERE, ANYWHERE, ANYWHERE)),
        ("remote", True, (ANYWHERE, ANYWHERE, READ, WRITE)),
        ("remote", False, (READ, WRITE, READ, WRITE)),
    ],
)
def test_a_remote_run_has_only_the_operators_fixed_paths_and_the_folders(
    origin: Origin, installed: bool, openers: tuple[object, ...]
) -> None:
    """An owner's run has all."""
    rules = FileRules(replace(read_workflow(TEXT, "a.yaml"), installed=installed), origin, ACCESS)
    found = [rules.opener(task, use) for task in ("fixed", "made") for use in ("items", "results")]
    assert tuple(found) == openers


def test_fixed_paths_are_checked_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a client, by the setting that they need; paths that are not known yet are not."""
    workflow = read_workflow(TEXT, "a.yaml")
    with pytest.raises(
        RefusedFile, match=r"^/elsewhere/items must be below a folder of files\.read, .* got .*: /read$"
    ):
        FileRules(workflow, "remote", ACCESS).check_fixed_paths()
    readable = FileAccess(read=["/elsewhere"])
    with pytest.raises(RefusedFile, match=r"^/elsewhere/results must be below a folder of files\.write, .*: none$"):
        FileRules(workflow, "remote", readable).check_fixed_paths()
    FileRules(workflow, "owner", ACCESS).check_fixed_paths()
    FileRules(replace(workflow, installed=True), "remote", ACCESS).check_fixed_paths()
    FileRules(workflow, "remote", FileAccess(read=["/elsewhere"], write=["/elsewhere"])).check_fixed_paths()
