"""Where compiled code is kept between runs."""

import os
from pathlib import Path

from wtal_core.errors import WtalError


def build_folder() -> Path:
    """`$WTAL_KERNELS`, else `.cache/kernels` of this checkout, else of the user's cache folder.

    The last is for an installation whose folder the user may not write to. What lies in it is made
    anew when it is missing, and may be removed at any time. Raises WtalError if it cannot be made
    or written to.
    """
    folder = _choose()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise WtalError(
            f"{folder}: {err.strerror}; name a folder for compiled code in WTAL_KERNELS"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WtalError(
            f"{folder}: cannot be written to; name a folder for compiled code in WTAL_KERNELS"
        )
    return folder


def _choose() -> Path:
    if given := os.environ.get("WTAL_KERNELS"):
        return Path(given).absolute()
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "dvc.yaml").is_file() and os.access(checkout, os.W_OK):
        return checkout / ".cache" / "kernels"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "wtal" / "kernels"
