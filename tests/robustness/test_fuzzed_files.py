"""Mutated settings, variables, keystores, inputs, keys and packs.

Each is read, or refused with a message that names the file.

The mutations are the same each time. `STRETTO_FUZZ=2000` tries more of them.
"""

import base64
import os
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import click
import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from stretto.actors.cli.inputs import inputs_of
from stretto.actors.journal.encryption import InvalidStoreKey, read_key_file
from stretto.actors.packs import examine_packs, read_pack_configuration, read_packs
from stretto.actors.packs.secrets import InvalidPackConfig
from stretto.actors.settings import InvalidSettings, read_settings
from stretto.definitions.errors import InvalidDefinition, StrettoError
from tests.support.mutations import HARD, mutations
from tests.support.paths import DOCS

COUNT: Final = int(os.environ.get("STRETTO_FUZZ", "60"))

SETTINGS: Final = b"""
engine:
  definitions: [/etc/stretto/definitions, more]
  store: sqlite:////var/lib/stretto/stretto.db
  retain_days: 30
  threads: 4
serve: {port: 8421, watch: false, drain_seconds: 1.5}
http: {deny: [10.0.0.0/8], allow: ["::1"]}
logging: {level: DEBUG}
"""
INPUTS: Final = {
    "i.json": b'{"servers": [{"host": "a", "port": 80, "tags": [null, true, 1.5e3]}], "name": "\\u00e4"}',
    "i.yaml": b"servers:\n  - &a {host: a, port: 80}\n  - *a\nname: '\xc3\xa4'\nwhen: 1.5\n",
}
KEYSTORE: Final = b"token: secret-token\nnested: {user: me, keys: [a, b]}\ntext: |\n  two\n  lines\n"
PACKS: Final = {"Attune": DOCS / "packs" / "fleet", "StackStorm": DOCS / "stackstorm" / "hosts"}


def refused(read: Callable[[], object], *errors: type[Exception]) -> Exception | None:
    """Return the error with which a file was refused, or None. Any other exception fails the test."""
    try:
        read()
    except errors as error:
        return error
    return None


def test_settings(tmp_path: Path) -> None:
    """Each problem names the file, and most of them the line."""
    file = tmp_path / "stretto.yaml"
    failures = 0
    for content in mutations("settings", SETTINGS, COUNT * 5):
        file.write_bytes(content)
        error = refused(lambda: read_settings(str(file), {}), InvalidSettings)
        if error is not None:
            failures += 1
            assert isinstance(error, InvalidSettings)
            assert all(each.startswith(str(file)) for each in error.problems), error.problems
    assert failures


def test_variables() -> None:
    """Each problem names the variable."""
    choose = random.Random("variables")  # noqa: S311 - what is chosen is no secret
    names = ("ENGINE__THREADS", "ENGINE__DEFINITIONS", "SERVE__PORT", "HTTP__DENY", "LOGGING__LEVEL", "SERVE__WATCH")
    failures = 0
    for _ in range(COUNT * 5):
        value = b"".join(choose.choices((*HARD, b"1", b"/a", b"DEBUG"), k=choose.randint(0, 4)))
        name = f"STRETTO__{choose.choice(names)}{choose.choice(('', '', '', 'X', '__'))}"
        given = {name: os.fsdecode(value)}
        error = refused(partial(read_settings, os.devnull, given), InvalidSettings)
        if error is not None:
            failures += 1
            assert name in str(error)
    assert failures


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(tmp_path: Path, name: str) -> None:
    """Each error names the file."""
    file = tmp_path / name
    failures = 0
    for content in mutations(name, INPUTS[name], COUNT * 5):
        file.write_bytes(content)
        error = refused(lambda: inputs_of({}, str(file), ()), click.UsageError)
        if error is not None:
            failures += 1
            assert str(file) in str(error)
    assert failures


def test_assignments() -> None:
    """Each error names the parameter, and never its value."""
    choose = random.Random("assignments")  # noqa: S311 - what is chosen is no secret
    for _ in range(COUNT * 5):
        value = b"".join(choose.choices((*HARD, b"1", b"[", b'"a"'), k=choose.randint(0, 4)))
        kind = choose.choice(("string", "integer", "number", "boolean", "array", "object", "any"))
        text = f"n={os.fsdecode(value)}"
        error = refused(partial(inputs_of, {"n": kind}, None, (text,)), click.UsageError)
        assert error is None or "'n' must be" in str(error)


def test_keystores_and_configurations(tmp_path: Path) -> None:
    """Each error names the file, or what it is for."""
    file = tmp_path / "keystore.yaml"
    failures = 0
    for content in mutations("keystore", KEYSTORE, COUNT * 5):
        file.write_bytes(content)
        for config, keystore in ((file, None), (None, file)):
            read = partial(read_pack_configuration, config, keystore, ())
            error = refused(read, InvalidDefinition, InvalidPackConfig)
            if error is not None:
                failures += 1
                assert str(file) in str(error) or "keystore" in str(error) or "pack_config" in str(error)
                assert "secret-token" not in str(error)
    assert failures


def test_keys(tmp_path: Path) -> None:
    """Each error names the file, and never the key."""
    file = tmp_path / "key"
    file.touch(0o600)
    key, other = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
    failures = 0
    for content in mutations("key", f"# a comment\n{key}\n{other}\n".encode(), COUNT * 5):
        file.write_bytes(content)
        error = refused(lambda: read_key_file(file), InvalidStoreKey)
        if error is not None:
            failures += 1
            assert str(file) in str(error)
            assert key not in str(error)
    assert failures


@pytest.mark.parametrize("kind", PACKS)
def test_packs(tmp_path: Path, kind: str) -> None:
    """Each file of a pack in turn: its manifest, the metadata of its actions, workflows and programs."""
    original = PACKS[kind]
    pack = tmp_path / original.name
    shutil.copytree(original, pack)
    failures = 0
    for file in sorted(each for each in pack.rglob("*") if each.is_file()):
        before = file.read_bytes()
        for content in mutations(str(file.relative_to(pack)), before, COUNT):
            file.write_bytes(content)
            _packs, findings = examine_packs([tmp_path])
            failures += bool(findings)
            assert all(each.place.file.startswith(str(tmp_path)) and each.place.line > 0 for each in findings)
            error = refused(lambda: read_packs([tmp_path]), StrettoError)
            assert (error is None) == (not findings)
        file.write_bytes(before)
    assert failures


@pytest.mark.parametrize(
    "words",
    [
        [b"run", b"a\xff"],
        [b"run", b"a\xff", b"--daemon", b"unix:///nowhere"],
        [b"runs", b"show", b"a\xff", b"--daemon", b"unix:///nowhere"],
        [b"runs", b"show", b"a", b"--store", b"sqlite:////\xff.db"],
        [b"run", os.fsencode(DOCS / "examples" / "greet.yaml"), b"names=\xff"],
        [b"validate", b"a\xff.yaml"],
        [b"config", b"show", b"--config", b"a\xff.yaml"],
    ],
)
def test_arguments_that_are_not_utf_8(words: list[bytes]) -> None:
    """A shell passes any bytes. Python gives them as lone surrogates, which no JSON and no database takes."""
    result = CliRunner().invoke(main, list(map(os.fsdecode, words)))
    assert isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code in {2, 3}
    assert "\\udcff" in result.output or "'names' must be text in UTF-8" in result.output
