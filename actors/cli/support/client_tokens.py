"""The token with which a command says who it is to a daemon's port."""

import os
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from stretto.actors.text_files import read_bytes

if TYPE_CHECKING:
    from stretto.actors.gateway import Client

DAEMON_VARIABLE: Final = "STRETTO_DAEMON"
"""The variable with the URL of the daemon, for commands without --daemon."""
TOKEN_VARIABLE: Final = "STRETTO_TOKEN"  # noqa: S105 - a variable's name
"""The variable with the token, for commands without --token-file."""
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
"""The permissions that a file with tokens must not give."""

TOKEN_FILE = click.option(
    "--token-file",
    metavar="FILE",
    help="The file with the token for an http:// daemon. [default: $STRETTO_TOKEN, else the file client-tokens]",
)


def check_daemon_variable(url: str) -> str:
    """Return the URL that `$STRETTO_DAEMON` has. Raises `click.UsageError` if it is not one of a daemon."""
    if not url.startswith(("unix:///", "http://", "https://")):
        raise click.UsageError(f"${DAEMON_VARIABLE} must be unix:///PATH or http://HOST:PORT, got {url!r}")
    return url


def client_of(url: str, token_file: str | None) -> "Client":
    """Return a client of the daemon at a URL, with its token.

    Args:
        url: The daemon's URL.
        token_file: The file with the token, or None.

    Raises:
        BadUrl: The URL is not one of a daemon.
        click.UsageError: The token cannot be read, or others can read it, too.
    """
    from stretto.actors.gateway import Client

    return Client(url, token_for(url, token_file))


def token_for(url: str, token_file: str | None) -> str | None:
    """Return the token for a daemon: of the file, else of the variable, else of the user's file; or None.

    A UNIX socket needs none, and is sent none: it knows its user.

    Raises:
        click.UsageError: The token cannot be read, or others can read it, too.
    """
    if not url.startswith(("http://", "https://")):
        if token_file is not None:
            raise click.UsageError("--token-file is for --daemon http://HOST:PORT: a UNIX socket knows its user")
        return None
    if token_file is not None:
        return _checked(_read_private(Path(token_file)).strip(), token_file)
    if token := os.environ.get(TOKEN_VARIABLE):
        return _checked(token.strip(), f"${TOKEN_VARIABLE}")
    path = tokens_path()
    return _listed(path).get(_plain(url)) if os.path.lexists(path) else None


def tokens_path() -> Path:
    """Return the path of the user's file of tokens."""
    configuration = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(configuration) / "stretto" / "client-tokens"


def _listed(path: Path) -> dict[str, str]:
    """Return the tokens of a file whose lines are `URL TOKEN`, by URL. A comment begins with #."""
    tokens = {}
    for number, line in enumerate(_read_private(path).splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:
            raise click.UsageError(f"{path}:{number}: a line must be URL TOKEN, got {len(words)} words")
        tokens[_plain(words[0])] = _checked(words[1], f"{path}:{number}")
    return tokens


def _plain(url: str) -> str:
    return url.rstrip("/").lower()


def _checked(token: str, where: str) -> str:
    """Return a token that a header can have. The message does not have the token."""
    if not token or not all("!" <= character <= "~" for character in token):
        raise click.UsageError(f"{where} must be a token: printable ASCII without spaces")
    return token


def _read_private(path: Path) -> str:
    """Return the text of a file that only its owner can use."""
    try:
        return read_bytes(path, partial(_check_mode, path)).decode()
    except OSError as error:
        raise click.UsageError(f"cannot read the tokens in {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path} must be UTF-8 text: byte {error.start} cannot be decoded") from None


def _check_mode(path: Path, found: os.stat_result) -> None:
    if found.st_mode & OTHERS:
        raise click.UsageError(
            f"{path} has the mode {stat.S_IMODE(found.st_mode):04o}, so other users can use its tokens: "
            f"make it yours alone with `chmod 600 {path}`, and replace tokens that others may have read"
        )
