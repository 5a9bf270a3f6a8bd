"""The daemon of this machine that has a store open: it is asked for changes in place of the store."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stretto.actors.cli.support.client_tokens import client_of
from stretto.actors.gateway import DaemonUnreachable, RequestRefused, default_path
from stretto.actors.journal import CannotOpenStore, StoreUnavailable, open_reader, time_as_json
from stretto.actors.operations import Daemons, DaemonsAnswer

if TYPE_CHECKING:
    from stretto.actors.gateway import Client


def daemon_of_store(store: str, config: str | None = None) -> "Client | None":
    """Return a client of the daemon that has a store open, or None if its socket is not the one that this user knows.

    The daemon says which of the store's engines it is, so that no other daemon is taken for it.

    Args:
        store: The URL of the store.
        config: The config file with the socket's path, or None for the usual one.
    """
    path = _socket_of(config)
    if not path.is_socket():
        return None
    client = client_of(f"unix://{path}", None)
    try:
        answer = client.ask(Daemons())
        with contextlib.closing(open_reader(store, None)) as reader:
            known = {(each.number, each.name, time_as_json(each.opened_at)) for each in reader.daemons()}
    except (DaemonUnreachable, RequestRefused, CannotOpenStore, StoreUnavailable):
        return None
    found: list[dict[str, Any]] = answer.daemons if isinstance(answer, DaemonsAnswer) else []
    here = next((each for each in found if each["here"]), None)
    is_same = here is not None and (here["daemon"], here["name"], here["started_at"]) in known
    return client if is_same else None


def _socket_of(config: str | None) -> Path:
    """Return the path of the socket in the settings, or the default one, also if the settings cannot be used."""
    from stretto.actors.settings import InvalidSettings, read_settings

    with contextlib.suppress(InvalidSettings):
        if path := read_settings(config).settings.serve.socket:
            return Path(path)
    return default_path()
