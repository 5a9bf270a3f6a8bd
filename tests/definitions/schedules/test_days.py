"""Days by number, weekday, count, week and year."""

from datetime import date, timedelta

from stretto.definitions.schedules.days import LAST, Days, DaySet

YEAR = [date(2028, 1, 1) + timedelta(days=number) for number in range(366)]


def days(found: DaySet | Days) -> list[str]:
    return [f"{day:%m-%d}" for day in YEAR if day in found]


def test_the_last_day_of_each_month() -> None:
    assert days(DaySet(last=True)) == [
        "01-31",
        "02-29",
        "03-31",
        "04-30",
        "05-31",
        "06-30",
        "07-31",
        "08-31",
        "09-30",
        "10-31",
        "11-30",
        "12-31",
    ]


def test_the_last_workday_of_each_month() -> None:
    found = ["01-31", "02-29", "03-31", "04-28", "05-31", "06-30", "07-31", "08-31", "09-29", "10-31", "11-30", "12-29"]
    assert days(DaySet(last_workday=True)) == found


def test_a_weekday_is_counted_from_the_beginning_and_from_the_end() -> None:
    assert days(DaySet(counted=frozenset({(5, 5)}))) == ["03-31", "06-30", "09-29", "12-29"]
    last = days(DaySet(counted=frozenset({(1, LAST)})))
    assert last == [
        "01-31",
        "02-28",
        "03-27",
        "04-24",
        "05-29",
        "06-26",
        "07-31",
        "08-28",
        "09-25",
        "10-30",
        "11-27",
        "12-25",
    ]


def test_one_of_two_restrictions_is_enough_only_if_it_says_so() -> None:
    first, monday = DaySet(frozenset({1})), DaySet(weekdays=frozenset({1}))
    both = days(Days(first, monday))
    assert both == ["05-01"]
    assert set(days(Days(first, monday, either=True))) == {*days(first), *days(monday)}


def test_weeks_and_years_restrict_days() -> None:
    assert days(Days(weeks=frozenset({1}))) == [f"01-0{day}" for day in range(3, 10)]
    assert not days(Days(years=frozenset({2027})))
