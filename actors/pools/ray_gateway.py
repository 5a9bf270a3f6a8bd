"""The gateway of a pool to a Ray cluster: the only process that imports Ray. It never sees what messages say.

daemon --a socket--> Gateway --deliver, stream--> RayWorker on each node
"""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import ray

from stretto.actors.pools.children import FIRST_PAUSE, LONGEST_PAUSE
from stretto.actors.pools.framing import write_frame
from stretto.actors.pools.messages import InvalidMessage
from stretto.actors.pools.parts import MAX_PART_BYTES
from stretto.actors.pools.ray_pipe import (
    MAX_PIPE_BYTES,
    Alive,
    Connected,
    Deliver,
    Discard,
    Gone,
    Received,
    Started,
    ToDaemon,
    Trouble,
    decode_to_gateway,
    encode_pipe,
)
from stretto.actors.pools.ray_reasons import reason_of
from stretto.actors.pools.ray_worker import RayWorker
from stretto.actors.pools.worker_code import WorkerCode
from stretto.metrics import configure_logging

STOP_SECONDS: Final = 2.0
"""How long a worker has to stop its calls before Ray ends its process."""
WAIT_BYTES: Final = 64 * 1024
"""The gateway waits until a worker has taken so many bytes. Ray answers no smaller delivery, which costs it less."""
LOOK_SECONDS: Final = 5.0
"""The time from one look at the cluster to the next, while a worker is missing."""
ALIVE_SECONDS: Final = 5.0
"""How often the gateway says that it works."""
_HEAD: Final = struct.Struct(">I")


def serve(  # noqa: PLR0913, PLR0917 - what the carrier gives its child
    channel: int,
    place: Mapping[str, Any],
    pool: str,
    workers: int,
    slots: int,
    first: int,
    actions: Sequence[str],
    packs: Sequence[str],
) -> None:
    """Connect to Ray, and carry messages until the daemon closes the channel.

    Args:
        channel: The descriptor of the socket to the daemon.
        place: The cluster and the resources of a worker, as `RayPlace`.
        pool: The pool's name.
        workers: How many workers there are.
        slots: How many calls each runs at a time.
        first: The number of the first worker.
        actions: Modules and files with their actions.
        packs: Folders of the packs with their other actions.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _keep_output_from_ray()
    configure_logging("WARNING")
    connection = socket.socket(fileno=channel)
    connected = threading.Event()
    threading.Thread(target=_end_with_daemon, args=(connection, connected), daemon=True).start()
    try:
        # Without an address Ray would join whatever cluster runs on the machine, or start one.
        ray.init(address=place["address"], log_to_driver=False, logging_level="ERROR", configure_logging=False)
    except Exception as error:  # noqa: BLE001 - whatever Ray raises is the reason that the daemon shows
        text = f"cannot connect to Ray at {place['address']}: {reason_of(error)}"
        with contextlib.suppress(OSError):
            write_frame(connection, encode_pipe(Trouble(text)))
        raise SystemExit(1) from None
    connected.set()
    names = (f"{pool}-{number}" for number in itertools.count(first))
    code = WorkerCode(tuple(actions), tuple(packs))
    gateway = Gateway(connection, place, names, slots=slots, code=code)
    try:
        asyncio.run(gateway.run(workers))
    finally:
        ray.shutdown()


def _keep_output_from_ray() -> None:
    """Let what Ray's own code writes go nowhere: the daemon's log has one form. Python's errors stay on stderr."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - a descriptor is needed
        for descriptor in (1, 2):
            os.dup2(nothing.fileno(), descriptor)


def _end_with_daemon(connection: socket.socket, connected: threading.Event) -> None:
    """End the process with the daemon while it waits for Ray: nothing is sent to it before it has connected."""
    with contextlib.suppress(OSError):
        connection.recv(1, socket.MSG_PEEK)
    if not connected.is_set():
        os._exit(0)


class Gateway:
    """Keeps workers running on Ray, and carries messages between them and the daemon.

    Args:
        connection: The socket to the daemon.
        place: The cluster and the resources of a worker.
        names: The names of the workers.
        slots: How many calls each runs at a time.
        code: Their actions.
    """

    def __init__(
        self, connection: socket.socket, place: Mapping[str, Any], names: Iterator[str], *, slots: int,
        code: WorkerCode,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._names = names
        self._slots = slots
        self._code = code
        self._key_file: str | None = place["key_file"]
        self._labels = dict(place["labels"])
        wanted = {"num_cpus": place["cpus"], "num_gpus": place["gpus"], "memory": place["memory"]}
        # Each group has one thread, and keeps the order of the calls. Ray's own events of each call are of no use here.
        actor_class = ray.remote(concurrency_groups={"deliver": 1, "stream": 1}, enable_task_events=False)(RayWorker)
        # max_task_retries is 0: Ray must never send a message twice.
        self._actor_class = actor_class.options(
            **{name: value for name, value in wanted.items() if value or name == "num_cpus"},
            label_selector=self._labels, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD",
        )  # fmt: skip
        self._workers: dict[str, _Worker] = {}
        self._ending = threading.Event()

    async def run(self, workers: int) -> None:
        """Carry messages until the daemon closes the connection."""
        reader, self._writer = await asyncio.open_connection(sock=self._connection)
        await self.send(Connected(len(ray.nodes())))
        tasks = [asyncio.create_task(each) for each in (self._say_alive(), *(self._keep_one() for _ in range(workers)))]
        threading.Thread(target=self._look, args=(workers,), daemon=True).start()
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, InvalidMessage):
                await self._read(reader)
        finally:
            self._ending.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*(each.end() for each in self._workers.values()), return_exceptions=True)

    def _look(self, workers: int) -> None:
        """Ask Ray for its nodes while a worker is missing.

        A head that was started again is another cluster, in which this process can start nothing. If the head is back
        before Ray gives it up, Ray lets each new worker wait for ever. But it ends the process that asks for the nodes
        (`WrongClusterID`), and the daemon starts a gateway that connects to the new head.
        """
        while not self._ending.wait(LOOK_SECONDS):
            if sum(each.is_up for each in list(self._workers.values())) < workers:
                with contextlib.suppress(Exception):
                    ray.nodes()

    async def _say_alive(self) -> None:
        """Let the daemon end a gateway whose loop hangs, in a call of Ray's or as a stopped process."""
        while True:
            await asyncio.sleep(ALIVE_SECONDS)
            with contextlib.suppress(OSError):  # the connection has ended
                await self.send(Alive())

    async def send(self, message: ToDaemon) -> None:
        """Send a message to the daemon."""
        data = encode_pipe(message)
        self._writer.write(_HEAD.pack(len(data)) + data)
        await self._writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            (length,) = _HEAD.unpack(await reader.readexactly(_HEAD.size))
            if length > MAX_PIPE_BYTES:
                raise InvalidMessage(f"a message on the pipe must have at most {MAX_PIPE_BYTES:,} bytes")
            message = decode_to_gateway(await reader.readexactly(length))
            worker = self._workers.get(message.worker)
            if worker is None:
                continue
            if isinstance(message, Deliver):
                worker.outgoing.put_nowait(message.part)
            elif isinstance(message, Discard):
                worker.discarded.set()

    async def _keep_one(self) -> None:
        """Keep one worker running."""
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            await self._serve_one(next(self._names))
            pause = FIRST_PAUSE if time.monotonic() - began > LONGEST_PAUSE else pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _serve_one(self, name: str) -> None:
        """Start a worker, and carry its messages until it ends or is lost."""
        text = ""
        await self.send(Started(name))
        try:
            actor = self._actor_class.remote(name, self._slots, self._code, self._key_file, self._labels)
            worker = self._workers[name] = _Worker(name, actor, self)
            text = await worker.serve()
        except Exception as error:  # noqa: BLE001 - Ray's errors have no common base, and each means a lost worker
            text = reason_of(error)
        await self.send(Gone(name, text))
        ended = self._workers.pop(name, None)
        if ended is not None:
            await ended.end()


class _Worker:
    """A worker, as the gateway sees it."""

    def __init__(self, name: str, actor: Any, gateway: Gateway) -> None:
        self.name = name
        self.outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self.discarded = asyncio.Event()
        self.is_up = False
        """Whether the worker has said something."""
        self._actor = actor
        self._gateway = gateway

    async def serve(self) -> str:
        """Carry messages until the worker ends or is discarded. Return why."""
        tasks = [asyncio.create_task(each) for each in (self._receive(), self._deliver(), self.discarded.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            error = next((each.exception() for each in done if each.exception() is not None), None)
            return "" if error is None else reason_of(error)
        finally:
            for task in tasks:
                task.cancel()

    async def end(self) -> None:
        """Let the worker stop its calls, then have Ray end its process."""
        with contextlib.suppress(Exception):
            await asyncio.wait_for(_awaited(self._actor.stop.remote()), STOP_SECONDS)
        with contextlib.suppress(Exception):
            ray.kill(self._actor, no_restart=True)

    async def _receive(self) -> None:
        """Take what the worker sends until it has stopped: then its stream is empty."""
        stream = self._actor.stream.options(num_returns="streaming", concurrency_group="stream")
        received = True
        while received:
            received = False
            async for answer in stream.remote():
                received = self.is_up = True
                for part in await answer:
                    await self._gateway.send(Received(self.name, _checked(part)))

    async def _deliver(self) -> None:
        """Deliver what the daemon sends. The next large delivery waits until the worker has taken the one before."""
        method = self._actor.deliver
        waiting = method.options(concurrency_group="deliver")
        quick = method.options(concurrency_group="deliver", num_returns=0)
        while True:
            parts = [await self.outgoing.get()]
            size = len(parts[0])
            while not self.outgoing.empty() and size < MAX_PART_BYTES:
                parts.append(self.outgoing.get_nowait())
                size += len(parts[-1])
            if size < WAIT_BYTES:
                quick.remote(parts)
            else:
                await waiting.remote(parts)


async def _awaited(reference: Any) -> Any:
    return await reference


def _checked(part: Any) -> bytes:
    if not isinstance(part, bytes) or len(part) > MAX_PART_BYTES:
        raise InvalidMessage(f"a part must be at most {MAX_PART_BYTES:,} bytes")
    return part
