"""An address of this process's own, for ports that a test binds a second time."""

import ipaddress
import os


def own_loopback() -> str:
    """Return a loopback address that no other process of these tests uses.

    At 127.0.0.1, a port that is free for a moment may be given to another process.
    """
    return str(ipaddress.IPv4Address("127.1.0.0") + os.getpid() % 2**23)
