"""The inputs and the output of a run."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import read_head
from stretto.actors.gateway.pages.values import ShownValue, shown_value
from stretto.actors.operations import API


class RunValuesPage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the inputs of a run, and its output once it has ended."""
        head = await read_head(self._asker, request.path_params["run"], caller, "values")
        inputs: ShownValue | None = None
        output: ShownValue | None = None
        if head.run is not None:
            path = f"{API}{head.path}"
            inputs = await asyncio.to_thread(shown_value, head.run["inputs"], f"{path}/inputs")
            if head.ended:
                output = await asyncio.to_thread(shown_value, head.run["output"], f"{path}/output")
        return self._renderer.page("run_values.html", viewer, path="/runs", head=head, inputs=inputs, output=output)
