"""A counter that threads share without a lock."""

import threading

from stretto.actors.dispatch.counting import Count


def test_reads_do_not_count() -> None:
    """However often it is read."""
    count = Count()
    assert [count.value() for _ in range(3)] == [0, 0, 0]
    count.up()
    count.up()
    assert [count.value() for _ in range(3)] == [2, 2, 2]


def test_no_increment_is_lost() -> None:
    """Four threads count, while another one reads."""
    count = Count()
    threads = [threading.Thread(target=lambda: [count.up() for _ in range(10_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        count.value()
    assert count.value() == 40_000
