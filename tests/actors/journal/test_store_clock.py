"""The store's clock follows the server's, and never goes backwards."""

from stretto.actors.journal.store_clock import StoreClock


class Machine:
    """The clocks of a machine."""

    def __init__(self, wall: float) -> None:
        self.seconds = 50.0
        self.clock = StoreClock(lambda: self.seconds, lambda: wall)


def test_it_is_the_machines_clock_until_it_is_measured() -> None:
    """An engine needs a time before its first commit."""
    machine = Machine(1000.0)
    assert machine.clock.now() == 1000.0
    machine.seconds += 2.5
    assert machine.clock.now() == 1002.5


def test_a_measurement_corrects_it_as_far_as_it_must() -> None:
    """The server's time was told at some moment between question and answer."""
    machine = Machine(1000.0)
    machine.clock.measured(5000.0, sent=50.0, received=50.2)
    machine.seconds = 50.2
    assert machine.clock.now() == 5000.0
    machine.clock.measured(5000.1, sent=50.0, received=50.4)
    machine.seconds = 50.4
    assert machine.clock.now() == 5000.2, "what fits the measurement stays"


def test_it_never_goes_backwards() -> None:
    """It stands still until the server's time has caught up."""
    machine = Machine(9000.0)
    assert machine.clock.now() == 9000.0
    machine.clock.measured(8999.0, sent=50.0, received=50.0)
    assert machine.clock.now() == 9000.0
    machine.seconds += 0.5
    assert machine.clock.now() == 9000.0
    machine.seconds += 1.0
    assert machine.clock.now() == 9000.5


def test_the_servers_time_is_followed_also_backwards() -> None:
    """What engines share out by that time would stand still for as long as it was set back."""
    machine = Machine(9000.0)
    assert machine.clock.now() == machine.clock.server_now() == 9000.0
    machine.clock.measured(5400.0, sent=50.0, received=50.0)
    assert machine.clock.server_now() == 5400.0
    machine.seconds += 0.5
    assert machine.clock.server_now() == 5400.5
