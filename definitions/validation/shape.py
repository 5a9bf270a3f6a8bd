"""Checks the graph for cycles that never end and joins that can never be satisfied."""

from stretto.definitions.model import Task, Workflow
from stretto.definitions.validation.collecting import Findings
from stretto.definitions.validation.outcomes import EVERY, Outcomes
from stretto.definitions.validation.paths import Edge, Paths

Facts = dict[str, Outcomes]
"""The outcomes of earlier tasks that are required for a task to start."""


def check_shape(workflow: Workflow, paths: Paths, findings: Findings) -> None:
    """Check the graph of a workflow that has an entry."""
    _check_cycles(workflow, paths, findings)
    _check_joins(workflow, paths, findings)


def _needs(task: Task, paths: Paths) -> int:
    inbound = paths.inbound[task.name]
    return len(inbound) if task.join == "all" else int(task.join or 1)


def _check_cycles(workflow: Workflow, paths: Paths, findings: Findings) -> None:
    """Warn about cycles without a condition, which only a cancel or a timeout ends.

    It is not an error, because a run that continues until it is cancelled may be intended.
    """
    kept = [
        edge
        for edge in paths.edges
        if not edge.conditional and edge.target in paths.reachable and _needs(workflow.tasks[edge.target], paths) == 1
    ]
    before = paths.closure(kept)
    reported: set[str] = set()
    for name, task in workflow.tasks.items():
        members = [
            other for other in workflow.tasks if before[name] & paths.bit(other) and before[other] & paths.bit(name)
        ]
        if name not in members or name in reported:
            continue
        reported.update(members)
        has_exit = any(edge.source in members and edge.target not in members for edge in paths.edges)
        cycle = " -> ".join(_cycle(name, kept))
        hint = "add a `when` to one of its transitions, and another transition that leaves the cycle"
        if has_exit or workflow.timeout is not None:
            message = f"the cycle {cycle} repeats until the run is ended"
        else:
            message = f"the cycle {cycle} has no exit, so the run continues until it is cancelled"
        findings.warn("endless_cycle", message, task.place, hint=hint)


def _cycle(name: str, edges: list[Edge]) -> list[str]:
    """Return a shortest path from a task back to itself."""
    targets: dict[str, list[str]] = {}
    for edge in edges:
        targets.setdefault(edge.source, []).append(edge.target)
    ways = [[name]]
    seen: set[str] = set()
    for way in ways:
        for target in targets.get(way[-1], ()):
            if target == name:
                return _shortened([*way, name])
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return [name]


def _shortened(way: list[str]) -> list[str]:
    return way if len(way) <= 8 else [*way[:4], "...", *way[-3:]]


def _check_joins(workflow: Workflow, paths: Paths, findings: Findings) -> None:
    for task in workflow.tasks.values():
        inbound = paths.inbound[task.name]
        cut_off = [name for name in inbound if name not in paths.reachable]
        needed = _needs(task, paths)
        # The reader reports a number that exceeds the inbound tasks.
        if task.join is None or task.name not in paths.reachable or needed > len(inbound) or not cut_off:
            continue
        if needed > len(inbound) - len(cut_off):
            message = f"the join of {task.name!r} can never be satisfied, because no path leads to {cut_off[0]!r}"
            findings.error(
                "impossible_join", message, task.place, found=f"join: {task.join}",
                expected=f"at most {len(inbound) - len(cut_off)} of its inbound tasks",
            )  # fmt: skip
    _check_exclusive_joins(workflow, paths, findings)


def _check_exclusive_joins(workflow: Workflow, paths: Paths, findings: Findings) -> None:
    """Report joins that wait for mutually exclusive branches."""
    inbound: dict[str, dict[str, Outcomes]] = {name: {} for name in paths.reachable}
    for edge in paths.edges:
        if edge.source in paths.reachable:
            sources = inbound[edge.target]
            sources[edge.source] = sources.get(edge.source, frozenset()) | edge.outcomes
    facts: dict[str, Facts] = {}
    once: set[str] = set()
    for name in _in_order(paths, inbound):
        task, sources = workflow.tasks[name], inbound[name]
        # Two outcomes of a task exclude each other only if it runs once.
        if all(source in once for source in sources) and (len(sources) <= 1 or task.join is not None):
            once.add(name)
        given = [_with(facts[source], source, outcomes, once) for source, outcomes in sources.items()]
        waits_for_all = task.join is not None and _needs(task, paths) >= len(sources)
        facts[name] = _all_of(given) if waits_for_all else _any_of(given)
        for decider, outcomes in list(facts[name].items()):
            if not outcomes:
                del facts[name][decider]
                findings.error(
                    "impossible_join",
                    f"the join of {name!r} can never be satisfied, because no outcome of {decider!r} leads to all of"
                    " its inbound tasks",
                    task.place, found=f"join: {task.join}", hint="write join: 1 to start after the branch that runs",
                )  # fmt: skip


def _in_order(paths: Paths, inbound: dict[str, dict[str, Outcomes]]) -> list[str]:
    """Return the tasks in topological order, without those on or after a cycle."""
    waiting = {name: len(sources) for name, sources in inbound.items()}
    targets: dict[str, list[str]] = {name: [] for name in inbound}
    for name, sources in inbound.items():
        for source in sources:
            targets[source].append(name)
    ready = [name for name in paths.entries if waiting.get(name) == 0]
    for name in ready:
        for target in targets[name]:
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    return ready


def _with(facts: Facts, source: str, outcomes: Outcomes, once: set[str]) -> Facts:
    return {**facts, source: outcomes} if source in once and outcomes and outcomes != EVERY else dict(facts)


def _all_of(given: list[Facts]) -> Facts:
    merged: Facts = {}
    for facts in given:
        for name, outcomes in facts.items():
            merged[name] = merged.get(name, EVERY) & outcomes
    return merged


def _any_of(given: list[Facts]) -> Facts:
    if not given:
        return {}
    shared = set(given[0]).intersection(*given[1:])
    return {name: frozenset().union(*(facts[name] for facts in given)) for name in shared}
