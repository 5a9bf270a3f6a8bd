import ssl
from pathlib import Path

import pytest

from stretto.actors.actions.core.http_errors import NoResponse
from stretto.actors.actions.core.http_tls import tls_context
from tests.support.certificates import Authority


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_the_trusted_certificates_are_mozillas() -> None:
    """There are over a hundred."""
    context = tls_context(verify=True)
    assert context.cert_store_stats()["x509_ca"] > 100
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_the_operator_chooses_other_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By SSL_CERT_FILE, or by SSL_CERT_DIR, whose files are read when they are needed."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert tls_context(verify=True).cert_store_stats()["x509"] == 0
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).file))
    assert tls_context(verify=True).cert_store_stats()["x509"] == 1


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (b"no certificate", "it has no certificates")]
)
def test_a_file_that_is_none_is_named(
    content: bytes | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its variable."""
    path = tmp_path / "trusted.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(NoResponse) as caught:
        tls_context(verify=True)
    assert str(caught.value) == f"the trusted certificates of SSL_CERT_FILE ({path}) cannot be read: {reason}"
    assert tls_context(verify=False).verify_mode == ssl.CERT_NONE
