"""The settings that `Engine.open` takes by name."""

import inspect

from stretto.actors import Engine
from stretto.actors.engine.settings import EngineSettings


def test_they_are_the_arguments_of_start() -> None:
    """All besides the definitions, with the same types."""
    start = {name: each.annotation for name, each in inspect.signature(Engine.start).parameters.items()}
    assert start.pop("definitions") is not inspect.Parameter.empty
    assert inspect.get_annotations(EngineSettings) == start
