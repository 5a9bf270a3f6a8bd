"""core.sendmail, through a program that stands in for sendmail."""

import asyncio
import email
import os
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.actions import ActionFailed
from stretto.actors.actions.core.stackstorm_mail import MAX_ATTACHMENT_BYTES, send_mail
from stretto.actors.catalogue import core_actions
from tests.support.stand_in_programs import StandIns, stand_ins

__all__ = ["stand_ins"]

MAIL: dict[str, Any] = {"from_": "ada@example.org", "to": "b@example.org, c@example.org", "subject": "Grüße"}


def test_a_mail_is_sent_with_its_headers_body_and_attachments(stand_ins: StandIns, tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("all is well\n")
    result = asyncio.run(send_mail(**MAIL, body="<b>hi</b>", attachments=str(tmp_path / "report.txt")))
    assert result["succeeded"]
    assert stand_ins.calls() == [["sendmail", "-i", "-f", "ada@example.org", "--", "b@example.org", "c@example.org"]]
    mail = email.message_from_string(stand_ins.mail(), policy=default)
    assert (mail["Subject"], mail["To"]) == ("Grüße", "b@example.org, c@example.org")
    body = mail.get_body(("html",))
    assert body is not None
    assert body.get_content().strip() == "<b>hi</b>"
    assert [each.get_filename() for each in mail.iter_attachments()] == ["report.txt"]


def test_an_empty_mail_is_not_sent_if_that_is_asked(stand_ins: StandIns) -> None:
    assert asyncio.run(send_mail(**MAIL, body="", send_empty_body=False))["succeeded"]
    assert stand_ins.calls() == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"subject": "x\nBcc: d@example.org"}, "the mail's headers are not valid"),
        ({"to": "-oQ/tmp"}, "an address must be like"),
        ({"from_": "-X/tmp/log"}, "an address must be like"),
        ({"to": []}, "to must be 1 to 1,000 addresses, got 0"),
        ({"content_type": "multipart/mixed"}, "content_type must be text/html or text/plain"),
        ({"attachments": "/nowhere"}, "the attachment '/nowhere' must be a file that exists"),
    ],
)
def test_an_input_that_would_change_the_mail_is_refused(
    stand_ins: StandIns, given: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ActionFailed, match=reason):
        asyncio.run(send_mail(**(MAIL | given), body="x"))
    assert stand_ins.calls() == []


def test_the_sender_is_the_input_from(stand_ins: StandIns) -> None:
    """As in StackStorm. It is a keyword of Python."""
    action = core_actions().get("core.sendmail", "stackstorm")
    given = {"from" if name == "from_" else name: value for name, value in MAIL.items()}
    action.check(given)
    assert asyncio.run(action.function(**given))["succeeded"]


def test_a_pipe_or_a_device_is_no_attachment_and_is_not_read(stand_ins: StandIns, tmp_path: Path) -> None:
    """Reading the one would wait for a writer, and the other has no end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/zero", str(tmp_path)):
        with pytest.raises(ActionFailed, match="must be a file that exists"):
            asyncio.run(send_mail(**MAIL, attachments=[path]))
    assert stand_ins.calls() == []


def test_attachments_above_the_limit_are_refused(stand_ins: StandIns, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_ATTACHMENT_BYTES // 2 + 1)
    with pytest.raises(ActionFailed, match="attachments must have at most"):
        asyncio.run(send_mail(**MAIL, attachments=[str(tmp_path / "large")] * 2))
    assert stand_ins.calls() == []
