"""Resources of a pool's workers: what one has, and what an item needs of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources that a worker of a pool has, or that an item needs for itself while it runs there.

    Attributes:
        cpus: CPUs, or shares of them.
        gpus: GPUs, or shares of them.
        memory: Bytes of memory.
        labels: Labels by name, such as {zone: eu}.
    """

    cpus: float = 0.0
    gpus: float = 0.0
    memory: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    def lacks(self, needs: "Resources") -> str:
        """Return which needs these resources do not meet, with what is there, or "" if they meet all."""
        amounts = (
            ("cpus", needs.cpus, self.cpus), ("gpus", needs.gpus, self.gpus), ("memory", needs.memory, self.memory),
        )  # fmt: skip
        lacking = [f"{name}: {wanted:.15g} (it has {there:.15g})" for name, wanted, there in amounts if wanted > there]
        for name, wanted in needs.labels.items():
            there = self.labels.get(name)
            if there != wanted:
                lacking.append(f"{name}={wanted} (it has {'no such label' if there is None else f'{name}={there}'})")
        return ", ".join(lacking)
