"""Flow that is not the run's is refused; what differs in rounding alone is told."""

from pathlib import Path
from typing import Any

import pytest

from tests.predicting.tiny_trained import make_trained, write_stores
from wtal_core.errors import WtalError
from wtal_core.predicting import flow_check
from wtal_core.predicting.flow_check import check_flow
from wtal_core.predicting.settings import RunSettings, read_settings
from wtal_core.video.flow import identify


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSettings:
    """A run whose flow is our own TV-L1, by a processor."""
    monkeypatch.setenv("WTAL_ITEM_CACHE", str(tmp_path / "cache"))
    ours = {"method": "tvl1", "bound": 3.0, "backend": "numba"}
    data = make_trained(tmp_path, {"flow": ours})
    return read_settings(data, "r1", tmp_path / "params.yaml")


def made_with(run: RunSettings, **changed: Any) -> None:
    """Leave a store that says so."""
    flow = identify(run.flow) | changed
    write_stores(run.data, flow={key: one for key, one in flow.items() if one is not None})


def test_the_same_flow_passes_in_silence(
    run: RunSettings, caplog: pytest.LogCaptureFixture
) -> None:
    made_with(run)
    check_flow(run)
    write_stores(run.data)  # an old store, which does not say
    check_flow(run)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"bound": 20.0}, r"another \(bound: 20\.0 then, 3\.0 now\)"),
        ({"engine": None}, r"engine: OpenCV's \(backend: opencv\) then, our own \(wtal\) now"),
        ({"engine": "wtal-cuda", "warps": 2}, r"engine: .*; warps: 2 then, 5 now"),
        ({"engine": "other"}, r"engine: our own \(other\) then"),
    ],
)
def test_another_flow_is_refused_with_what_changed(
    run: RunSettings, changed: dict[str, Any], said: str
) -> None:
    made_with(run, **changed)
    with pytest.raises(WtalError, match=said):
        check_flow(run)


def test_a_gpu_instead_of_a_processor_is_only_told(
    run: RunSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made_with(run, engine="wtal-cuda")
    check_flow(run)
    assert "computed by wtal-cuda, here by wtal;" in caplog.text
    made_with(run)
    here = identify(run.flow) | {"engine": "wtal-cuda"}
    monkeypatch.setattr(flow_check, "identify", lambda params: here)
    check_flow(run)
    assert "computed by wtal, here by wtal-cuda;" in caplog.text
