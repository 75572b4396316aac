"""How fast this machine starts Python, hashes and writes."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from wtal_core.planning.measure_method import timed

_HASHED = 16 << 20  # bytes
_WRITTEN = 48 << 20


def measure_start(module: str) -> tuple[float, int]:
    """Seconds until a fresh Python has imported `module`, and its memory in bytes."""
    code = f"import {module}\nfrom wtal_core.planning import memory\nprint(memory.peak_bytes())"
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
    )
    said = done.stdout.split()[-1]
    return time.perf_counter() - begin, int(said) if said.isdecimal() else 0


def measure_hashing(method: str) -> float:
    """Seconds a byte."""
    content = os.urandom(_HASHED)
    return timed(lambda: hashlib.new(method, content, usedforsecurity=False)) / _HASHED


def measure_writing(folder: Path) -> float:
    """Seconds a byte, until it is on the disk; nothing stays in `folder`."""
    content = os.urandom(_WRITTEN)
    with tempfile.TemporaryFile(dir=folder) as file:
        begin = time.perf_counter()
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        return (time.perf_counter() - begin) / _WRITTEN
