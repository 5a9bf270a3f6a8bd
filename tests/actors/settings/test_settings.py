"""Settings from a file, the environment and flags, and `stretto config show`."""

import inspect
import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from stretto.actors import Engine
from stretto.actors.cli import main
from stretto.actors.settings import Flag, InvalidSettings, Settings, read_settings
from stretto.actors.settings.model import SECTIONS, expected, fields_of
from stretto.metrics import catalogue
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
    """$STRETTO_CONFIG names the file, if --config does not; an empty file says nothing."""
    file = write(tmp_path, "serve: {port: 1}\n")
    assert read_settings(None, {"STRETTO_CONFIG": file}).settings.serve.port == 1
    empty = tmp_path / "empty.yaml"
    empty.write_text("# nothing\n")
    assert read_settings(str(empty), {"STRETTO_CONFIG": file}).settings == Settings()


def test_text_is_read_by_the_settings_type() -> None:
    """A variable is a number, a truth, a list with commas or JSON, as its setting wants it."""
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


def test_every_mistake_is_told_at_its_place(tmp_path: Path) -> None:
    """All mistakes are told at once: place, what was found, what was expected, or the nearest known name."""
    file = write(
        tmp_path,
        "engine:\n  treads: 3\n  threads: many\n  dispatchers: 0\nserv: {}\nhttp: {deny: [nonsense]}\nlogging: 3\n",
    )
    environment = {"STRETTO__SERVE__PORT": "x", "STRETTO__SERVE__PRT": "1"}
    with pytest.raises(InvalidSettings) as raised:
        read_settings(file, environment, [Flag("--host", "serve", "host", 3)])
    assert sorted(raised.value.problems) == sorted(
        [
            f"{file}:2: there is no setting 'treads'; did you mean 'threads'?",
            f"{file}:3: engine.threads is wrong: found 'many', expected a whole number, at least 1",
            f"{file}:4: engine.dispatchers is wrong: found 0, expected a whole number, at least 1",
            f"{file}:5: there is no section 'serv'; did you mean 'serve'?",
            f"{file}:6: http.deny is wrong: found ['nonsense'], expected {expected('http', 'deny')}",
            f"{file}:7: the section logging is wrong: found the number 3, expected its settings",
            "the environment: there is no variable 'STRETTO__SERVE__PRT'; did you mean 'STRETTO__SERVE__PORT'?",
            "the variable STRETTO__SERVE__PORT: serve.port is wrong: found 'x', expected a port, 0 to 65535",
            "the flag --host: serve.host is wrong: found 3, expected a text",
        ]
    )


@pytest.mark.parametrize(("text", "told"), [("- 1\n", "expected sections"), ("a: [\n", "stretto.yaml:2:1")])
def test_a_file_that_is_no_config(tmp_path: Path, text: str, told: str) -> None:
    """A file without sections, or that is no YAML, is told; so is one that is not there."""
    with pytest.raises(InvalidSettings, match=told):
        read_settings(write(tmp_path, text), {})
    with pytest.raises(InvalidSettings, match="cannot be read"):
        read_settings(str(tmp_path / "missing.yaml"), {})


def test_defaults_are_the_engines() -> None:
    """What is not set is as Engine.start has it."""
    parameters = inspect.signature(Engine.start).parameters
    for name in ("max_items_in_flight", "threads", "dispatchers"):
        assert getattr(Settings().engine, name) == parameters[name].default


def test_every_setting_says_what_it_takes() -> None:
    """No setting is without a description: a mistake could not be explained."""
    assert all(expected(section, key) for section in SECTIONS for key in fields_of(section))


def test_config_show_hides_passwords(tmp_path: Path) -> None:
    """`stretto config show` prints each value with its origin, as text or JSON, without passwords."""
    file = write(tmp_path, "engine: {store: 'postgresql://me:hush@host/db'}\n")
    text = CliRunner().invoke(main, ["config", "show", "--config", file])
    assert f'  store: "postgresql://me:***@host/db"  # {file}:1\n' in text.output
    assert "  port: 8420  # default\n" in text.output
    told = json.loads(CliRunner().invoke(main, ["config", "show", "--config", file, "--json"]).output)
    assert told["engine"]["store"] == {"value": "postgresql://me:***@host/db", "from": f"{file}:1"}
    assert sorted(told) == sorted(SECTIONS)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://me:h@u/s:h@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?user=me&password=hush", "postgresql://host/db?user=me&password=***"),
        ("sqlite:////var/lib/stretto/stretto.db", "sqlite:////var/lib/stretto/stretto.db"),
    ],
)
def test_a_stores_password_is_hidden_however_it_is_written(
    monkeypatch: pytest.MonkeyPatch, url: str, shown: str
) -> None:
    """Also one that should have been encoded, and one in a query; the URL may come from the environment."""
    monkeypatch.setenv("STRETTO__ENGINE__STORE", url)
    told = json.loads(CliRunner().invoke(main, ["config", "show", "--json"]).output)
    assert told["engine"]["store"] == {"value": shown, "from": "the variable STRETTO__ENGINE__STORE"}


def test_how_long_runs_are_kept_can_be_set() -> None:
    """In days and by number, null is for ever; the key of the store is a file."""
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
    with pytest.raises(InvalidSettings, match="expected a number of days, at least 0, or null"):
        read_settings(None, {"STRETTO__ENGINE__RETAIN_DAYS": "-1"})
    with pytest.raises(InvalidSettings, match="expected a whole number, at least 0, or null"):
        read_settings(None, {"STRETTO__ENGINE__RETAIN_RUNS": "many"})


def test_config_show_of_a_wrong_file_exits_with_2(tmp_path: Path) -> None:
    """Settings that cannot be used are wrong usage."""
    result = CliRunner().invoke(main, ["config", "show", "--config", write(tmp_path, "serv: {}\n")])
    assert result.exit_code == 2
    assert "did you mean 'serve'?" in result.output


def test_every_setting_is_documented() -> None:
    """The table of docs/operating.md has every setting, and none that does not exist."""
    table = set(re.findall(r"^\| `(\w+\.\w+)` \|", (DOCS / "operating.md").read_text(), re.MULTILINE))
    assert table == {f"{section}.{key}" for section in SECTIONS for key in fields_of(section)}


def test_alerts_dashboard_and_page_name_metrics_that_exist() -> None:
    """Every metric that docs/ tells of is one of the catalogue's, and the page tells of all."""
    names = {each.name for each in vars(catalogue).values() if isinstance(each, catalogue.Metric)}
    names = {"stretto_info" if name == "stretto" else name for name in names}
    for file in ("alerts.yaml", "grafana.json", "operating.md"):
        told = set(re.findall(r"stretto_[a-z_]+", (DOCS / file).read_text()))
        told = {re.sub("_(bucket|sum|count)$", "", name) for name in told}
        assert told <= names, file
    assert told == names
    assert json.loads((DOCS / "grafana.json").read_text())["panels"]
    rules = yaml.safe_load((DOCS / "alerts.yaml").read_text())["groups"][0]["rules"]
    assert all({"alert", "expr", "for", "labels", "annotations"} == set(rule) for rule in rules)
