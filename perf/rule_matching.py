"""The CPU time of matching one event with many rules, of which 100 listen to its type.

python perf/rule_matching.py
"""

import time
from statistics import median

from stretto.actors.events import Matcher
from stretto.definitions.data import freeze
from stretto.definitions.dialects import Reader
from stretto.definitions.rules import Event, Rule, RuleIndex, read_trigger
from stretto.definitions.source import compose

RULES = 10_000
OF_THE_TYPE = 100
ANSWERING = 10
ROUNDS = 200


def rule(number: int) -> Rule:
    """Return a rule: one in a hundred listens to the type, and of these one in ten answers."""
    event = "alert" if number < OF_THE_TYPE else f"other{number}"
    wanted = "critical" if number < ANSWERING else f"team{number}"
    text = (
        f"ref: rule{number}\non: {{event: {event}, when: \"payload.labels.severity == '{wanted}'\"}}\n"
        "run: core.echo\ninput: {message: 'on {{ payload.labels.instance }}'}\n"
    )
    reader = Reader("rule.yaml")
    read = read_trigger(reader, compose(text, "rule.yaml", reader.report))
    assert isinstance(read, Rule)
    return read


def main() -> None:
    """Measure, and print the milliseconds for one event."""
    matcher = Matcher()
    matcher.rules = RuleIndex({each.ref: each for each in map(rule, range(RULES))})
    payload = freeze({"labels": {"severity": "critical", "instance": "web-1"}})
    event = Event(id="evt-1", type="alert", payload=payload, at=0.0, source="perf")
    taken = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        matches = matcher.matches(event)
        taken.append((time.thread_time() - began) * 1000)
        assert len(matches) == ANSWERING
    taken.sort()
    print(
        f"{RULES:,} rules, {OF_THE_TYPE} of the type, {ANSWERING} answer: "
        f"{median(taken):.2f} ms of CPU time, 99 % within {taken[len(taken) * 99 // 100]:.2f} ms"
    )


if __name__ == "__main__":
    main()
