"""What commands spend."""

import sys

from process import Spent, finished


def test_a_share_of_the_work_is_scaled_without_the_start() -> None:
    """A process starts once, however much it does."""
    assert Spent(3.0, 2.0).scaled(Spent(1.0, 1.0), 0.125) == Spent(17.0, 9.0)


def test_a_command_is_run_to_its_end() -> None:
    """Whatever its exit code, with all that it prints."""
    program = "import sys; sum(range(10**6)); print('out', flush=True); sys.exit('err')"
    spent, output = finished(sys.executable, "-c", program)
    assert output == "out\nerr\n"
    assert spent.seconds > 0
    assert spent.processor > 0
