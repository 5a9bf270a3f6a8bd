"""Settings from a file, the environment and flags, and `stretto config show`."""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from stretto.actors import Engine
from stretto.actors.actions import RemoteLimits
from stretto.actors.cli import main
from stretto.actors.settings import Flag, InvalidSettings, Settings, read_settings
from stretto.actors.settings.model import SECTIONS, fields_of
from stretto.actors.settings.refusing import expected
from stretto.definitions.data import COMPILED
from tests.support.paths import DOCS


def write(folder: Path, text: str) -> str:
    path = folder / "stretto.yaml"
    path.write_text(text)
    return str(path)


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    """A flag wins over a variable, a variable over the file, the file over the default; each tells its origin."""
    file = write(tmp_path, "engine: {threads: 2, dispatchers: 2, max_items_in_flight: 2}\n")
    environment = {"STRETTO__ENGINE__DISPATCHERS": "3", "STRETTO__ENGINE__MAX_ITEMS_IN_FLIGHT": "3"}
    effective = read_settings(file, environment, [Flag("--max", "engine", "max_items_in_flight", 4)])
    engine = effective.settings.engine
    assert (engine.threads, engine.dispatchers, engine.max_items_in_flight) == (2, 3, 4)
    assert effective.origins == {
        "engine.threads": f"{file}:1",
        "engine.dispatchers": "the variable STRETTO__ENGINE__DISPATCHERS",
        "engine.max_items_in_flight": "the flag --max",
    }


def test_the_file_of_the_environment(tmp_path: Path) -> None:
    """$STRETTO_CONFIG names the file if --config does not. An empty file is valid."""
    file = write(tmp_path, "serve: {port: 1}\n")
    assert read_settings(None, {"STRETTO_CONFIG": file}).settings.serve.port == 1
    empty = tmp_path / "empty.yaml"
    empty.write_text("# nothing\n")
    assert read_settings(str(empty), {"STRETTO_CONFIG": file}).settings == Settings()


def test_the_store_has_a_short_variable(tmp_path: Path) -> None:
    """$STRETTO_STORE wins over the file. The variable of the setting and the flag win over it. Empty is unset."""
    file = write(tmp_path, "engine: {store: 'sqlite:///file.db'}\n")
    variables = {"STRETTO_STORE": "sqlite:///short.db"}

    def store(environment: dict[str, str], *flags: Flag) -> tuple[str | None, str]:
        effective = read_settings(file, environment, flags)
        return effective.settings.engine.store, effective.origins["engine.store"]

    assert store({"STRETTO_STORE": ""}) == ("sqlite:///file.db", f"{file}:1")
    assert store(variables) == ("sqlite:///short.db", "the variable STRETTO_STORE")
    long = {**variables, "STRETTO__ENGINE__STORE": "sqlite:///long.db"}
    assert store(long) == ("sqlite:///long.db", "the variable STRETTO__ENGINE__STORE")
    flag = Flag("--store", "engine", "store", "sqlite:///flag.db")
    assert store(long, flag) == ("sqlite:///flag.db", "the flag --store")


def test_the_sample_config_file_is_valid() -> None:
    """Its values that stand for defaults are the defaults. It names the folders of the unit."""
    settings = read_settings(str(DOCS / "stretto.yaml"), {}).settings
    assert (settings.serve, settings.logging) == (Settings().serve, Settings().logging)
    assert settings.engine.definitions == ("/etc/stretto/definitions",)
    assert settings.engine.store == "sqlite:////var/lib/stretto/stretto.db"
    unit = (DOCS / "stretto.service").read_text()
    assert "StateDirectory=stretto\n" in unit
    assert "mkdir -p /etc/stretto/definitions\n" in unit
    stops_after = int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[1])  # type: ignore[index]
    assert settings.serve.drain_seconds < stops_after


def test_text_is_read_by_the_settings_type() -> None:
    """A variable is a number, a boolean, a list with commas or JSON, depending on its setting's type."""
    settings = read_settings(
        None,
        {
            "STRETTO__SERVE__PORT": "80",
            "STRETTO__SERVE__INSECURE_BIND": "true",
            "STRETTO__SERVE__DRAIN_SECONDS": "1.5",
            "STRETTO__ENGINE__DEFINITIONS": "/a,/b",
            "STRETTO__ENGINE__ACTIONS": '["x,y"]',
        },
    ).settings
    serve, engine = settings.serve, settings.engine
    assert (serve.port, serve.insecure_bind, serve.drain_seconds) == (80, True, 1.5)
    assert (engine.definitions, engine.actions) == (("/a", "/b"), ("x,y",))


def test_every_mistake_is_reported_with_its_place(tmp_path: Path) -> None:
    """All errors come at once, with the place, what is expected and what was found, or the nearest known name."""
    file = write(
        tmp_path,
        "engine:\n  treads: 3\n  threads: many\n  dispatchers: 0\nserv: {}\nhttp: {deny: [nonsense]}\nlogging: 3\n"
        "core_local: {rendered_cmd: ownr}\n",
    )
    environment = {"STRETTO__SERVE__PORT": "x", "STRETTO__SERVE__PRT": "1"}
    with pytest.raises(InvalidSettings) as raised:
        read_settings(file, environment, [Flag("--host", "serve", "host", 3)])
    assert sorted(raised.value.problems) == sorted(
        [
            f"{file}:2: there is no setting 'treads'; did you mean 'threads'?",
            f"{file}:3: engine.threads must be a whole number, at least 1, got 'many'",
            f"{file}:4: engine.dispatchers must be a whole number, at least 1, got 0",
            f"{file}:5: there is no section 'serv'; did you mean 'serve'?",
            f"{file}:6: http.deny must be {expected(fields_of('http')['deny'])}, got ['nonsense']",
            f"{file}:7: the section logging must hold settings, got the number 3",
            f"{file}:8: core_local.rendered_cmd must be owner, allow or refuse, got 'ownr'; did you mean 'owner'?",
            "the environment: there is no variable 'STRETTO__SERVE__PRT'; did you mean 'STRETTO__SERVE__PORT'?",
            "the variable STRETTO__SERVE__PORT: serve.port must be a port, 0 to 65535, got 'x'",
            "the flag --host: serve.host must be a text, got 3",
        ]
    )


@pytest.mark.parametrize(("text", "message"), [("- 1\n", "must have sections"), ("a: [\n", "stretto.yaml:2:1")])
def test_a_file_that_is_not_a_config(tmp_path: Path, text: str, message: str) -> None:
    """A file without sections, invalid YAML and a missing file are reported."""
    with pytest.raises(InvalidSettings, match=message):
        read_settings(write(tmp_path, text), {})
    with pytest.raises(InvalidSettings, match=r"cannot read the file: No such file or directory$"):
        read_settings(str(tmp_path / "missing.yaml"), {})


@pytest.mark.parametrize(
    "url",
    [
        "stretto.example",
        "ftp://a",
        "https://",
        "https://a/b",
        "https://a?b",
        "https://me@a",
        "https://a:b",
        "https://a:0",
    ],
)
def test_a_public_url_is_an_origin(url: str) -> None:
    """It has a scheme and a host, and no path."""
    with pytest.raises(InvalidSettings, match=r"serve\.public_url must be a URL without a path, such as https://"):
        read_settings(None, {"STRETTO__SERVE__PUBLIC_URL": url})


def test_public_urls() -> None:
    """With or without a port and a slash."""
    for url in ("https://stretto.example", "http://a:8420/", "https://[::1]:1"):
        assert read_settings(None, {"STRETTO__SERVE__PUBLIC_URL": url}).settings.serve.public_url == url


def test_a_folder_for_remote_clients_has_a_name(tmp_path: Path) -> None:
    """An empty text would be the working directory."""
    file = write(tmp_path, "files: {read: [/data, /more], write: ['']}\n")
    with pytest.raises(InvalidSettings, match=r":1: files.write must be a list of folders, each with a path, got "):
        read_settings(file, {})
    files = read_settings(None, {"STRETTO__FILES__READ": "/a,/b"}, [Flag("--files-write", "files", "write", ("/c",))])
    assert (files.settings.files.read, files.settings.files.write) == (("/a", "/b"), ("/c",))


def test_defaults_are_the_engines() -> None:
    """Settings that are not set have the defaults of Engine.start."""
    parameters = inspect.signature(Engine.start).parameters
    for name in (
        "max_items_in_flight",
        "max_runs",
        "max_result_bytes",
        "max_output_bytes",
        "threads",
        "max_threads_left_behind",
        "workers",
        "max_worker_bytes",
        "pack_workers",
        "max_pack_process_bytes",
        "max_pack_actions",
        "worker_calls",
        "worker_idle_seconds",
        "dispatchers",
    ):
        assert getattr(Settings().engine, name) == parameters[name].default
    remote = Settings().remote
    assert RemoteLimits(remote.max_hosts, remote.max_output_bytes) == parameters["remote_limits"].default


def test_every_setting_has_a_description() -> None:
    """Errors quote the description."""
    assert all(expected(field) for section in SECTIONS for field in fields_of(section).values())


def test_config_show_hides_passwords(tmp_path: Path) -> None:
    """`stretto config show` prints each value with its origin, as text or JSON, without passwords."""
    file = write(tmp_path, "engine: {store: 'postgresql://me:hush@host/db'}\n")
    text = CliRunner().invoke(main, ["config", "show", "--config", file])
    assert f'  store: "postgresql://me:***@host/db"  # {file}:1\n' in text.output
    assert "  port: 8420  # default\n" in text.output
    shown_settings = json.loads(CliRunner().invoke(main, ["config", "show", "--config", file, "--json"]).output)
    assert shown_settings["engine"]["store"] == {"value": "postgresql://me:***@host/db", "from": f"{file}:1"}
    assert sorted(shown_settings) == sorted([*SECTIONS, "installation"])


@pytest.mark.parametrize(
    ("pure", "said"), [("", "used" if COMPILED else "not built"), ("1", "left out by STRETTO_PURE_")]
)
def test_config_show_says_whether_the_compiled_part_is_used(pure: str, said: str) -> None:
    """A variable leaves it out; the command finds another one as it starts."""
    environment = {**os.environ, "STRETTO_PURE_PYTHON": pure}
    command = [sys.executable, "-m", "stretto.actors.cli", "config", "show"]
    shown = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert f"# the compiled part of Stretto is {said}" in shown.splitlines()[-1]
    as_json = subprocess.run([*command, "--json"], env=environment, check=True, capture_output=True, text=True).stdout
    assert json.loads(as_json)["installation"]["compiled_part"]["value"].startswith(said)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://me:h@u/s:h@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?user=me&password=hush", "postgresql://host/db?user=me&password=***"),
        ("sqlite:////var/lib/stretto/stretto.db", "sqlite:////var/lib/stretto/stretto.db"),
    ],
)
def test_a_stores_password_is_hidden_in_any_spelling(monkeypatch: pytest.MonkeyPatch, url: str, shown: str) -> None:
    """Passwords that should have been encoded and passwords in a query are hidden as well."""
    monkeypatch.setenv("STRETTO__ENGINE__STORE", url)
    shown_settings = json.loads(CliRunner().invoke(main, ["config", "show", "--json"]).output)
    assert shown_settings["engine"]["store"] == {"value": shown, "from": "the variable STRETTO__ENGINE__STORE"}


def test_how_long_runs_are_kept_can_be_set() -> None:
    """Runs are kept by days and by number, or forever with null. The key of the store is a file."""
    engine = read_settings(
        None,
        {
            "STRETTO__ENGINE__RETAIN_DAYS": "1.5",
            "STRETTO__ENGINE__RETAIN_RUNS": "1000",
            "STRETTO__ENGINE__STORE_KEY": "/etc/stretto/store.key",
        },
    ).settings.engine
    assert (engine.retain_days, engine.retain_runs, engine.store_key) == (1.5, 1000, "/etc/stretto/store.key")
    engine = read_settings(None, {"STRETTO__ENGINE__RETAIN_DAYS": "null"}).settings.engine
    assert (engine.retain_days, engine.retain_runs, engine.store_key) == (None, None, None)
    with pytest.raises(InvalidSettings, match="must be a number of days, at least 0, or null, got '-1'"):
        read_settings(None, {"STRETTO__ENGINE__RETAIN_DAYS": "-1"})
    with pytest.raises(InvalidSettings, match="must be a whole number, at least 0, or null, got 'many'"):
        read_settings(None, {"STRETTO__ENGINE__RETAIN_RUNS": "many"})


def test_config_show_of_a_wrong_file_exits_with_2(tmp_path: Path) -> None:
    """Wrong settings count as wrong usage."""
    result = CliRunner().invoke(main, ["config", "show", "--config", write(tmp_path, "serv: {}\n")])
    assert result.exit_code == 2
    assert "did you mean 'serve'?" in result.output


def test_every_setting_is_documented() -> None:
    """The table of docs/operating.md has every setting, and none that does not exist."""
    table = set(re.findall(r"^\| `(\w+\.\w+)` \|", (DOCS / "operating.md").read_text(), re.MULTILINE))
    assert table == {f"{section}.{key}" for section in SECTIONS for key in fields_of(section)}


def test_pools_have_names_of_the_operators_own(tmp_path: Path) -> None:
    """The variables of the environment name no pools, because a name is a part of theirs."""
    file = write(tmp_path, "pools:\n  compute: {workers: 4, slots: 8, actions: [ops]}\n  edge:\n    beat: 1\n")
    effective = read_settings(file, {})
    pools = effective.settings.pools
    assert (pools["compute"].workers, pools["compute"].slots, pools["compute"].actions) == (4, 8, ("ops",))
    assert (pools["edge"].workers, pools["edge"].beat) == (1, 1.0)
    assert effective.origins["pools.edge"] == f"{file}:3"


def test_the_default_pool_is_one_of_the_pools(tmp_path: Path) -> None:
    """The daemon itself is one, too. Another name is refused, with the nearest one."""
    pools = "pools: {compute: {}}\n"
    for name in ("compute", "here"):
        file = write(tmp_path, f"engine: {{runs_on: {name}}}\n{pools}")
        assert read_settings(file, {}).settings.engine.runs_on == name
    file = write(tmp_path, pools)
    with pytest.raises(InvalidSettings) as raised:
        read_settings(file, {"STRETTO__ENGINE__RUNS_ON": "compite"})
    assert raised.value.problems == (
        "the variable STRETTO__ENGINE__RUNS_ON: engine.runs_on: there is no pool 'compite'; did you mean 'compute'?",
    )


def test_wrong_pools_are_refused_with_their_places(tmp_path: Path) -> None:
    """All at once, as other settings are."""
    text = "pools:\n  here: {}\n  A: {}\n  compute: {workrs: 2, slots: 0, carrier: Ray}\n  list: []\n"
    file = write(tmp_path, text)
    with pytest.raises(InvalidSettings) as refused:
        read_settings(file, {})
    name = "a pool must have a name of a-z, 0-9 and - that begins with a letter and is not `here`"
    assert refused.value.problems == (
        f"{file}:2: {name}, got 'here'",
        f"{file}:3: {name}, got 'A'",
        f"{file}:4: there is no setting 'workrs' of a pool; did you mean 'workers'?",
        f"{file}:4: pools.compute.slots must be a whole number from 1 to 1,024, got 0",
        f"{file}:4: pools.compute.carrier must be processes or ray, got 'Ray'; did you mean 'ray'?",
        f"{file}:5: the pool list must hold settings, got a list",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("pools: 3\n", "must hold pools by name, got"),
        ("pools:\n" + "".join(f"  p{number}: {{}}\n" for number in range(65)), "at most 64 pools, got 65"),
    ],
)
def test_pools_are_an_object_of_bounded_size(tmp_path: Path, text: str, problem: str) -> None:
    """Each has processes and threads."""
    with pytest.raises(InvalidSettings, match=problem):
        read_settings(write(tmp_path, text), {})
