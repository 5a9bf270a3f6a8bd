"""Gathers what a run's items wait for outside of its conductor."""

from stretto.actors.history import Blockers
from stretto.actors.journal import MAX_PENDING
from stretto.actors.runs.execution import RunExecution
from stretto.actors.runs.pooled_calls import waits_for_pools
from stretto.actors.runs.services import Services


def blockers_of(services: Services, run: RunExecution) -> Blockers:
    """Return the blockers of a run's items."""
    items, link, use = run.items, services.journal, services.runners.thread_use
    return Blockers(
        items.waiting(), items.permits.requested, link.unavailable, link.pending >= MAX_PENDING,
        run.streams.lagging, items.children(), services.runners.waiting_for_thread(run.run_id),
        use.threads, use.left_behind, waits_for_pools(services, items.waiting_for_pools(), run.run_id),
        items.waits(), items.waiting_for_keys(), items.waiting_for_rates(),
    )  # fmt: skip
