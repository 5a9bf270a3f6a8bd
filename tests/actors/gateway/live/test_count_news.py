"""The frame with the counts of the menu: who gets it, how often, and what the engine is asked meanwhile."""

from collections.abc import Callable

from stretto.actors.engine import TriggerCounts
from stretto.actors.gateway.live.count_news import COUNT_SECONDS, CountNews
from stretto.actors.gateway.live.frames import event
from stretto.actors.gateway.live.subscription import Subscription
from tests.actors.gateway.live.test_inquiry_news import Outlet, opened
from tests.support.streaming import Timers


class Triggers:
    """The engine's side: answers when a test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self._then: Callable[[TriggerCounts], object] | None = None
        self._failed: Callable[[Exception], object] | None = None

    def watch_triggers(self, then: Callable[[TriggerCounts], object], failed: Callable[[Exception], object]) -> None:
        assert self._then is None, "it is asked once at a time"
        self.asked += 1
        self._then, self._failed = then, failed

    def answer(self, **counts: int) -> bytes:
        """Answer the last question, and return the frame with the answer."""
        then, self._then = self._then, None
        assert then is not None
        then(TriggerCounts(**counts))
        names = {"sensors_running": 0, "sensors_failing": 0, "rules": 0, "schedules": 0, "events": 0}
        return event("counts", names | counts)

    def fail(self) -> None:
        """Refuse the last question."""
        failed, self._then = self._failed, None
        assert failed is not None
        failed(RuntimeError("the engine has stopped"))


def started() -> tuple[CountNews, Triggers, Timers]:
    triggers, timers = Triggers(), Timers()
    return CountNews(triggers, timers.call_later), triggers, timers  # type: ignore[arg-type]


def joined(news: CountNews) -> tuple[Subscription, Outlet]:
    """Return a new client, and its connection."""
    subscription, outlet = opened()
    news.join(subscription)
    return subscription, outlet


def test_without_pages_nothing_is_asked_and_without_changes_nothing_wakes() -> None:
    """No timer stays, whatever changes while no page is open."""
    news, triggers, timers = started()
    for _ in range(5):
        news.changed()
    assert (triggers.asked, timers.count) == (0, 0)
    subscription, outlet = joined(news)
    frame = triggers.answer(rules=2)
    timers.advance(COUNT_SECONDS)
    assert (triggers.asked, timers.count, outlet.written) == (1, 0, [frame])
    timers.advance(3600)
    assert (triggers.asked, timers.count, outlet.written) == (1, 0, [frame])
    subscription.close()
    news.changed()
    assert (triggers.asked, timers.count) == (1, 0)


def test_a_page_that_comes_later_gets_what_is_known() -> None:
    """The engine is not asked again, unless something has changed while no page was open."""
    news, triggers, timers = started()
    first, _outlet = joined(news)
    frame = triggers.answer(events=7)
    timers.advance(COUNT_SECONDS)
    _second, outlet = joined(news)
    assert (triggers.asked, outlet.written) == (1, [frame])
    first.close()
    _second.close()
    news.changed()
    _third, outlet = joined(news)
    assert triggers.asked == 2
    assert outlet.written == [frame, triggers.answer(events=8)]


def test_many_changes_are_one_frame_a_second() -> None:
    """The last one is not lost, and counts that are the same are not sent again."""
    news, triggers, timers = started()
    _subscription, outlet = joined(news)
    frames = [triggers.answer(events=1)]
    for _ in range(100):
        news.changed()
    assert triggers.asked == 1
    timers.advance(COUNT_SECONDS)
    frames.append(triggers.answer(events=101))
    timers.advance(COUNT_SECONDS)
    news.changed()
    triggers.answer(events=101)
    timers.advance(COUNT_SECONDS)
    assert outlet.written == frames
    assert (triggers.asked, timers.count) == (3, 0)


def test_a_change_before_the_answer_is_asked_for_again() -> None:
    """It may have come after the engine has counted."""
    news, triggers, timers = started()
    _subscription, outlet = joined(news)
    news.changed()
    frames = [triggers.answer(rules=1)]
    timers.advance(COUNT_SECONDS)
    frames.append(triggers.answer(rules=2))
    assert outlet.written == frames


def test_an_engine_that_stops_is_asked_again_by_the_next_page_only() -> None:
    news, triggers, timers = started()
    joined(news)
    triggers.fail()
    timers.advance(3600)
    assert (triggers.asked, timers.count) == (1, 0)
    joined(news)
    assert triggers.asked == 2
