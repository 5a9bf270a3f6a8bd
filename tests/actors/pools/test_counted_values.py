"""What travels for contexts of 0 to 50 MB, counted: bytes an item, large values sent, and large values decoded."""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import pytest

from stretto.actors.actions import Action, ActionRegistry
from stretto.actors.pools import Pool, PoolOptions, RayPlace, values
from stretto.actors.pools.messages import Perform, Welcome
from stretto.actors.pools.values import LEAST_WEIGHT
from stretto.actors.runners import Call
from stretto.definitions.data import Data, FrozenDict, decode_json, encode_json, freeze
from stretto.metrics import CallIds
from tests.support.engines import Bench
from tests.support.in_process_pools import InProcessCarrier
from tests.support.pool_ends import Ends
from tests.support.ray_clusters import RayCluster, needs_ray
from tests.support.waiting import PATIENCE

ENGINE = 3
WELCOME = Welcome(ENGINE, 3_600.0, (), (), 60.0, 10, 256 * 1024 * 1024)
ITEMS = 200
MOST_BYTES = 64
"""Of an item besides its own input, with the reference to a large value."""
MOST_BATCH_BYTES = 300
"""Of a batch's head."""
INPUT_BYTES = len(b'{"value":null}')
A_KILOBYTE = "x" * 1_000


def length_of(table: list[object]) -> int:
    """Return the length of a large value."""
    return len(table)


LENGTH = Action("ops.length", length_of, "thread", takes_anything=True)
Counts: TypeAlias = tuple[int, int, int]


def table_of(megabytes: int) -> list[str]:
    """Return a value of so many megabytes."""
    return [A_KILOBYTE] * (megabytes * 1_000)


def counts_of(megabytes: int, monkeypatch: pytest.MonkeyPatch, *, inputs_use_it: bool) -> Counts:
    """Return the bytes of all items besides their inputs and the value, the values sent, and those decoded."""
    decoded: list[int] = []

    def counting(text: bytes) -> Data:
        if len(text) >= LEAST_WEIGHT:
            decoded.append(len(text))
        return decode_json(text)

    monkeypatch.setattr(values, "decode_json", counting)
    carrier = InProcessCarrier(ActionRegistry({LENGTH.ref: LENGTH}), slots=ITEMS)
    pool = Pool("compute", carrier, WELCOME)
    pool.start(lambda _capacity: None)
    try:
        table = freeze(table_of(megabytes))
        given = freeze({"table": table if inputs_use_it else ["small"]})
        assert isinstance(given, FrozenDict)
        ends = Ends()
        for index in range(ITEMS):
            call = Call(LENGTH.ref, given, CallIds("run", "ops.flow", "fan", index), None, 1, index, 1)
            pool.perform(LENGTH, call, ends, ends, context=lambda _version: [table], version=table)
        carrier.join()
        expected = megabytes * 1_000 if inputs_use_it else 1
        assert [ends.get(timeout=PATIENCE).result for _ in range(ITEMS)] == [expected] * ITEMS
    finally:
        pool.stop()
    sent = [each for message in carrier.sent if isinstance(message, Perform) for each in message.sendings]
    assert len(sent) == ITEMS
    return (
        sum(len(msgspec.msgpack.encode(each)) - len(each.input) for each in sent),
        pool.report()["values_put"],
        len(decoded),
    )


def test_inputs_without_the_large_value_travel_alike_for_any_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the byte: a context that no input uses does not travel."""
    found = {size: counts_of(size, monkeypatch, inputs_use_it=False) for size in (0, 1, 5, 50)}
    assert len(set(found.values())) == 1, found
    assert found[50][1:] == (0, 0)
    assert found[50][0] / ITEMS < MOST_BYTES


def test_inputs_with_the_large_value_travel_alike_for_any_size_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the byte: the value itself travels once and is decoded once, and all items have a reference to it."""
    found = {size: counts_of(size, monkeypatch, inputs_use_it=True) for size in (1, 5, 50)}
    assert len(set(found.values())) == 1, found
    assert found[50][1:] == (1, 1)
    assert found[50][0] / ITEMS < MOST_BYTES


@needs_ray
def test_on_ray_each_worker_gets_and_decodes_a_large_value_once(
    start_bench: Callable[..., Bench], ray_cluster: RayCluster
) -> None:
    """Whatever its size. The actions see one object in each worker."""
    place = RayPlace(address=ray_cluster.address, cpus=0.5)
    options = PoolOptions(workers=2, slots=4, actions=("tests.support.pool_actions",), ray=place)
    bench = start_bench(pools={"compute": options})
    pool: Pool = bench.proxy.host.services().get(timeout=PATIENCE).pools["compute"]
    for megabytes in (0, 1, 5, 50):
        before = pool.report()
        outcome = bench.run(
            """
runs_on: compute
parameters: {table: {type: array}}
output_map: {seen: "{{ task.fan.result | unique | list }}"}
tasks:
  - name: fan
    action: pooled.identify
    with_items: "{{ range(200) }}"
    concurrency: 200
    input: {value: "{{ parameters.table }}"}
""",
            {"table": table_of(megabytes)},
        )
        assert outcome.output is not None, outcome.errors
        report = pool.report()
        changes: dict[str, Any] = {
            name: report[name] - before[name] for name in ("values_put", "bytes_sent", "batches")
        }
        seen: list[Any] = outcome.output["seen"]
        workers = {each["process"] for each in seen}
        if megabytes:
            assert len(seen) == len(workers), "one object in each worker"
            assert len(workers) <= changes["values_put"] <= 2, "one of the two may have got its calls too late"
        else:
            assert changes["values_put"] == 0
        sent = changes["bytes_sent"] - changes["values_put"] * len(encode_json(table_of(megabytes)))
        assert sent < ITEMS * (MOST_BYTES + INPUT_BYTES) + changes["batches"] * MOST_BATCH_BYTES
