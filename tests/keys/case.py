"""What it takes to see a key's effect: where to look, another value, and what else must be set."""

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

ROOT = Path(__file__).parents[2]
Settings = Mapping[str, Any]  # dotted keys of params.yaml


@dataclass(frozen=True)
class Scene:
    """Where a key is looked at: a folder of its own, and params.yaml with some keys set."""

    folder: Path  # empty
    stage: Path  # what the session prepared once for all
    settings: Settings

    @property
    def params(self) -> Path:
        """params.yaml as a user would have changed it."""
        path = self.folder / "params.yaml"
        if not path.exists():
            document = read_defaults()
            for dotted, value in self.settings.items():
                section, _, key = dotted.rpartition(".")
                (document[section] if section else document)[key] = value
            path.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
        return path


def read_defaults() -> dict[str, Any]:
    """params.yaml as it stands."""
    return copy.deepcopy(_parse((ROOT / "params.yaml").read_text(encoding="utf-8")))


@cache
def _parse(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(text)
    return document


Observe = Callable[[Scene], Any]  # something that `fingerprint` takes


@dataclass(frozen=True)
class Case:
    """A key has its effect when `observe` sees something else under the value `other`."""

    other: Any
    observe: Observe
    base: Settings = field(default_factory=dict)  # set with either value: what the key acts on


def fingerprint(seen: Any) -> str:
    """Equal for equal arrays, texts and numbers, however nested."""
    digest = hashlib.sha256()
    _feed(digest.update, seen)
    return digest.hexdigest()


def _feed(update: Callable[[bytes], None], seen: Any) -> None:
    if isinstance(seen, Mapping):
        seen = sorted(seen.items())
    if isinstance(seen, torch.Tensor):
        seen = seen.detach().numpy()
    if isinstance(seen, np.ndarray):
        update(f"{seen.dtype}{seen.shape}".encode() + np.ascontiguousarray(seen).tobytes())
    elif isinstance(seen, list | tuple):
        update(f"{len(seen)} of".encode())
        for one in seen:
            _feed(update, one)
    else:
        update(f"{seen!r};".encode())
