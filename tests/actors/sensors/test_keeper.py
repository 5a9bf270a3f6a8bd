"""The keeper of sensors: calls around its end."""

import time
from typing import Any, cast

import pykka
import pytest

from stretto.actors.dispatch import Deferred
from stretto.actors.journal import NoJournal
from stretto.actors.outcome import EngineStopping
from stretto.actors.process import ProtectedLoop
from stretto.actors.sensors import SensorKeeper, SensorSurroundings
from tests.support.sensors import QUICK

SURROUNDINGS = SensorSurroundings(
    intake=cast("Any", None), answer=cast("Any", None), now=time.time, limits=QUICK, failing=lambda *_: None
)


def settled(answer: Deferred) -> Any:
    """Return what a request was answered with. Raises its error."""
    future: pykka.Future[Any] = pykka.ThreadingFuture()
    answer.subscribe(future, set())
    return future.get(timeout=0)


@pytest.mark.parametrize("moment", ["before its last turn", "after it", "after its end"])
def test_a_request_at_the_end_of_the_loop_is_answered(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop takes calls until it is closed, but it runs those before its last turn only."""
    asked: list[Deferred] = []
    close, take_no_more = ProtectedLoop.close, SensorKeeper._take_no_more

    def ask_before(keeper: SensorKeeper) -> None:
        if moment == "before its last turn" and not asked:
            asked.append(keeper.list())
        take_no_more(keeper)

    def ask_after(loop: ProtectedLoop) -> None:
        if moment == "after it":
            asked.append(keeper.list())
        close(loop)

    monkeypatch.setattr(SensorKeeper, "_take_no_more", ask_before)
    monkeypatch.setattr(ProtectedLoop, "close", ask_after)
    keeper = SensorKeeper(NoJournal(), SURROUNDINGS, None)
    keeper.stop()
    if moment == "after its end":
        asked.append(keeper.list())
    (answer,) = asked
    if moment == "before its last turn":
        assert settled(answer) == []
    else:
        with pytest.raises(EngineStopping, match="its sensors have ended"):
            settled(answer)
