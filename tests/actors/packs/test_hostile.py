"""A hostile pack is refused, or harms nothing but its own actions."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stretto.actors.catalogue import load_library
from stretto.actors.packs import CannotInstallPack, InstallOptions, examine_packs, findings_of, install_pack, read_packs
from stretto.actors.packs.folders import MAX_PACK_ACTIONS
from stretto.actors.packs.python_source import MAX_PYTHON_BYTES
from stretto.definitions import InvalidDefinition
from tests.support.engines import Bench
from tests.support.pack_files import MANIFEST, METADATA, write_pack

CALLS = """
tasks:
  - {name: bad, action: evil.greet, next: [{do: [good]}]}
  - {name: good, action: tools.greet}
output_map: {bad: '{{ task.bad.result }}', good: '{{ task.good.result.said }}'}
"""
EVIL = {
    "pack_dot_yaml": MANIFEST.replace("tools", "evil"),
    "actions__greet_dot_yaml": METADATA.replace("tools", "evil"),
}


def test_modules_that_shadow_others_reach_only_their_own_packs_actions(
    tmp_path: Path, start_bench: Callable[..., Bench]
) -> None:
    """`json`, `site` and `stretto` in a pack's folders are neither the daemon's nor another pack's."""
    write_pack(tmp_path / "tools")
    shadow = "ME = 'mine'\ndef dumps(value): return '\"shadowed\"'\n"
    write_pack(
        tmp_path / "evil", **EVIL, actions__json_dot_py=shadow, lib__site_dot_py="raise SystemExit(9)\n",
        lib__stretto_dot_py=shadow, sitecustomize_dot_py="raise SystemExit(9)\n",
    )  # fmt: skip
    outcome = start_bench(packs=str(tmp_path)).run(CALLS)
    assert outcome.status == "succeeded", outcome.errors
    assert outcome.output["good"] == "hello"  # type: ignore[index]


def test_a_pack_that_names_strettos_own_actions_does_not_get_their_calls(
    tmp_path: Path, start_bench: Callable[..., Bench]
) -> None:
    core = {name: text.replace("tools", "core").replace("core.greet", "core.echo") for name, text in (
        ("pack_dot_yaml", MANIFEST), ("actions__greet_dot_yaml", METADATA)
    )}  # fmt: skip
    write_pack(tmp_path / "core", **core)
    bench = start_bench(packs=str(tmp_path))
    text = "tasks:\n  - {name: t, action: core.echo, input: {message: mine}}\noutput_map: {r: '{{ task.t.result }}'}\n"
    assert bench.run(text).output == {"r": "mine"}
    library = load_library(packs=[tmp_path])
    (pack,) = library.packs
    assert [each.code for each in findings_of(pack, library.actions)] == ["built_in_action"]


@pytest.mark.parametrize("entry", ["../../secret.py", "/etc/passwd", "link.py", "folder/secret.py"])
def test_an_entry_point_outside_of_the_pack_is_refused(tmp_path: Path, entry: str) -> None:
    """By its path, and by a link to a file or a folder."""
    pack = write_pack(tmp_path / "packs/tools")
    (tmp_path / "secret.py").write_text("print(1)\n")
    (tmp_path / "packs/secret.py").write_text("print(1)\n")
    (pack / "actions/link.py").symlink_to(tmp_path / "secret.py")
    (pack / "actions/folder").symlink_to(tmp_path)
    (pack / "actions/greet.yaml").write_text(METADATA.replace("greet.py", entry))
    read, (error,) = examine_packs([pack])
    assert error.code == "outside_pack"
    assert read[0].actions == ()


@pytest.mark.parametrize("name", ["pack.yaml", "requirements.txt", "actions/more.yaml", "lib"])
def test_a_link_out_of_the_folder_is_not_installed(tmp_path: Path, name: str) -> None:
    """Whatever file it stands for: a reader would show lines of what it leads to."""
    source = write_pack(tmp_path / "source")
    outside = write_pack(tmp_path / "outside")
    (source / name).unlink(missing_ok=True)
    (source / name).symlink_to(outside / name if (outside / name).exists() else outside)
    with pytest.raises(CannotInstallPack, match="is a link that leads out of the pack"):
        install_pack(str(source), tmp_path / "packs", InstallOptions())
    assert not (tmp_path / "packs" / "tools").exists()


def test_ten_thousand_actions_are_refused_without_reading_them(tmp_path: Path) -> None:
    """And the other packs are read."""
    write_pack(tmp_path / "tools")
    evil = write_pack(tmp_path / "evil", **EVIL)
    for number in range(10_000):
        (evil / f"actions/a{number}.yaml").write_text("ref: [\n")
    packs, (error,) = examine_packs([tmp_path])
    assert (error.code, "at most 5,000 actions" in error.message) == ("too_many_actions", True)
    assert [(each.manifest.ref, len(each.actions)) for each in packs] == [("evil", 0), ("tools", 1)]


def test_the_number_of_actions_is_bounded_by_a_setting(tmp_path: Path) -> None:
    """The message names it."""
    pack = write_pack(tmp_path / "tools")
    (pack / "actions/a.yaml").write_text(METADATA.replace("greet\n", "a\n"))
    assert len(read_packs([pack], max_actions=2)[0].actions) == 2
    with pytest.raises(InvalidDefinition, match=r"at most 1 actions \(the setting engine.max_pack_actions\)"):
        read_packs([pack], max_actions=1)


@pytest.mark.slow
def test_a_pack_with_as_many_actions_as_allowed_is_read(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "tools")
    for number in range(MAX_PACK_ACTIONS - 1):
        (pack / f"actions/a{number}.yaml").write_text(METADATA.replace("greet\n", f"a{number}\n"))
    assert len(read_packs([pack])[0].actions) == MAX_PACK_ACTIONS


STACKSTORMS = {
    "pack_dot_yaml": "ref: tools\nname: tools\nversion: 1.0.0\nauthor: a\nemail: a@b.example\n",
    "actions__greet_dot_yaml": "name: greet\nrunner_type: python-script\nentry_point: greet.py\n",
}
MANY_PATHS = "class A(B, C): pass\nclass B(A, C): pass\nclass C(A, B): pass\n"
DEEP_CLASSES = "\n".join(f"class A{each}(A{each + 1}): pass" for each in range(3000))


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (MANY_PATHS, ""),
        (f"class A(st2client.{'b.' * 1200}client): pass\n", ""),
        (DEEP_CLASSES, "the classes derive from each other more deeply than can be followed"),
        (f"x = {'-' * 100_000}1\n", "the file is not valid Python 3"),
        (f"x = {'(' * 1000}1{')' * 1000}\n", "the file is not valid Python 3"),
        ("x = '" + "a" * MAX_PYTHON_BYTES + "'\n", "the file must have at most 4,194,304 bytes"),
    ],
)
def test_python_that_is_made_to_be_hard_to_look_at_is_looked_at(tmp_path: Path, code: str, problem: str) -> None:
    """In StackStorm's packs a class is searched for, in Attune's a function."""
    (pack,) = read_packs([write_pack(tmp_path / "a", **STACKSTORMS, actions__greet_dot_py=code)])
    assert [each.findings[0].message[: len(problem)] for each in pack.refused] == ([problem] if problem else [])
    function = "ref: tools.greet\nrunner_type: python\nentry_point: greet.py:greet\n"
    write_pack(tmp_path / "b", actions__greet_dot_yaml=function, actions__greet_dot_py=code)
    _, (error,) = examine_packs([tmp_path / "b"])
    assert error.code == "no_such_function"


@pytest.mark.parametrize("manifest", [MANIFEST, STACKSTORMS["pack_dot_yaml"]])
@pytest.mark.parametrize("kind", ["circle", "nothing", "folder"])
def test_metadata_and_programs_that_are_no_files_are_findings(tmp_path: Path, manifest: str, kind: str) -> None:
    """A circle of links, a link to nothing, a folder."""
    metadata = STACKSTORMS["actions__greet_dot_yaml"] if manifest != MANIFEST else METADATA
    pack = write_pack(tmp_path / "tools", pack_dot_yaml=manifest, actions__greet_dot_yaml=metadata)
    (pack / "actions/greet.py").unlink()
    for name in ("actions/greet.py", "actions/more.yaml", "sensors/more.py", "config.schema.yaml"):
        path = pack / name
        path.parent.mkdir(exist_ok=True)
        path.mkdir() if kind == "folder" else path.symlink_to(path if kind == "circle" else "gone")
    (pack / "sensors/more.yaml").write_text("class_name: A\nref: a\nentry_point: more.py\n")
    ((read,), errors) = examine_packs([pack])
    codes = [each.code for each in errors] + [each.findings[0].code for each in read.refused]
    assert sorted(codes) == ["no_such_file", "not_readable"]
    assert (read.actions, read.sensors) == ((), ())


def test_an_actions_folder_that_is_a_link_out_of_the_pack_runs_nothing(tmp_path: Path) -> None:
    """Of StackStorm's packs, too."""
    outside = write_pack(tmp_path / "outside", **STACKSTORMS)
    pack = write_pack(tmp_path / "tools", **STACKSTORMS)
    shutil.rmtree(pack / "actions")
    (pack / "actions").symlink_to(outside / "actions")
    (read,) = read_packs([pack])
    assert [each.findings[0].code for each in read.refused] == ["outside_pack"]
