"""Stands between a client and a PostgreSQL server, and breaks just when a transaction is committed."""

import contextlib
import select
import socket
import threading
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import make_url

_COMMIT: Final = b"COMMIT\0"
_PIECE_BYTES: Final = 65_536
_PORT: Final = 5432


class LossyLink:
    """Forwards both ways. `breaks` when the next commit is sent, or when it is answered."""

    def __init__(self, server_url: str, folder: Path) -> None:
        parsed = make_url(server_url)
        self.url = parsed.set(port=_PORT).update_query_dict({"host": str(folder)}).render_as_string(hide_password=False)
        self.breaks: Literal["before commit", "after commit"] | None = None
        self._server = str(parsed.query.get("host") or parsed.host), parsed.port or _PORT
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{_PORT}"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._link, args=(client,), daemon=True).start()

    def _link(self, client: socket.socket) -> None:
        with client, self._connect() as server, contextlib.suppress(OSError):  # either has gone away
            others = {client: server, server: client}
            while True:
                readable, _, _ = select.select([client, server], [], [])
                for source in readable:
                    piece = source.recv(_PIECE_BYTES)
                    if not piece or (source is client and _COMMIT in piece and self._broke(server, piece)):
                        return
                    others[source].sendall(piece)

    def _connect(self) -> socket.socket:
        host, port = self._server
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _broke(self, server: socket.socket, commit: bytes) -> bool:
        breaks, self.breaks = self.breaks, None
        if breaks == "after commit":
            server.sendall(commit)
            server.recv(_PIECE_BYTES)
        return breaks is not None
