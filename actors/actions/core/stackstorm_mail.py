"""Sends mail through the machine's sendmail, with the inputs of StackStorm's core.sendmail."""

import mimetypes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, Final

from stretto.actors.actions.core.local import local as own_local
from stretto.actors.actions.core.stackstorm import COMMAND_SECONDS, shell_result
from stretto.actors.actions.errors import ActionFailed
from stretto.actors.actions.registry import stackstorm_action

MAX_ATTACHMENT_BYTES: Final = 25 * 1024 * 1024
"""Bytes of all attachments of a mail."""
MAX_RECIPIENTS: Final = 1000


@stackstorm_action("core.sendmail")
async def send_mail(  # noqa: PLR0913 - these are the action's inputs
    *,
    from_: str,
    to: str | list[Any],
    subject: str,
    body: str | None = None,
    content_type: str = "text/html",
    send_empty_body: bool = True,
    attachments: str | list[Any] | None = None,
    sendmail_binary: str | None = None,
    timeout: float | None = COMMAND_SECONDS,  # noqa: ASYNC109 - it is an input
) -> dict[str, Any]:
    """Send a mail through the machine's sendmail, and return the result of that command.

    Args:
        from_: the sender's address
        to: addresses as a list, or as text with commas between them
        subject: the subject
        body: the text
        content_type: text/html or text/plain
        send_empty_body: whether a mail without a body is sent
        attachments: paths of files as a list, or as text with commas between them
        sendmail_binary: the program, by default sendmail
        timeout: seconds
    """
    recipients = _listed(to)
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise ActionFailed(f"to must be 1 to {MAX_RECIPIENTS:,} addresses, got {len(recipients):,}")
    if not body and not send_empty_body:
        return shell_result({"exit_code": 0, "stdout": "", "stderr": ""})
    message = _message(from_, recipients, subject, body or "", content_type)
    _attach(message, _listed(attachments or []))
    argv = [sendmail_binary or "sendmail", "-i", "-f", from_, "--", *recipients]
    try:
        return shell_result(await own_local(argv=argv, stdin=message.as_string(), timeout=timeout))
    except ActionFailed as error:
        raise ActionFailed(str(error), None if error.result is None else shell_result(error.result)) from None


def _message(sender: str, recipients: list[str], subject: str, body: str, content_type: str) -> EmailMessage:
    kind, _, subtype = content_type.partition("/")
    if kind != "text" or not subtype.isalnum():
        raise ActionFailed(f"content_type must be text/html or text/plain, got {content_type!r}")
    for address in (sender, *recipients):
        if address.startswith("-") or ("@" not in address.strip("@") and not address.isalnum()):
            raise ActionFailed(f"an address must be like ada@example.org, got {address!r}")
    message = EmailMessage(policy=SMTP.clone(linesep="\n", cte_type="7bit"))
    try:
        message["From"], message["To"], message["Subject"] = sender, ", ".join(recipients), subject
    except ValueError as error:  # a line break, which would add headers
        raise ActionFailed(f"the mail's headers are not valid: {error}") from None
    message.set_content(body, subtype=subtype)
    return message


def _attach(message: EmailMessage, names: list[str]) -> None:
    room = MAX_ATTACHMENT_BYTES
    for name in names:
        path = Path(name)
        try:
            # A pipe would block this thread, and a device such as /dev/zero has no end.
            if not path.is_file():
                raise ActionFailed(f"the attachment {name!r} must be a file that exists")
            with path.open("rb") as file:
                content = file.read(room + 1)
        except OSError as error:
            raise ActionFailed(f"the attachment {name!r} cannot be read: {error.strerror}") from None
        room -= len(content)
        if room < 0:
            raise ActionFailed(f"attachments must have at most {MAX_ATTACHMENT_BYTES:,} bytes")
        kind, _, subtype = (mimetypes.guess_type(name)[0] or "application/octet-stream").partition("/")
        message.add_attachment(content, maintype=kind, subtype=subtype, filename=path.name)


def _listed(given: str | list[Any]) -> list[str]:
    parts = given.split(",") if isinstance(given, str) else given
    return [text for each in parts if (text := str(each).strip())]
