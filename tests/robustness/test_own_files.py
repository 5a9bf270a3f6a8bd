"""Workflows whose items or results are the engine's own files: they fail, and the files stay as they are."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from stretto.actors.cli.support.stores import keyring_of
from stretto.actors.journal import check, files_of, new_key
from tests.support.daemons import serving
from tests.support.engines import Bench

WRITE = """
parameters: {path: {type: string}}
tasks:
  - name: fan
    action: core.echo
    with_items: [1, 2, 3]
    input: {message: "{{ item }}"}
    results: {jsonl: "{{ parameters.path }}"}
"""
READ = """
parameters: {path: {type: string}}
tasks:
  - {name: fan, action: core.echo, with_items: {lines: "{{ parameters.path }}"}, input: {message: "{{ item }}"}}
output_map: {read: "{{ task.fan.result }}"}
"""
SUFFIXES = ("", "-wal", "-shm", "-journal", ".lock", ".key")


def refused(bench: Bench, text: str, path: Path | str, own: Path | str) -> None:
    """Check that a run fails with an error that names both files."""
    outcome = bench.run(text, {"path": str(path)})
    assert outcome.status == "failed"
    (error,) = outcome.errors
    assert f"{path} must not be a file of the engine itself, got {own};" in error["message"]


def test_results_and_items_are_not_the_stores_own_files(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """The runs before and after are all there, and no other process has got the file."""
    store = tmp_path / "store" / "own.db"
    store.parent.mkdir()
    url = f"sqlite:///{store}"
    bench = start_bench(store=url)
    (tmp_path / "other").write_text("1\n")
    (tmp_path / "link").symlink_to(store)
    (tmp_path / "hard").hardlink_to(store)
    assert bench.run(READ, {"path": str(tmp_path / "other")}).status == "succeeded"
    missing = {suffix for suffix in SUFFIXES if not Path(f"{store}{suffix}").exists()}
    for suffix in SUFFIXES:
        for text in (WRITE, READ):
            refused(bench, text, f"{store}{suffix}", f"{store}{suffix}")
    for name in ("link", "hard"):
        refused(bench, WRITE, tmp_path / name, store)
        refused(bench, READ, tmp_path / name, store)
    refused(bench, READ, f"/proc/self/root{store}", store)
    assert missing == {suffix for suffix in SUFFIXES if not Path(f"{store}{suffix}").exists()}
    # Another process is still kept out: SQLite's locks were not released by a closed descriptor.
    assert bench.run(WRITE, {"path": str(tmp_path / "results")}).status == "succeeded"
    bench.proxy.stop().get()
    assert check(url, keyring_of(url, None)) == []
    with sqlite3.connect(store) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (3 + 2 * len(SUFFIXES) + 4,)


def test_the_key_and_the_configuration_are_protected(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """Those that the engine was started with, wherever they are."""
    files = {name: tmp_path / name for name in ("key", "keystore.yaml", "config.yaml", "more")}
    files["key"].write_text(new_key())
    files["key"].chmod(0o600)
    files["keystore.yaml"].write_text("token: secret-token\n")
    files["config.yaml"].write_text("{}")
    files["more"].write_text("settings")
    before = {path: path.read_bytes() for path in files.values()}
    bench = start_bench(
        store=f"sqlite:///{tmp_path}/own.db", store_key=files["key"], keystore=files["keystore.yaml"],
        pack_config=files["config.yaml"], protected=files["more"],
    )  # fmt: skip
    for path in files.values():
        refused(bench, WRITE, path, path)
        refused(bench, READ, path, path)
    assert before == {path: path.read_bytes() for path in files.values()}


def test_files_of_a_store_are_beside_its_real_file(tmp_path: Path) -> None:
    """A linked store has its journal beside the target, and its key beside the link."""
    real, link = tmp_path / "real.db", tmp_path / "link.db"
    link.symlink_to(real)
    found = set(files_of(f"sqlite:///{link}"))
    assert {real, Path(f"{real}-wal"), Path(f"{real}-shm"), Path(f"{real}.lock"), Path(f"{link}.key")} <= found
    assert files_of("sqlite://") == files_of("postgresql://stretto@/stretto") == ()


def test_a_daemons_configuration_and_socket_are_protected(tmp_path: Path) -> None:
    """A client's definition cannot write what the next start reads."""
    folder = tmp_path / "s"
    folder.mkdir()
    config = folder / "stretto.yaml"
    config.write_text("engine:\n  max_items_in_flight: 100\n")
    definition = folder / "write.yaml"
    definition.write_text(f'version: "1.0.0"\nref: files.write{WRITE}')
    store = folder / "own.db"
    with serving(folder, "--config", str(config), "--store", f"sqlite:///{store}") as served:
        for path in (config, folder / "run" / "s", folder / "run" / "s.lock", store):
            done = served.run(definition, f"path={path}")
            assert done.returncode == 1, done.stderr
            assert f"{path} must not be a file of the engine itself" in done.stdout + done.stderr
        assert served.probe("/readyz")[0] == 200
    assert config.read_text() == "engine:\n  max_items_in_flight: 100\n"
