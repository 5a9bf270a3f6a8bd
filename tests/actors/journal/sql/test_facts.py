"""The facts of a store."""

from pathlib import Path

from stretto.actors.journal import open_store


def test_a_store_has_a_kind_a_version_and_a_size(tmp_path: Path) -> None:
    """Of SQLite, the size is that of the file's pages."""
    with open_store(f"sqlite:///{tmp_path}/store.db", None) as store:
        facts = store.reader.facts()
    assert facts.kind == "sqlite"
    assert facts.version.startswith("3.")
    assert facts.bytes > 0
    assert facts.bytes % 512 == 0
