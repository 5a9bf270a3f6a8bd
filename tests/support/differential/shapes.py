"""The graphs of generated workflows: which task leads to which, before anything is said of conditions or data."""

import itertools
from dataclasses import dataclass, field

from tests.support.differential.dice import Dice

_NAMES = ("a", "b", "c", "d", "e", "f", "g", "Beta", "t1", "t2", "t10", "_z", "Zed")
COMMANDS = ("continue", "noop", "fail", "retry")


@dataclass
class Branch:
    """One transition: the names after `do` (none: no `do`), and whether it closes a cycle."""

    targets: list[str] = field(default_factory=list)
    loops: bool = False


@dataclass
class Shape:
    """Tasks in topological order (cycle edges apart), each with its transitions, and the joins: `all` or a count."""

    branches: dict[str, list[Branch]]
    joins: dict[str, str | int] = field(default_factory=dict)

    def sources(self, target: str) -> list[str]:
        """Return the task of each edge into `target`, one for each edge."""
        return [
            name
            for name, branches in self.branches.items()
            for branch in branches
            for one in branch.targets
            if one == target
        ]


def draw_shape(dice: Dice) -> Shape:
    """Return the graph of a workflow of two to nine tasks."""
    draw = dice.weigh([(12, _chain), (26, _fan), (12, _diamonds), (14, _loop), (36, _scatter)])
    shape = draw(dice)
    _add_commands(dice, shape)
    _add_joins(dice, shape)
    return shape


def _names(dice: Dice, count: int) -> list[str]:
    return dice.sample(_NAMES, count)


def _chain(dice: Dice) -> Shape:
    names = _names(dice, dice.between(1, 5))
    branches: dict[str, list[Branch]] = {name: [Branch([follower])] for name, follower in itertools.pairwise(names)}
    return Shape({**branches, names[-1]: []})


def _fan(dice: Dice) -> Shape:
    """A start task (or none), two to four parallel branches, and a task where they meet."""
    width = dice.between(2, 4)
    names = _names(dice, 2 + width * 2)
    end, start, rest = names[0], names[1], names[2:]
    heads = rest[:width]
    branches: dict[str, list[Branch]] = {}
    if dice.chance(0.75):
        branches[start] = [Branch(list(heads))] if dice.chance(0.6) else [Branch([head]) for head in heads]
    for head, tail in zip(heads, rest[width:], strict=True):
        if dice.chance(0.3):
            branches[head] = [Branch([tail])]
            branches[tail] = [Branch([end])]
        else:
            branches[head] = [Branch([end])] if dice.chance(0.9) else []
    after = Branch([start]) if start not in branches and dice.chance(0.4) else None
    branches[end] = [after] if after else []
    if after:
        branches[start] = []
    return Shape(branches)


def _diamonds(dice: Dice) -> Shape:
    """One or two diamonds in a row; those without a join split."""
    names = _names(dice, 7)
    first, left, right, middle, low, high, last = names
    branches = {
        first: [Branch([left, right])],
        left: [Branch([middle])],
        right: [Branch([middle])] if dice.chance(0.8) else [Branch([middle]), Branch([middle])],
    }
    if dice.chance(0.5):
        branches |= {middle: [Branch([low]), Branch([high])], low: [Branch([last])], high: [Branch([last])], last: []}
    else:
        branches |= {middle: [Branch([low])] if dice.chance(0.6) else []}
        if branches[middle]:
            branches[low] = []
    return Shape(branches)


def _loop(dice: Dice) -> Shape:
    """An entry, a cycle of one to three tasks, perhaps with parallel tasks in it, and a way out."""
    names = _names(dice, 6)
    entry, lap, out, side = names[0], names[1 : 2 + dice.below(3)], names[4], names[5]
    branches: dict[str, list[Branch]] = {entry: [Branch([lap[0]])]}
    for name, follower in itertools.pairwise(lap):
        branches[name] = [Branch([follower])]
    closing = [Branch([lap[0]], loops=True)]
    if dice.chance(0.8):
        closing.append(Branch([out]))
        branches[out] = []
    if len(lap) > 1 and dice.chance(0.3):
        branches[lap[0]][0].targets.append(side)
        branches[side] = [Branch([lap[-1]])]
    elif dice.chance(0.3):
        closing[0].targets.append(side)
        branches[side] = []
    branches[lap[-1]] = closing
    return Shape(branches)


def _scatter(dice: Dice) -> Shape:
    """Any acyclic graph."""
    names = _names(dice, dice.weigh([(1, 2), (3, 3), (4, 4), (4, 5), (2, 6), (1, 7)]))
    branches: dict[str, list[Branch]] = {name: [] for name in names}
    for position, name in enumerate(names[1:], start=1):
        for source in dice.sample(names[:position], dice.weigh([(1, 0), (7, 1), (3, 2)])):
            _lead(dice, branches[source], name)
    return Shape(branches)


def _lead(dice: Dice, branches: list[Branch], target: str) -> None:
    if branches and dice.chance(0.4):
        dice.pick(branches).targets.append(target)
    else:
        branches.append(Branch([target]))


def _add_commands(dice: Dice, shape: Shape) -> None:
    for branches in shape.branches.values():
        if dice.chance(0.18):
            command = dice.weigh([(3, "continue"), (4, "noop"), (2.5, "fail"), (1, "retry")])
            if branches and dice.chance(0.35):
                dice.pick(branches).targets.append(command)
            else:
                branches.append(Branch([command]))
        if dice.chance(0.15):
            branches.append(Branch())


def _add_joins(dice: Dice, shape: Shape) -> None:
    splits = 0
    for name in shape.branches:
        sources = shape.sources(name)
        choices: list[tuple[float, str | int]] = []
        if _is_loop_head(shape, name) and dice.chance(0.3):
            choices = [(6, 1), (1, "all")]
        elif len(sources) > 1 and not _is_loop_head(shape, name) and (splits >= 2 or dice.chance(0.72)):
            choices = [(7, "all"), (2, len(set(sources))), (2, 1), (1, 2), (0.3, 0)]
        elif len(sources) > 1:
            splits += 1
        elif dice.chance(0.03):
            choices = [(1, "all"), (1, 1)]
        if choices:
            shape.joins[name] = dice.weigh(choices)


def _is_loop_head(shape: Shape, name: str) -> bool:
    return any(branch.loops and name in branch.targets for branches in shape.branches.values() for branch in branches)
