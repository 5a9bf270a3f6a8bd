"""The optional compiled part: without a compiler, Stretto is installed without it. All else stands in setup.cfg."""

from setuptools import Extension, setup

SOURCES = "definitions/data/compiled"

setup(
    ext_modules=[
        Extension(
            "stretto.definitions.data._compiled",
            [f"{SOURCES}/{name}.c" for name in ("module", "freezing", "composing", "decoding")],
            depends=[f"{SOURCES}/frozen.h"],
            optional=True,
        )
    ]
)
