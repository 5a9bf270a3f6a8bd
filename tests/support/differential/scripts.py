"""What happens to a generated workflow: scripted results, inputs given, parent context, and requests on the way."""

from typing import Any

from tests.support.differential.dice import Dice
from tests.support.differential.phrases import RESULTS

_STATUSES = [(9, "failed"), (8, "succeeded"), (0.8, "timeout"), (0.8, "abandoned"), (0.4, "canceled")]


def draw_script(dice: Dice, tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rules for some of the tasks, the narrower first; a cycle that asks for it goes round again."""
    rules: list[dict[str, Any]] = []
    for name, task in tasks.items():
        if _asks_for_laps(task):
            rules.append({"task": name, "visit": dice.between(1, 2), "result": "again"})
        if dice.chance(0.12) or (_remedied(task) and dice.chance(0.4)) or ("retry" in task and dice.chance(0.8)):
            rules.append(_narrow(dice, name, task))
        if dice.chance(0.06) or (_remedied(task) and dice.chance(0.35)):
            rules.append(_fate(dice, {"task": name}))
        if dice.chance(0.4):
            rules.append({"task": name, "result": dice.pick(RESULTS), "duration": dice.between(1, 4)})
    if dice.chance(0.1):
        rules.append({"duration": dice.between(1, 3), "result": dice.pick(RESULTS)})
    return rules


def _asks_for_laps(task: dict[str, Any]) -> bool:
    return any("again" in str(branch.get("when")) for branch in task.get("next") or [])


def _remedied(task: dict[str, Any]) -> bool:
    """Return whether something may follow a failure of `task`: failures are more telling there."""
    return any("failed" in str(branch.get("when")) for branch in task.get("next") or [])


def _narrow(dice: Dice, name: str, task: dict[str, Any]) -> dict[str, Any]:
    keys: dict[str, Any] = {"task": name}
    if "with" in task:
        keys["item"] = dice.below(3)
    if "retry" in task and dice.chance(0.7):
        keys["attempt"] = dice.between(1, 2)
    elif "item" not in keys or dice.chance(0.2):
        keys["visit"] = dice.between(1, 2)
    return _fate(dice, keys)


def _fate(dice: Dice, keys: dict[str, Any]) -> dict[str, Any]:
    rule = dict(keys)
    status = dice.weigh(_STATUSES)
    if status != "succeeded":
        rule["status"] = status
    if dice.chance(0.6):
        rule["result"] = dice.pick(RESULTS)
    if dice.chance(0.5):
        rule["duration"] = dice.between(1, 4)
    return rule


def draw_controls(dice: Dice) -> list[dict[str, Any]]:
    """Return requests in order of time, for about one case in six."""
    if not dice.chance(0.16):
        return []
    requests = dice.weigh(
        [
            (5, ["pause", "resume"]),
            (2, ["pause"]),
            (4, ["cancel"]),
            (1, ["pause", "cancel"]),
            (1, ["pause", "resume", "cancel"]),
            (0.7, ["resume"]),
            (0.7, ["pause", "resume", "pause", "resume"]),
            (0.5, ["cancel", "resume"]),
        ]
    )
    controls: list[dict[str, Any]] = []
    moment = dice.between(1, 3)
    for request in requests:
        controls.append({"before_completion": moment, "request": request})
        moment += dice.below(3)
    return controls


def draw_inputs(dice: Dice, declared: list[Any]) -> dict[str, Any]:
    """Return values for some of the declared inputs, and at times for one that nobody declared."""
    inputs: dict[str, Any] = {}
    choices: dict[str, tuple[Any, ...]] = {
        "s": ("go", "given text", None, "<% 1 + 1 %>"),
        "n": (0, 1),
        "flag": (True, False, None),
        "m": ({"k": "given"}, {"deep": {"g": 1}}),
        "xs": (["g1", "g2"], [], ["one"]),
        "ys": ([9, 8], []),
        "pairs": ([["g", 1]],),
        "act": ("core.noop", "core.echo"),
        "given": (1, "text", {"a": [1]}),
    }
    for entry in declared:
        name = entry if isinstance(entry, str) else next(iter(entry))
        if dice.chance(0.4):
            inputs[name] = dice.pick(choices[name])
    if dice.chance(0.05):
        inputs["undeclared"] = 1
    return inputs


def draw_context(dice: Dice) -> dict[str, Any]:
    """Return a parent context, for about one case in twelve."""
    if not dice.chance(0.08):
        return {}
    return dice.pick(({"parent": {"id": 7}}, {"m": {"parent": 1}, "s": "of the parent"}))
