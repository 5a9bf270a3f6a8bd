"""Run ids: UUID version 7 (RFC 9562, section 5.7), so that they sort by the time of submission."""

import os
import time
import uuid


def new_run_id() -> str:
    """Return a new id: 48 bits of milliseconds since the epoch, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
