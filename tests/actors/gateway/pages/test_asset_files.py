"""Styles and scripts are read when they are asked for, and sent compressed to those who accept it."""

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.http.compression import BEST, compressed
from stretto.actors.gateway.pages import asset_files
from stretto.actors.gateway.pages.asset_files import Assets
from tests.actors.gateway.http.test_sessions import with_tokens
from tests.support.browsing import Browser


def test_a_file_is_compressed_once_and_only_if_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon whose pages nobody opens keeps no file of them."""
    sizes: Counter[int] = Counter()

    def counted(content: bytes, level: int) -> bytes:
        sizes[len(content)] += level == BEST
        return compressed(content, level)

    monkeypatch.setattr(asset_files, "compressed", counted)

    async def test(_client: Any, url: str, _token: str) -> None:
        assert not sizes
        for _ in range(2):
            reply = await Browser(url).send("GET", f"{Assets().base}/run.js")
            assert sizes == {len(reply.body): 1}

    with_tokens(tmp_path, test)


def test_assets_are_compressed_for_those_who_accept_it(tmp_path: Path) -> None:
    """The content is the same."""
    base = Assets().base

    async def test(_client: Any, url: str, _token: str) -> None:
        browser = Browser(url)
        for name in ("stretto.css", "run.js", "failed.svg"):
            plain = await browser.send("GET", f"{base}/{name}")
            packed = await browser.send("GET", f"{base}/{name}", accept_encoding="br, gzip")
            assert "content-encoding" not in plain.headers
            assert packed.headers["content-encoding"] == "gzip"
            assert plain.headers["vary"] == packed.headers["vary"] == "accept-encoding"
            assert gzip.decompress(packed.body) == plain.body

    with_tokens(tmp_path, test)
