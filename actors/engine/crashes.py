"""Judgement of the runs that an engine had noted when it crashed.

    died in the replay of a suspect                      --> that suspect
    died while restarted items of suspects in flight     --> these suspects, the only one of them far more than several
    died elsewhere                                       --> what was counted before was not in a row

A kill from outside can come at any time. So crashes count only in a row, and each but the first one after a pause. The
rarer a kill would hit their places, the fewer are needed.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from msgspec import structs

from stretto.actors.journal import LOADING, RESTARTED, ReplayTrace, Suspicion

LONE_CRASHES: Final = 2
"""Crashes at the same place of a run's lone replay that quarantine it. A place is a matter of microseconds."""
MOST_LONE_CRASHES: Final = 10
"""Crashes in a row while a run was alone that quarantine it, wherever they came in its replay."""


class Step(NamedTuple):
    """A time after the restart of items."""

    seconds: float
    """When it begins. The next step ends it."""
    crashes: int
    """Crashes in a row, none of them after this step, that quarantine a run."""


STEPS: Final = (
    Step(0.0, 3), Step(0.025, 4), Step(0.1, 5), Step(0.25, 6), Step(0.5, 7), Step(1.0, 10), Step(2.0, 15),
    Step(4.0, 22), Step(7.0, 30),
)  # fmt: skip
"""Kills at any time between the begin of the pause and the end of a step hit no innocent run so often in a row, with a
probability of about 1 in 100,000."""


def judge_crash(noted: Sequence[Suspicion], trace: ReplayTrace) -> Iterator[Suspicion]:
    """Yield what is to be noted of each run, given what an engine that has crashed left noted of them.

    Args:
        noted: The notes of runs that have not ended, without quarantined ones.
        trace: Where the engine was in the recovery of the run that it recovered last.
    """
    tried = [each for each in noted if each.alone or each.among]
    last = next((each for each in tried if each.alone), None)
    place = None if last is None else trace.place_of(last)
    died_in_replay = place is not None and place >= LOADING
    blamed = last if died_in_replay else (tried[0] if len(tried) == 1 else None)
    newest = max((each.noted_at for each in noted), default=0.0)
    for each in noted:
        if each is blamed:
            yield _crashed_alone(each, place)
        elif each.alone or each.among:
            shared = each.shared if died_in_replay else each.shared + 1
            yield structs.replace(each, alone=False, among=False, shared=shared)
        elif each.pausing or (each.crashes and each.noted_at < newest and blamed is None):
            yield structs.replace(each, pausing=False, crashes=0, places=())
        elif each.places and each.noted_at < newest:  # another suspect's crash was no kill
            yield structs.replace(each, places=())
        else:
            yield each


def _crashed_alone(last: Suspicion, place: int | None) -> Suspicion:
    places = last.places
    if place is not None:
        places = (*places, place) if not places or _in_replay(places[-1]) == _in_replay(place) else (place,)
    return structs.replace(
        last, alone=False, among=False, crashes=last.crashes + 1, places=places[-STEPS[-1].crashes :]
    )


def _in_replay(place: int) -> bool:
    return place >= LOADING


def cause_of_quarantine(judged: Suspicion, trace: ReplayTrace) -> str | None:
    """Return why a run that has crashed the engine alone is quarantined, as a clause, or None if it is not."""
    crashes, places = judged.crashes, judged.places
    if places and not _in_replay(places[-1]):
        what = f"soon after it alone had restarted {trace.items_of(judged) or 'its items'}"
        quarantined = crashes >= STEPS[-1].crashes or _came_soon(places)
    else:
        what = "while it alone was being recovered"
        most = MOST_LONE_CRASHES if places else STEPS[-1].crashes  # restarted items may have been in flight
        quarantined = crashes >= most or (len(places) >= LONE_CRASHES and places[-1] == places[-2])
    if not quarantined:
        return None
    return f"the engine crashed {'twice' if crashes == LONE_CRASHES else f'{crashes} times'} {what}"


def _came_soon(places: tuple[int, ...]) -> bool:
    """Return whether so many of the last crashes came so soon after a restart of items that no kill explains it."""
    latest = 0
    for count, place in enumerate(reversed(places), 1):
        latest = max(latest, RESTARTED - place)
        if count >= STEPS[min(latest, len(STEPS) - 1)].crashes:
            return True
    return False
