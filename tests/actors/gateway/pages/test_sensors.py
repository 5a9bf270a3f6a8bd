"""The pages of sensors."""

from pathlib import Path

from stretto.actors import SensorLimits
from stretto.actors.gateway.client import Client
from tests.actors.gateway.pages.test_runs import HOSTILE, entered, text_of, with_runs
from tests.support.gateways import with_port
from tests.support.sensors import write_sensor


def test_without_sensors_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    async def test(client: Client, url: str) -> None:
        viewer = await entered(client, url, name="vic", role="viewer")
        assert "No sensor yet" in await text_of(viewer, "/sensors")
        assert "did you mean" not in await text_of(viewer, "/sensors?x=1", 400)
        restricted = await entered(client, url, name="eve", role="operator", workflows=["test.echo"])
        await text_of(restricted, "/sensors", 403)

    with_runs(tmp_path, test)


def test_a_sensor_is_shown_and_restarted_by_a_form(tmp_path: Path) -> None:
    """Viewers see neither its log nor the form."""
    folder = tmp_path / "definitions"
    write_sensor(folder, "probe", f"print({HOSTILE!r}, flush=True)\nstay()\n", more="description: It probes.\n")
    write_sensor(folder, "off", "stay()\n", more="enabled: false\n")
    write_sensor(folder, "slashed", "stay()\n", more="enabled: false\n")
    slashed = (folder / "slashed.yaml").read_text()
    (folder / "slashed.yaml").write_text(slashed.replace("sensor: slashed", "sensor: ops/slashed"))

    async def test(client: Client, url: str) -> None:
        viewer = await entered(client, url, name="vic", role="viewer")
        page = await text_of(viewer, "/sensors")
        assert page.index("off") < page.index("probe")
        assert "Running" in page
        assert "It probes." in page
        assert '<a href="/sensors" aria-current="page">Sensors' in page
        assert "Disabled" in await text_of(viewer, "/sensors/off")
        for ref in ("ops/slashed", "ops%2Fslashed"):
            assert "Disabled" in await text_of(viewer, f"/sensors/{ref}")
        one = await text_of(viewer, "/sensors/probe")
        assert "Restart<" not in one
        assert "<h2>Log" not in one
        assert (await viewer.submit("/sensors/probe/restart", csrf=viewer.csrf)).status == 403
        await text_of(viewer, "/sensors/nothing", 404)
        operator = await entered(client, url, name="olga", role="operator")
        one = await text_of(operator, "/sensors/probe")
        assert "<h2>Log" in one
        assert HOSTILE not in one
        reply = await operator.submit("/sensors/probe/restart", csrf=operator.csrf)
        assert (reply.status, reply.headers["location"]) == (303, "/sensors/probe")
        assert (await operator.submit("/sensors/off/restart", csrf=operator.csrf)).status == 409

    with_port(
        tmp_path, test, tmp_path / "tokens", definitions=str(folder), store=f"sqlite:///{tmp_path}/runs.db",
        sensors=SensorLimits(),
    )  # fmt: skip
