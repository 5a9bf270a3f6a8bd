"""The image and the manifests of docs/deploy/: their settings hold; commands, ports and paths are the daemon's.

No container runtime is needed: the image's command and its health check run as processes.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from click.testing import CliRunner

from stretto.actors.cli import main
from stretto.actors.gateway.exposure import check_exposure
from stretto.actors.settings import read_settings
from stretto.actors.settings.model import PORT
from stretto.definitions.errors import StrettoError
from tests.support.paths import ROOT
from tests.support.ray_clusters import free_port
from tests.support.waiting import PATIENCE

DEPLOY: Final = ROOT / "docs" / "deploy"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
DAEMONS: Final = [name for name in COMPOSE["services"] if name.startswith("stretto-")]
OBJECTS: Final[list[dict[str, Any]]] = [
    each for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")) for each in yaml.safe_load_all(path.read_text())
]
DOCKERFILE: Final = (DEPLOY / "Dockerfile").read_text()
CONFIG: Final = "/etc/stretto/stretto.yaml"


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [each for each in OBJECTS if each["kind"] == kind]


def config_maps() -> dict[str, str]:
    """Return the files of all config maps by name."""
    return {name: text for each in of_kind("ConfigMap") for name, text in each["data"].items()}


SETTINGS: Final = {
    "image": (DEPLOY / "stretto.yaml").read_text(),
    "compose": (DEPLOY / "compose" / "stretto.yaml").read_text(),
    "kubernetes": config_maps()["stretto.yaml"],
}
SITE: Final = {"STRETTO__SERVE__BEHIND_PROXY": "10.1.2.3,10.1.2.4"}
"""The variables of the pods that the operator fills in."""
DEPLOYMENT: Final = of_kind("Deployment")[0]
POD: Final = DEPLOYMENT["spec"]["template"]["spec"]
JOB: Final = of_kind("Job")[0]["spec"]["template"]["spec"]


def instruction(name: str) -> str:
    """Return the last instruction of a name in the Dockerfile, without the name."""
    found: list[str] = re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)
    return found[-1]


@pytest.mark.parametrize("where", SETTINGS)
def test_the_settings_are_accepted_and_their_port_is_the_daemons(where: str, tmp_path: Path) -> None:
    """They listen where other containers reach them, and are guarded as the daemon demands."""
    file = tmp_path / "stretto.yaml"
    file.write_text(SETTINGS[where])
    serve = read_settings(str(file), SITE if where == "kubernetes" else {}).settings.serve
    assert (serve.port, serve.host) == (PORT, "0.0.0.0")
    check_exposure(serve, stored=True)
    assert instruction("EXPOSE") == str(PORT)


def test_the_daemons_believe_the_proxy_alone(tmp_path: Path) -> None:
    """In Kubernetes the operator names it. Without a name no pod starts, so that nobody deploys a guess."""
    file = tmp_path / "stretto.yaml"
    file.write_text(SETTINGS["kubernetes"])
    with pytest.raises(StrettoError, match=r"serve\.behind_proxy"):
        check_exposure(read_settings(str(file), {}).settings.serve, stored=True)
    assert read_settings(str(file), SITE).settings.serve.behind_proxy == ("10.1.2.3", "10.1.2.4")
    (container,) = POD["containers"]
    (variable,) = [each for each in container["env"] if each["name"] in SITE]
    reference = variable["valueFrom"]["configMapKeyRef"]
    assert "optional" not in reference
    command = f"kubectl create configmap {reference['name']} --from-literal={reference['key']}={SITE[variable['name']]}"
    assert command in (DEPLOY / "kubernetes" / "stretto.yaml").read_text()
    proxy = ip_address(COMPOSE["services"]["proxy"]["networks"]["default"]["ipv4_address"])
    assert yaml.safe_load(SETTINGS["compose"])["serve"]["behind_proxy"] == [str(proxy)]
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    assert proxy in ip_network(network["subnet"])


def test_daemons_have_more_time_to_end_than_they_drain(tmp_path: Path) -> None:
    """Otherwise running items would be killed."""
    file = tmp_path / "stretto.yaml"
    for where in ("compose", "kubernetes"):
        file.write_text(SETTINGS[where])
        drains = read_settings(str(file), {}).settings.serve.drain_seconds
        graces = [int(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s")) for name in DAEMONS]
        assert min(*graces, POD["terminationGracePeriodSeconds"]) > drains + 10, where


def test_the_image_runs_as_a_user_of_its_own() -> None:
    """So do the pods, with a file system that they cannot write, but for their state."""
    user = instruction("USER").partition(":")[0]
    assert int(user) >= 1_000
    for each in (POD, JOB, *(group["template"]["spec"] for group in ray_groups())):
        assert (each["securityContext"]["runAsNonRoot"], each["securityContext"]["runAsUser"]) == (True, int(user))
    for pod in (POD, JOB):
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]


def ray_groups() -> Iterator[dict[str, Any]]:
    """Yield the groups of nodes of the Ray cluster."""
    for each in of_kind("RayCluster"):
        yield each["spec"]["headGroupSpec"]
        yield from each["spec"]["workerGroupSpecs"]


def test_all_files_that_are_copied_and_mounted_exist() -> None:
    """Those that the operator makes are named in the manifest's first lines."""
    made_by_the_operator = {"./store.key"}
    for source in re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE):
        assert (ROOT / source).exists(), source
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            if source.startswith(".") and source not in made_by_the_operator:
                assert (DEPLOY / "compose" / source).exists(), source
    for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines():
        if line.startswith("!"):
            assert list(ROOT.glob(line[1:])), line


def test_volumes_of_pods_are_mounted_and_mounts_have_volumes() -> None:
    """A misspelled name is found by the cluster only when the pod starts."""
    for pod in (POD, JOB, *(group["template"]["spec"] for group in ray_groups())):
        volumes = {each["name"] for each in pod.get("volumes", ())}
        containers = (*pod.get("initContainers", ()), *pod["containers"])
        mounts = {mount["name"] for each in containers for mount in each.get("volumeMounts", ())}
        assert mounts == volumes
    maps = {each["metadata"]["name"] for each in of_kind("ConfigMap")}
    assert {each["configMap"]["name"] for each in POD["volumes"] if "configMap" in each} == maps


def test_disruptions_and_services_select_the_daemons() -> None:
    """One daemon at a time may be taken away."""
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    (budget,), (service,) = of_kind("PodDisruptionBudget"), of_kind("Service")
    assert budget["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == labels
    assert budget["spec"]["minAvailable"] == DEPLOYMENT["spec"]["replicas"] - 1


def test_the_proxy_and_prometheus_reach_each_daemon() -> None:
    """By the names that the daemons answer to."""
    targets = [f"{name}:{PORT}" for name in DAEMONS]
    proxy = (DEPLOY / "compose" / "nginx.conf").read_text()
    assert re.findall(r"^    server (\S+)", proxy, re.MULTILINE) == targets
    (job,) = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": targets}]
    assert yaml.safe_load(SETTINGS["compose"])["serve"]["hosts"] == DAEMONS


@pytest.mark.parametrize(
    "text",
    [config_maps()["hello.yaml"], (DEPLOY / "compose" / "definitions" / "hello.yaml").read_text()],
    ids=["kubernetes", "compose"],
)
def test_the_definitions_are_valid(text: str, tmp_path: Path) -> None:
    """The command finds nothing."""
    file = tmp_path / "hello.yaml"
    file.write_text(text)
    result = CliRunner().invoke(main, ["validate", str(file)])
    assert result.exit_code == 0, result.output


def test_the_commands_in_the_comments_exist() -> None:
    """`stretto ...` of the lines above each manifest."""
    paths = (DEPLOY / "compose" / "compose.yaml", *(DEPLOY / "kubernetes").glob("*.yaml"))
    pattern = re.compile(r"^#.*?(?: |-- )stretto (\w+ \w+)", re.MULTILINE)
    found = [line for path in paths for line in pattern.findall(path.read_text())]
    assert {"store key", "tokens create"} <= set(found)
    for each in found:
        assert CliRunner().invoke(main, [*each.split(), "--help"]).exit_code == 0, each


def test_the_images_command_serves_its_probes_and_drains(tmp_path: Path) -> None:
    """As the manifests call them: the health check of the image, and the probes and the metrics of the pods."""
    (container,) = POD["containers"]
    arguments = json.loads(instruction("CMD"))
    assert arguments == container["args"]
    config = tmp_path / "stretto.yaml"
    config.write_text(SETTINGS["image"])
    (tmp_path / "definitions").mkdir()
    port = free_port()
    own = {
        "PATH": os.environ["PATH"],
        "STRETTO__ENGINE__STORE": f"sqlite:///{tmp_path}/stretto.db",
        "STRETTO__ENGINE__DEFINITIONS": str(tmp_path / "definitions"),
        "STRETTO__SERVE__SOCKET": str(tmp_path / "socket"),
        "STRETTO__SERVE__PORT": str(port),
    }
    command = [sys.executable, "-m", "stretto.actors.cli", *(each.replace(CONFIG, str(config)) for each in arguments)]
    with subprocess.Popen(command, env=own, stderr=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stderr is not None
            for line in daemon.stderr:
                if '"event":"ready"' in line:
                    break
            check = json.loads(re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[0])
            check = [each.replace(str(PORT), str(port)) for each in check]
            assert subprocess.run([sys.executable, *check[1:]], check=False, timeout=PATIENCE).returncode == 0
            probes = [container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
            (job,) = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())["scrape_configs"]
            for path in (*(each["path"] for each in probes), job["metrics_path"]):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
                    assert answer.status == 200, path
            assert {each["port"] for each in probes} == {each["name"] for each in container["ports"]}
            assert container["ports"][0]["containerPort"] == PORT
            assert shlex.split(instruction("ENTRYPOINT").strip("[]"))[0] == "stretto"
        finally:
            daemon.send_signal(getattr(signal, instruction("STOPSIGNAL")))
            daemon.communicate(timeout=PATIENCE)
    assert daemon.returncode == 0
