"""The key-value store of a rehearsal, which its file makes up."""

from pathlib import Path

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.kv import InvalidKey
from stretto.actors.rehearsal import Rehearser, scripted_catalogue
from stretto.actors.rehearsal.keys import made_up_keys
from stretto.actors.rehearsal.suite import judge

REHEARSER = Rehearser(scripted_catalogue(ActionRegistry.registered()))
ORQUESTA = """version: 1.0
vars:
  - region: <% st2kv('system.region') %>
  - token: "{{ st2kv('user.ada.token', decrypt=true) }}"
  - zone: <% st2kv(zone, default => none) %>
tasks: {one: {action: core.noop}}
output: [region: <% ctx(region) %>, token: <% ctx(token) %>, zone: <% ctx(zone) %>]
"""
NATIVE = 'version: "1"\ntasks: [{name: one, action: core.noop}]\noutput_map: {region: "{{ kv.region.name }}"}\n'


def judged(folder: Path, workflow: str, text: str) -> list[str]:
    """Return the problems of a rehearsal, which has no differences."""
    (folder / "flow.yaml").write_text(workflow)
    path = folder / "rehearsal.yaml"
    path.write_text(f"workflow: flow.yaml\n{text}")
    found = judge(path, REHEARSER)
    assert not found.differences
    return found.problems


def test_expressions_read_the_keys_that_a_rehearsal_makes_up(tmp_path: Path) -> None:
    """In both dialects. Others are not there, whatever a real store has."""
    keys = "keys: {region: eu, user.ada.token: made-up}\n"
    expect = "expect: {output: {region: eu, token: made-up, zone: none}}\n"
    assert judged(tmp_path, ORQUESTA, keys + expect) == []
    assert judged(tmp_path, NATIVE, "keys: {system.region: {name: eu}}\nexpect: {output: {region: eu}}\n") == []
    failed = "expect: {status: failed}\n"
    assert judged(tmp_path, ORQUESTA, failed) == []


@pytest.mark.parametrize(("name", "said"), [("user.token", "must be user.OWNER.NAME"), ("", "name")])
def test_a_key_that_cannot_be_is_a_problem(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(InvalidKey, match=said):
        made_up_keys({name: 1})
    (problem,) = judged(tmp_path, NATIVE, f"keys: {{'{name}': 1}}\nexpect: {{status: succeeded}}\n")
    assert said in problem
