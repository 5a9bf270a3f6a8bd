"""The process of a worker of the carrier `processes`."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence

from stretto.actors.actions import CannotLoadActions
from stretto.actors.pools.call_log import forward_logs
from stretto.actors.pools.framing import read_frame, write_frame
from stretto.actors.pools.serving import Worker
from stretto.actors.pools.worker_code import WorkerCode
from stretto.definitions.errors import InvalidDefinition
from stretto.metrics import configure_logging, get_logger


def work(channel: int, name: str, slots: int, actions: Sequence[str], packs: Sequence[str]) -> None:
    """Run calls until the pool closes the channel, or lets the worker leave.

    Args:
        channel: The descriptor of the socket to the pool.
        name: The worker's name.
        slots: How many calls it runs at a time.
        actions: Modules and files with its actions.
        packs: Folders of the packs with its other actions.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_logging("WARNING")
    try:
        registry = WorkerCode(tuple(actions), tuple(packs)).load()
    except (CannotLoadActions, InvalidDefinition) as error:
        get_logger(__name__).error("pool_actions_not_loaded", worker=name, reason=str(error))
        sys.exit(1)
    with socket.socket(fileno=channel) as connection:
        writing = threading.Lock()

        def send(data: bytes) -> None:
            with writing:
                write_frame(connection, data)

        worker = Worker(registry, send, name=name, process=os.getpid(), slots=slots)
        forward_logs(worker.logged)
        reader = threading.Thread(target=_read, args=(connection, worker), name="stretto-pool-reader", daemon=True)
        worker.join()
        reader.start()
        worker.wait()
        worker.stop()


def _read(connection: socket.socket, worker: Worker) -> None:
    """Hand messages to the worker until the pool is gone, then stop it."""
    try:
        with connection.makefile("rb") as stream:
            while (data := read_frame(stream, worker.heard)) is not None:
                worker.receive(data)
    except (OSError, ValueError):
        pass
    finally:
        worker.stop()
