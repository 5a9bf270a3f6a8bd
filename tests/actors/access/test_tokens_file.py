"""The file of tokens: who may read it, how it changes, and that a change is whole."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stretto.actors.access import tokens_file
from stretto.actors.access.errors import CannotUseTokensFile, NoTokens
from stretto.actors.access.keeping import Kept
from stretto.actors.access.tokens_file import FileKeeper, TokensFile
from stretto.actors.journal import AddSession, AddToken, AuditEntries, NoteTokenUse, RevokeToken, TokenRecord
from stretto.actors.process import FileLock
from tests.support.access import ADMIN, session, token
from tests.support.waiting import PATIENCE

AUDIT = ADMIN.asks().asks("create_token", "ci", 1.0)


def adding(new: TokenRecord) -> Callable[[list[TokenRecord]], bool]:
    """Return a change that adds a token."""

    def add(tokens: list[TokenRecord]) -> bool:
        tokens.append(new)
        return True

    return add


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


@pytest.fixture
def heard() -> list[AuditEntries]:
    return []


@pytest.fixture
def keeper(path: Path, heard: list[AuditEntries]) -> Iterator[FileKeeper]:
    made = FileKeeper(path, heard.append)
    yield made
    made.close()


def test_tokens_are_kept_in_a_file_of_the_user_alone(path: Path, keeper: FileKeeper, heard: list[AuditEntries]) -> None:
    """With the audit beside it."""
    assert keeper.load() == Kept()
    assert keeper.apply(AddToken(token()), AUDIT).result(PATIENCE)
    assert heard == [AUDIT]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert TokensFile(path).read() == (token(),)
    assert sorted(each.name for each in path.parent.iterdir()) == ["tokens.json", "tokens.json.lock"]


def test_a_name_is_taken_until_its_token_is_revoked(path: Path, keeper: FileKeeper, heard: list[AuditEntries]) -> None:
    """A refused change leaves no audit."""
    assert keeper.apply(AddToken(token("AAAAAAAA", name="ci")), AUDIT).result(PATIENCE)
    before = path.stat().st_ino
    assert not keeper.apply(AddToken(token("BBBBBBBB", name="ci")), AUDIT).result(PATIENCE)
    assert path.stat().st_ino == before
    assert keeper.apply(RevokeToken("AAAAAAAA", 5.0), AUDIT).result(PATIENCE)
    assert not keeper.apply(RevokeToken("AAAAAAAA", 6.0), AUDIT).result(PATIENCE)
    assert keeper.apply(AddToken(token("BBBBBBBB", name="ci")), AUDIT).result(PATIENCE)
    assert [(each.id, each.revoked_at) for each in TokensFile(path).read()] == [("AAAAAAAA", 5.0), ("BBBBBBBB", None)]
    assert len(heard) == 3


def test_a_use_is_noted(path: Path, keeper: FileKeeper) -> None:
    """Of a token that is there."""
    keeper.apply(AddToken(token())).result(PATIENCE)
    assert keeper.apply(NoteTokenUse("AAAAAAAA", 86_400.0)).result(PATIENCE)
    assert not keeper.apply(NoteTokenUse("ZZZZZZZZ", 86_400.0)).result(PATIENCE)
    assert TokensFile(path).read()[0].used_on == 86_400.0


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o602])
def test_a_file_that_others_can_access_is_refused(path: Path, keeper: FileKeeper, mode: int) -> None:
    """For reading and for changes; the message says what to do."""
    keeper.apply(AddToken(token())).result(PATIENCE)
    path.chmod(mode)
    with pytest.raises(CannotUseTokensFile, match=f"other users can access it .mode {mode:04o}.: run `chmod 600"):
        keeper.load()
    with pytest.raises(CannotUseTokensFile):
        keeper.apply(RevokeToken("AAAAAAAA", 5.0)).result(PATIENCE)


def test_a_file_of_another_user_is_refused(path: Path, keeper: FileKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner could replace it."""
    keeper.apply(AddToken(token())).result(PATIENCE)
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(CannotUseTokensFile, match=f"it must belong to the user {owner + 1}, and belongs to {owner}"):
        keeper.load()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it is damaged"),
        ("{", "it is damaged"),
        ('{"format": 1}', "it is damaged"),
        ('{"format": 1, "tokens": [{"id": "x"}]}', "it is damaged"),
        ('{"format": 2, "tokens": []}', "its format must be 1, got 2"),
    ],
)
def test_a_damaged_file_is_refused(path: Path, keeper: FileKeeper, content: str, message: str) -> None:
    """It is not taken for one without tokens, and not overwritten."""
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(CannotUseTokensFile, match=message):
        keeper.load()
    with pytest.raises(CannotUseTokensFile, match=message):
        keeper.apply(AddToken(token())).result(PATIENCE)
    assert path.read_text() == content


def test_a_folder_in_its_place_is_refused(path: Path, keeper: FileKeeper) -> None:
    """As is a missing folder around it."""
    path.mkdir()
    with pytest.raises(CannotUseTokensFile, match="Is a directory"):
        keeper.load()
    nowhere = TokensFile(path.parent / "missing" / "tokens.json")
    assert nowhere.read() == ()
    with pytest.raises(CannotUseTokensFile, match="No such file or directory"):
        nowhere.change(lambda _tokens: True)


def test_a_crash_before_the_rename_leaves_the_old_file(
    path: Path, keeper: FileKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no other."""
    keeper.apply(AddToken(token())).result(PATIENCE)
    before = path.read_bytes()

    def crash(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(CannotUseTokensFile, match="Input/output error"):
        keeper.apply(RevokeToken("AAAAAAAA", 5.0)).result(PATIENCE)
    assert path.read_bytes() == before
    assert sorted(each.name for each in path.parent.iterdir()) == ["tokens.json", "tokens.json.lock"]


def test_two_processes_do_not_change_it_at_once(
    path: Path, keeper: FileKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one waits for the first, but not for ever."""
    lock = FileLock(path.with_name("tokens.json.lock"))
    monkeypatch.setattr(tokens_file, "LOCK_SECONDS", 0.0)
    with pytest.raises(CannotUseTokensFile, match="is changing it: try again"):
        keeper.apply(AddToken(token())).result(PATIENCE)
    monkeypatch.setattr(tokens_file, "LOCK_SECONDS", PATIENCE)
    waiting = keeper.apply(AddToken(token()))
    lock.release()
    assert waiting.result(PATIENCE)


def test_a_change_by_another_process_is_noticed_once(path: Path, keeper: FileKeeper) -> None:
    """Also the file's removal, and its creation."""
    assert keeper.load() == Kept()
    assert keeper.changed_tokens() is None
    other = TokensFile(path)
    other.change(adding(token()))
    assert keeper.changed_tokens() == (token(),)
    assert keeper.changed_tokens() is None
    other.change(adding(token("BBBBBBBB")))
    assert keeper.changed_tokens() == (token(), token("BBBBBBBB"))
    path.unlink()
    assert keeper.changed_tokens() == ()
    assert keeper.changed_tokens() is None


def test_a_file_behind_a_link_is_changed_where_it_is(tmp_path: Path, path: Path) -> None:
    """The link stays one."""
    link = tmp_path / "link.json"
    link.symlink_to(path)
    TokensFile(link).change(adding(token()))
    assert link.is_symlink()
    assert TokensFile(path).read() == (token(),)


def test_without_a_file_only_sessions_are_kept(heard: list[AuditEntries]) -> None:
    """In memory; tokens are refused with what to do."""
    keeper = FileKeeper(None, heard.append)
    try:
        assert keeper.load() == Kept()
        assert keeper.apply(AddSession(session())).result(PATIENCE)
        assert keeper.changed_tokens() is None
        with pytest.raises(NoTokens, match=r"set serve\.tokens_file"):
            keeper.apply(AddToken(token()), AUDIT).result(PATIENCE)
    finally:
        keeper.close()
    assert heard == []
