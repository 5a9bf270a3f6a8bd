"""The log of a sensor."""

from stretto.actors.sensors.log import LINE_BYTES, MAX_LOG_LINE, SensorLog


def test_the_newest_lines_are_kept_up_to_a_bound() -> None:
    log = SensorLog(10 * (9 + LINE_BYTES))
    for number in range(50):
        log.add(float(number), "stderr", f"line {number:04}")
    kept = log.newest(1000)
    assert kept[-1] == (49.0, "stderr", "line 0049")
    assert len(kept) == 10
    assert log.left_out == 40
    assert [each.text for each in log.newest(2)] == ["line 0048", "line 0049"]


def test_a_long_line_is_cut_and_kept_even_if_it_is_longer_than_the_bound() -> None:
    log = SensorLog(100)
    log.add(1.0, "stdout", "x" * (MAX_LOG_LINE + 1))
    [line] = log.newest(10)
    assert line.text == "x" * MAX_LOG_LINE + f" ... ({MAX_LOG_LINE + 1:,} characters)"


def test_empty_lines_count_too() -> None:
    log = SensorLog(100 * LINE_BYTES)
    for _ in range(1000):
        log.add(1.0, "stderr", "")
    assert len(log.newest(1000)) == 100
