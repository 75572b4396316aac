"""A network of torch run by OpenVINO on the processor; the only file that knows the package."""

from __future__ import annotations

import sys
import threading
from typing import Any

import torch
from torch import nn

from wtal_core.errors import WtalError
from wtal_core.schema.encoders import Precision

_HINT = {"fp32": "f32", "bf16": "bf16"}


def load_openvino() -> Any:
    """The package, without what it tells its makers over the network at each conversion.

    Where its telemetry cannot be imported it uses a stand-in of its own that does nothing.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino  # type: ignore  # optional, and without types

    return openvino


class OpenvinoNet:
    """`network` for inputs of one shape.

    Each of `streams` threads computes by itself with `threads` of OpenVINO's own; callers beyond
    that wait. Weights are kept in float32 and rounded by OpenVINO, which keeps sums in float32.
    Raises WtalError where the processor cannot compute at the precision.
    """

    def __init__(
        self,
        network: nn.Module,
        example: torch.Tensor,
        precision: Precision,
        streams: int = 1,
        threads: int = 1,
    ) -> None:
        openvino = load_openvino()
        with torch.no_grad():
            converted = openvino.convert_model(torch.export.export(network, (example,)))
        settings = {
            "INFERENCE_PRECISION_HINT": _HINT[precision],
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams * threads,
            # Several processes side by side would all be pinned to the first core.
            "ENABLE_CPU_PINNING": False,
        }
        self.model = openvino.Core().compile_model(converted, "CPU", settings)
        got = self.model.get_property("INFERENCE_PRECISION_HINT").to_string()
        if got != _HINT[precision]:
            raise WtalError(
                f"encoders: OpenVINO computes in {got} on this processor, not in "
                f"{_HINT[precision]}; set `encoders.precision` of dataset.yaml to auto or fp32"
            )
        self._own = threading.local()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The network's output (float32) for an input of the example's shape."""
        request: Any = getattr(self._own, "request", None)
        if request is None:  # one belongs to one thread
            request = self._own.request = self.model.create_infer_request()
        out = request.infer([x.numpy()], share_inputs=True)[0]
        return torch.from_numpy(out.copy())
