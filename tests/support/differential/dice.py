"""The one source of chance of the generator: equal seeds throw equal numbers on every machine."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws from a seed. `random.Random` promises the same `random()` for a seed on all versions; only that is used."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets

    def chance(self, probability: float) -> bool:
        """Return true in `probability` (0 to 1) of the throws."""
        return self._random.random() < probability

    def below(self, bound: int) -> int:
        """Return an integer from 0 to `bound` - 1."""
        return int(self._random.random() * bound)

    def between(self, least: int, most: int) -> int:
        """Return an integer from `least` to `most`, both included."""
        return least + self.below(most - least + 1)

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of `choices`, all alike in likelihood."""
        return choices[self.below(len(choices))]

    def weigh(self, choices: Sequence[tuple[float, T]]) -> T:
        """Return one of the (weight, value) pairs' values, by weight."""
        throw = self._random.random() * sum(weight for weight, _ in choices)
        for weight, value in choices:
            throw -= weight
            if throw < 0:
                return value
        return choices[-1][1]

    def sample(self, choices: Sequence[T], count: int) -> list[T]:
        """Return `count` different members of `choices`, in random order."""
        rest = list(choices)
        return [rest.pop(self.below(len(rest))) for _ in range(min(count, len(rest)))]
