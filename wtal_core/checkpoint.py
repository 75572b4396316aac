"""Model weights on disk: a folder with `model.safetensors` and `meta.json`, whole or absent."""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from wtal_core.atomic import fresh_folder
from wtal_core.errors import WtalError

FORMAT = "wtal-checkpoint-1"
WEIGHTS, META = "model.safetensors", "meta.json"
log = logging.getLogger(__name__)


def save_checkpoint(
    folder: Path, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]
) -> None:
    """Write `tensors` and `meta` (JSON values) to `folder`, replacing what stood there.

    Both files are written and synced in a folder beside it, which is then renamed: a kill leaves
    the old checkpoint, the new one or none, never half of one. Equal input gives equal bytes.
    Raises WtalError naming the first tensor with NaN or infinity, before anything is touched.
    """
    for name in sorted(tensors):
        if tensors[name].is_floating_point() and not bool(torch.isfinite(tensors[name]).all()):
            raise WtalError(
                f"{folder}: {name} holds NaN or infinity, so the checkpoint was not written; "
                "lower the learning rate, or look at the loss curve for the step where it left"
            )
    # A copy each: safetensors refuses views and tensors that share memory.
    plain = {k: tensors[k].detach().cpu().clone().contiguous() for k in sorted(tensors)}
    weights = save(plain)
    record = {
        "format": FORMAT,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "tensors": {k: [str(v.dtype).removeprefix("torch."), *v.shape] for k, v in plain.items()},
        "meta": dict(meta),
    }
    text = json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n"
    with fresh_folder(folder) as fresh:
        (fresh / WEIGHTS).write_bytes(weights)
        (fresh / META).write_text(text, encoding="utf-8")


def load_checkpoint(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors (on CPU) and the meta of a checkpoint folder.

    Raises WtalError when a file is missing, unreadable or not the one that the meta describes.
    """
    remedy = "delete the folder and rerun `dvc repro` (or `dvc checkout`)"
    try:
        record = json.loads((folder / META).read_text(encoding="utf-8"))
        weights = (folder / WEIGHTS).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as err:
        raise WtalError(
            f"{folder}: no complete checkpoint ({err.filename} missing); {remedy}"
        ) from err
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise WtalError(f"{folder / META}: not readable as JSON ({err}); {remedy}") from err
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise WtalError(f"{folder / META}: not a checkpoint of format {FORMAT}; {remedy}")
    found = hashlib.sha256(weights).hexdigest()
    if found != record["sha256"]:
        raise WtalError(
            f"{folder / WEIGHTS}: sha256 {found[:12]}... but {META} says "
            f"{record['sha256'][:12]}...: truncated or of another run; {remedy}"
        )
    try:
        return load(weights), record["meta"]
    except SafetensorError as err:
        raise WtalError(f"{folder / WEIGHTS}: {err}; {remedy}") from err


class Resume:
    """Where a training run stands, epoch by epoch, so that a kill costs one epoch at most.

    Lives in a work folder outside DVC's outs (DVC empties those before each run). The new epoch
    is complete on disk before an older one goes, and two are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """The newest epoch that reads back whole (`meta["epoch"]` says which), or None."""
        for epoch in reversed(self._epochs()):
            try:
                tensors, meta = load_checkpoint(self._path(epoch))
            except WtalError as err:
                log.warning("left aside: %s", err)
                continue
            return tensors, meta
        return None

    def save(
        self, epoch: int, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]
    ) -> None:
        """Keep the state after `epoch` (weights, optimiser, random state) and one before it."""
        save_checkpoint(self._path(epoch), tensors, {**meta, "epoch": epoch})
        for old in self._epochs()[:-2]:
            shutil.rmtree(self._path(old))

    def clear(self) -> None:
        """Forget everything: the run is finished and its result stands elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:06d}"

    def _epochs(self) -> list[int]:
        return sorted(int(p.name[6:]) for p in self.folder.glob("epoch-[0-9]*") if p.is_dir())
