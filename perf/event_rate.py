"""Events a second that a daemon accepts durably over HTTP, beside a running fan-out: acknowledgement and CPU time.

python perf/event_rate.py --rate 1000 --seconds 30

Each event is sent at its time, whether or not the earlier ones are answered, so a slow answer delays no other event and
is not hidden. The time of an acknowledgement counts from the time at which the event was due. `--closed` instead sends
on each connection as soon as the last event is answered, which shows the capacity.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from daemons import daemon

RULES = 100
"""One event in ten meets one of them, and starts a run."""
SECRET = "a-token-of-the-hook"  # noqa: S105 - of a hook that lives as long as this program
CONNECTIONS = 64
FAN_OUT = """
ref: perf.beside
version: "1"
tasks:
  - {name: each, with_items: "{{ range(1000000) }}", concurrency: 10, action: core.sleep, input: {seconds: 0.1}}
"""
WORK = """
ref: perf.work
version: "1"
parameters: {order: {type: integer, required: true}}
tasks: [{name: say, action: core.echo, input: {message: "order {{ parameters.order }}"}}]
"""


def definitions(secret: Path) -> dict[str, str]:
    """Return the files: 100 rules for one type of events, of which each event meets one or none."""
    rules = {
        f"rule{number}.yaml": (
            f"on: {{event: orders, when: \"payload.kind == 'kind{number}'\"}}\nrun: perf.work\n"
            "input: {order: '{{ payload.order }}'}\n"
        )
        for number in range(RULES)
    }
    hook = f"hook: orders\nsecret: {{file: {secret}}}\n"
    return {**rules, "hook.yaml": hook, "beside.yaml": FAN_OUT, "work.yaml": WORK}


def percentile(values: list[float], percent: float) -> float:
    """Return a percentile of sorted values, in milliseconds."""
    return values[min(int(len(values) * percent / 100), len(values) - 1)] * 1000


@contextmanager
def sender(url: str, arguments: argparse.Namespace) -> Iterator["subprocess.Popen[str]"]:
    """Start the process that sends, and wait until the daemon knows its connections."""
    command = [
        sys.executable, str(Path(__file__).with_name("event_sender.py")), url, SECRET,
        "--rate", str(0 if arguments.closed else arguments.rate), "--seconds", str(arguments.seconds),
        "--connections", str(arguments.connections),
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000, help="events a second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--closed", action="store_true", help="send as fast as the answers come")
    parser.add_argument("--alone", action="store_true", help="without the fan-out")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "secret").write_text(SECRET, encoding="ascii")
        with daemon(definitions(folder / "secret"), "--store", f"sqlite:///{folder}/runs.db") as served:
            if not arguments.alone:
                served.engine.submit("perf.beside")
            with sender(served.url, arguments) as process:
                processor = served.processor_seconds
                found = json.loads(process.communicate("\n")[0])
                used = served.processor_seconds - processor
    times, took = found["took"], found["seconds"]
    acknowledged = len(times)
    if not times:
        raise SystemExit(f"no event was acknowledged: {found['refusal']}")
    print(
        f"{acknowledged:,} events in {took:.1f} s: {acknowledged / took:,.0f} a second, {found['failed']} failed; "
        f"acknowledged in {percentile(times, 50):.1f} ms (median), {percentile(times, 99):.1f} ms (p99), "
        f"{times[-1] * 1000:.0f} ms (most)"
    )
    print(
        f"CPU time of the daemon: {used / acknowledged * 1000:.2f} ms an event, {used / took:.0%} of a core; "
        f"of the sender {found['cpu'] / acknowledged * 1000:.3f} ms; "
        f"the sender was late by {found['late'] * 1000:.0f} ms at most"
    )


if __name__ == "__main__":
    main()
