"""The real nginx for tests, with the configurations of docs/."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.certificates import Files
from tests.support.harness import PATIENCE
from tests.support.paths import DOCS

MAIN = """
daemon off;
pid nginx.pid;
{user}
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path bodies;
    proxy_temp_path answers;
    fastcgi_temp_path unused_1;
    uwsgi_temp_path unused_2;
    scgi_temp_path unused_3;
    {servers}
}}
"""


def program() -> str:
    """Return nginx's path. Skips the test without it, and fails it in CI."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("nginx is not installed: Debian has it as nginx-light")
        pytest.skip("nginx is not installed: Debian has it as nginx-light")
    return found


@contextmanager
def reverse_proxy(folder: Path, files: Files, daemon: str) -> Iterator[int]:
    """Run nginx with TLS before a daemon's port, as docs/nginx.conf has it. Yields the port that nginx serves.

    Args:
        folder: Where nginx writes.
        files: The certificate.
        daemon: The daemon's URL.
    """
    here = {
        "listen 443 ssl;": "listen 127.0.0.1:{port} ssl;",
        "127.0.0.1:8420": daemon.removeprefix("http://"),
        "/etc/nginx/stretto.pem": str(files.cert),
        "/etc/nginx/stretto.key": str(files.key),
    }
    with configured_proxy(folder, DOCS / "nginx.conf", here) as port:
        yield port


@contextmanager
def configured_proxy(folder: Path, config: Path, here: Mapping[str, str]) -> Iterator[int]:
    """Run nginx with a configuration. Yields the port that nginx serves.

    Args:
        folder: Where nginx writes.
        config: The file with the servers.
        here: What stands in it once, and what stands here instead. `{port}` in it is the port.
    """
    nginx = program()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        servers = config.read_text()
        for written, instead in here.items():
            assert servers.count(written) == 1, written
            servers = servers.replace(written, instead.replace("{port}", str(port)))
        user = "user root;" if os.getuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(user=user, servers=servers))
        # It takes the listening socket over, so that nobody has to wait for it.
        listener.set_inheritable(True)
        process = subprocess.Popen(
            [nginx, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"],
            pass_fds=[listener.fileno()], env={**os.environ, "NGINX": f"{listener.fileno()};"},
        )  # fmt: skip
        try:
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE)
