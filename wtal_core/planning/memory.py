"""How much memory work takes beyond what the process had before, at the peak."""

from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Growth:
    """From here on. Linux only: elsewhere `bytes` gives None."""

    def __init__(self, base: int | None = None) -> None:
        self.known = _reset_peak()
        self.base = _read("VmRSS:") if base is None else base

    def bytes(self) -> int | None:
        """The peak so far less what was in use at the start."""
        peak = _read("VmHWM:") if self.known else None
        return None if peak is None or self.base is None else max(0, peak - self.base)


def peak_bytes() -> int | None:
    """The most that this process ever had in use."""
    return _read("VmHWM:")


def _reset_peak() -> bool:
    try:
        _CLEAR.write_text("5")
    except OSError:
        return False
    return True


def _read(key: str) -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(key)]
    return int(found[0]) * 1024 if found else None
