"""Notifications to systemd (sd_notify): a datagram to the socket that $NOTIFY_SOCKET names."""

import os
import socket

from stretto.metrics import get_logger

_log = get_logger("stretto.daemon")


def notify(*assignments: str) -> None:
    """Send assignments to systemd, as `notify("READY=1", "STATUS=ready")`. Without $NOTIFY_SOCKET, do nothing."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"  # an abstract socket, which has no file
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto("\n".join(assignments).encode(), address)
    except OSError as error:
        _log.warning("notify_failed", socket=address, reason=str(error))
