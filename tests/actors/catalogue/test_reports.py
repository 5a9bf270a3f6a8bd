"""Definitions and actions as plain data."""

import hashlib
from pathlib import Path

import pytest

from stretto.actors.actions import UnknownAction
from stretto.actors.catalogue import (
    Catalogue,
    Rules,
    definition_source,
    describe_action,
    describe_definition,
    list_actions,
    list_definitions,
    load_library,
    log_nothing,
)
from stretto.actors.catalogue.reports import MAX_LISTED_FINDINGS
from stretto.definitions.errors import UnknownWorkflow

GREET = """ref: ops.greet
label: Greet people
version: "1.0.0"
parameters: {names: {type: array, required: true}, password: {secret: true, default: hunter2}}
tasks:
  - {name: echo, action: core.echo, input: {message: "hunter2?"}, next: [{do: [nested]}]}
  - {name: nested, action: ops.other}
"""
OTHER = 'ref: ops.other\ntasks: [{name: a, action: core.echo, input: {message: "x"}}]\n'
BROKEN = 'ref: ops.broken\nversion: "1"\ntasks: [{name: a, action: core.ech}]\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("definitions")
    for name, text in {"greet": GREET, "other": OTHER, "broken": BROKEN, "unreadable": "tasks: [\n"}.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def catalogue(folder: Path) -> Catalogue:
    return load_library([folder], rules=Rules(log=log_nothing)).catalogue


def test_refused_files_come_first_then_workflows_by_ref(catalogue: Catalogue, folder: Path) -> None:
    """With their findings, also a file from which no ref could be read."""
    found = list_definitions(catalogue)
    assert [(each["ref"], each["usable"], each["errors"], each["warnings"]) for each in found] == [
        (None, False, 1, 0), ("ops.broken", False, 1, 0), ("ops.greet", True, 0, 0), ("ops.other", True, 0, 1),
    ]  # fmt: skip
    assert found[1]["findings"][0]["message"] == "there is no action 'core.ech'"
    assert (found[2]["label"], found[2]["file"]) == ("Greet people", str(folder / "greet.yaml"))


def test_a_schedule_is_no_refused_definition(tmp_path: Path) -> None:
    """Nor is a rule. One with an error is, as it starts nothing."""
    (tmp_path / "other.yaml").write_text(OTHER)
    (tmp_path / "nightly.yaml").write_text("schedule: {cron: '0 2 * * *'}\nrun: ops.other\n")
    (tmp_path / "pushed.yaml").write_text("on: git.pushed\nrun: ops.other\n")
    (tmp_path / "wrong.yaml").write_text("schedule: {cron: '0 2 * *'}\nrun: ops.other\n")
    found = list_definitions(load_library([tmp_path], rules=Rules(log=log_nothing)).catalogue)
    assert [(Path(each["file"]).name, each["usable"]) for each in found] == [
        ("wrong.yaml", False),
        ("other.yaml", True),
    ]


def test_a_list_has_what_is_looked_for(catalogue: Catalogue) -> None:
    """In refs, labels and files, in upper or lower case."""
    assert [each["ref"] for each in list_definitions(catalogue, "GREET")] == ["ops.greet"]
    assert [each["ref"] for each in list_definitions(catalogue, "unreadable.")] == [None]
    assert list_definitions(catalogue, "nothing of it") == []


def test_a_restricted_caller_sees_its_workflows_only(catalogue: Catalogue) -> None:
    """No file without a ref either. Actions are used by these alone."""
    sees = {"ops.greet"}.__contains__
    assert [each["ref"] for each in list_definitions(catalogue, sees=sees)] == ["ops.greet"]
    assert describe_action(catalogue, "core.echo", sees)["used_by"] == ["ops.greet"]


def test_a_list_has_the_first_findings_only(tmp_path: Path) -> None:
    """A file with thousands of errors does not fill it."""
    tasks = "".join(f"  - {{name: t{number}, action: core.ech}}\n" for number in range(MAX_LISTED_FINDINGS + 5))
    (tmp_path / "many.yaml").write_text(f'ref: ops.many\nversion: "1"\ntasks:\n{tasks}')
    catalogue = load_library([tmp_path], rules=Rules(log=log_nothing)).catalogue
    (found,) = list_definitions(catalogue)
    assert found["errors"] > len(found["findings"]) == MAX_LISTED_FINDINGS
    assert len(describe_definition(catalogue, "ops.many")["findings"]) == found["errors"]


def test_a_definition_is_described(catalogue: Catalogue) -> None:
    """By its ref. One with errors has no parameters, only findings."""
    greet = describe_definition(catalogue, "ops.greet")
    assert greet["parameters"]["required"] == ["names"]
    assert (greet["tasks"], greet["calls"]) == (2, ["core.echo", "ops.other"])
    broken = describe_definition(catalogue, "ops.broken")
    assert (broken["usable"], broken["parameters"], len(broken["findings"])) == (False, None, 1)
    with pytest.raises(UnknownWorkflow, match=r"there is no workflow 'ops.gret'; did you mean 'ops.greet'\?"):
        describe_definition(catalogue, "ops.gret")


def test_a_source_has_no_secret_default(catalogue: Catalogue) -> None:
    """Its digest is that of the whole text."""
    source = definition_source(catalogue, "ops.greet")
    assert source["text"] == GREET.replace("hunter2", "******")
    assert source["digest"] == f"sha256:{hashlib.sha256(GREET.encode()).hexdigest()}"
    assert source["digest"] == describe_definition(catalogue, "ops.greet")["digest"]
    assert definition_source(catalogue, "ops.broken")["text"] == BROKEN


def test_actions_are_listed_by_ref(catalogue: Catalogue) -> None:
    """Each with the workflows that call it."""
    refs = [each["ref"] for each in list_actions(catalogue)]
    assert refs == sorted(refs)
    (echo,) = list_actions(catalogue, "CORE.ECHO")
    assert (echo["pack"], echo["runner"], echo["used_by"]) == ("core", "inline", ["ops.greet", "ops.other"])
    assert echo["isolation"] is None
    assert list_actions(catalogue, pack="none") == []


def test_an_action_is_described(catalogue: Catalogue) -> None:
    """With JSON Schema of what it takes and returns."""
    echo = describe_action(catalogue, "core.echo")
    assert echo["parameters"]["properties"].keys() == {"message"}
    assert isinstance(echo["output"], dict)
    with pytest.raises(UnknownAction, match=r"did you mean 'core.echo'"):
        describe_action(catalogue, "core.ecko")
