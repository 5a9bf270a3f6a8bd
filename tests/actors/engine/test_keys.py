"""The key-value store of an engine, with a store and without one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Engine, InvalidKey, KeyConflict, KeyLimits, Requester, UnknownKey
from stretto.definitions.errors import LimitExceeded
from tests.support.engines import Bench
from tests.support.waiting import PATIENCE

BY = Requester(who="mira", via="api", source="10.0.0.1")


@pytest.fixture(params=["store", "memory"])
def bench(request: pytest.FixtureRequest, start_bench: Callable[..., Bench], tmp_path: Path) -> Bench:
    """Return an engine with a store, and one without."""
    return start_bench(store=f"sqlite:///{tmp_path}/store.db" if request.param == "store" else None)


def get(future: Any) -> Any:
    return future.get(timeout=PATIENCE)


def test_a_key_is_set_read_and_deleted(bench: Bench) -> None:
    """Each change is in the audit; a refused one is not."""
    proxy = bench.proxy
    set_to = get(proxy.set_key("color", {"r": 1}, by=BY))
    assert get(proxy.key("color"))["value"] == {"r": 1}
    assert (set_to["set_by"], set_to["owner"], set_to["expires_at"]) == ("mira", None, None)
    with pytest.raises(KeyConflict):
        get(proxy.set_key("color", 5, version=0, by=BY))
    again = get(proxy.set_key("color", 5, version=set_to["version"], by=BY))
    assert again["version"] > set_to["version"]
    assert [key["name"] for key in get(proxy.keys())["keys"]] == ["color"]
    get(proxy.delete_key("color", by=BY))
    with pytest.raises(UnknownKey):
        get(proxy.key("color"))
    audited = [(each["operation"], each["target"]) for each in get(proxy.audit())["entries"]]
    assert audited == [("delete_key", "system.color"), *[("set_key", "system.color")] * 2]


def test_a_secret_is_masked_until_someone_asks_for_it(bench: Bench) -> None:
    """Which the audit records, and of a secret only."""
    proxy = bench.proxy
    get(proxy.set_key("token", "hidden", "pack", "ops", secret=True))
    get(proxy.set_key("color", "red"))
    assert get(proxy.key("token", "pack", "ops"))["value"] == "******"
    assert get(proxy.key_value("token", "pack", "ops", by=BY)) == "hidden"
    assert get(proxy.key_value("color", by=BY)) == "red"
    assert [each["operation"] for each in get(proxy.audit())["entries"]] == ["key_value"]


def test_an_expired_key_is_not_there(bench: Bench) -> None:
    """The engine's clock decides."""
    services = get(bench.proxy.host.services())
    get(bench.proxy.set_key("color", "red", lasts=60.0))
    now = services.now()
    services.now = lambda: now + 61.0
    with pytest.raises(UnknownKey):
        get(bench.proxy.key("color"))
    assert get(bench.proxy.keys())["keys"] == []


def test_keys_of_a_store_survive_the_engine(tmp_path: Path) -> None:
    """Without one, the answer says that they do not."""
    url = f"sqlite:///{tmp_path}/store.db"
    with Engine.open(store=url) as engine:
        assert engine.set_key("color", "red")["durable"]
        assert engine.set_key("token", "hidden", secret=True)["durable"]
    with Engine.open(store=url) as engine:
        assert (engine.key("color")["value"], engine.key_value("token")) == ("red", "hidden")
        engine.delete_key("color")
        assert [key["name"] for key in engine.keys()["keys"]] == ["token"]
    with Engine.open() as engine:
        assert engine.set_key("color", "red")["durable"] is False


def test_the_bounds_are_settings_of_the_engine(start_bench: Callable[..., Bench]) -> None:
    """Each at least 1."""
    bench = start_bench(key_limits=KeyLimits(max_keys=1))
    get(bench.proxy.set_key("a", 1))
    with pytest.raises(LimitExceeded, match=r"kv\.max_keys"):
        get(bench.proxy.set_key("b", 1))
    with pytest.raises(ValueError, match="max_bytes of key_limits must be at least 1, got 0"):
        Engine.start(key_limits=KeyLimits(max_bytes=0))


def test_what_can_be_no_key_is_refused(bench: Bench) -> None:
    """Before anything is written."""
    calls: list[Callable[[], Any]] = [
        partial(bench.proxy.set_key, "a/b", 1),
        partial(bench.proxy.key, "a", "user"),
        partial(bench.proxy.delete_key, ""),
    ]
    for call in calls:
        with pytest.raises(InvalidKey):
            get(call())
