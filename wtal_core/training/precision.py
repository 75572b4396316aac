"""Where training computes in bfloat16, and where it does not."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from wtal_core.branches.output import BranchOutput


def run_branch(model: nn.Module, feat_BTD: Tensor, mask_BT: Tensor, precision: str) -> BranchOutput:
    """A branch's output for a batch, its numbers in float32 whatever the precision.

    "fp32" is the branch alone. With "bf16" its matrix products and convolutions are taken in
    bfloat16, on the CPU as on a GPU; parameters, optimiser and all losses stay in float32.
    """
    if precision == "fp32":
        output: BranchOutput = model(feat_BTD, mask_BT)
        return output
    with torch.autocast(feat_BTD.device.type, torch.bfloat16):
        output = model(feat_BTD, mask_BT)
    return replace(
        output,
        cas_BTC=output.cas_BTC.float(),
        prob_BTC=output.prob_BTC.float(),
        feat_BTD=output.feat_BTD.float(),
        extra={name: _in_float32(tensor) for name, tensor in output.extra.items()},
    )


def _in_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
