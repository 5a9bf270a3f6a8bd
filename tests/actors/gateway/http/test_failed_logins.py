"""An address that fails to log in too often waits."""

import pytest

from stretto.actors.gateway.http.failed_logins import (
    FAILED_LOGINS_SECONDS,
    MAX_ADDRESSES,
    MAX_FAILED_LOGINS,
    FailedLogins,
)
from stretto.actors.gateway.http.problems import Problem


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_eleventh_attempt_in_a_minute_is_refused_until_the_first_is_a_minute_old() -> None:
    """The answer says when to try again. Other addresses are not concerned."""
    clock = Clock()
    failed = FailedLogins(clock)
    for _ in range(MAX_FAILED_LOGINS):
        failed.check("10.0.0.1")
        failed.add("10.0.0.1")
        clock.now += 1
    with pytest.raises(Problem, match="MAX_FAILED_LOGINS") as refused:
        failed.check("10.0.0.1")
    assert (refused.value.code, refused.value.headers) == ("too_many_logins", {"retry-after": "50"})
    failed.check("10.0.0.2")
    clock.now = 1000.0 + FAILED_LOGINS_SECONDS
    failed.check("10.0.0.1")
    failed.add("10.0.0.1")
    with pytest.raises(Problem):
        failed.check("10.0.0.1")


def test_few_addresses_are_remembered() -> None:
    """The one that failed least recently is forgotten."""
    failed = FailedLogins(Clock())
    for _ in range(MAX_FAILED_LOGINS):
        failed.add("first")
    for number in range(MAX_ADDRESSES):
        failed.add(str(number))
    failed.check("first")
