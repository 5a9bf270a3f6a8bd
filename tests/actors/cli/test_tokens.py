"""`stretto tokens`: in a store, and in a file."""

import json
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors.access import Unauthenticated, access_of_file, access_of_store
from stretto.actors.cli import main
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.operations import Tokens, TokensAnswer
from tests.support.gateways import opened_gateway

TOKEN = re.compile(r"str_[0-9A-Za-z]{57}")


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without variables of the machine, in a folder of the test's own."""
    for name in ("STRETTO_STORE", "STRETTO_DAEMON"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "empty.yaml").write_text("")
    monkeypatch.setenv("STRETTO_CONFIG", str(tmp_path / "empty.yaml"))
    monkeypatch.chdir(tmp_path)


def tokens(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["tokens", *arguments])


def listed(*arguments: str) -> list[dict[str, object]]:
    result = tokens("list", "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("where", [("--store", "sqlite:///new.db"), ("--tokens-file", "tokens.json")])
def test_a_token_is_made_listed_and_revoked(where: tuple[str, str], tmp_path: Path) -> None:
    """It is printed once, alone on standard output, and kept nowhere."""
    made = tokens("create", "ci", "--role", "operator", "--expires", "90d", "--workflow", "ops.a", *where)
    assert made.exit_code == 0, made.stderr
    text = made.stdout.strip()
    assert TOKEN.fullmatch(text)
    assert "it is not shown again" in made.stderr
    (token,) = listed(*where)
    assert (token["name"], token["role"], token["workflows"]) == ("ci", "operator", ["ops.a"])
    assert "digest" not in token
    assert TOKEN.search(tokens("list", *where).stdout) is None
    assert b"".join(each.read_bytes() for each in tmp_path.iterdir()).find(text[12:-6].encode()) == -1
    assert tokens("revoke", "ci", *where).exit_code == 0
    (token,) = listed(*where)
    assert token["revoked_at"] is not None
    again = tokens("revoke", "ci", *where)
    assert (again.exit_code, again.stderr) == (2, "stretto: there is no token 'ci' to revoke; there is none\n")


def test_the_printed_token_is_the_one_that_is_kept() -> None:
    """In both places."""
    in_store = tokens("create", "ci", "--role", "viewer", "--store", "sqlite:///new.db").stdout.strip()
    with open_store("sqlite:///new.db", None) as store:
        assert access_of_store(store).caller_of_token(in_store, source="").role == "viewer"
    in_file = json.loads(tokens("create", "ci", "--role", "admin", "--tokens-file", "t.json", "--json").stdout)["token"]
    access = access_of_file(Path("t.json"))
    try:
        assert access.caller_of_token(in_file, source="").role == "admin"
        with pytest.raises(Unauthenticated):
            access.caller_of_token(in_store, source="")
    finally:
        access.close()


def test_a_store_that_is_made_can_be_opened_by_a_daemon(tmp_path: Path) -> None:
    """It has its key beside it; a store that is there keeps its own."""
    assert tokens("create", "ci", "--role", "viewer", "--store", "sqlite:///new.db").exit_code == 0
    key = (tmp_path / "new.db.key").read_bytes()
    assert stat.S_IMODE((tmp_path / "new.db.key").stat().st_mode) == 0o600
    open_store("sqlite:///new.db", keyring_for("sqlite:///new.db", None)).close()
    assert tokens("create", "cd", "--role", "viewer", "--store", "sqlite:///new.db").exit_code == 0
    assert (tmp_path / "new.db.key").read_bytes() == key


def test_a_name_is_taken_once() -> None:
    """The message says what to do."""
    assert tokens("create", "ci", "--role", "viewer", "--tokens-file", "t.json").exit_code == 0
    again = tokens("create", "ci", "--role", "viewer", "--tokens-file", "t.json")
    assert again.exit_code == 2
    assert again.stderr == "stretto: there is a token 'ci' already: revoke it first, or choose another name\n"


def test_a_store_in_use_can_be_read_only() -> None:
    """The message names the process that uses it, and what is possible."""
    with open_store("sqlite:///new.db", keyring_for("sqlite:///new.db", None)):
        for command in (("create", "ci", "--role", "viewer"), ("revoke", "ci")):
            refused = tokens(*command, "--store", "sqlite:///new.db")
            assert refused.exit_code == 3
            assert "is in use by" in refused.stderr
            assert "commands that only read can be used meanwhile; use --daemon URL instead" in refused.stderr
        assert listed("--store", "sqlite:///new.db") == []


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """With what to do."""
    tokens("create", "ci", "--role", "viewer", "--tokens-file", "t.json")
    (tmp_path / "t.json").chmod(0o644)
    for command in (("list",), ("create", "cd", "--role", "viewer"), ("revoke", "ci")):
        refused = tokens(*command, "--tokens-file", "t.json")
        assert refused.exit_code == 3
        assert "run `chmod 600" in refused.stderr


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("engine: {store: 'sqlite:///of_config.db'}\nserve: {tokens_file: t.json}", "of_config.db"),
        ("serve: {tokens_file: t.json}", "t.json"),
    ],
)
def test_the_place_comes_from_the_settings(settings: str, expected: str, tmp_path: Path) -> None:
    """A store before a file."""
    (tmp_path / "config.yaml").write_text(settings)
    made = tokens("create", "ci", "--role", "viewer", "--config", "config.yaml")
    assert made.exit_code == 0, made.stderr
    assert (tmp_path / expected).exists()
    assert (tmp_path / "t.json").exists() is (expected == "t.json")


def test_without_a_place_the_command_says_so() -> None:
    """As when two are given, and when the settings are wrong."""
    assert "no place for tokens: use --store URL or --tokens-file FILE" in tokens("list").stderr
    assert "exclude each other" in tokens("list", "--store", "sqlite:///a.db", "--tokens-file", "b").stderr
    Path("wrong.yaml").write_text("serve: {tokens_file: 7}")
    wrong = tokens("list", "--config", "wrong.yaml")
    assert (wrong.exit_code, "serve.tokens_file must be a file's path, or null, got 7" in wrong.stderr) == (2, True)


@pytest.mark.parametrize("name", ["", "a b", "../x"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    """As wrong usage."""
    refused = tokens("create", name, "--role", "viewer", "--tokens-file", "t.json")
    assert refused.exit_code == 2
    assert "the name of a token must have" in refused.stderr


def test_no_token_is_listed_as_such() -> None:
    """On standard error: programs read the list."""
    result = tokens("list", "--tokens-file", "t.json")
    assert (result.stdout, result.stderr) == ("", "no tokens\n")


def test_the_daemon_that_has_the_store_is_asked_over_its_socket(tmp_path: Path) -> None:
    """Its token is good at once, with the settings' store as with --store. Without the daemon the store is opened."""
    url = f"sqlite:///{tmp_path}/runs.db"
    folder = tmp_path / "socket"
    folder.mkdir(mode=0o700)
    (tmp_path / "config.yaml").write_text(f"engine: {{store: '{url}'}}\nserve: {{socket: {folder}/s}}")
    config = ("--config", "config.yaml")
    with opened_gateway(folder, store=url) as opened:
        made = tokens("create", "ci", "--role", "viewer", *config)
        assert made.exit_code == 0, made.stderr
        answer = opened.client.ask(Tokens())
        assert isinstance(answer, TokensAnswer)
        assert [each["name"] for each in answer.tokens] == ["ci"]
        by_option = tokens("create", "cd", "--role", "viewer", "--store", url, *config)
        assert by_option.exit_code == 0, by_option.stderr
        assert [each["name"] for each in listed(*config)] == ["ci", "cd"]
        assert tokens("revoke", "ci", *config).exit_code == 0
        other = f"sqlite:///{tmp_path}/other.db"
        with open_store(other, keyring_for(other, None)):  # in use, and not by that daemon
            refused = tokens("create", "ce", "--role", "viewer", "--store", other, *config)
            assert (refused.exit_code, "is in use by" in refused.stderr) == (3, True)
    after = tokens("create", "ce", "--role", "viewer", *config)
    assert after.exit_code == 0, after.stderr
    assert [each["name"] for each in listed(*config)] == ["ci", "cd", "ce"]


def test_other_changes_of_a_store_are_asked_of_its_daemon_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, say. The audit is read from the store."""
    url = f"sqlite:///{tmp_path}/runs.db"
    folder = tmp_path / "socket"
    folder.mkdir(mode=0o700)
    (tmp_path / "config.yaml").write_text(f"serve: {{socket: {folder}/s}}")
    monkeypatch.setenv("STRETTO_CONFIG", str(tmp_path / "config.yaml"))

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(main, [*arguments, "--store", url])
        assert result.exit_code == 0, result.stderr
        return result

    with opened_gateway(folder, store=url):
        run("kv", "set", "region", "eu")
        assert run("kv", "get", "region").stdout == "eu\n"
        run("runs", "prune", "--keep", "5")
        assert [each["operation"] for each in json.loads(run("audit", "--json").stdout)["entries"]] == [
            "prune",
            "set_key",
        ]
