"""The manifests of docs/deploy/, followed line by line: the daemons start, and clients reach them.

No container runtime is needed: the commands run as processes, with the settings of the manifests.
"""

import http.client
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from stretto.actors.journal.encryption import new_key
from tests.support.nginx import configured_proxy
from tests.support.paths import DOCS
from tests.support.ray_clusters import free_port
from tests.support.waiting import PATIENCE

DEPLOY: Final = DOCS / "deploy"
COMPOSE: Final = DEPLOY / "compose"
KUBERNETES: Final = DEPLOY / "kubernetes"
STATE: Final = "/var/lib/stretto"
"""The folder of the image in which a daemon may write."""
MOUNTED: Final = 0o2777
"""The mode of that folder where it is a volume of Kubernetes: the daemon's group may write there, and so may others."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder whose path is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="st") as name:
        yield Path(name)


def commands_of(manifest: Path, prefix: str) -> list[list[str]]:
    """Return the arguments of the commands of Stretto in a manifest's first lines, in their order."""
    lines = re.findall(rf"^#   {prefix} (.*)$", manifest.read_text(), re.MULTILINE)
    return [shlex.split(line) for line in lines]


def settings_of_the_pods() -> str:
    """Return the file that the pods mount."""
    documents = yaml.safe_load_all((KUBERNETES / "stretto.yaml").read_text())
    return next(str(each["data"]["stretto.yaml"]) for each in documents if "stretto.yaml" in each.get("data", ()))


class Container:
    """What is a container there: its settings with the places of this machine, and its commands."""

    def __init__(self, folder: Path, settings: str, **engine: str) -> None:
        self.port = free_port()
        self.variables = {"PATH": os.environ["PATH"], "STRETTO_CONFIG": str(folder / "stretto.yaml")}
        self._state = folder / "v"
        self._state.mkdir()
        self._state.chmod(MOUNTED)
        self.key = self._state / "store.key"
        self.key.write_text(new_key())
        self.key.chmod(0o600)
        (folder / "definitions").mkdir()
        given = yaml.safe_load(settings.replace(STATE, str(self._state)))
        given["engine"].update(definitions=[str(folder / "definitions")], **engine)
        given["serve"]["port"] = self.port
        if "store_key" in given["engine"]:
            given["engine"]["store_key"] = str(self.key)
        if "behind_proxy" in given["serve"]:
            given["serve"]["behind_proxy"] = ["127.0.0.1"]
        (folder / "stretto.yaml").write_text(json.dumps(given))

    def command(self, *arguments: str) -> list[str]:
        """Return a command of the image, with the places of this machine."""
        places = (each.replace(STATE, str(self._state)) for each in arguments)
        return [sys.executable, "-m", "stretto.actors.cli", *places]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        command = self.command(*arguments)
        return subprocess.run(
            command, env=self.variables, capture_output=True, text=True, check=False, timeout=PATIENCE
        )

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run the daemon until the block ends."""
        command = self.command("serve")
        with subprocess.Popen(command, env=self.variables, stderr=subprocess.PIPE, text=True) as daemon:
            try:
                assert daemon.stderr is not None
                assert any('"event":"ready"' in line for line in daemon.stderr)
                yield
            finally:
                daemon.terminate()
                daemon.communicate(timeout=PATIENCE)


def answer(
    port: int, method: str, path: str, body: object = None, *, address: str = "127.0.0.1", **headers: str
) -> dict[str, Any]:
    """Return what a port answers to a request of JSON."""
    given = {"Content-Type": "application/json", **headers}
    with closing(http.client.HTTPConnection(address, port, timeout=PATIENCE)) as connection:
        connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), given)
        found: dict[str, Any] = json.load(connection.getresponse())
    return found


def role_of(port: int, token: str, **headers: str) -> str:
    """Return the role of a token, as a port says."""
    role: str = answer(port, "GET", "/me", Authorization=f"Bearer {token}", **headers)["role"]
    return role


def test_compose_starts_as_its_first_lines_say(postgres_url: str, tmp_path: Path, folder: Path) -> None:
    """Without the first token no daemon starts. With it the proxy leads to them, and a daemon makes the next one."""
    container = Container(folder, (COMPOSE / "stretto.yaml").read_text(), store=postgres_url)
    refused = container.run("serve")
    assert (refused.returncode, "no token is valid: make one first" in refused.stderr) == (2, True)
    (first,) = commands_of(COMPOSE / "compose.yaml", "docker compose run --rm stretto-1")
    (second,) = commands_of(COMPOSE / "compose.yaml", "docker compose exec stretto-1 stretto")
    token = container.run(*first).stdout.strip()
    here = {"listen 80;": "listen 127.0.0.1:{port};"} | {
        f"stretto-{number}:8420": f"127.0.0.1:{container.port}" for number in (1, 2, 3)
    }
    with container.serving(), configured_proxy(tmp_path, COMPOSE / "nginx.conf", here) as port:
        assert role_of(port, token) == "admin"
        assert role_of(port, container.run(*second).stdout.strip()) == "viewer"


def test_the_pods_start_as_the_first_lines_of_their_manifest_say(postgres_url: str, folder: Path) -> None:
    """The job makes the first token, without the key of the store, which it does not mount."""
    container = Container(folder, settings_of_the_pods(), store=postgres_url)
    container.variables["STRETTO__SERVE__BEHIND_PROXY"] = "127.0.0.1"
    assert container.run("serve").returncode == 2
    job = yaml.safe_load((KUBERNETES / "token.yaml").read_text())
    assert f"job/{job['metadata']['name']}" in (KUBERNETES / "stretto.yaml").read_text()
    (made,) = job["spec"]["template"]["spec"]["containers"]
    container.key.rename(folder / "elsewhere")
    token = container.run(*made["args"]).stdout.strip()
    (folder / "elsewhere").rename(container.key)
    (second,) = commands_of(KUBERNETES / "stretto.yaml", "kubectl exec deploy/stretto -- stretto")
    with container.serving():
        assert role_of(container.port, token, Host="stretto:8420") == "admin"
        assert role_of(container.port, container.run(*second).stdout.strip(), Host="stretto:8420") == "viewer"


def test_the_image_answers_through_its_published_port(folder: Path) -> None:
    """A client calls 127.0.0.1, and arrives at another address of the container. The URL of the pages is that, too."""
    container = Container(folder, (DEPLOY / "stretto.yaml").read_text())
    (opened,) = commands_of(DEPLOY / "Dockerfile", "docker exec stretto stretto")
    with container.serving():
        link = container.run(*opened).stdout.strip()
        assert link.startswith(f"http://127.0.0.1:{container.port}/enter#")
        code = {"code": link.partition("#")[2]}
        begun = answer(container.port, "POST", "/session", code, address="127.0.0.2", Host="127.0.0.1:8420")
        assert begun["role"] == "admin"
