"""torchvision beside a CPU torch: mended there, left alone elsewhere."""

import subprocess
import sys

import pytest
import torch

from wtal_core import vision_compat

MISSING = "operator torchvision::nms does not exist"


def python(code: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, since an import can only be tried once in each."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def plain_import_fails() -> bool:
    return MISSING in python("import torchvision").stderr


@pytest.mark.slow
def test_ensure_mends_the_import_and_hides_nothing_else() -> None:
    if torch.version.cuda is not None or not plain_import_fails():
        pytest.skip("torchvision imports by itself here")
    done = python(
        "from wtal_core import vision_compat as v\n"
        "assert set(v.ensure()) >= {'nms'}\n"
        "assert v.ensure() == ()\n"
        "import torch, torchvision, open_clip, timm\n"
        "try: torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)\n"
        "except (RuntimeError, NotImplementedError) as e: print('refused')\n"
    )
    assert (done.stdout, done.returncode) == ("refused\n", 0), done.stderr


@pytest.mark.slow
def test_a_cuda_build_keeps_its_error() -> None:
    if not plain_import_fails():
        pytest.skip("torchvision imports by itself here")
    done = python(
        "import torch; torch.version.cuda = '13.0'\n"
        "from wtal_core import vision_compat\nvision_compat.ensure()\n"
    )
    assert done.returncode != 0
    assert MISSING in done.stderr


def test_other_errors_are_not_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert vision_compat._undeclared(MISSING, []) == "nms"
    assert vision_compat._undeclared(MISSING, ["nms"]) is None  # declared already: no endless loop
    assert vision_compat._undeclared("operator aten::nms does not exist", []) is None
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert vision_compat._undeclared(MISSING, []) is None


def test_a_failing_import_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise RuntimeError(f"{name} is broken")

    monkeypatch.setattr(vision_compat.importlib, "import_module", fail)
    with pytest.raises(RuntimeError, match="torchvision is broken"):
        vision_compat.ensure()
