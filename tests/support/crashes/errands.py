"""What clients want of the crash test's daemons: runs, some of which they pause, cancel, or have done again.

An errand is brought as far as a daemon lets it; the next daemon brings it further.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias, get_args

import msgspec

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.wire import DaemonUnreachable, RequestRefused
from stretto.actors.journal.records import RerunScope
from stretto.actors.operations.answers import Accepted, Ended, Progress, StatusAnswer
from stretto.actors.operations.controls import Cancel, Pause, Resume, RetryItem, SetConcurrency, SkipItem
from stretto.actors.operations.requests import Rerun, Status, Submit, Watch
from stretto.definitions.conductor import (
    CancelRequested,
    ConcurrencyRequested,
    Event,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    SkipRequested,
)
from tests.support.crashes.ledger import Ledger
from tests.support.crashes.runs import BrokenPromise, promise

Adjustment: TypeAlias = SetConcurrency | SkipItem | RetryItem

_RECORDED: Final[dict[type, type[Event]]] = {
    SetConcurrency: ConcurrencyRequested,
    SkipItem: SkipRequested,
    RetryItem: RetryRequested,
}
MOST_IN_FLIGHT: Final = 3
"""Items of a fan-out that is cancelled, at once."""


_SCOPES: Final = tuple(scope for scope in get_args(RerunScope) if scope != "items")
"""The scopes that need nothing besides. Which items there are is not known when an errand is made."""
_ENDING: Final = {"engine_stopping", "engine_stopped", "run_parked", "stream_interrupted"}
"""Codes of refusals of a daemon that ends as it was told to."""


class CutOff(Exception):
    """The daemon has died, or is about to end."""


class Errand:
    """A run that is submitted and followed to its end. `key` is its idempotency key; `run` its id, once that is known.

    None of what was made at `made_at` (seconds since the epoch) or later may be deleted before it is done.
    A run without a key that is not acknowledged is submitted again: there may be two then.
    """

    def __init__(self, ledger: Ledger, workflow: str, inputs: dict[str, Any], key: str | None) -> None:
        self.workflow = workflow
        self.inputs = inputs
        self.key = key
        self.run: str | None = None
        self.done = False
        self.made_at = time.time()
        self._ledger = ledger

    def go_on(self, client: Client) -> None:
        """Bring it as far as this daemon lets it. Raises `CutOff`, `BrokenPromise`."""
        with self._cut_off():
            self._go_on(client)

    def submit_again(self, client: Client) -> None:
        """Submit it once more with its key: it is the same run. Raises as `go_on`."""
        with self._cut_off():
            self._accepted(client.ask(Submit(self.workflow, self.inputs, idempotency_key=self.key)))

    @contextmanager
    def _cut_off(self) -> Iterator[None]:
        """Tell of requests that fail: because the daemon has died, or for no good reason."""
        try:
            yield
        except DaemonUnreachable:
            raise CutOff from None
        except RequestRefused as refused:
            if refused.refusal.code in _ENDING:
                raise CutOff from None
            raise BrokenPromise(f"the run {self.run} of {self.workflow}: {refused}") from None

    def _go_on(self, client: Client) -> None:
        if self._follow(client) is not None:
            self.done = True

    def _follow(self, client: Client) -> Ended | None:
        """Submit it, or go on with it; return how it has ended, or None if it is left to itself for now."""
        again = self.run is None or self.key is not None
        request = Submit(self.workflow, self.inputs, idempotency_key=self.key) if again else Watch(self.run or "")
        with closing(client.answers(request)) as answers:
            for answer in answers:
                if isinstance(answer, Accepted):
                    self._accepted(answer)
                elif isinstance(answer, Progress):
                    if not self._stays(client, answer):
                        return None
                elif isinstance(answer, Ended):
                    self._ledger.told(answer)
                    return answer
        raise CutOff

    def _accepted(self, answer: Any) -> None:
        assert isinstance(answer, Accepted)
        promise(self.run in {None, answer.run}, f"the key {self.key} gave the runs {self.run} and {answer.run}")
        self.run = answer.run
        self._ledger.acknowledged(answer.run)

    def _stays(self, client: Client, progress: Progress) -> bool:
        """Look at how the run stands, maybe do something about it; tell whether to follow it further."""
        return True

    def _ask(self, client: Client, request: Cancel | Pause | Resume | Adjustment) -> bool:
        """Return whether something was done; False: it was too late for that, or too early."""
        try:
            answer = client.ask(request)
        except RequestRefused as refused:
            if refused.refusal.code == "illegal_transition":
                return False
            raise
        assert isinstance(answer, StatusAnswer)
        return True

    def status(self, client: Client) -> str:
        """Return the run's status."""
        told = client.ask(Status(self.run or ""))
        assert isinstance(told, StatusAnswer)
        return str(told.run["status"])


class Cancelling(Errand):
    """A run that is cancelled when it has told its progress a number of times."""

    def __init__(self, *arguments: Any, after: int, flat: bool) -> None:
        """`flat`: it has no sub-workflows, and so many items in flight at most as MOST_IN_FLIGHT says."""
        super().__init__(*arguments)
        self._after = after
        self._flat = flat

    def _stays(self, client: Client, progress: Progress) -> bool:
        self._after -= 1
        if self._after == 0:
            run = progress.run
            self._ledger.cancelling(run)
            if self._ask(client, Cancel(run)):
                self._ledger.recorded(run, CancelRequested)
                if self._flat:
                    self._ledger.cancelled(run, MOST_IN_FLIGHT)
                else:
                    self._ledger.stands_still(run)
        return True


class Pausing(Errand):
    """A run that is paused when it has told its progress a number of times, left for some daemons, and resumed."""

    def __init__(self, *arguments: Any, after: int, daemons: int) -> None:
        super().__init__(*arguments)
        self._after = after
        self._daemons = daemons
        self._asked = False
        self._paused = False

    def _go_on(self, client: Client) -> None:
        if self._asked:
            status = self.status(client)
            paused = status == "paused"
            if self._paused:
                # What was in flight may have been the last that there was to do.
                promise(status in {"paused", "succeeded"}, f"the run {self.run} was paused, and is {status}")
                self._daemons -= 1
                if paused and self._daemons > 0:
                    return
                self._ledger.may_move(self.run or "")
                self._paused = False
            if paused and self._ask(client, Resume(self.run or "")):
                self._ledger.recorded(self.run or "", ResumeRequested)
        super()._go_on(client)

    def _stays(self, client: Client, progress: Progress) -> bool:
        if progress.status == "paused" and not self._asked:
            raise AssertionError("nobody has asked for that")
        self._after -= 1
        if self._after == 0:
            self._asked = True
            if self._ask(client, Pause(progress.run)):
                self._ledger.recorded(progress.run, PauseRequested)
                self._ledger.stands_still(progress.run)
                self._paused = True
                return False
        return True


class Adjusting(Errand):
    """A run for whose task `work` something is requested when it has told its progress a number of times."""

    def __init__(self, *arguments: Any, after: int, request: Adjustment) -> None:
        super().__init__(*arguments)
        self._after = after
        self._request = request

    def _stays(self, client: Client, progress: Progress) -> bool:
        self._after -= 1
        if self._after == 0 and self._ask(client, msgspec.structs.replace(self._request, run=progress.run)):
            self._ledger.recorded(progress.run, _RECORDED[type(self._request)])
        return True


class Redoing(Errand):
    """A run that is done again when it has ended: one that succeeds as a whole."""

    def __init__(self, *arguments: Any, scope: RerunScope = "everything") -> None:
        super().__init__(*arguments)
        self._scope = scope

    def _go_on(self, client: Client) -> None:
        ended = self._follow(client)
        assert ended is not None
        self._see(ended)
        accepted = client.ask(Rerun(ended.run, self._scope))
        assert isinstance(accepted, Accepted)
        self._ledger.acknowledged(accepted.run)
        # If the daemon dies now, there will be one more: the ledger sees to it that this one ends, too.
        for answer in client.answers(Watch(accepted.run)):
            if isinstance(answer, Ended):
                self._ledger.told(answer)
                promise(answer.status == "succeeded", f"the rerun {accepted.run} {answer.status}: {answer.errors}")
                self.done = True
                return
        raise CutOff

    def _see(self, ended: Ended) -> None:
        """See how the run has ended, and prepare that it is done again."""
        promise(ended.status == "succeeded", f"the run {self.run} should have succeeded, and {ended.status}")


class Repairing(Redoing):
    """A run of which some items fail as long as a file is not there; then it is done again, in the scope given."""

    def _see(self, ended: Ended) -> None:
        promise(ended.status == "failed", f"the run {self.run} should have failed, and {ended.status}")
        Path(self.inputs["needs"]).touch()


def reruns(ledger: Ledger, folder: Path, choose: random.Random, first: int) -> list[Errand]:
    """Return errands that do runs again, in each scope; they are numbered from `first` on."""
    makers: list[Maker] = [_redo, *(partial(_repair_in, scope) for scope in _SCOPES)]
    return [make(ledger, folder, choose, f"errand {number}", None) for number, make in enumerate(makers, first)]


def errands(ledger: Ledger, folder: Path, choose: random.Random, count: int, first: int) -> list[Errand]:
    """Return so many errands, as chosen; they are numbered from `first` on, for their names."""
    kinds = choose.choices(list(_KINDS), [_KINDS[kind] for kind in _KINDS], k=count)
    made = []
    for number, kind in enumerate(kinds, first):
        key = f"key {number}" if choose.random() < 2 / 3 else None
        made.append(kind(ledger, folder, choose, f"errand {number}", key))
    return made


Maker = Callable[[Ledger, Path, random.Random, str, str | None], Errand]


def _numbers(choose: random.Random, least: int, most: int) -> list[int]:
    return [choose.randrange(100) for _ in range(choose.randint(least, most))]


def _some_of(choose: random.Random, values: Iterable[int]) -> list[int]:
    return [index for index, _ in enumerate(values) if choose.random() < 0.3]


def _fan_out_inputs(choose: random.Random, name: str) -> dict[str, Any]:
    values = _numbers(choose, 4, 12)
    return {
        "name": name, "values": values, "flaky": _some_of(choose, values),
        "concurrency": choose.randint(1, MOST_IN_FLIGHT), "seconds": choose.choice([0, 0.002, 0.01]),
    }  # fmt: skip


def _nested_inputs(choose: random.Random, name: str) -> dict[str, Any]:
    values = [[_numbers(choose, 1, 3) for _ in range(choose.randint(1, 3))] for _ in range(choose.randint(1, 3))]
    return {"name": name, "values": values}


def _fan_out(ledger: Ledger, _folder: Path, choose: random.Random, name: str, key: str | None) -> Errand:
    return Errand(ledger, "crash.fan_out", _fan_out_inputs(choose, name), key)


def _of_values(workflow: str) -> Maker:
    def make(ledger: Ledger, _folder: Path, choose: random.Random, name: str, key: str | None) -> Errand:
        return Errand(ledger, workflow, {"name": name, "values": _numbers(choose, 2, 8)}, key)

    return make


def _nested(ledger: Ledger, _folder: Path, choose: random.Random, name: str, key: str | None) -> Errand:
    return Errand(ledger, "crash.nested", _nested_inputs(choose, name), key)


def _cycle(ledger: Ledger, _folder: Path, choose: random.Random, name: str, key: str | None) -> Errand:
    return Errand(ledger, "crash.cycle", {"name": name, "laps": choose.randint(2, 8)}, key)


def _tolerant(ledger: Ledger, _folder: Path, choose: random.Random, name: str, key: str | None) -> Errand:
    values = _numbers(choose, 3, 8)
    inputs = {"name": name, "values": values, "hopeless": _some_of(choose, values)}
    return Errand(ledger, "crash.tolerant", inputs, key)


def _lazy(ledger: Ledger, folder: Path, choose: random.Random, name: str, key: str | None) -> Errand:
    return Errand(ledger, "crash.lazy", lazy_inputs(folder, name, _numbers(choose, 0, 30)), key)


def lazy_inputs(folder: Path, name: str, values: list[int]) -> dict[str, Any]:
    """Write a file of items, and return the inputs of a run over it."""
    source = folder / f"items of {name}"
    source.write_text("".join(f"{value}\n" for value in values))
    return {"name": name, "values": values, "source": str(source), "folder": str(folder)}


def _repair(ledger: Ledger, folder: Path, choose: random.Random, name: str, key: str | None) -> Errand:
    return _repair_in(choose.choice(_SCOPES), ledger, folder, choose, name, key)


def _redo(ledger: Ledger, folder: Path, choose: random.Random, name: str, key: str | None) -> Errand:
    like = choose.choice([_fan_out, _of_values("crash.joins"), _of_values("crash.once"), _nested, _cycle, _lazy])
    errand = like(ledger, folder, choose, name, key)
    return Redoing(ledger, errand.workflow, errand.inputs, key)


def _repair_in(  # noqa: PLR0917 - as all makers, and the scope
    scope: RerunScope, ledger: Ledger, folder: Path, choose: random.Random, name: str, key: str | None
) -> Errand:
    values = _numbers(choose, 2, 8)
    broken = sorted({choose.randrange(len(values)), *_some_of(choose, values)})
    inputs = {"name": name, "values": values, "broken": broken, "needs": str(folder / f"mended {name}")}
    # With a key in any case: of two runs, one would go on when the other is being mended.
    return Repairing(ledger, "crash.repair", inputs, key or f"key of {name}", scope=scope)


def _cancelled(ledger: Ledger, _folder: Path, choose: random.Random, name: str, key: str | None) -> Errand:
    after, flat = choose.randint(1, 4), choose.random() < 0.5
    inputs = {**_fan_out_inputs(choose, name), "seconds": 0.01} if flat else _nested_inputs(choose, name)
    workflow = "crash.fan_out" if flat else "crash.nested"
    return Cancelling(ledger, workflow, inputs, key, after=after, flat=flat)


def _paused(ledger: Ledger, _folder: Path, choose: random.Random, name: str, key: str | None) -> Errand:
    after, daemons, flat = choose.randint(1, 4), choose.randint(1, 2), choose.random() < 0.5
    inputs = {**_fan_out_inputs(choose, name), "seconds": 0.01} if flat else _nested_inputs(choose, name)
    return Pausing(ledger, "crash.fan_out" if flat else "crash.nested", inputs, key, after=after, daemons=daemons)


def _adjusted(ledger: Ledger, _folder: Path, choose: random.Random, name: str, key: str | None) -> Errand:
    inputs = {**_fan_out_inputs(choose, name), "seconds": 0.01, "delay": 0.2}
    index = choose.choice(inputs["flaky"] or [0])
    requests: list[Adjustment] = [
        SetConcurrency("", "work", choose.randint(1, 9)), SkipItem("", "work", index), RetryItem("", "work", index),
    ]  # fmt: skip
    after, request = choose.randint(1, 6), choose.choice(requests)
    return Adjusting(ledger, "crash.fan_out", inputs, key, after=after, request=request)


_KINDS: Final[dict[Maker, int]] = {
    _fan_out: 3,
    _of_values("crash.joins"): 2,
    _of_values("crash.once"): 2,
    _of_values("crash.timeouts"): 1,
    _nested: 3,
    _cycle: 2,
    _tolerant: 1,
    _lazy: 3,
    _repair: 2,
    _redo: 1,
    _adjusted: 2,
    _cancelled: 2,
    _paused: 2,
}
"""How an errand is made, and how often in proportion to the others."""
