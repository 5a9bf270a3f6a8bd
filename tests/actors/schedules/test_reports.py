"""Schedules as people see them."""

from stretto.actors.schedules.held import Held
from stretto.actors.schedules.reports import schedule_as_json
from tests.support.schedules import rule_of


def test_a_schedule_of_one_date_shows_it_as_the_clocks_of_its_zone() -> None:
    """Not as seconds since the epoch."""
    shown = schedule_as_json(Held(rule_of("{at: '2999-01-01 08:00', timezone: Europe/Berlin}")), 0.0)
    assert shown["timing"] == "at 2999-01-01T08:00:00+01:00"


def test_another_timing_is_shown_as_the_file_has_it() -> None:
    shown = schedule_as_json(Held(rule_of("{cron: '0 3 * * *'}")), 0.0)
    assert shown["timing"] == "cron 0 3 * * *"
