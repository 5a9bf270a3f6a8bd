"""Sensors in Python, written for a test, and an engine that runs them."""

import os
import select
import textwrap
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stretto.actors import Engine, SensorLimits
from stretto.actors.runs import RunEnded
from tests.support.waiting import PATIENCE, Inbox, messages_of

WORK = """
ref: t.work
version: "1"
parameters: {said: {}}
tasks: [{name: say, action: core.echo, input: {message: "{{ parameters.said }}"}}]
output_map: {said: "{{ parameters.said }}"}
"""
RULE = "ref: t.rule\non: {event: %s}\nrun: t.work\ninput: {said: '{{ payload }}'}\n"
PREFACE = """
import json, os, signal, subprocess, sys, time

def say(**line):
    print(json.dumps(line), flush=True)

def ask(**line):
    say(id=1, **line)
    return json.loads(sys.stdin.readline())

def stay():
    sys.stdin.read()

"""
QUICK = SensorLimits(first_wait=0.01, longest_wait=0.01)


def write_sensor(folder: Path, name: str, program: str, event: str = "t.said", more: str = "") -> None:
    """Write a sensor whose program is Python, with the functions of `PREFACE`."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(PREFACE + textwrap.dedent(program))
    (folder / f"{name}.yaml").write_text(f"sensor: {name}\ncommand: [python3, {name}.py]\nevent: {event}\n{more}")


class Sensing:
    """An engine with sensors, whose rule starts a run for each event of a type.

    Attributes:
        engine: The engine.
    """

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self._inbox = Inbox.start()
        weakref.finalize(self, self._inbox.stop, block=False)
        engine.proxy.host.subscribe_to_ends(self._inbox).get()

    def said(self) -> Any:
        """Wait for the end of a run, and return the payload of its event."""
        message = messages_of(self._inbox).get(timeout=PATIENCE)
        assert isinstance(message, RunEnded)
        output = message.outcome.output
        assert output is not None
        return output["said"]

    def logged(self, name: str) -> list[str]:
        """Return the lines of a sensor's log as STREAM: TEXT."""
        return [f"{each['stream']}: {each['text']}" for each in self.engine.sensor_logs(name, 10_000)["lines"]]


@contextmanager
def sensing(folder: Path, limits: SensorLimits = QUICK, rule: str = "t.said", **settings: Any) -> Iterator[Sensing]:
    """Run an engine with the sensors of `folder/d`."""
    definitions = folder / "d"
    (definitions / "work.yaml").write_text(WORK)
    (definitions / "rule.yaml").write_text(RULE % rule)
    with Engine.open(definitions=definitions, sensors=limits, **settings) as engine:
        yield Sensing(engine)


@contextmanager
def watched(pid: int) -> Iterator[int]:
    """Return a descriptor that is readable when a process has ended."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def await_end(descriptor: int) -> None:
    """Wait for the end of a watched process."""
    assert select.select([descriptor], [], [], PATIENCE)[0]
