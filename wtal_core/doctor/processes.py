"""Which processes live."""

import os
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Does a process of this machine have this number? A zombie does no more."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # someone else's
        return True
    except FileNotFoundError:  # a system without /proc
        return True
