"""Which backend encodes a data set's videos, and that its features do not come from two."""

import json
import logging
from pathlib import Path

from wtal_core.annotations import SUBSETS, read_json
from wtal_core.atomic import fresh_file
from wtal_core.encoders.backends import INSTALL_OPENVINO, Backend, resolve
from wtal_core.encoders.nets import find_machine
from wtal_core.errors import WtalError
from wtal_core.items import work_dir
from wtal_core.params import read_facts
from wtal_core.schema.encoders import EncoderParams

_NOTE = "made_with.json"
log = logging.getLogger(__name__)


def choose_backend(data: Path, kind: str) -> Backend:
    """The backend for features of one kind, i3d or clip, of the data set DATA.

    What `auto` stands for must be what it stood for when this data set's features were begun, on
    this machine or on the one that the store comes from: else half of them, or the test split of a
    trained run, would be made otherwise. A backend that is named is taken; all features are then
    made anew. Raises WtalError where `auto` stands for another now.
    """
    dataset_yaml = data / "dataset.yaml"
    params = read_facts(dataset_yaml, "encoders", EncoderParams, optional=True)
    found = resolve(params, find_machine())
    note = work_dir(f"features_{kind}", {"dataset": data.resolve().name}) / _NOTE
    for place, before in _earlier(data, kind, note):
        if before == found:
            continue
        if "auto" in (params.backend, params.precision):
            raise WtalError(
                f"{place}: these features were begun with {before}, but `encoders` of "
                f"{dataset_yaml} stands for {found} on this machine now; to go on with them write "
                f"`encoders: {{backend: {before.backend}, precision: {before.precision}}}` there"
                f"{_needs(before)}, to make all of them anew write "
                f"`encoders: {{backend: {found.backend}, precision: {found.precision}}}`"
            )
        log.info("%s: made with %s; all features are made anew with %s", place, before, found)
    with fresh_file(note) as fresh:
        fresh.write_text(json.dumps(found.record, sort_keys=True))
    log.info("features_%s: %s%s", kind, found, _say(params))
    return found


def _earlier(data: Path, kind: str, note: Path) -> list[tuple[Path, Backend]]:
    """Where it stands what made this data set's features before, and what."""
    found = [(note, read_json(note))] if note.is_file() else []
    stores = [data / kind / f"{subset}.zarr" / "zarr.json" for subset in SUBSETS]
    found += [
        (store, read_json(store).get("attributes", {})) for store in stores if store.is_file()
    ]
    return [
        (place, Backend.of_record(record)) for place, record in found if "imported" not in record
    ]


def _needs(backend: Backend) -> str:
    return f" ({INSTALL_OPENVINO})" if backend.backend == "openvino" else ""


def _say(params: EncoderParams) -> str:
    if "auto" not in (params.backend, params.precision):
        return ""
    return f" (asked for: backend {params.backend}, precision {params.precision})"
