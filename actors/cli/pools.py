"""`stretto pools`: lists, shows and drains the pools of workers of a daemon."""

from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.runs.options import NOTE, print_json, with_runs
from stretto.actors.cli.runs.tables import show_table
from stretto.actors.operations import Drained, DrainPool, Pools, PoolsAnswer

if TYPE_CHECKING:
    from stretto.actors.cli.runs.source import Source

_WIDTH = 120


@click.group()
def pools() -> None:
    """List, show and drain the pools of workers of a daemon.

    Tasks with `runs_on: POOL` run there.

    Exit codes: 0 done, 2 wrong usage or no such pool, 3 the daemon cannot be used.
    """


@pools.command("list")
@with_runs
def list_(source: "Source", *, as_json: bool) -> None:
    """List the pools with their workers, slots and items.

    With --json: [{pool, expected, trouble, workers, slots, waiting, in_flight, batches, items_sent, values_put,
    late_ends, bytes_sent, bytes_received, workers_lost}].
    """
    found = source.ask(Pools(), PoolsAnswer).pools
    if as_json:
        print_json(found)
        return
    headings = ("POOL", "WORKERS", "SLOTS", "IN FLIGHT", "WAITING", "LOST")
    rows = [
        (
            pool["pool"], f"{len(pool['workers'])} of {pool['expected']}", str(pool["slots"]),
            f"{pool['in_flight']:,}", f"{pool['waiting']:,}", str(pool["workers_lost"]),
        )
        for pool in found
    ]  # fmt: skip
    if rows:
        show_table(headings, rows, elastic=("POOL", "WORKERS"), width=_WIDTH)
        for pool in found:
            if pool["trouble"] is not None:
                click.echo(f"{pool['pool']}: {pool['trouble']}", err=True)
    else:
        click.echo("no pools: the section `pools` of the settings makes them", err=True)


@pools.command()
@click.argument("pool")
@with_runs
def show(source: "Source", *, pool: str, as_json: bool) -> None:
    """Show the workers of POOL.

    With --json: the pool as in `list --json`, whose workers are {worker, name, process, slots, labels, actions,
    in_flight, state}.
    """
    found = _find(source.ask(Pools(), PoolsAnswer).pools, pool)
    if as_json:
        print_json(found)
        return
    headings = ("WORKER", "STATE", "PROCESS", "SLOTS", "IN FLIGHT", "ACTIONS")
    rows = [
        (
            each["worker"], each["state"], str(each["process"]), str(each["slots"]), str(each["in_flight"]),
            str(len(each["actions"])),
        )
        for each in found["workers"]
    ]  # fmt: skip
    show_table(headings, rows, elastic=("WORKER", "STATE"), width=_WIDTH)
    click.echo(
        f"{found['batches']:,} batches of {found['items_sent']:,} items, {found['values_put']:,} large values, "
        f"{found['bytes_sent']:,} bytes sent, {found['bytes_received']:,} received, {found['late_ends']:,} late ends"
    )


@pools.command()
@click.argument("pool")
@click.argument("worker", required=False)
@NOTE
@with_runs
def drain(source: "Source", *, pool: str, worker: str | None, note: str | None, as_json: bool) -> None:
    """Let the workers of POOL finish their items and leave, or only WORKER. The daemon starts others.

    With --json: {workers}, the number of those that leave.
    """
    drained = source.ask(DrainPool(pool, worker, note=note), Drained)
    if as_json:
        print_json({"workers": drained.workers})


def _find(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for pool in found:
        if pool["pool"] == name:
            return pool
    from stretto.actors.pools import unknown_pool_error

    raise unknown_pool_error(name, [pool["pool"] for pool in found])
