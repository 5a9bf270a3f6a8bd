"""The workers of a pool, and which call each of them gets."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from stretto.actors.workers.frames import ASK, Frame
from stretto.actors.workers.kept import Job, KeptWorker, Sent
from stretto.actors.workers.process import WorkerCommand
from stretto.actors.workers.watching import WorkerWatch

CALLS_OF_A_WORKER: Final = 10_000
IDLE_SECONDS: Final = 60.0
MAX_AHEAD: Final = 32
"""The most calls that a worker is sent before it has answered."""
AHEAD_SECONDS: Final = 0.002
"""How much work a worker is sent ahead. It has at least one call more than the one that it runs."""
STUCK_SECONDS: Final = 0.2
"""The time after which no call waits behind another one if a further process could run it."""


class WorkerLife(NamedTuple):
    """How long workers are kept.

    Attributes:
        calls: Calls after which a worker is replaced, so that what functions leave in it does not grow for ever.
        idle_seconds: Seconds without a call after which it ends.
    """

    calls: int = CALLS_OF_A_WORKER
    idle_seconds: float = IDLE_SECONDS


DEFAULT_LIFE: Final = WorkerLife()


class Group:
    """The workers of a command, and the calls that wait for them."""

    def __init__(self, command: WorkerCommand, *, is_alone: bool) -> None:
        self.command = command
        self.is_alone = is_alone
        self.waiting: deque[tuple[float, Job]] = deque()
        self.workers: list[KeptWorker] = []
        self._seconds = 0.0

    @property
    def depth(self) -> int:
        """How many calls a worker should have."""
        if self.is_alone:
            return 1
        return max(2, min(MAX_AHEAD, int(AHEAD_SECONDS / self._seconds))) if self._seconds else 2

    @property
    def waits_since(self) -> float:
        """Since when the oldest call waits, by `time.monotonic()`."""
        return self.waiting[0][0]

    @property
    def grows_at(self) -> float | None:
        """When a waiting call should have a process beyond one a core, or None while those that start are too many.

        Their number doubles at most, so that many short calls do not start many processes.
        """
        ready = [worker.ready_at for worker in self.workers if worker.ready_at is not None]
        if 2 * len(ready) <= len(self.workers):
            return None
        return max(self.waits_since, *ready) + STUCK_SECONDS

    def learn(self, microseconds: int) -> None:
        """Take note of how long a call took."""
        seconds = max(microseconds, 1) / 1e6
        self._seconds = 0.8 * self._seconds + 0.2 * seconds if self._seconds else seconds

    def take(self, count: int) -> list[Job]:
        """Return the oldest waiting calls, which wait no more."""
        return [self.waiting.popleft()[1] for _ in range(min(count, len(self.waiting)))]


class Roster:
    """The groups of workers. The pool's lock guards everything here.

    Args:
        limit: The most processes.
        watch: What waits for the workers.
        lock: The pool's lock. A reply to a question takes it, because it comes on any thread.
        life: How long the processes are kept.
        captures: Whether what the processes print comes to their calls.

    Attributes:
        places: The calls that have not ended, each with its worker, or None if it waits for one.
        due: What to call without the lock: the calls' ends, log records and questions.
    """

    def __init__(
        self, limit: int, watch: WorkerWatch, lock: threading.Lock, life: WorkerLife, *, captures: bool
    ) -> None:
        self.places: dict[Job, KeptWorker | None] = {}
        self.due: list[Callable[[], object]] = []
        self._limit = limit
        self._watch = watch
        self._lock = lock
        self._life = life
        self._captures = captures
        self._cores = len(os.sched_getaffinity(0))
        self._groups: dict[tuple[WorkerCommand, bool], Group] = {}

    def add(self, job: Job) -> bool:
        """Send a call to an idle worker, or queue it. Returns whether the thread of the pool has something to do."""
        key = (job.command, job.is_alone)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(job.command, is_alone=job.is_alone)
        self.places[job] = None
        group.waiting.append((time.monotonic(), job))
        self._send_to_idle(group)
        return bool(self.due) or (bool(group.waiting) and not self._have_enough(group))

    def withdraw(self, job: Job) -> bool:
        """Take a call back if it has not begun. Returns whether it was."""
        worker = self.places[job]
        if worker is not None and not worker.withdraw(job):
            return False
        group = self._groups[job.command, job.is_alone]
        group.waiting = deque(each for each in group.waiting if each[1] is not job)
        del self.places[job]
        return True

    def collect(self) -> None:
        """Take the ends of calls from the workers, and remove the workers that must end."""
        for group, worker in self._all():
            self._take_ends(group, worker)
            if worker.is_lost:
                back = worker.fail_rest()
                self._take_ends(group, worker)
                self._requeue(group, back)
                self._end(group, worker)
            elif not worker.sent and (group.is_alone or not self._accepts(worker)):
                self._end(group, worker)

    def keep_deadlines(self, now: float) -> None:
        """Stop calls that take too long, end idle workers, and let no call wait behind a long one needlessly."""
        for group, worker in self._all():
            sent = worker.head
            if sent is None:
                if not worker.sent and now >= worker.idle_since + self._life.idle_seconds:
                    self._end(group, worker)
            elif sent.deadline is not None and now >= sent.deadline and not sent.problem:
                sent.problem = f"it took longer than {sent.job.timeout:g} s and was stopped"
                worker.process.kill()
            elif worker.is_ahead and _is_stuck(worker, now) and self._has_room():
                self._requeue(group, worker.take_back())

    def next_deadline(self, now: float) -> float | None:
        """Return in how many seconds there is something to do, or None if nothing is due."""
        if self.due:
            return 0.0
        has_room = self._has_room()
        found = [
            group.grows_at
            for group in self._groups.values()
            if group.waiting and has_room and group.grows_at is not None
        ]
        for _, worker in self._all():
            sent = worker.head
            if sent is None:
                found.append(worker.idle_since + self._life.idle_seconds)
                continue
            if sent.deadline is not None and not sent.problem:
                found.append(sent.deadline)
            if worker.is_ahead and has_room and sent.began_at is not None:
                found.append(sent.began_at + STUCK_SECONDS)
        return max(0.0, min(found) - now) if found else None

    def assign(self, now: float) -> None:
        """Give waiting calls to workers, the oldest first."""
        groups = [group for group in self._groups.values() if group.waiting]
        for group in sorted(groups, key=lambda each: each.waits_since):
            self._send_to_idle(group)
            while group.waiting and self._deserves_worker(group, now) and self._make_room(group):
                self._start_worker(group)
            if not self._starves_another(group):
                self._send_ahead(group, now)
        self._share_with_idle()

    def end_all(self) -> None:
        """End all workers."""
        for group, worker in self._all():
            self._end(group, worker)

    def _all(self) -> Iterator[tuple[Group, KeptWorker]]:
        return iter([(group, worker) for group in self._groups.values() for worker in group.workers])

    def _take_ends(self, group: Group, worker: KeptWorker) -> None:
        events, worker.events = worker.events, []
        self.due.extend(_event(sent, frame, self._replying(worker, sent)) for sent, frame in events)
        ended, worker.ended = worker.ended, []
        for sent in ended:
            if sent.answer is not None:
                group.learn(sent.answer.microseconds)
            self._report(sent)

    def _replying(self, worker: KeptWorker, sent: Sent) -> Callable[[bytes], None]:
        def reply(answer: bytes) -> None:
            with self._lock:
                if not worker.is_lost:
                    worker.reply(sent.number, answer)
                    self._watch.update(worker)

        return reply

    def _report(self, sent: Sent) -> None:
        self.places.pop(sent.job, None)
        self.due.append(_end_of(sent.job, None if sent.answer is None else sent.answer.data, sent.problem))

    def _fail(self, job: Job, problem: str) -> None:
        self.places.pop(job, None)
        self.due.append(_end_of(job, None, problem))

    def _requeue(self, group: Group, back: Iterable[Sent]) -> None:
        """Let calls wait again that have not begun: they have waited long enough for a process of their own."""
        for sent in reversed(list(back)):
            self.places[sent.job] = None
            group.waiting.appendleft((time.monotonic() - STUCK_SECONDS, sent.job))

    def _end(self, group: Group, worker: KeptWorker) -> None:
        group.workers.remove(worker)
        self._watch.remove(worker)
        worker.is_lost = True
        worker.process.close()
        if not group.workers and not group.waiting:
            self._groups.pop((group.command, group.is_alone), None)

    def _has_room(self) -> bool:
        """Return whether there is room for a process, or for one in the place of an idle one."""
        workers = [worker for _, worker in self._all()]
        return len(workers) < self._limit or any(not worker.sent for worker in workers)

    def _have_enough(self, group: Group) -> bool:
        """Return whether no waiting call of a group could be sent now."""
        return not self._has_room() and all(len(each.sent) > group.depth // 2 for each in group.workers)

    def _deserves_worker(self, group: Group, now: float) -> bool:
        """Return whether a call should have a new process: there is a core for it, or it has waited too long."""
        if group.is_alone or len(group.workers) < self._cores:
            return True
        grows_at = group.grows_at
        return grows_at is not None and now >= grows_at

    def _make_room(self, group: Group) -> bool:
        """Return whether a process can start. An idle one of another group may end for it."""
        if sum(1 for _ in self._all()) < self._limit:
            return True
        idle = [(each, worker) for each, worker in self._all() if each is not group and not worker.sent]
        if not idle:
            return False
        self._end(*min(idle, key=lambda each: each[1].idle_since))
        return True

    def _starves_another(self, group: Group) -> bool:
        """Return whether an older call of a group without workers needs the place of a worker of this one."""
        return bool(group.waiting) and any(
            each.waiting and not each.workers and each.waits_since < group.waits_since
            for each in self._groups.values()
            if each is not group
        )

    def _start_worker(self, group: Group) -> None:
        (job,) = group.take(1)
        try:
            worker = KeptWorker(group.command, captures=self._captures)
        except OSError as error:
            self._fail(job, f"cannot start {group.command.argv[0]}: {error.strerror or error}")
            return
        group.workers.append(worker)
        self._watch.add(worker)
        self._send(worker, [job])

    def _send_to_idle(self, group: Group) -> None:
        """Send waiting calls to idle workers, one each."""
        if group.is_alone or self._starves_another(group):
            return
        for worker in group.workers:
            if group.waiting and not worker.sent and self._accepts(worker):
                self._send(worker, group.take(1))

    def _send_ahead(self, group: Group, now: float) -> None:
        """Send busy workers so many calls that they do not wait for the daemon, in one write."""
        depth = group.depth
        for worker in sorted(group.workers, key=lambda each: len(each.sent)):
            share = -(-len(group.waiting) // len(group.workers))
            count = min(depth - len(worker.sent), share, self._life.calls - worker.calls)
            if count > 0 and len(worker.sent) <= depth // 2 and self._accepts(worker) and not _is_stuck(worker, now):
                self._send(worker, group.take(count))

    def _share_with_idle(self) -> None:
        """Give an idle worker half of the calls that another one has not begun."""
        for group in self._groups.values():
            if group.waiting or len(group.workers) < 2:
                continue
            for worker in [each for each in group.workers if not each.sent and self._accepts(each)]:
                most = max(group.workers, key=lambda each: len(each.sent))
                back = most.take_back((len(most.sent) - 1) // 2) if len(most.sent) > 1 else []
                if back:
                    self._send(worker, [each.job for each in back])

    def _accepts(self, worker: KeptWorker) -> bool:
        return not worker.is_lost and not worker.is_unfit and worker.calls < self._life.calls

    def _send(self, worker: KeptWorker, jobs: list[Job]) -> None:
        for job in jobs:
            self.places[job] = worker
        for job, problem in worker.send(jobs).items():
            self._fail(job, problem)
        self._watch.update(worker)


def _is_stuck(worker: KeptWorker, now: float) -> bool:
    sent = worker.head
    return sent is not None and sent.began_at is not None and now >= sent.began_at + STUCK_SECONDS


def _event(sent: Sent, frame: Frame, reply: Callable[[bytes], None]) -> Callable[[], object]:
    if frame.kind == ASK:
        return lambda: sent.job.asked(frame.data, reply)
    return lambda: sent.job.logged(frame.data)


def _end_of(job: Job, answer: bytes | bytearray | None, problem: str) -> Callable[[], object]:
    return lambda: job.ended(None if problem else answer, problem)
