"""The batched histogram against prometheus_client's own."""

from threading import Barrier, Thread

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from stretto.metrics import Histogram, catalogue
from stretto.metrics.catalogue import Metric

# Multiples of 2**-20, whose sums are exact in any order.
DYADIC = st.integers(-(2**30), 2**40).map(lambda n: n / 2**20)
BUCKETS = st.lists(DYADIC.map(abs), min_size=1, max_size=30, unique=True).map(lambda bounds: tuple(sorted(bounds)))


def text_of(collector: Histogram | prometheus_client.Histogram) -> list[str]:
    registry = CollectorRegistry()
    registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if "_created" not in line]


@given(buckets=BUCKETS, batches=st.lists(st.lists(DYADIC, max_size=50), max_size=5))
def test_exposes_what_prometheus_client_exposes(buckets: tuple[float, ...], batches: list[list[float]]) -> None:
    """The same observations give the same text, line by line, as prometheus_client's Histogram."""
    theirs = prometheus_client.Histogram("h_seconds", "Help: a \\ and a\nnewline.", buckets=buckets, registry=None)
    ours = Histogram(Metric("h_seconds", "Help: a \\ and a\nnewline.", buckets=buckets))
    for batch in batches:
        ours.observe_many(batch)
        for value in batch:
            theirs.observe(value)
    assert text_of(ours) == text_of(theirs)


@given(
    st.sampled_from([catalogue.RUN_DURATION, catalogue.ITEM_DURATION, catalogue.TRANSITION_LATENCY]),
    st.data(),
)
def test_an_upper_bound_belongs_to_its_bucket(metric: Metric, data: st.DataObject) -> None:
    """A value equal to a bound is counted in that bucket, as in prometheus_client, for Stretto's bounds."""
    values = data.draw(st.lists(st.sampled_from(metric.buckets), min_size=1))
    theirs = prometheus_client.Histogram(metric.name, metric.help, buckets=metric.buckets, registry=None)
    ours = Histogram(metric)
    for value in values:
        ours.observe(value)
        theirs.observe(value)
    bucket_lines = [line for line in text_of(ours) if "_sum" not in line]
    assert bucket_lines == [line for line in text_of(theirs) if "_sum" not in line]


def test_counts_exactly_under_threads() -> None:
    """Batches from several threads at once lose no observation and no part of the sum."""
    histogram = Histogram(Metric("h_seconds", "Help.", buckets=(0.5, 1.0)))
    threads, rounds, batch = 8, 200, [0.25, 0.75, 4.0]
    together = Barrier(threads)

    def observe() -> None:
        together.wait()
        for _ in range(rounds):
            histogram.observe_many(batch)

    workers = [Thread(target=observe) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    batches = threads * rounds
    assert text_of(histogram)[2:] == [
        f'h_seconds_bucket{{le="0.5"}} {float(batches)}',
        f'h_seconds_bucket{{le="1.0"}} {float(2 * batches)}',
        f'h_seconds_bucket{{le="+Inf"}} {float(3 * batches)}',
        f"h_seconds_count {float(3 * batches)}",
        f"h_seconds_sum {float(5 * batches)}",
    ]


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), float("-inf")])
def test_a_batch_with_an_invalid_number_leaves_no_trace(poison: float) -> None:
    """NaN and infinity are refused, and no other value of the batch is counted."""
    histogram = Histogram(Metric("h_seconds", "Help.", buckets=(1.0,)))
    histogram.observe(0.5)
    before = text_of(histogram)
    with pytest.raises(ValueError, match="observations of h_seconds must be finite numbers"):
        histogram.observe_many([0.5, poison, 0.5])
    assert text_of(histogram) == before


@pytest.mark.parametrize("buckets", [(), (1.0, 1.0), (2.0, 1.0), (1.0, float("inf")), (float("nan"),), (-1.0, 1.0)])
def test_refuses_buckets_that_do_not_rise(buckets: tuple[float, ...]) -> None:
    """Buckets that are missing, repeated, unsorted, negative or not finite are an error."""
    with pytest.raises(ValueError, match="the buckets of h_seconds must be finite and rise"):
        Histogram(Metric("h_seconds", "Help.", buckets=buckets))
