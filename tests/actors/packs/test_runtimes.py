"""A pack's own runtime runs the actions that name it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stretto.actors.packs import findings_of, read_packs
from stretto.actors.packs.model import PackAction
from tests.support.engines import Bench

RUNTIME = """\
ref: tools.posix
pack_ref: tools
name: Posix Shell
aliases: [posix, dash]
execution_config:
  interpreter: {binary: sh, args: ["-u"], file_extension: .posix}
  env_vars:
    GREETING: "hello from {pack_dir}"
    NAMES: {operation: prepend, value: Ada, separator: ":"}
"""
ACTION = "ref: tools.say\nrunner_type: posix\nentry_point: say.posix\n"
CALL = "tasks:\n  - {name: t, action: tools.say}\noutput_map: {result: '{{ task.t.result.stdout }}'}\n"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "tools"
    for name, text in (
        ("pack.yaml", "ref: tools\nlabel: Tools\n"), ("runtimes/posix.yaml", RUNTIME), ("actions/say.yaml", ACTION),
        ("actions/say.posix", 'echo "$GREETING, $NAMES"\n'),
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_an_action_runs_in_the_interpreter_of_its_packs_runtime(pack: Path, start_bench: Callable[..., Bench]) -> None:
    outcome = start_bench(packs=str(pack)).run(CALL)
    assert outcome.output == {"result": f"hello from {pack}, Ada\n"}, outcome.errors


def test_an_interpreter_that_is_not_installed_is_a_warning(pack: Path) -> None:
    from stretto.actors.catalogue import core_actions

    assert shutil.which("no-such-shell") is None
    (pack / "runtimes/posix.yaml").write_text(RUNTIME.replace("binary: sh", "binary: no-such-shell"))
    (found,) = findings_of(read_packs([pack])[0], core_actions())
    assert (found.code, found.message) == (
        "cannot_perform", "`no-such-shell` of the runtime tools.posix is not on the PATH"
    )  # fmt: skip


def test_commands_that_make_other_environments_are_not_run(pack: Path) -> None:
    """They would be the pack's own code. `stretto packs setup` makes those of Python and Node.js."""
    environment = "  environment: {env_type: custom, create_command: [touch, x]}\n"
    (pack / "runtimes/posix.yaml").write_text(RUNTIME + environment)
    (warning,) = read_packs([pack])[0].warnings
    assert warning.message.startswith("'environment' of a runtime is not acted on")


def test_an_unknown_runner_suggests_the_packs_runtimes(pack: Path) -> None:
    from stretto.actors.packs import examine_packs

    (pack / "actions/say.yaml").write_text(ACTION.replace("posix\n", "posixx\n", 1))
    _, (error,) = examine_packs([pack])
    assert (error.code, "posix" in error.hint) == ("bad_choice", True)


def test_a_variable_is_put_before_or_after_the_one_that_is_inherited(
    pack: Path, start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as PATH. Other variables of the daemon are not inherited, so nothing is added to them."""
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("NAMES", "hidden")
    more = (
        "    PATH: {operation: append, value: /more}\n"
        "    LANG: {operation: prepend, value: x, separator: '-'}\n"
        "    TZ: {operation: set, value: UTC}\n"
    )
    (pack / "runtimes/posix.yaml").write_text(RUNTIME + more)
    (pack / "actions/say.posix").write_text('echo "${PATH##*:} $LANG $NAMES $TZ"\n')
    outcome = start_bench(packs=str(pack)).run(CALL)
    assert outcome.output == {"result": "/more x-C Ada UTC\n"}, outcome.errors


VERSIONS = """\
versions:
- {version: "1.0", execution_config: {interpreter: {binary: sh, args: ["-eu"]}, env_vars: {NAMES: Grace}}}
- {version: "2.0", is_default: true, distributions: {}, execution_config: {interpreter: {binary: bash}}}
- {version: "3.0"}
"""


@pytest.mark.parametrize(
    ("wanted", "command", "names"),
    [("", ("bash",), "Ada"), ("~1.0", ("sh", "-eu"), "Grace"), (">=2", ("sh", "-u"), "Ada")],
)
def test_an_action_gets_the_version_that_it_asks_for(
    pack: Path, wanted: str, command: tuple[str, ...], names: str
) -> None:
    """Without a wish the default one. Fields that a version lacks are those of the runtime."""
    (pack / "runtimes/posix.yaml").write_text(RUNTIME + VERSIONS)
    (pack / "actions/say.yaml").write_text(ACTION + (f"runtime_version: '{wanted}'\n" if wanted else ""))
    (read,) = read_packs([pack])
    (action,) = read.actions
    assert isinstance(action, PackAction)
    runtime = action.runtime
    assert runtime is not None
    assert (runtime.command, runtime.variables["NAMES"]) == (command, names)
    assert read.warnings == ()


@pytest.mark.parametrize(("wanted", "message"), [(">=4", "no version of the runtime"), ("new", "is not a comparison")])
def test_a_version_that_is_not_there_is_an_error(pack: Path, wanted: str, message: str) -> None:
    """It names the versions."""
    from stretto.actors.packs import examine_packs

    (pack / "runtimes/posix.yaml").write_text(RUNTIME + VERSIONS)
    (pack / "actions/say.yaml").write_text(f"{ACTION}runtime_version: '{wanted}'\n")
    _, (error,) = examine_packs([pack])
    assert (error.code, error.expected, message in error.message) == ("bad_choice", "1.0, 2.0, 3.0", True)
