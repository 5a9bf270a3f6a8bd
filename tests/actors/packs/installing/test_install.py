"""Packs are installed whole or not at all, and nothing of them is executed."""

import io
import os
import select
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.packs import CannotInstallPack, InstallOptions, install_pack, origin_of, read_packs, remove_pack
from stretto.actors.packs.installing import git as git_module
from stretto.actors.packs.installing import install
from stretto.actors.packs.setup import remove_unused
from stretto.actors.process import FileLock, LockTaken
from stretto.actors.text_files import MAX_BYTES
from tests.support.pack_files import MANIFEST, commit_all, git, write_pack
from tests.support.waiting import PATIENCE

DEFAULTS = InstallOptions()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "source")


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    return tmp_path / "packs"


def names(packs: Path) -> list[str]:
    """Return what is in the folder of packs except the hidden folder, and check that nothing is on its way."""
    incoming = packs / ".stretto" / "incoming"
    assert not incoming.exists() or list(incoming.iterdir()) == []
    return sorted(each.name for each in packs.iterdir() if each.name != ".stretto") if packs.exists() else []


def tar_with(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        manifest = tarfile.TarInfo("pack.yaml")
        manifest.size = len(MANIFEST)
        for member, content in ((manifest, MANIFEST.encode()), *members):
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info, b"x" * size


def test_a_folder_is_copied_under_the_packs_ref(source: Path, packs: Path) -> None:
    installed = install_pack(str(source), packs, DEFAULTS)
    assert (installed.ref, installed.version, installed.folder) == ("tools", "1.0", packs / "tools")
    assert names(packs) == ["tools"]
    assert [each.ref for each in read_packs([packs])[0].actions] == ["tools.greet"]
    origin = origin_of(packs / "tools")
    assert origin is not None
    assert origin.source == str(source)


def test_an_archive_with_one_folder_at_its_top_is_installed(source: Path, packs: Path, tmp_path: Path) -> None:
    """As code hosts offer them: NAME-VERSION/..."""
    (source / "actions/run.sh").write_text("#!/bin/sh\n")
    (source / "actions/run.sh").chmod(0o777)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(source, "tools-1.0")
    install_pack(str(tmp_path / "a.tar.gz"), packs, DEFAULTS)
    assert (packs / "tools/actions/run.sh").stat().st_mode & 0o777 == 0o755
    assert (packs / "tools/actions/greet.py").stat().st_mode & 0o777 == 0o644


def test_a_zip_file_is_installed(source: Path, packs: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in source.rglob("*"):
            archive.write(path, path.relative_to(source))
    install_pack(str(tmp_path / "a.zip"), packs, DEFAULTS)
    assert (packs / "tools/actions/greet.py").exists()


def test_a_branch_a_tag_and_a_commit_of_a_repository_are_installed(source: Path, packs: Path) -> None:
    first = commit_all(source)
    git(source, "tag", "v1")
    (source / "pack.yaml").write_text(MANIFEST.replace("1.0", "2.0"))
    second = commit_all(source)
    versions = []
    for ref in ("", "v1", "main", first):
        versions.append(install_pack(source.as_uri(), packs, InstallOptions(ref, replace=True)).version)
        origin = origin_of(packs / "tools")
        assert origin is not None
        assert origin.commit == (first if ref in {"v1", first} else second)
    assert versions == ["2.0", "1.0", "2.0", "1.0"]
    assert not (packs / "tools/.git").exists()


def test_nothing_of_a_repository_is_executed(source: Path, packs: Path, tmp_path: Path) -> None:
    """Neither hooks nor filters run, and submodules are not fetched."""
    ran = tmp_path / "ran"
    other = write_pack(tmp_path / "other")
    commit_all(other)
    commit_all(source)
    git(source, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", other.as_uri(), "sub")
    (source / ".gitattributes").write_text("* filter=bad\n")
    commit_all(source)
    for hook in ("post-checkout", "post-upload-pack", "reference-transaction"):
        (source / ".git/hooks" / hook).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (source / ".git/hooks" / hook).chmod(0o755)
    git(source, "config", "filter.bad.smudge", f"touch {ran}; cat")
    install_pack(source.as_uri(), packs, DEFAULTS)
    assert not ran.exists()
    assert list((packs / "tools/sub").iterdir()) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.org/x.git", "must be https, ssh or file, and is 'http'"),
        ("git://example.org/x.git", "must be https, ssh or file, and is 'git'"),
        ("ext::sh -c touch% /tmp/x", "must be https, ssh or file, and is 'ext'"),
        ("https://me:secret@example.org/x.git", "must not have a user or a password"),
        ("--upload-pack=touch", "there is no file or folder"),
        ("file:///nowhere/x.git", "the repository cannot be fetched"),
    ],
)
def test_other_protocols_and_urls_with_passwords_are_refused(url: str, reason: str, packs: Path) -> None:
    with pytest.raises(CannotInstallPack, match=reason) as raised:
        install_pack(url, packs, DEFAULTS)
    assert "secret" not in str(raised.value)
    assert names(packs) == []


@pytest.mark.parametrize("ref", ["--upload-pack=touch", "a..b", "x y", "+refs/heads/*:x"])
def test_a_ref_that_git_could_read_as_something_else_is_refused(ref: str, source: Path, packs: Path) -> None:
    commit_all(source)
    with pytest.raises(CannotInstallPack, match="--ref must be a branch, a tag or a commit"):
        install_pack(source.as_uri(), packs, InstallOptions(ref))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (member("../outside"), r"would be outside of the pack"),
        (member("/outside-of-the-pack"), "would be outside of the pack"),
        (member("pack.yaml"), "is in the archive twice"),
        (member("x", tarfile.LNKTYPE, "pack.yaml"), "must be a file, a folder or a symbolic link"),
        (member("x", tarfile.FIFOTYPE), "must be a file, a folder or a symbolic link"),
        (member("x", tarfile.CHRTYPE), "must be a file, a folder or a symbolic link"),
        (member("x", tarfile.SYMTYPE, "/etc/passwd"), "leads out of the pack, to '/etc/passwd'"),
        (member("x", tarfile.SYMTYPE, "../../../secret"), "a link that leads out of the pack"),
        (member("x", tarfile.SYMTYPE, "x"), "a link that leads out of the pack"),
        (member("big", size=5000), "more than 4,000 bytes; raise --max-bytes"),
    ],
)
def test_an_archive_with_a_hostile_member_is_refused_whole(
    bad: tuple[tarfile.TarInfo, bytes], reason: str, packs: Path, tmp_path: Path
) -> None:
    archive = tar_with(tmp_path / "a.tar.gz", member("ok"), bad)
    with pytest.raises(CannotInstallPack, match=reason):
        install_pack(str(archive), packs, InstallOptions(max_bytes=4000))
    assert names(packs) == []
    assert not (tmp_path / "outside").exists()


def test_nothing_is_written_through_a_link_of_an_archive(packs: Path, tmp_path: Path) -> None:
    """A link to a folder outside, then a file in it."""
    archive = tar_with(tmp_path / "a.tar.gz", member("x", tarfile.SYMTYPE, str(tmp_path)), member("x/outside", size=1))
    with pytest.raises(CannotInstallPack):
        install_pack(str(archive), packs, DEFAULTS)
    assert not (tmp_path / "outside").exists()


def test_no_link_of_an_archive_is_made_through_another(packs: Path, tmp_path: Path) -> None:
    """Links are made last, and the first one could lead to any folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    links = (("a", str(outside)), ("a/evil", "/etc/passwd"), ("a/b/c", "x"))
    archive = tar_with(tmp_path / "a.tar.gz", *(member(name, tarfile.SYMTYPE, target) for name, target in links))
    with pytest.raises(CannotInstallPack, match="'a/evil' of the archive would be written through the link 'a'"):
        install_pack(str(archive), packs, DEFAULTS)
    assert list(outside.iterdir()) == []
    assert names(packs) == []


def test_a_link_to_what_is_beside_the_pack_in_its_archive_is_refused(packs: Path, tmp_path: Path) -> None:
    """Where the pack is placed, other packs are beside it."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        manifest = tarfile.TarInfo("tools-1.0/pack.yaml")
        manifest.size = len(MANIFEST)
        for info, content in ((manifest, MANIFEST.encode()), member("other/x"),
                              member("tools-1.0/lib", tarfile.SYMTYPE, "../other")):  # fmt: skip
            archive.addfile(info, io.BytesIO(content))
    with pytest.raises(CannotInstallPack, match=r"lib is a link that leads out of the pack, to '\.\./other'"):
        install_pack(str(tmp_path / "a.tar"), packs, DEFAULTS)
    assert names(packs) == []


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_an_archive_with_a_huge_header_is_refused_before_it_is_in_memory(
    kind: bytes, packs: Path, tmp_path: Path
) -> None:
    """The header claims a gigabyte, of which the archive has nothing."""
    huge = tarfile.TarInfo("name")
    huge.type, huge.size = kind, 1024**3
    (tmp_path / "a.tar").write_bytes(huge.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(CannotInstallPack, match="a header of the archive has 1,073,741,824 bytes, at most 1,0"):
        install_pack(str(tmp_path / "a.tar"), packs, DEFAULTS)
    assert names(packs) == []


@pytest.mark.parametrize("kind", ["gztar", "bztar", "xztar", "zip"])
def test_a_damaged_archive_is_refused_wherever_it_is_damaged(kind: str, packs: Path, tmp_path: Path) -> None:
    """Each library of compression has an error of its own."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "pack.yaml").write_text(MANIFEST + "# " + "".join(f"{number * number:x}" for number in range(900)) + "\n")
    path = Path(shutil.make_archive(str(tmp_path / "a"), kind, source))
    whole = path.read_bytes()
    options, refused = InstallOptions(replace=True), 0
    for place in range(40, len(whole) - 40, len(whole) // 20):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF, whole[place + 1] ^ 0xFF]) + whole[place + 2 :])
        try:
            install_pack(str(path), packs, options)
        except CannotInstallPack:
            refused += 1
    assert refused > 0


def test_links_inside_the_pack_stay(packs: Path, tmp_path: Path) -> None:
    archive = tar_with(tmp_path / "a.tar.gz", member("lib/a.py"), member("lib/b.py", tarfile.SYMTYPE, "a.py"))
    install_pack(str(archive), packs, DEFAULTS)
    assert (packs / "tools/lib/b.py").resolve() == packs / "tools/lib/a.py"


def test_a_zip_bomb_stops_at_the_limit(packs: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pack.yaml", MANIFEST)
        archive.writestr("zeros", b"\0" * 50_000_000)
    with pytest.raises(CannotInstallPack, match="more than 1,000,000 bytes"):
        install_pack(str(tmp_path / "a.zip"), packs, InstallOptions(max_bytes=1_000_000))


def test_more_files_than_the_limit_are_refused(source: Path, packs: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotInstallPack, match="more than 3 files and folders; raise --max-files"):
        install_pack(str(source), packs, InstallOptions(max_files=3))
    commit_all(source)
    with pytest.raises(CannotInstallPack, match="more than 3 files and folders; raise --max-files"):
        install_pack(source.as_uri(), packs, InstallOptions(max_files=3))


def test_a_repository_with_more_objects_than_the_limit_is_not_fetched(source: Path, packs: Path) -> None:
    (source / "big").write_bytes(os.urandom(200_000))
    commit_all(source)
    with pytest.raises(CannotInstallPack, match="raise --max-bytes"):
        install_pack(source.as_uri(), packs, InstallOptions(max_bytes=20_000))


def test_an_installed_pack_is_replaced_only_on_request(source: Path, packs: Path) -> None:
    install_pack(str(source), packs, DEFAULTS)
    (source / "pack.yaml").write_text(MANIFEST.replace("1.0", "2.0"))
    (source / "actions/greet.yaml").unlink()
    with pytest.raises(CannotInstallPack, match="exists; replace it with --replace"):
        install_pack(str(source), packs, DEFAULTS)
    assert install_pack(str(source), packs, InstallOptions(replace=True)).version == "2.0"
    assert not (packs / "tools/actions/greet.yaml").exists()
    assert names(packs) == ["tools"]


def test_a_pack_is_replaced_where_folders_cannot_be_exchanged(
    source: Path, packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "_exchange", lambda _one, _other: False)
    for _ in range(2):
        install_pack(str(source), packs, InstallOptions(replace=True))
    assert names(packs) == ["tools"]


def test_a_folder_that_no_command_installed_is_neither_replaced_nor_removed(source: Path, packs: Path) -> None:
    write_pack(packs / "tools", mine="x")
    with pytest.raises(CannotInstallPack, match="was not installed by `stretto packs install`"):
        install_pack(str(source), packs, InstallOptions(replace=True))
    with pytest.raises(CannotInstallPack, match="was not installed by `stretto packs install`"):
        remove_pack("tools", packs)
    assert (packs / "tools/mine").exists()


def test_an_installed_pack_is_removed(source: Path, packs: Path) -> None:
    install_pack(str(source), packs, DEFAULTS)
    remove_pack("tools", packs)
    assert names(packs) == []
    assert origin_of(packs / "tools") is None
    for wrong in ("tools", "../source", ".", ""):
        with pytest.raises(CannotInstallPack, match="there is no pack"):
            remove_pack(wrong, packs)


def test_environments_are_removed_under_the_lock_and_not_if_a_pack_cannot_be_read(
    source: Path, packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command may be making one, and that pack may need any of them."""
    unused = packs / ".stretto/environments/python-1"
    install_pack(str(source), packs, DEFAULTS)
    unused.mkdir(parents=True)
    calls: list[Any] = []

    def check(*given: Any) -> int:
        with pytest.raises(LockTaken):
            FileLock(packs / ".stretto" / "lock")
        calls.append(given)
        return remove_unused(*given)

    monkeypatch.setattr(install, "remove_unused", check)
    large = write_pack(packs / "other") / "requirements.txt"
    large.touch()
    os.truncate(large, MAX_BYTES + 1)
    remove_pack("tools", packs)
    assert (calls, unused.exists()) == ([], True)
    large.unlink()
    install_pack(str(source), packs, DEFAULTS)
    remove_pack("tools", packs)
    assert (len(calls), unused.exists()) == (1, False)


def test_no_helper_of_git_is_left_after_a_timeout(packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fetches, and would go on without git."""
    helper = tmp_path / "helper"
    stand_in = tmp_path / "bin" / "git"
    stand_in.parent.mkdir()
    stand_in.write_text(
        '#!/bin/sh\nfor word; do [ "$word" = init ] && exit; done\nsleep 1000 &\necho $! > "$HELPER"\nwait\n'
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HELPER", str(helper))
    monkeypatch.setattr(git_module, "FETCH_SECONDS", 1)
    with pytest.raises(CannotInstallPack, match="git took longer than 1 s"):
        install_pack("https://localhost/pack", packs, DEFAULTS)
    try:
        pidfd = os.pidfd_open(int(helper.read_text()))
    except ProcessLookupError:
        return
    ended = select.poll()
    ended.register(pidfd, select.POLLIN)
    assert ended.poll(1000 * PATIENCE)
    os.close(pidfd)


def test_one_command_at_a_time_works_in_a_folder(source: Path, packs: Path) -> None:
    (packs / ".stretto").mkdir(parents=True)
    lock = FileLock(packs / ".stretto" / "lock")
    try:
        with pytest.raises(CannotInstallPack, match="try again when it has ended"):
            install_pack(str(source), packs, DEFAULTS)
    finally:
        lock.release()
    install_pack(str(source), packs, DEFAULTS)


def test_leftovers_of_a_killed_command_are_removed(source: Path, packs: Path) -> None:
    write_pack(packs / ".stretto/incoming/left")
    install_pack(str(source), packs, DEFAULTS)
    assert names(packs) == ["tools"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"pack.yaml": "label: Tools\n"}, "its pack.yaml cannot be used"),
        ({"pack.yaml": "ref: ../evil\nlabel: Tools\n"}, "its pack.yaml cannot be used"),
        ({"pack.yaml": None}, "has no pack.yaml"),
        ({"pack.yaml": None, "a/pack.yaml": MANIFEST, "b/pack.yaml": MANIFEST}, "has 2 packs; install one at a time"),
    ],
)
def test_a_source_without_one_pack_is_refused(
    files: dict[str, str | None], reason: str, source: Path, packs: Path
) -> None:
    for name, text in files.items():
        path = source / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True) if text is None else path.write_text(text)
    with pytest.raises(CannotInstallPack, match=reason):
        install_pack(str(source), packs, DEFAULTS)
    assert names(packs) == []


def test_a_pack_with_wrong_actions_is_installed_with_its_findings(source: Path, packs: Path) -> None:
    """Its other actions may be of use, and `stretto validate` shows the same."""
    (source / "actions/bad.yaml").write_text("ref: tools.bad\nentry_point: nowhere.py\n")
    installed = install_pack(str(source), packs, DEFAULTS)
    assert [each.code for each in installed.findings] == ["no_such_file"]
    assert [each.place.file for each in installed.findings] == [str(installed.folder / "actions/bad.yaml")]


def test_a_pack_that_is_refused_names_its_file_and_no_folder_of_the_command(source: Path, packs: Path) -> None:
    """That folder is gone when the message is read."""
    (source / "pack.yaml").write_text("label: Tools\n")
    with pytest.raises(CannotInstallPack) as refused:
        install_pack(str(source), packs, DEFAULTS)
    assert "\n  pack.yaml:1:1: " in str(refused.value)
    assert ".stretto" not in str(refused.value)
