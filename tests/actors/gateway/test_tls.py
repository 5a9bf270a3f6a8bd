"""A certificate is checked as it is loaded, and replaced while the daemon serves."""

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from structlog.testing import capture_logs

from stretto.actors.gateway import tls
from stretto.actors.gateway.socket_file import CannotServe
from stretto.actors.gateway.tls import Certificate
from tests.support.certificates import Authority, Files


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority."""
    return Authority(tmp_path)


def encrypted(files: Files) -> None:
    """Give the key a passphrase."""
    key = load_pem_private_key(files.key.read_bytes(), None)
    hidden = BestAvailableEncryption(b"hush")
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden))


def replaced_by_pipe(path: Path) -> None:
    """Put a pipe in a file's place, to which nobody writes."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda files: files.cert.unlink(), r"cannot read \S+/a.pem \(serve.tls_cert\): No such file"),
        (lambda files: files.key.unlink(), r"cannot read \S+/a.key \(serve.tls_key\): No such file"),
        (
            lambda files: files.cert.write_text("nothing"),
            r"serve.tls_cert must be a file with a certificate in PEM form",
        ),
        (lambda files: files.key.write_text("nothing"), r"serve.tls_key must be a file with a private key in PEM form"),
        (lambda files: files.key.chmod(0o644), r"other users can access the key in \S+ \(serve.tls_key, mode 0644\)"),
        (lambda files: files.key.chmod(0o620), r"run `chmod 600 \S+/a.key`"),
        (encrypted, r"is encrypted, and the daemon cannot ask for its passphrase: decrypt it with `openssl pkey -in"),
        (lambda files: replaced_by_pipe(files.cert), r"serve.tls_cert must be a regular file"),
        (
            lambda files: files.cert.write_text("x" * 1_048_577),
            r"at most 1,048,576 bytes \(MAX_PEM_BYTES\), got 1,048,577 in",
        ),
    ],
)
def test_files_that_cannot_be_used_are_refused(
    authority: Authority, spoil: Callable[[Files], object], said: str
) -> None:
    """With the setting, the file, and what to do."""
    files = authority.issue("a")
    spoil(files)
    with pytest.raises(CannotServe, match=said):
        Certificate(str(files.cert), str(files.key))


def test_a_key_of_another_certificate_is_refused(authority: Authority) -> None:
    """Both files are named."""
    one, other = authority.issue("a"), authority.issue("b")
    with pytest.raises(CannotServe, match=r"the key in \S+/b.key \(serve.tls_key\) does not belong to .* \S+/a.pem"):
        Certificate(str(one.cert), str(other.key))


def test_a_group_may_read_the_key(authority: Authority) -> None:
    """Distributions have a group for keys."""
    files = authority.issue("a")
    files.key.chmod(0o640)
    assert Certificate(str(files.cert), str(files.key)).context.minimum_version.name == "TLSv1_2"


def test_an_expired_certificate_is_a_warning(authority: Authority) -> None:
    """A daemon that does not start would help nobody."""
    files = authority.issue("old", lasts=timedelta(days=-1))
    with capture_logs() as log:
        Certificate(str(files.cert), str(files.key))
    assert [(line["event"], line["log_level"], line["file"]) for line in log] == [
        ("certificate_loaded", "warning", str(files.cert))
    ]


def test_a_bad_certificate_keeps_the_one_in_use(authority: Authority) -> None:
    """The log says why. A good one is used from then on."""
    files, next_ones = authority.issue("a"), authority.issue("b")
    certificate = Certificate(str(files.cert), str(files.key))
    first = certificate.context
    shutil.copy(next_ones.cert, files.cert)
    with capture_logs() as log:
        certificate.reload()
    assert certificate.context is first
    assert [line["event"] for line in log] == ["certificate_kept"]
    assert tls.KEY in log[0]["reason"]
    shutil.copy(next_ones.key, files.key)
    certificate.reload()
    assert certificate.context is not first
