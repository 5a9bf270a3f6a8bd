"""A pace, on virtual time."""

from stretto.actors.sensors.pacing import Pace


def test_the_steps_of_a_second_pass_at_once_and_then_wait() -> None:
    now = 100.0
    pace = Pace(10, lambda: now)
    assert [pace.wait_after() for _ in range(10)] == [0.0] * 10
    assert round(pace.wait_after(), 6) == 0.1
    now += 0.1
    assert round(pace.wait_after(5), 6) == 0.5
    now += 1000
    assert pace.wait_after(10) == 0.0
