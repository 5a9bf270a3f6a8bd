"""A network of a test's own, joined to this machine by one link, which the test cuts and mends."""

import os
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Final

import pytest

FIRST_ADDRESS: Final = IPv4Address("198.18.0.0")
"""The addresses from here are for measurements of networks: none of the machine's own networks has them."""
ADDRESSES: Final = 2**17
ADDRESSES_OF_A_LINK: Final = 4


class Link:
    """A network namespace and its link. Its names and addresses are those of no other process's.

    Attributes:
        here: The address of this machine on the link.
        there: The address in the namespace.
        inside: What begins a command that runs in the namespace.
    """

    def __init__(self) -> None:
        process = os.getpid()
        first = FIRST_ADDRESS + process * ADDRESSES_OF_A_LINK % ADDRESSES
        self.here, self.there = str(first + 1), str(first + 2)
        self._namespace = f"stretto-{process}"
        self._outer, self._inner = f"str{process}h", f"str{process}n"
        self.inside = ("nsenter", f"--net=/run/netns/{self._namespace}")
        _run("ip", "netns", "add", self._namespace)
        try:
            _run("ip", "link", "add", self._outer, "type", "veth", "peer", self._inner, "netns", self._namespace)
            _run("ip", "address", "add", f"{self.here}/30", "dev", self._outer)
            _run("ip", "link", "set", self._outer, "up")
            _run(*self.inside, "ip", "address", "add", f"{self.there}/30", "dev", self._inner)
            _run(*self.inside, "ip", "link", "set", "lo", "up")
            self.mend()
        except BaseException:
            self.remove()
            raise

    def cut(self) -> None:
        """Let nothing through, in both directions, and let neither side know."""
        _run(*self.inside, "ip", "link", "set", self._inner, "down")

    def mend(self) -> None:
        """Let everything through again."""
        _run(*self.inside, "ip", "link", "set", self._inner, "up")

    def remove(self) -> None:
        """Remove the namespace, and with it the link."""
        _run("ip", "netns", "delete", self._namespace)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.fixture
def link() -> Iterator[Link]:
    """A link, where the system permits it."""
    try:
        link = Link()
    except FileNotFoundError as error:
        pytest.skip(f"network namespaces need the program {error.filename}")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces are not permitted here: {error.stderr.strip()}")
    yield link
    link.remove()
