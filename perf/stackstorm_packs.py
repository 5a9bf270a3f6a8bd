"""Public StackStorm packs against a stub server: `python perf/stackstorm_packs.py FOLDER [--stretto COMMAND]`.

FOLDER has checked-out repositories of github.com/StackStorm-Exchange: stackstorm-netbox and stackstorm-vault. The
command line does what a user does: `packs install` copies each pack, `packs setup` makes its environment from its
requirements.txt (so this needs a package index), and `stretto run` runs a workflow of the pack's Python actions. They
call a server of this process, which answers as NetBox and Vault, and refuses calls without the token of the pack's
configuration. Nothing of the packs is changed.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

SHARED: Final = "hush-hush"
"""What the server asks for."""
_SECONDS: Final = 600.0
"""The time that a command may take. Environments are made from downloads."""

WORKFLOWS: Final = {
    "netbox": """version: 1.0
tasks:
  add:
    action: netbox.post.dcim.sites
    input: {name: fra-1, slug: fra-1, tags: [edge], fail_non_2xx: true}
    next: [{when: <% succeeded() %>, publish: [{added: <% result().result %>}], do: find}]
  find:
    action: netbox.get.dcim.sites
    input: {name: [fra-1], fail_non_2xx: true, save_in_key_store: true, save_in_key_store_key_name: sites}
    next: [{when: <% succeeded() %>, publish: [{found: "<% json_parse(st2kv('system.sites')) %>"}]}]
output: [{added: <% ctx(added).raw %>}, {found: <% ctx(found).raw.results %>}]
""",
    "vault": """version: 1.0
tasks:
  initialized:
    action: vault.is_initialized
    next: [{when: <% succeeded() and result().result %>, do: write}]
  write:
    action: vault.write
    input: {path: secret/web, values: '{"password":"open-sesame"}'}
    next: [{when: <% succeeded() %>, do: read}]
  read:
    action: vault.read
    input: {path: secret/web}
    next: [{when: <% succeeded() %>, publish: [{read: <% result().result.data %>}]}]
output: [{read: <% ctx(read) %>}]
""",
}
EXPECTED: Final[dict[str, Any]] = {
    "netbox": {"added": {"id": 1, "name": "fra-1"}, "found": [{"id": 1, "name": "fra-1"}]},
    "vault": {"read": {"password": "open-sesame"}},
}


class Api(BaseHTTPRequestHandler):
    """Answers as NetBox and Vault do, from memory."""

    seen: list[str]
    stored: dict[str, bytes]

    def do_GET(self) -> None:
        """Return what was stored, or what Vault says of itself."""
        self._note()
        path = self.path.partition("?")[0]
        if path == "/v1/sys/init":
            self._send({"initialized": True})
        elif not self._is_known():
            self._send({"errors": ["permission denied"]}, 403)
        elif path == "/api/dcim/sites/":
            sites = [_site(body) for key, body in self.stored.items() if key == path]
            self._send({"count": len(sites), "results": sites})
        elif path not in self.stored:
            self._send({"errors": []}, 404)
        else:
            self._send({"data": json.loads(self.stored[path])})

    def do_POST(self) -> None:
        """Store the body, and answer with the new object."""
        self._note()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._is_known():
            self._send({"errors": ["permission denied"]}, 403)
            return
        path = self.path.partition("?")[0]
        self.stored[path] = body
        self._send(_site(body) if path.startswith("/api/") else {}, 201)

    def _is_known(self) -> bool:
        """Return whether the call has the token, as either service takes it."""
        names = ("X-Vault-Token", "Authorization")
        return any(self.headers.get(name, "").rpartition(" ")[2] == SHARED for name in names)

    def log_message(self, *_arguments: Any) -> None:
        """Print nothing."""

    def _note(self) -> None:
        self.seen.append(f"{self.command} {self.path}")

    def _send(self, body: Any, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _site(body: bytes) -> dict[str, Any]:
    return {"id": 1, "name": json.loads(body)["name"]}


@contextmanager
def serving(seen: list[str]) -> Iterator[int]:
    """Serve the API on the loopback address. Yields the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Api,), {"seen": seen, "stored": {}}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def configurations(port: int) -> dict[str, dict[str, Any]]:
    """Return the configuration of each pack, as StackStorm has it in `configs/PACK.yaml`."""
    vault = {"name": "main", "url": f"http://127.0.0.1:{port}", "auth_method": "token", "token": SHARED}
    netbox = {"hostname": f"127.0.0.1:{port}", "api_token": SHARED, "use_https": False, "ssl_verify": False}
    return {
        "netbox": netbox,
        "vault": {"default_profile": "main", "profiles": [vault]},
    }


def checked(command: list[str]) -> str:
    """Run a command and return what it prints. Raises `SystemExit` if it fails."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if ended.returncode != 0:
        sys.exit(f"{shlex.join(command)} exited with {ended.returncode}: {ended.stderr.strip()[-2000:]}")
    return ended.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stretto", default=str(Path(sys.executable).with_name("stretto")), metavar="COMMAND")
    given = parser.parse_args()
    stretto = shlex.split(given.stretto)
    sources = {name: given.folder.resolve() / f"stackstorm-{name}" for name in WORKFLOWS}
    missing = [each.name for each in sources.values() if not (each / "pack.yaml").is_file()]
    if missing:
        sys.exit(f"{given.folder} has no {', '.join(missing)}")
    seen: list[str] = []
    failed = 0
    with tempfile.TemporaryDirectory() as scratch, serving(seen) as port:
        packs, configs = Path(scratch, "packs"), Path(scratch, "configs")
        configs.mkdir()
        for name, source in sources.items():
            checked([*stretto, "packs", "install", str(source), "--into", str(packs)])
            (configs / f"{name}.yaml").write_text(json.dumps(configurations(port)[name]), encoding="utf-8")
        checked([*stretto, "packs", "setup", "--packs", str(packs)])
        print(checked([*stretto, "packs", "list", "--packs", str(packs)]), end="")
        for name, text in WORKFLOWS.items():
            workflow = Path(scratch, f"{name}.yaml")
            workflow.write_text(text, encoding="utf-8")
            options = ["--packs", str(packs), "--pack-config", str(configs)]
            output = json.loads(checked([*stretto, "run", str(workflow), *options]))
            failed += output != EXPECTED[name]
            print(name, json.dumps(output))
    print(f"{len(WORKFLOWS) - failed} of {len(WORKFLOWS)} workflows have the expected output; the server answered:")
    print(*seen, sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
