"""The secret of a webhook is under a key or in a file, or the webhook takes no requests."""

from pathlib import Path

import pytest

from stretto.actors.triggers.proofs import NoHookSecret
from stretto.actors.triggers.secrets import MAX_SECRET_BYTES, secret_of
from stretto.definitions.context import ReadKey
from stretto.definitions.dialects import Reader
from stretto.definitions.rules import Hook, read_trigger
from stretto.definitions.source import compose
from tests.support.events import hook


def keys(value: object = None) -> object:
    return lambda place, _at: ReadKey(place, 0 if value is None else 1, value, secret=True)


def in_folder(folder: Path, text: str) -> Hook:
    reader = Reader(str(folder / "hook.yaml"))
    read = read_trigger(reader, compose(text, reader.file, reader.report))
    assert isinstance(read, Hook)
    return read


def test_a_secret_is_read_from_its_key_or_its_file(tmp_path: Path) -> None:
    """A file is found beside the hook's, and white space around the secret does not count."""
    assert secret_of(hook("hook: a\nsecret: {kv: token}"), keys("hunter2"), 0.0) == b"hunter2"  # type: ignore[arg-type]
    (tmp_path / "secret").write_text(" hunter3\n")
    assert secret_of(in_folder(tmp_path, "hook: a\nsecret: {file: secret}"), keys(), 0.0) == b"hunter3"  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, 5, "", "x" * (MAX_SECRET_BYTES + 1)])
def test_a_secret_that_is_no_text_is_none(value: object) -> None:
    """Nor is one that is too long."""
    with pytest.raises(NoHookSecret):
        secret_of(hook("hook: a\nsecret: {kv: token}"), keys(value), 0.0)  # type: ignore[arg-type]


def test_a_hook_without_a_secret_takes_no_requests(tmp_path: Path) -> None:
    """Nor does one whose file cannot be read."""
    for text in ("hook: a", "hook: a\nsecret: {file: nothing}"):
        with pytest.raises(NoHookSecret, match="takes no requests"):
            secret_of(in_folder(tmp_path, text), keys(), 0.0)  # type: ignore[arg-type]
