"""The token that a command sends to a daemon's port: where it comes from, and who else may have it."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from stretto.actors.cli.support.client_tokens import token_for, tokens_path

URL = "http://127.0.0.1:8420"
UNUSED = "unix:///run/stretto/stretto.sock"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the user a configuration folder of the test's own, and no token."""
    monkeypatch.delenv("STRETTO_TOKEN", raising=False)
    monkeypatch.delenv("STRETTO_DAEMON", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "stretto").mkdir()
    return tmp_path


def private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read."""
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_nearest_token_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option, else the variable, else the user's file; a URL may end with a slash, a line may be a comment."""
    assert token_for(URL, None) is None
    private(tokens_path(), "# of the lab\n\nHTTP://127.0.0.1:8420/ str_listed\nhttp://other:1 str_other\n")
    assert token_for(URL, None) == "str_listed"
    assert token_for("http://other:1/", None) == "str_other"
    assert token_for("http://other:2", None) is None
    monkeypatch.setenv("STRETTO_TOKEN", "str_variable")
    assert token_for(URL, None) == "str_variable"
    assert token_for(URL, str(private(tmp_path / "t", "str_file\n"))) == "str_file"


def test_a_socket_is_sent_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows its user: who listens there need not learn a token."""
    monkeypatch.setenv("STRETTO_TOKEN", "str_variable")
    assert token_for(UNUSED, None) is None
    with pytest.raises(click.UsageError, match="a UNIX socket knows its user"):
        token_for(UNUSED, str(private(tmp_path / "t", "str_file")))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_of_others_is_refused(tmp_path: Path, mode: int) -> None:
    """The message says what to do."""
    private(tokens_path(), f"{URL} str_listed").chmod(mode)
    with pytest.raises(click.UsageError, match=rf"mode {mode:04o}.*chmod 600 {tokens_path()}"):
        token_for(URL, None)
    path = private(tmp_path / "t", "str_file")
    path.chmod(mode)
    with pytest.raises(click.UsageError, match=f"chmod 600 {path}"):
        token_for(URL, str(path))


def test_what_is_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The messages name the place, and never what is there."""
    with pytest.raises(click.UsageError, match=r"cannot read the tokens in .*: No such file"):
        token_for(URL, str(tmp_path / "none"))
    path = private(tmp_path / "t", "")
    path.write_bytes(b"\xff")
    with pytest.raises(click.UsageError, match="must be UTF-8 text: byte 0"):
        token_for(URL, str(path))
    private(tokens_path(), f"{URL} one two")
    with pytest.raises(click.UsageError, match="client-tokens:1: a line must be URL TOKEN, got 3 words"):
        token_for(URL, None)
    monkeypatch.setenv("STRETTO_TOKEN", "a\r\nHost: b")
    with pytest.raises(click.UsageError, match=r"^\$STRETTO_TOKEN must be a token: printable ASCII without spaces$"):
        token_for(URL, None)


class Listener(http.server.BaseHTTPRequestHandler):
    """Keeps the header of each request, and answers as a daemon without definitions."""

    seen: list[str | None]

    def do_GET(self) -> None:
        self.seen.append(self.headers["Authorization"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"runs":[],"next":null}')

    def do_POST(self) -> None:
        self.seen.append(self.headers["Authorization"])
        self.send_response(202)
        self.end_headers()
        self.wfile.write(b'{"run":"r","workflow":"test.echo"}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str | None]]]:
    """Listen on a port of loopback; give its URL and the headers that come."""
    seen: list[str | None] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Listener,), {"seen": seen})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()
        thread.join()


def test_the_commands_send_it(tmp_path: Path, listener: tuple[str, list[str | None]]) -> None:
    """`run` and `runs`, by the option and by the variables."""
    url, seen = listener
    path = str(private(tmp_path / "t", "str_file"))
    listed = CliRunner().invoke(main, ["runs", "list", "--daemon", url, "--token-file", path])
    assert (listed.exit_code, listed.stderr) == (0, "no runs\n")
    by_variables = {"STRETTO_DAEMON": url, "STRETTO_TOKEN": "str_variable"}
    assert CliRunner().invoke(main, ["runs", "list"], env=by_variables).exit_code == 0
    started = CliRunner().invoke(main, ["run", "test.echo", "--detach", "--daemon", url, "--token-file", path])
    assert (started.exit_code, started.stdout) == (0, "r\n")
    assert seen == ["Bearer str_file", "Bearer str_variable", "Bearer str_file"]


def test_a_token_is_for_a_daemon() -> None:
    """`run` without --daemon uses none."""
    done = CliRunner().invoke(main, ["run", "test.echo", "--token-file", "t"])
    assert (done.exit_code, "--token-file and --note need --daemon" in done.stderr) == (2, True)
