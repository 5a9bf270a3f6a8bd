"""The process's limit of file descriptors: each client, process and connection of an action needs some."""

import resource

from stretto.metrics import get_logger

_log = get_logger("stretto.daemon")


def raise_descriptor_limit() -> None:
    """Raise the soft limit to the hard one. Shells often start processes with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:  # an infinite hard limit, which some systems do not accept as a soft one
        _log.debug("descriptor_limit_kept", soft=soft, hard=hard, reason=str(error))
    else:
        _log.debug("descriptor_limit_raised", soft=soft, hard=hard)
