"""`stretto kv`: on a store, and of a daemon."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stretto.actors import BlockingRemoteEngine, KeyConflict, RequestRefused, UnknownKey, connect
from stretto.actors.cli import main
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.operations import CreateToken
from tests.support.gateways import opened_gateway


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of an empty store."""
    monkeypatch.delenv("STRETTO_DAEMON", raising=False)
    url = f"sqlite:///{tmp_path}/store.db"
    open_store(url, keyring_for(url, None)).close()
    return url


def kv(*arguments: str, code: int = 0, given: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["kv", *arguments], input=given)
    assert result.exit_code == code, result.stderr
    return result


def test_a_key_of_a_store_is_set_shown_listed_and_deleted(url: str) -> None:
    """A text is text; a list or an object is JSON."""
    kv("set", "color", "red", "--store", url)
    assert kv("get", "color", "--store", url).stdout == "red\n"
    kv("set", "sizes", "[1, 2]", "--pack", "ops", "--expires", "90d", "--store", url)
    assert json.loads(kv("get", "sizes", "--pack", "ops", "--store", url).stdout) == [1, 2]
    rows = [line.split() for line in kv("list", "--store", url).stdout.splitlines()]
    assert rows[0] == ["NAME", "SCOPE", "OWNER", "VERSION", "BYTES", "SET", "BY", "EXPIRES"]
    assert [row[:3] for row in rows[1:]] == [["sizes", "pack", "ops"], ["color", "system", "1"]]
    assert json.loads(kv("delete", "color", "--json", "--store", url).stdout) == {}
    assert [key["name"] for key in json.loads(kv("list", "--json", "--store", url).stdout)["keys"]] == ["sizes"]


def test_a_value_is_of_the_type_that_is_asked_for(url: str) -> None:
    """And an error does not quote it."""
    for kind, text, value in (("json", "7", 7), ("json", "true", True), ("text", "[1]", "[1]")):
        kv("set", "a", text, "--type", kind, "--store", url)
        assert json.loads(kv("get", "a", "--json", "--store", url).stdout)["value"] == value
    kv("set", "a", "{no json", "--store", url)
    assert kv("get", "a", "--store", url).stdout == "{no json\n"
    error = kv("set", "a", "hidden", "--type", "json", "--store", url, code=2).stderr
    assert "VALUE must be JSON, got other text" in error
    assert "hidden" not in error


def test_a_secret_comes_from_standard_input_and_is_masked(url: str) -> None:
    """It is shown when it is asked for."""
    kv("set", "token", "-", "--secret", "--store", url, given="hidden\n")
    shown = kv("get", "token", "--store", url)
    assert (shown.stdout, shown.stderr) == ("******\n", "the value is secret: --reveal shows it\n")
    assert kv("get", "token", "--reveal", "--store", url).stdout == "hidden\n"


def test_mistakes_end_with_their_exit_code(url: str) -> None:
    """2 for a wrong request."""
    kv("set", "color", "red", "--version", "0", "--store", url)
    assert "must not be there" in kv("set", "color", "red", "--version", "0", "--store", url, code=2).stderr
    assert "did you mean 'color'?" in kv("get", "colour", "--store", url, code=2).stderr
    assert "did you mean 'color'?" in kv("delete", "colour", "--store", url, code=2).stderr
    assert "must be letters" in kv("set", "a/b", "c", "--store", url, code=2).stderr
    assert "exclude each other" in kv("get", "a", "--user", "b", "--pack", "c", "--store", url, code=2).stderr


def test_a_daemon_without_a_store_says_that_keys_are_lost(tmp_path: Path) -> None:
    """Over its socket, where the owner may do everything."""
    with opened_gateway(tmp_path) as opened:
        daemon = ("--daemon", opened.client.url)
        note = "the daemon has no store: the key is lost when the daemon ends\n"
        assert kv("set", "token", "hidden", "--secret", "--note", "new", *daemon).stderr == note
        assert kv("get", "token", "--reveal", *daemon).stdout == "hidden\n"
        kv("delete", "token", *daemon)
        assert kv("list", *daemon).stderr == "no keys\n"
        assert "there is no key" in kv("get", "token", *daemon, code=2).stderr


def test_only_an_administrator_changes_keys_or_sees_a_secret(tmp_path: Path) -> None:
    """Over the port. A viewer sees the others, and who is restricted to workflows sees none."""
    with opened_gateway(tmp_path, store=f"sqlite:///{tmp_path}/runs.db") as opened:

        def engine(role: Any, **limits: Any) -> BlockingRemoteEngine:
            made: Any = opened.client.ask(CreateToken(f"{role}{len(limits)}", role, **limits))
            return connect(opened.url, made.text).blocking()

        viewer, operator, admin = (engine(role) for role in ("viewer", "operator", "admin"))
        restricted = engine("admin", workflows=["test.mine"])
        assert admin.set_key("token", "hidden", secret=True)["set_by"] == "admin0"
        assert [each.key("token")["value"] for each in (viewer, operator, admin)] == ["******"] * 3
        assert admin.key_value("token") == "hidden"
        for each in (viewer, operator, restricted):
            for refused in (partial(each.set_key, value="x"), each.key_value, each.delete_key):
                with pytest.raises(RequestRefused, match="this needs"):
                    refused("token")
        with pytest.raises(RequestRefused, match="this needs a token for all workflows"):
            restricted.keys()
        with pytest.raises(UnknownKey):
            viewer.key("tokens")
        with pytest.raises(KeyConflict):
            admin.delete_key("token", version=77)
        admin.delete_key("token")
        assert viewer.keys() == {"keys": [], "next": None}
        for each in (viewer, operator, restricted, admin):
            each.close()
