"""Clients that misbehave do not fill the log."""

from stretto.actors.gateway.http.complaints import QUIET_SECONDS, Complaints
from stretto.metrics import configure_logging
from tests.support.waiting import Lines


def test_a_reason_is_logged_once_in_a_while(restored_logging: None) -> None:
    """The next line has the number of clients between."""
    lines, now = Lines(), 0.0
    configure_logging("INFO", lines, style="json")
    complaints = Complaints(lambda: now)
    for _ in range(1000):
        complaints.note("it is slow", "192.0.2.1")
    complaints.note("it is loud", "192.0.2.2")
    now = QUIET_SECONDS
    for _ in range(1000):
        complaints.note("it is slow", "192.0.2.3")
    seen = [lines.wait_for("client_refused") for _ in range(3)]
    assert [(line["reason"], line["address"], line["before"]) for line in seen] == [
        ("it is slow", "192.0.2.1", 0),
        ("it is loud", "192.0.2.2", 0),
        ("it is slow", "192.0.2.3", 999),
    ]
    assert lines.told.empty()
