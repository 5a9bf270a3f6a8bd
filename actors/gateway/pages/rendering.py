"""Templates to answers. Data are never markup: the environment escapes all of them."""

from importlib import metadata
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from stretto.actors.gateway.pages import words
from stretto.actors.gateway.pages.definition_paths import definition_url
from stretto.actors.gateway.pages.item_states import filter_of

TEMPLATES: Final = Path(__file__).parent / "templates"
POLICY: Final = "; ".join(
    [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
        "font-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
)  # fmt: skip
"""The Content-Security-Policy of all pages."""
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""The headers of all pages."""


class MenuCounts(msgspec.Struct, frozen=True):
    """The counts of the menu as they are shown: "" shows none.

    Attributes:
        inquiries: The inquiries that wait.
        schedules: The schedules that start runs.
        rules: The rules that answer events.
        events: The events that the daemon has accepted since its start.
        sensors: The sensors that run.
        failing: The sensors that fail.
    """

    inquiries: str = ""
    schedules: str = ""
    rules: str = ""
    events: str = ""
    sensors: str = ""
    failing: str = ""


NO_COUNTS: Final = MenuCounts()


class Viewer(msgspec.Struct, frozen=True):
    """Who looks at a page.

    Attributes:
        who: The name.
        role: The role.
        csrf: The token for the page's forms, or "" without a session.
        operates: Whether the viewer may change runs.
        administers: Whether the viewer may see the audit and change tokens.
        sees_all: Whether the viewer is restricted to no workflows.
        store_is_down: Whether the daemon's store cannot be used now.
        menu: The counts of the menu.
    """

    who: str
    role: str
    csrf: str
    operates: bool
    administers: bool
    sees_all: bool
    store_is_down: bool
    menu: MenuCounts = NO_COUNTS


class Renderer:
    """Makes pages of templates.

    Args:
        assets: The path of styles and scripts.
    """

    def __init__(self, assets: str) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, auto_reload=False,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._environment.globals |= {"assets": assets, "version": metadata.version("stretto")}
        self._environment.filters |= {
            "ago": words.ago, "full": words.full_time, "moment": words.moment, "took": words.took,
            "grouped": words.grouped, "shape": words.shape_of, "status_word": words.status_word,
            "short": words.short_id, "json": words.pretty_json, "compact": words.compact_json, "bytes": words.size_text,
            "clock": words.clock, "clocks": words.clocks, "file_name": words.file_name, "rate": words.rate,
            "seconds": words.seconds_text, "filter_of": filter_of, "definition_url": definition_url,
        }  # fmt: skip

    def text(self, template: str, viewer: Viewer | None, **values: Any) -> str:
        """Return a page. Each template gets `viewer`, and `path`, which marks the page in the menu."""
        return self._environment.get_template(template).render(viewer=viewer, **{"path": "", **values})

    def page(self, template: str, viewer: Viewer | None, http_status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page as an answer."""
        return HTMLResponse(self.text(template, viewer, **values), http_status, HEADERS)
