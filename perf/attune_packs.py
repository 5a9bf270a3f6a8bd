"""Real packs of Attune's against a mocked API: `python perf/attune_packs.py FOLDER`.

FOLDER has checked-out repositories of github.com/attune-packs: elasticsearch, nodejs_example and vault. Make their
environments before: `stretto packs setup FOLDER/nodejs_example FOLDER/vault`. An engine runs actions of each. They call
servers of this process: the Node.js example over HTTP, Vault over HTTP and Elasticsearch over HTTPS. The last two have
their credentials from keys of their packs. Needs `openssl`.
"""

import argparse
import json
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from stretto.actors import Engine

PACKS: Final = ("elasticsearch", "nodejs_example", "vault")
SHARED: Final = "hush-hush"
"""What both servers ask for."""
HEALTH: Final = {
    "initialized": True, "sealed": False, "standby": False, "performance_standby": False, "version": "1.20.0",
}  # fmt: skip


class Api(BaseHTTPRequestHandler):
    """Answers as Vault, as Elasticsearch, and as any page."""

    seen: list[str]

    def do_GET(self) -> None:
        """Answer Vault's health and lookup, Elasticsearch's version and health, and any other page."""
        self._note()
        if self.path.startswith("/v1/sys/health"):
            self._send(HEALTH)
        elif self.path.startswith("/v1/auth/token/lookup-self"):
            known = self.headers.get("X-Vault-Token") == SHARED
            data = {"display_name": "token-stretto", "policies": ["default"], "ttl": 60, "renewable": False}
            self._send({"data": data} if known else {"errors": ["permission denied"]}, 200 if known else 403)
        elif self.headers.get("Authorization") == f"ApiKey {SHARED}":
            self._send({"status": "green"} if self.path.startswith("/_cluster") else {"version": {"number": "9.1.0"}})
        else:
            self._send({"page": self.path})

    def log_message(self, *_arguments: Any) -> None:
        """Print nothing."""

    def _note(self) -> None:
        self.seen.append(f"{self.command} {self.path}")

    def _send(self, body: Any, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving(seen: list[str], certificate: Path | None = None) -> Iterator[int]:
    """Serve the API, over TLS if there is a certificate. Yields the port."""
    handler = type("Handler", (Api,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificate(folder: Path) -> Path:
    """Make a certificate for the loopback address, signed by itself."""
    path = folder / "api.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-out", path, "-keyout", path.with_suffix(".key")],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


def find_packs(folder: Path) -> list[Path]:
    """Return the folders of the packs. Raises `SystemExit` if one is missing."""
    missing = [name for name in PACKS if not (folder / name / "pack.yaml").is_file()]
    if missing:
        sys.exit(f"{folder} has no {', '.join(missing)}")
    return [folder / name for name in PACKS]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    packs = find_packs(parser.parse_args().folder.resolve())
    seen: list[str] = []
    with tempfile.TemporaryDirectory() as scratch, serving(seen) as plain:
        certificate = make_certificate(Path(scratch))
        with serving(seen, certificate) as tls, Engine.open(packs=packs) as engine:
            vault = {"url": f"http://127.0.0.1:{plain}", "allow_http": True, "auth_method": "token", "token": SHARED}
            endpoint = f"https://127.0.0.1:{tls}"
            search = {
                "auth_type": "api_key", "api_key": SHARED, "allowed_endpoints": [endpoint],
                "allow_private_hosts": True, "ca_file": str(certificate),
            }  # fmt: skip
            asked = {"endpoint": endpoint, "credential_key_ref": "elasticsearch.main", "operation": "health"}
            engine.set_key("vault_credentials", vault, scope="pack", owner="vault", secret=True)
            engine.set_key("elasticsearch.main", search, scope="pack", owner="elasticsearch", secret=True)
            calls: list[tuple[str, dict[str, Any]]] = [
                ("nodejs_example.http_example", {"url": f"http://127.0.0.1:{plain}/page"}),
                ("vault.health", {}),
                ("vault.token_lookup_self", {}),
                ("elasticsearch.cluster", asked),
            ]
            failed = 0
            for action, given in calls:
                text = f"ref: perf.call\ntasks:\n- {{name: call, action: {action}, input: {json.dumps(given)}}}\n"
                text += "output_map: {got: '{{ task.call.result }}'}\n"
                path = Path(scratch) / "call.yaml"
                path.write_text(text)
                outcome = engine.run(str(path))
                failed += outcome.status != "succeeded"
                print(action, outcome.status, json.dumps(outcome.output or outcome.errors))
    print(f"{len(calls) - failed} of {len(calls)} actions succeeded; the servers answered {len(seen)} requests:")
    print(*seen, sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
