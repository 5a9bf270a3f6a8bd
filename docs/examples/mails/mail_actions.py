"""The action of mails.yaml: one mail over SMTP."""

import smtplib
from email.message import EmailMessage
from typing import Any

from stretto.actors import ActionFailed, action

SECONDS = 30.0
"""For each answer of the server."""


@action("mail.send")
def send(  # noqa: PLR0913 - what a mail needs
    *, host: str, port: int, user: str, password: str, to: str, subject: str, text: str, tls: bool = True
) -> dict[str, Any]:
    """Send a mail, and return its recipient. A refusal fails with {code, reason} as its result.

    Args:
        host: the SMTP server
        port: its port for submission
        user: whose mails these are, also their sender
        password: of the user
        to: the recipient's address
        subject: the subject
        text: the text
        tls: whether to encrypt the connection with STARTTLS
    """
    mail = EmailMessage()
    mail["From"] = f"{user}@example.org"
    mail["To"], mail["Subject"] = to, subject
    mail.set_content(text)
    try:
        with smtplib.SMTP(host, port, timeout=SECONDS) as smtp:
            if tls:
                smtp.starttls()
            smtp.login(user, password)
            smtp.send_message(mail)
    except smtplib.SMTPRecipientsRefused as refused:
        code, reason = refused.recipients[to]
        raise _refusal(code, reason) from refused
    except smtplib.SMTPResponseException as refused:
        raise _refusal(refused.smtp_code, refused.smtp_error) from refused
    return {"to": to}


def _refusal(code: int, reason: bytes | str) -> ActionFailed:
    text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
    return ActionFailed(f"the server answered {code} {text}", {"code": code, "reason": text})
