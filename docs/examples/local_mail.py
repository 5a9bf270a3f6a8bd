"""An SMTP server on this machine, for the mails example: a real one, with a user, a password and refusals.

    with LocalMail(folder) as mail:
        mail.port               # connect to 127.0.0.1:PORT, as USER with PASSWORD
        mail.received()         # what has arrived: email.message.Message objects, read from a Maildir in the folder

It refuses addresses that begin with "gone" (550), and the first mail to one that begins with "grey" (451, try again).
The server is a process of its own, which ends with the `with` block:

    python docs/examples/local_mail.py MAILDIR
"""

import asyncio
import logging
import mailbox
import subprocess
import sys
import warnings
from collections.abc import Iterable
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Any, Self

USER, PASSWORD = "shop", "correct horse battery staple"


class LocalMail:
    """The server, as long as the `with` block lasts."""

    def __init__(self, folder: Path) -> None:
        self._maildir = folder / "maildir"
        self.port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - this file
            [sys.executable, __file__, str(self._maildir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            raise RuntimeError("the SMTP server has not started: it needs `pip install '.[examples]'`")
        self.port = int(line)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._process.communicate()  # closes its standard input, at whose end it ends

    def received(self) -> Iterable[Message]:
        """Return all mails that have arrived."""
        return mailbox.Maildir(self._maildir, create=False)

    def __str__(self) -> str:
        return f"the mailbox has {sum(1 for _ in self.received()):,} mails"


def serve(maildir: str) -> None:
    """Print the port, and serve until the end of standard input."""
    logging.getLogger("mail").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")  # that a password goes over a connection without TLS: it stays on this machine
    from aiosmtpd.handlers import Mailbox  # noqa: PLC0415 - needed in the server's process only
    from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session  # noqa: PLC0415

    class Postbox(Mailbox):
        """Keeps mails in a Maildir, if it takes them."""

        def __init__(self) -> None:
            super().__init__(Path(maildir))
            self._seen: set[str] = set()

        async def handle_RCPT(  # noqa: N802 - the name of the hook
            self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
        ) -> str:
            if address.startswith("gone"):
                return "550 5.1.1 no such mailbox"
            if address.startswith("grey") and address not in self._seen:
                self._seen.add(address)
                return "451 4.7.1 greylisted, try again"
            envelope.rcpt_tos.append(address)
            return "250 OK"

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and given == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    async def main() -> None:
        postbox = Postbox()
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(postbox, authenticator=authenticate, auth_required=True, auth_require_tls=False),
            "127.0.0.1",
            0,
        )
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)

    asyncio.run(main())


if __name__ == "__main__":
    serve(sys.argv[1])
