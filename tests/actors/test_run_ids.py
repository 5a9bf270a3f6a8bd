"""Run ids."""

import uuid

from stretto.actors.outcome import new_run_id


def test_an_id_is_a_uuid_of_version_7() -> None:
    """Its version and variant are those of RFC 9562."""
    value = uuid.UUID(new_run_id())
    assert value.version == 7
    assert value.variant == uuid.RFC_4122


def test_ids_sort_by_the_time_of_their_making(monkeypatch: object) -> None:
    """An id made in a later millisecond is greater, as text."""
    from unittest.mock import patch

    ids = []
    for nanoseconds in (1, 5_000_000_000, 1_800_000_000_000_000_000, 1_800_000_000_001_000_000):
        with patch("time.time_ns", return_value=nanoseconds):
            ids.append(new_run_id())
    assert ids == sorted(ids)


def test_ids_do_not_repeat() -> None:
    """Ten thousand ids are ten thousand different ones."""
    assert len({new_run_id() for _ in range(10_000)}) == 10_000
