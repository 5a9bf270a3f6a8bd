"""The number of requests that a test has drawn, which is shown when the tests are over."""

from typing import Final

DRAWN: Final = "drawn requests"
"""The name of the property of a test that has the number."""
