"""A list has the place of its next page, as its cursor and as the header Link."""

from pathlib import Path

import httpx
import pytest

from stretto.actors.operations import API
from stretto.actors.settings import ServeSettings
from tests.support.gateways import opened_gateway
from tests.support.harness import PATIENCE

FAN = "ref: test.fan\nversion: '1'\ntasks: [{name: fan, action: core.noop, with_items: [1, 2, 3]}]\n"


@pytest.mark.parametrize("public", [None, "https://stretto.example.com"])
def test_the_link_leads_to_the_next_page(tmp_path: Path, sqlite_url: str, public: str | None) -> None:
    """With the same filters, below the public URL if there is one. The last page has none."""
    (tmp_path / "fan.yaml").write_text(FAN)
    serve = ServeSettings(public_url=public)
    with opened_gateway(tmp_path, serve=serve, store=sqlite_url, definitions=str(tmp_path)) as opened:
        transport = httpx.HTTPTransport(uds=opened.client.url.removeprefix("unix://"))
        with httpx.Client(base_url="http://localhost", transport=transport, timeout=PATIENCE) as client:
            body = {"workflow": "test.fan", "labels": {"a": "b&c"}}
            runs = [client.post(f"{API}/runs?wait=30", json=body).json()["run"] for _ in range(3)]
            for path, member, count in (
                ("/runs?label=a%3Db%26c&limit=1", "runs", 3),
                (f"/runs/{runs[0]}/tasks/fan/items?limit=2&outcome=succeeded&outcome=failed", "items", 3),
                (f"/runs/{runs[0]}/history?limit=2", "entries", 3),
                ("/audit?limit=2", "entries", 3),
            ):
                target, found = f"{API}{path}", 0
                while target:
                    page = client.get(target)
                    found += len(page.json()[member])
                    target = page.links.get("next", {}).get("url", "")
                    assert bool(target) == (page.json()["next"] is not None)
                    assert not target or target.startswith(f"{public or ''}{API}/")
                    target = target.removeprefix(public or "")
                assert found == count, path
