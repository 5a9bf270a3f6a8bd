"""Items in pools: which pool an item's definition names, and the call of its action there."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from stretto.actors.actions import Action
from stretto.actors.dispatch import Overran
from stretto.actors.history import PoolWait
from stretto.actors.pools import HERE, Caller, Pool, UnmetNeeds, can_leave, unknown_pool_error
from stretto.actors.runners import Begun, Call, Running
from stretto.actors.runs.messages import RunItem
from stretto.actors.runs.services import Services
from stretto.definitions.conductor import StartItem
from stretto.definitions.context import ItemScope, Snapshot
from stretto.definitions.data import Data
from stretto.definitions.errors import ExpressionError
from stretto.definitions.expressions import Constant, Moment
from stretto.definitions.model import Task, Workflow, once_per_workflow

PoolAndAction: TypeAlias = tuple[str, str]
"""A pool, and an action that items wait for because no worker of the pool has it, or ""."""
NO_POOL: Final = ""
"""The pool of an item whose definition gives none that exists: the item fails when it begins."""
TIMEOUT_GRACE_SECONDS: Final = 10.0
"""A worker ends a call at its timeout. If it does not report that in this time, the engine does."""


@once_per_workflow
def tasks_with_pools(workflow: Workflow) -> frozenset[str]:
    """Return the tasks whose definition names a pool."""
    return frozenset(name for name, task in workflow.tasks.items() if task.runs_on is not None)


@once_per_workflow
def tasks_with_actions(workflow: Workflow) -> frozenset[str]:
    """Return the tasks whose items may run in a pool that is the default."""
    return frozenset(name for name, task in workflow.tasks.items() if task.action is not None)


def action_of(workflow: Workflow, start: StartItem) -> str:
    """Return the ref of an item's action. A rendered one is known only when the item starts."""
    action = start.prepared.action if start.prepared is not None else workflow.tasks[start.task].action
    return action or ""


def pool_of(services: Services, workflow: Workflow, start: StartItem, run_id: str) -> str:
    """Return the pool in which an item runs: `HERE`, another one, or `NO_POOL`.

    A task that names none runs in the default pool. Actions that no worker can have stay here whatever the definition
    says. So do those of packs, unless the pool has packs.
    """
    task = workflow.tasks[start.task]
    if services.pools is None or (task.runs_on is None and services.runs_on == HERE):
        return HERE
    ref = action_of(workflow, start)
    action = services.actions.find(ref, workflow.semantics.core_actions)
    if action is not None and not can_leave(action):
        return HERE
    try:
        name = _named(services, task, start, run_id)
    except (ExpressionError, Overran):
        return NO_POOL
    if not isinstance(name, str) or (name != HERE and name not in services.pools):
        return NO_POOL
    is_of_pack = action is not None and action.digest is not None
    return HERE if is_of_pack and name != HERE and not services.pools[name].has_packs else name


def named_pool(services: Services, workflow: Workflow, start: StartItem, run_id: str, known: dict[str, str]) -> str:
    """Return what `pool_of` does. The pool of a task without expressions for it is added to the known ones."""
    pool = pool_of(services, workflow, start, run_id)
    if start.prepared is None and isinstance(workflow.tasks[start.task].runs_on, Constant | None):
        known[start.task] = pool
    return pool


def _named(services: Services, task: Task, start: StartItem, run_id: str) -> Data:
    if task.runs_on is None:
        return services.runs_on
    if isinstance(task.runs_on, Constant):
        return task.runs_on.value
    limits = start.scope.facts.limits
    moment = Moment(start.at, run_id, start.task, start.visit, start.index, limits=limits)
    return services.guard.call(task.runs_on.evaluate, start.scope, moment)


def pool_of_item(services: Services, message: RunItem, run_id: str) -> Pool:
    """Return the pool in which an item runs.

    Raises:
        ExpressionError, Overran: The expression of `runs_on` cannot be evaluated.
        UnknownPool: The definition gives no pool that exists.
        UnmetNeeds: No worker of the pool can have what the task needs.
        PoolNeedsKey: The run has secrets, and the pool does not keep them.
    """
    pools = {} if services.pools is None else services.pools
    pool = pools.get(message.pool)
    if pool is None:
        raise unknown_pool_error(_named(services, message.task, message.start, run_id), (HERE, *pools))
    needs = message.task.needs
    if needs is not None and (lacking := pool.offers.lacks(needs)):
        raise UnmetNeeds(f"no worker of the pool {pool.name} can have {lacking}")
    if not pool.keeps_secrets and message.start.scope.facts.mask:
        pool.refuse_secrets()
    return pool


def announced_action(services: Services, pool: Pool | None, message: RunItem, ref: str) -> Action:
    """Return an action that the daemon does not have, and the workers of the item's pool have announced.

    Raises:
        UnknownAction: They have not.
    """
    found = None if pool is None else pool.find(ref)
    return found or services.actions.get(ref, message.core_actions)


def start_in(  # noqa: PLR0913, PLR0917 - what a call consists of
    pool: Pool, message: RunItem, action: Action, call: Call, item: Caller, begun: Begun | None
) -> Running:
    """Start the call of an item in its pool. Its supervisor hears of the end. Raises RuntimeError if the pool stops."""
    scope = message.start.scope
    snapshot = scope.snapshot if isinstance(scope, ItemScope) else scope
    return pool.perform(
        action, call, item, message.supervisor, begun, core=message.core_actions,
        once=message.task.delivery == "at_most_once", needs=message.task.needs, context=_values, version=snapshot,
    )  # fmt: skip


def waits_for_pools(services: Services, waiting: Mapping[PoolAndAction, int], run_id: str) -> tuple[PoolWait, ...]:
    """Return what the items of a run wait for in pools.

    Args:
        services: The engine's services.
        waiting: How many items wait for a permit, by pool and by the action that no worker has, or "".
        run_id: The run.
    """
    found: list[PoolWait] = []
    for name, pool in ({} if services.pools is None else services.pools).items():
        counts = Counter({ref: count for (of_pool, ref), count in waiting.items() if of_pool == name})
        counts.update(pool.waiting_of(run_id))
        # First those that wait for any worker.
        found += [
            PoolWait(name, counts[ref], pool.connected, pool.expected, ref, pool.trouble) for ref in sorted(counts)
        ]
    return tuple(found)


def timeout_of(message: RunItem) -> float | None:
    """Return the seconds after which the engine ends an attempt. A worker ends its calls at the timeout itself."""
    timeout = message.start.timeout
    return timeout if timeout is None or message.pool == HERE else timeout + TIMEOUT_GRACE_SECONDS


def _values(snapshot: Snapshot) -> Iterator[Data]:
    """Yield the values of a run's context, which inputs may share."""
    yield snapshot.facts.parameters
    yield from snapshot.variables.values()
    for record in snapshot.tasks.values():
        yield record.result
