"""Whether a new video's flow would be computed as that of the run's own videos was.

Nothing in here loads torch: what does not fit is said at once.
"""

import logging
from typing import Any

from wtal_core.annotations import read_json
from wtal_core.errors import WtalError
from wtal_core.predicting.settings import RunSettings
from wtal_core.video.flow import identify

_OURS = {"wtal", "wtal-cuda"}  # on a processor and on a GPU: apart in rounding alone
log = logging.getLogger(__name__)


def check_flow(run: RunSettings) -> None:
    """Raise WtalError where the run's own flow was another; only warn where just rounding is."""
    store = run.store("i3d")
    if store is None or run.i3d.imported:
        return
    made = read_json(store / "zarr.json").get("attributes", {}).get("flow")
    asked = identify(run.flow)
    if made is None or made == asked:
        return
    changed = {
        key: (made.get(key), asked.get(key))
        for key in sorted({*made, *asked})
        if made.get(key) != asked.get(key)
    }
    if set(changed) == {"engine"} and set(changed["engine"]) <= _OURS:
        log.warning(
            "%s: the run's flow was computed by %s, here by %s; segments may differ a little",
            run.data, *changed["engine"],
        )  # fmt: skip
        return
    raise WtalError(
        f"{store}: the run's flow was another ({_tell(changed)}) than `flow` of "
        f"{run.data / 'dataset.yaml'} asks for now; put that back there, or rerun `dvc repro`"
    )


def _tell(changed: dict[str, tuple[Any, Any]]) -> str:
    """`scales: 5 then, 3 now`; the engine in the words of dataset.yaml."""

    def word(key: str, value: Any) -> Any:
        if key == "engine":
            return "OpenCV's (backend: opencv)" if value is None else f"our own ({value})"
        return value

    return "; ".join(
        f"{key}: {word(key, before)} then, {word(key, now)} now"
        for key, (before, now) in changed.items()
    )
