"""Keys as people see them."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.journal.audit import Requester
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.kv import KeyPlace, UnknownKey
from stretto.actors.journal.opening import open_reader, open_store
from stretto.actors.journal.queries import InvalidCursor
from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.kv import InvalidKey, KeySnapshot
from stretto.actors.kv.reports import OfflineKeys, key_value, list_keys, page_of_keys, show_key
from tests.support.keys import stored_key

KEYS = KeySnapshot.of(
    stored_key(place, version=number)
    for number, place in enumerate(
        [
            KeyPlace("system", "", "a"), KeyPlace("system", "", "ab"), KeyPlace("pack", "ops", "a"),
            KeyPlace("pack", "dev", "a"), KeyPlace("user", "mira", "b"),
        ]
    )
)  # fmt: skip


def names(**query: Any) -> list[str]:
    found = page_of_keys(KEYS, 0.0, **query)["keys"]
    return [".".join(filter(None, (key["scope"], key["owner"], key["name"]))) for key in found]


def test_keys_are_listed_by_scope_owner_and_name() -> None:
    """All of them, or those that match."""
    assert names() == ["pack.dev.a", "pack.ops.a", "system.a", "system.ab", "user.mira.b"]
    assert names(scope="pack") == ["pack.dev.a", "pack.ops.a"]
    assert names(owner="ops") == ["pack.ops.a"]
    assert names(prefix="ab") == ["system.ab"]
    with pytest.raises(InvalidKey, match="the scope of keys must be"):
        names(scope="none")


def test_pages_follow_each_other() -> None:
    """Until there is none; another cursor is refused."""
    seen, cursor = [], None
    for _ in range(3):
        page = page_of_keys(KEYS, 0.0, cursor=cursor, limit=2)
        seen += [key["version"] for key in page["keys"]]
        cursor = page["next"]
    assert (seen, cursor) == ([3, 2, 0, 1, 4], None)
    with pytest.raises(InvalidCursor, match="must come from a page of keys"):
        page_of_keys(KEYS, 0.0, cursor="runs-5")


def test_the_keys_of_a_store_are_changed_and_read_without_an_engine(tmp_path: Path) -> None:
    """A reader without the store's key sees all but the value of a secret."""
    url = f"sqlite:///{tmp_path}/store.db"
    by = Requester(who="mira", via="cli", source="local")
    usual: dict[str, Any] = {"lasts": None, "version": None}
    with open_store(url, keyring_for(url, None)) as store:
        keys = OfflineKeys(store, by)
        assert keys.set("a", [1], "system", None, secret=False, **usual)["durable"] is True
        keys.set("b", "hidden", "pack", "ops", secret=True, **usual)
        keys.set("c", "x", "system", None, secret=False, **usual)
        keys.delete("c", "system", None, None)
        with pytest.raises(UnknownKey):
            keys.delete("c", "system", None, None)
        assert [key["name"] for key in list_keys(store.reader)["keys"]] == ["b", "a"]
        assert show_key(store.reader, "a")["value"] == [1]
        assert show_key(store.reader, "b", "pack", "ops")["value"] == "******"
        assert key_value(store.reader, "b", "pack", "ops") == "hidden"
    with contextlib.closing(open_reader(url, None)) as reader:
        assert show_key(reader, "b", "pack", "ops")["value"] == "******"
        with pytest.raises(UnreadableRecord, match=r"the value of the key pack\.ops\.b cannot be read: .*no key was"):
            key_value(reader, "b", "pack", "ops")
