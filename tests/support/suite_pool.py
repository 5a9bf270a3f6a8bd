"""The pool in which the end-to-end tests run their items: `pytest tests/end_to_end --pool local`, or `--pool ray`.

Every engine and every daemon that a test starts gets this pool, and runs in it what may leave, as with the setting
`engine.runs_on`. With `local` the worker of an engine in the test's own process is in that process too, and that of a
daemon is a process. With `ray` both are on one Ray cluster, which the tests share.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import pytest

from stretto.actors import Engine
from stretto.actors.actions import ActionRegistry
from stretto.actors.engine.startup import as_list
from stretto.actors.journal import new_key
from stretto.actors.pools import Carrier, Pool, PoolOptions, RayPlace, pools
from stretto.actors.pools.worker_code import WorkerCode
from stretto.actors.settings.reading import FILE_VARIABLE
from tests.support.in_process_pools import WorkerHere
from tests.support.ray_clusters import RayCluster

if TYPE_CHECKING:
    from types import ModuleType

Kind: TypeAlias = Literal["local", "ray"]

NAME: Final = "suite"
SLOTS: Final = 1_024
"""Tests have up to 500 items wait at once."""
CPUS: Final = 0.01
"""Daemons and engines of one test share the cluster with those of the one before."""
TOKEN: Final = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef"}
POOL_CALLS: Final = "pool calls"
"""The property of a test with the calls that engines in its process have sent to the pool."""
OF_TESTS: Final = ("tests.", "test_")


class SuitePool:
    """The pool, and how engines and daemons get it.

    Args:
        kind: Where its workers are.
        folder: Where the settings of daemons are, and the pool's key.
        cluster: The Ray cluster, or None.

    Attributes:
        module: The test module, whose own actions the workers have.
        calls: How many calls engines in this process have sent to it.
    """

    def __init__(self, kind: Kind, folder: Path, cluster: RayCluster | None) -> None:
        self.module: ModuleType | None = None
        self.calls = 0
        self._cluster = cluster
        self._key = folder / "pool.key"
        self._key.write_text(new_key())
        self._key.chmod(0o600)
        self.settings = folder / "stretto.yaml"
        pool: dict[str, Any] = {"workers": 1, "slots": SLOTS}
        if cluster is not None:
            pool |= {"carrier": "ray", "address": cluster.address, "cpus": CPUS, "key_file": str(self._key)}
        self.settings.write_text(json.dumps({"engine": {"runs_on": NAME}, "pools": {NAME: pool}}))
        self.kind = kind

    def options(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of an engine, with the pool."""
        if "pools" in settings:
            return settings
        actions = (*self._modules(), *map(_from_anywhere, as_list(settings.get("actions", ()))))
        packs = tuple(str(Path(each).absolute()) for each in as_list(settings.get("packs", ())))
        place = None
        if self._cluster is not None:
            place = RayPlace(address=self._cluster.address, cpus=CPUS, key_file=str(self._key))
        pool = PoolOptions(slots=SLOTS, actions=actions, packs=packs, ray=place)
        return {**settings, "pools": {NAME: pool}, "runs_on": NAME}

    def _modules(self) -> tuple[str, ...]:
        """Return the modules of tests that have the actions which the test module can call: its own, and others."""
        if self.module is None:
            return ()
        seen = {
            getattr(each, "__module__", None) or getattr(each, "__name__", "") for each in vars(self.module).values()
        }
        registry = ActionRegistry.registered()
        having = {registry.get(ref).function.__module__ for ref in registry.refs()}
        return tuple(sorted(name for name in having & (seen | {self.module.__name__}) if name.startswith(OF_TESTS)))


def _from_anywhere(module_or_path: str) -> str:
    """Return a module, or the path of a file as a worker in another folder finds it."""
    return str(Path(module_or_path).absolute()) if module_or_path.endswith(".py") else module_or_path


@contextlib.contextmanager
def opened_pool(kind: Kind, folder: Path) -> Iterator[SuitePool]:
    """Start what the pool needs, and give it to all engines and daemons of the `with` block."""
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        cluster = None
        if kind == "ray":
            for name, value in TOKEN.items():
                patch.setenv(name, value)
            cluster = RayCluster(environment=TOKEN)
            stack.callback(cluster.stop)
        pool = SuitePool(kind, folder, cluster)
        patch.setenv(FILE_VARIABLE, str(pool.settings))
        start, carrier, perform = Engine.start.__func__, pools._carrier, Pool.perform  # type: ignore[attr-defined]

        carriers: list[WorkerHere] = []

        def start_with_pool(cls: type[Engine], *arguments: Any, **settings: Any) -> Any:
            engine = start(cls, *arguments, **pool.options(settings))
            while carriers:
                carriers.pop().wait_for_welcome()
            return engine

        def carrier_here(name: str, options: PoolOptions) -> Carrier:
            if options.ray is not None:
                return carrier(name, options)
            carriers.append(WorkerHere(WorkerCode(packs=options.packs).load(), options.slots))
            return carriers[-1]

        def counted_perform(self: Pool, *arguments: Any, **more: Any) -> Any:
            pool.calls += 1
            return perform(self, *arguments, **more)

        patch.setattr(Engine, "start", classmethod(start_with_pool))
        patch.setattr(pools, "_carrier", carrier_here)
        patch.setattr(Pool, "perform", counted_perform)
        yield pool
