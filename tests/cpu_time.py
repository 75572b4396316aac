"""What commands cost the processor: a limit on it holds however busy the machine is."""

import resource


def ended_children_s() -> float:
    """CPU time in seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
