"""Zones by name, and the periods between changes of their clocks."""

from datetime import datetime
from itertools import pairwise

import pytest

from stretto.definitions.schedules import InvalidTime, find_zone
from stretto.definitions.schedules.zones import LAST_INSTANT, offset_at, periods


@pytest.mark.parametrize("name", ["", "Europe", "../UTC", "/etc/passwd", "\0", "x" * 5_000, "Europe/Berln"])
def test_a_name_that_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidTime, match="there is no such time zone") as caught:
        find_zone(name)
    assert len(caught.value.found) <= 70
    assert caught.value.hint == ("did you mean 'Europe/Berlin'?" if name == "Europe/Berln" else caught.value.hint)


@pytest.mark.parametrize("name", ["Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "UTC"])
def test_periods_have_one_offset_and_leave_nothing_out(name: str) -> None:
    zone = find_zone(name)
    begin = int(datetime.fromisoformat("2011-01-01T12:34:56Z").timestamp())
    found = list(periods(zone, begin, begin + 400 * 86_400))
    assert found[0].begin == begin
    assert found[-1].end == begin + 400 * 86_400
    assert all(period.end == later.begin for period, later in pairwise(found))
    for period in found:
        assert period.begin < period.end
        assert offset_at(zone, period.begin) == offset_at(zone, period.end - 1) == period.offset


def test_periods_end_where_the_years_do() -> None:
    assert not list(periods(find_zone("Asia/Tokyo"), LAST_INSTANT, LAST_INSTANT + 10))
