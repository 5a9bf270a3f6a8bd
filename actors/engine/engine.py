"""The engine: the root actor, whose proxy is the public API. It never waits for another actor: it answers later.

with Engine.open(definitions="workflows", store="sqlite:///stretto.db") as engine:  # waits for each answer
    outcome = engine.run("ops.health_checks", {"servers": [...]})
"""

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Unpack

from stretto.actors.actions import (
    DEFAULT_INQUIRY_LIMITS,
    DEFAULT_REMOTE_LIMITS,
    MAX_HTTP_CONNECTIONS,
    MAX_PROCESS_BYTES,
    MAX_RETRY_AFTER_SECONDS,
    AddressPolicy,
    InquiryLimits,
    RemoteLimits,
    RenderedCommands,
)
from stretto.actors.engine.blocking import BlockingEngine
from stretto.actors.engine.methods.controls import ControlMethods
from stretto.actors.engine.methods.daemons import DaemonMethods
from stretto.actors.engine.methods.events import EventMethods
from stretto.actors.engine.methods.housekeeping import HousekeepingMethods
from stretto.actors.engine.methods.inquiries import InquiryMethods
from stretto.actors.engine.methods.items import ItemMethods
from stretto.actors.engine.methods.keys import KeyMethods
from stretto.actors.engine.methods.pools import PoolMethods
from stretto.actors.engine.methods.records import RecordMethods
from stretto.actors.engine.methods.runs import RunMethods
from stretto.actors.engine.methods.schedules import ScheduleMethods
from stretto.actors.engine.methods.sensors import SensorMethods
from stretto.actors.engine.methods.submission import SubmissionMethods
from stretto.actors.engine.retention import Retention
from stretto.actors.engine.settings import EngineSettings, Paths
from stretto.actors.engine.startup import EngineOptions, start_actor, start_parts
from stretto.actors.journal import DEFAULT_KEY_LIMITS, MAX_OUTPUT_BYTES, KeyLimits
from stretto.actors.packs import MAX_PACK_ACTIONS, Source
from stretto.actors.pools import HERE, NO_OPTIONS, PoolOptions
from stretto.actors.runners import DEFAULT_THREADS, MAX_THREADS_LEFT_BEHIND, PACK_WORKERS
from stretto.actors.runs import MAX_ITEMS_IN_FLIGHT, MAX_RESULT_BYTES, MAX_RUNS
from stretto.actors.sensors import SensorLimits
from stretto.actors.workers import CALLS_OF_A_WORKER, IDLE_SECONDS, WorkerLife
from stretto.definitions.expressions import DEFAULT_LIMITS, ExpressionLimits
from stretto.definitions.rules import MAX_MATCH_UNITS, MAX_UNMATCHED_WAITS

if TYPE_CHECKING:
    import pykka


class Engine(  # each subject is a file of its own in methods/
    SubmissionMethods,
    ControlMethods,
    RunMethods,
    ItemMethods,
    RecordMethods,
    KeyMethods,
    PoolMethods,
    InquiryMethods,
    DaemonMethods,
    EventMethods,
    ScheduleMethods,
    SensorMethods,
    HousekeepingMethods,
):
    """The root actor. Start it with `Engine.start(...)`, and use it through `.proxy()`.

    A call through the proxy returns a future, whose `get()` raises the method's errors. These are common:

    - `UnknownRun`: there is no such run. `IllegalTransition`: the run has ended, or does not allow the request.
    - `NoStore`, `StoreUnavailable`: the engine has no store, or the store cannot be used now.

    Attributes:
        host: The daemon's side of the engine (`EngineHost`).
        metrics_url: The URL of the metrics endpoint, or None without one.
    """

    @classmethod
    def start(  # noqa: PLR0913 - keywords, each an independent setting
        cls,
        definitions: Paths | None = None,
        store: str | None = None,
        actions: Paths = (),
        metrics_port: int | None = None,
        *,
        max_items_in_flight: int = MAX_ITEMS_IN_FLIGHT,
        max_runs: int = MAX_RUNS,
        max_result_bytes: int = MAX_RESULT_BYTES,
        max_output_bytes: int = MAX_OUTPUT_BYTES,
        capture_output: bool = False,
        threads: int = DEFAULT_THREADS,
        max_threads_left_behind: int = MAX_THREADS_LEFT_BEHIND,
        workers: int | None = None,
        max_worker_bytes: int | None = None,
        pack_workers: int = PACK_WORKERS,
        max_pack_process_bytes: int = MAX_PROCESS_BYTES,
        max_pack_actions: int = MAX_PACK_ACTIONS,
        remote_limits: RemoteLimits = DEFAULT_REMOTE_LIMITS,
        worker_calls: int = CALLS_OF_A_WORKER,
        worker_idle_seconds: float = IDLE_SECONDS,
        dispatchers: int = 1,
        addresses: AddressPolicy | None = None,
        max_retry_after: float = MAX_RETRY_AFTER_SECONDS,
        max_http_connections: int = MAX_HTTP_CONNECTIONS,
        packs: Paths = (),
        pack_config: Source | None = None,
        keystore: Source | None = None,
        rendered_commands: RenderedCommands = "owner",
        check_digests: bool = False,
        store_key: str | PathLike[str] | None = None,
        store_lease: float | None = None,
        retain_days: float | None = None,
        retain_runs: int | None = None,
        retain_audit_days: float | None = None,
        retain_event_days: float | None = None,
        max_unmatched_waits: int = MAX_UNMATCHED_WAITS,
        max_match_units: int = MAX_MATCH_UNITS,
        inquiry_limits: InquiryLimits = DEFAULT_INQUIRY_LIMITS,
        protected: Paths = (),
        expression_limits: ExpressionLimits = DEFAULT_LIMITS,
        key_limits: KeyLimits = DEFAULT_KEY_LIMITS,
        files_read: Paths = (),
        files_write: Paths = (),
        files_shared: Paths = (),
        files_host: str | None = None,
        artifacts: str | PathLike[str] | None = None,
        run_packs_as: str | None = None,
        pools: Mapping[str, PoolOptions] = NO_OPTIONS,
        runs_on: str = HERE,
        sensors: SensorLimits | None = None,
    ) -> "pykka.ActorRef[Engine]":
        """Start an engine and everything it needs; return its actor. If this raises, nothing is left running.

        Args:
            definitions: Folders of definitions and of packs.
            store: The URL of a database for runs, `sqlite:///FILE` or `postgresql://...`. None keeps them in memory.
            actions: Modules to import, or FILE.py to execute, for their actions.
            metrics_port: The loopback port of the metrics endpoint. 0 is any free port, None is no endpoint.
            max_items_in_flight: The bound on items in flight in all runs together.
            max_runs: The bound on runs in progress. A new run above it is refused.
            max_result_bytes: The bound on the JSON text of one action's result. A larger one fails its item.
            max_output_bytes: The bound on the texts of one run that are kept with `capture_output`.
            capture_output: Keep what actions print with their items. Other threads than the main one print to stderr.
            threads: The bound on threads for plain functions.
            max_threads_left_behind: How many of them are replaced while their function hangs, its item having ended.
            workers: The bound on processes for isolated functions. None is one a core.
            max_worker_bytes: The most memory that such a process may take. None is no limit.
            pack_workers: The bound on processes that are kept for packs' Python actions.
            max_pack_process_bytes: The most memory that a process of a pack's action may take.
            max_pack_actions: The most actions of a pack. One with more is refused.
            remote_limits: The limits on the hosts of one core.remote, and on their outputs.
            worker_calls: How many calls a kept process takes, of either kind. Then a new one takes its place.
            worker_idle_seconds: How many seconds it is kept without a call.
            dispatchers: The number of threads for actors.
            addresses: The addresses that core.http may connect to.
            max_retry_after: The longest wait before a retry, in seconds, that a server can ask core.http for.
            max_http_connections: The connections that core.http has open at a time. More requests wait for one.
            packs: Folders of packs, or packs.
            pack_config: The values of `config.*` in expressions, or the path of a YAML file with them.
            keystore: The values of `keystore.*` in expressions, or the path of a YAML file with them.
            rendered_commands: Which runs of Orquesta definitions may put expressions into commands, where data can run
                as code: "owner" those that no remote client has asked for, "allow" all, "refuse" none.
            check_digests: Fail an item whose action changes frozen input, as C code can (`heapq`). For debugging.
            store_key: The file with the key for secrets in the store. None is a file beside an SQLite store.
            store_lease: The seconds after which other engines take over the runs of this one if it has not written the
                store, in PostgreSQL only. None lets no other engine open the store.
            retain_days: The days that ended runs stay in the store. None is no limit.
            retain_runs: The number of ended runs that stay in the store. None is no limit.
            retain_audit_days: The days that entries of the audit stay in the store. None is no limit.
            retain_event_days: The days that events stay in the store, with what rules answered. None is no limit.
            max_unmatched_waits: How many items may wait for events of one type without `match`.
            max_match_units: The units of work, each about 0.1 us, of all rules that one event is matched with.
            inquiry_limits: The limits on what the actions of runs ask people.
            protected: More files that workflows must not read or write, besides the store and its key.
            expression_limits: The limits on the expressions of new runs. A run in the store keeps those that it had.
            key_limits: The bounds of the key-value store.
            files_read: Folders below which remote runs may choose files of items.
            files_write: Folders below which remote runs may choose files of results.
            files_shared: Folders of items and results that all engines of a shared store have.
            files_host: The name of the host that has all other files. None is the name of this machine.
            artifacts: The folder of files that actions of Attune's packs leave for others.
            run_packs_as: The user as whom processes of packs run. With None they run as this process does.
            pools: The pools of workers by name, in which tasks with `runs_on` run.
            runs_on: The pool of tasks that name none. By default they run here.
            sensors: The bounds of the sensors that the engine runs. None runs none.

        Raises:
            CannotLoadActions, UnknownWorkflow: Actions cannot be imported, or a folder of definitions does not exist.
            InvalidDefinition, InvalidPackConfig: Packs are invalid (with every finding), or reject the configuration.
            CannotExpose, CannotOpenStore: The metrics port, or the store, cannot be opened.
            UnknownPool: `runs_on` is none of the pools.
            ValueError: A setting is out of range.
        """
        parts = start_parts(EngineOptions(
            definitions=definitions, store=store, actions=actions, metrics_port=metrics_port, threads=threads,
            max_items_in_flight=max_items_in_flight, dispatchers=dispatchers, addresses=addresses, packs=packs,
            pack_config=pack_config, keystore=keystore, rendered_commands=rendered_commands, protected=protected,
            retention=Retention(retain_days, retain_runs, retain_audit_days, retain_event_days),
            max_unmatched_waits=max_unmatched_waits, max_match_units=max_match_units,
            inquiry_limits=inquiry_limits,
            check_digests=check_digests, store_key=store_key, store_lease=store_lease,
            files_read=files_read, files_write=files_write, files_shared=files_shared,
            files_host=files_host, max_threads_left_behind=max_threads_left_behind,
            artifacts=artifacts,
            run_packs_as=run_packs_as,
            workers=workers, max_worker_bytes=max_worker_bytes, pack_workers=pack_workers,
            max_pack_process_bytes=max_pack_process_bytes, max_pack_actions=max_pack_actions,
            remote_limits=remote_limits,
            worker_life=WorkerLife(worker_calls, worker_idle_seconds),
            max_runs=max_runs, max_result_bytes=max_result_bytes, expression_limits=expression_limits,
            key_limits=key_limits,
            max_output_bytes=max_output_bytes, capture_output=capture_output, max_retry_after=max_retry_after,
            max_http_connections=max_http_connections, pools=pools, runs_on=runs_on, sensors=sensors,
        ))  # fmt: skip
        return start_actor(parts, lambda: cls.start_on(parts.services.dispatcher, parts))

    @classmethod
    def open(cls, definitions: Paths | None = None, **settings: Unpack[EngineSettings]) -> BlockingEngine:
        """Start an engine for a `with` block, whose methods return answers instead of futures. Raises as `start` does.

        Args:
            definitions: Folders of definitions and of packs.
            settings: The other arguments of `start`, by name.
        """
        return BlockingEngine(cls.start(definitions, **settings))
