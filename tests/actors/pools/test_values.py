"""Large shared values: what is taken out of an input, and how a worker puts it back."""

from typing import Any

import pytest

from stretto.actors.pools.values import LEAST_WEIGHT, DigestTable, ValueCache, large_values, split
from stretto.definitions.data import Data, FrozenDict, encode_json, freeze

TABLE = freeze([{"name": f"row {number}"} for number in range(LEAST_WEIGHT)])
ROWS = freeze({"rows": TABLE, "small": [1, 2]})


def given(**values: Any) -> FrozenDict:
    frozen = freeze(values)
    assert isinstance(frozen, FrozenDict)
    return frozen


def there_and_back(value: FrozenDict, *context: Data, most: int = 1 << 30) -> tuple[bytes, FrozenDict]:
    """Return the text that travels, and the input as the worker has it."""
    light = split(value, large_values(context), DigestTable())
    cache = ValueCache(most)
    for digest, large in light.values.items():
        cache.add(digest, encode_json(large))
    return light.text, cache.join(light.text, light.shared)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (given(table=TABLE), b'{"table":null}'),
        (given(inner={"tables": [1, TABLE]}, row=3), b'{"inner":{"tables":[1,null]},"row":3}'),
        (given(table=TABLE, same=TABLE), b'{"table":null,"same":null}'),
        (given(whole=ROWS), b'{"whole":null}'),
    ],
)
def test_a_value_of_the_context_is_left_out_wherever_it_is(value: FrozenDict, text: bytes) -> None:
    """The outermost one that the context holds."""
    assert there_and_back(value, ROWS) == (text, value)


def test_values_that_the_context_does_not_hold_travel_with_the_input() -> None:
    """They are the item's own. A small input is not even looked at."""
    own = freeze([{"name": f"row {number}"} for number in range(LEAST_WEIGHT)])
    for value in (given(table=own), given(small=[1, 2])):
        assert there_and_back(value, ROWS) == (encode_json(value), value)


def test_a_value_is_digested_once_however_many_inputs_share_it() -> None:
    """Its identity tells that it is the same."""
    table, large = DigestTable(), large_values([ROWS])
    digests = {split(given(table=TABLE, item=item), large, table).shared[0][1] for item in range(100)}
    assert (len(digests), table.digested) == (1, 1)


def test_a_worker_drops_the_values_that_it_has_not_used_for_longest() -> None:
    """It keeps at least one, and asks for what is missing."""
    texts = [encode_json([number] * 1_000) for number in range(3)]
    lights = [split(given(v=v), large_values([v]), DigestTable()) for v in (freeze([n] * 10_000) for n in range(3))]
    digests = [light.shared[0][1] for light in lights]
    values = [next(iter(light.values.values())) for light in lights]
    texts = [encode_json(value) for value in values]
    cache = ValueCache(2 * len(texts[0]))
    for digest, text in zip(digests[:2], texts[:2], strict=True):
        cache.add(digest, text)
    assert cache.join(lights[0].text, lights[0].shared) == given(v=values[0])
    cache.add(digests[2], texts[2])
    assert cache.missing([*digests, digests[1]]) == (digests[1],)
    with pytest.raises(KeyError):
        cache.join(lights[1].text, lights[1].shared)


def test_a_value_with_another_digest_is_refused() -> None:
    """It was damaged on the way."""
    with pytest.raises(ValueError, match="not that of its digest"):
        ValueCache(1_000).add(b"x" * 16, b"[1]")
