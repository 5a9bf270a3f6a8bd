"""Archives at https URLs, from a real server with a certificate of its own."""

import ssl
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stretto.actors.packs import CannotInstallPack, InstallOptions, install_pack, origin_of
from stretto.actors.packs.installing.downloads import MAX_REDIRECTS, is_archive_url
from tests.support.certificates import Authority
from tests.support.pack_files import write_pack


class Server(ThreadingHTTPServer):
    """Serves an archive, and answers that lead to it or elsewhere."""

    def __init__(self, archive: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.archive = archive
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        targets = {
            "/moved.tar.gz": "/tools.tar.gz",
            "/away.tar.gz": f"http://127.0.0.1:{self.server.server_address[1]}/tools.tar.gz",
            "/round.tar.gz": f"/round.tar.gz?{len(self.server.requests)}",
        }
        target = targets.get(self.path.partition("?")[0])
        self.send_response(302 if target else 200 if self.path == "/tools.tar.gz" else 404)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", str(len(self.server.archive) if self.path == "/tools.tar.gz" else 0))
        self.end_headers()
        if self.path == "/tools.tar.gz":
            self.wfile.write(self.server.archive)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this process trusts."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[Server]:
    folder = write_pack(tmp_path / "source")
    with tarfile.open(tmp_path / "tools.tar.gz", "w:gz") as archive:
        archive.add(folder, "tools-1.0")
    server = Server((tmp_path / "tools.tar.gz").read_bytes())
    files = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def install(url: str, packs: Path, max_bytes: int = 1024 * 1024) -> None:
    install_pack(url, packs, InstallOptions("", False, max_bytes, 100))


@pytest.mark.parametrize("name", ["tools.tar.gz", "moved.tar.gz"])
def test_an_archive_is_downloaded_and_installed(server: Server, tmp_path: Path, name: str) -> None:
    """Also from where the server says that it is. The origin is the URL as given."""
    url = f"{server.url}/{name}"
    install(url, tmp_path / "packs")
    assert (tmp_path / "packs/tools/actions/greet.py").exists()
    origin = origin_of(tmp_path / "packs/tools")
    assert origin is not None
    assert (origin.source, origin.commit) == (url, "")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/none.tar.gz", "the server answered 404 Not Found"),
        ("/away.tar.gz", "which must be an https URL"),
        ("/round.tar.gz", "redirect"),
    ],
)
def test_what_cannot_be_downloaded_is_refused(server: Server, tmp_path: Path, path: str, message: str) -> None:
    """A redirect to http, or one after another, installs nothing."""
    with pytest.raises(CannotInstallPack, match=message):
        install(server.url + path, tmp_path / "packs")
    assert not (tmp_path / "packs/tools").exists()
    assert len(server.requests) <= MAX_REDIRECTS + 1


def test_bytes_are_bounded(server: Server, tmp_path: Path) -> None:
    """Before the archive is unpacked."""
    most = len(server.archive) - 1
    with pytest.raises(CannotInstallPack, match=f"the archive has more than {most} bytes; raise --max-bytes"):
        install(f"{server.url}/tools.tar.gz", tmp_path / "packs", most)


def test_a_server_of_another_authority_is_not_trusted(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No setting permits it."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(CannotInstallPack, match="certificate verify failed"):
        install(f"{server.url}/tools.tar.gz", tmp_path / "packs")


def test_a_url_has_no_password(tmp_path: Path) -> None:
    """It would be kept with the origin."""
    with pytest.raises(CannotInstallPack, match="must not have a user or a password"):
        install("https://ada:secret@localhost/tools.tar.gz", tmp_path / "packs")


@pytest.mark.parametrize(
    ("source", "is_archive"),
    [
        ("https://host/a/b.tar.gz", True),
        ("HTTPS://host/b.zip?raw=1", True),
        ("https://host/b.git", False),
        ("http://host/b.zip", False),
        ("b.zip", False),
        ("https://[/b.zip", False),
    ],
)
def test_archives_are_known_by_their_names(source: str, is_archive: bool) -> None:
    """All other URLs are those of repositories."""
    assert is_archive_url(source) is is_archive
