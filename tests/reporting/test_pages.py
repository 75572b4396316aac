"""Templates: text stays text, and a page names all that may run in it."""

import base64
import hashlib
import json
import re
from typing import Any

import pytest

from wtal_core.reporting.pages import island, minutes, points, policy, render


def test_an_island_holds_no_markup_and_loses_nothing() -> None:
    hostile = {"a": "</script><!--<script>", "b": "&lt;\u2028\"'\\", "c": [1.5, None]}
    text = str(island(hostile))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == hostile


def test_an_island_refuses_what_json_lacks() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        island([float("nan")])


def test_the_policy_is_of_the_very_text() -> None:
    page = render_page()
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert style
    assert len(script) == 1
    told = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert told
    allowed = told[1].replace("&#39;", "'")
    assert allowed == policy(style[1], script[0])
    for text in (style[1], script[0]):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in allowed
    assert allowed.startswith("default-src 'none'; ")
    assert "unsafe" not in allowed
    assert "http" not in allowed


def render_page() -> str:
    names = (
        "classes cards subsets headline plots round_titles round_rows class_rows diagnoses "
        "statistics params runs"
    )
    empty: dict[str, Any] = {name: [] for name in names.split()}
    more = {"places": {}, "any_truth": False, "sure": 0.3, "no_metrics": "none <yet>"}
    run = {
        "name": "<b>bold</b>",
        "diagnosis": None,
        "synthetic": False,
        "protocol": "",
        "fresh": False,
        "corrected": 0,
    }
    return render("index.html", "list.js", **{**empty, **more, "runs": [run]}).decode()


def test_values_are_escaped() -> None:
    page = render_page()
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "none &lt;yet&gt;" in page


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0:00.0"), (59.96, "1:00.0"), (3671.24, "61:11.2")]
)
def test_minutes(seconds: float, told: str) -> None:
    assert minutes(seconds) == told


def test_points() -> None:
    assert (points(0.12345), points(None)) == ("12.3", "–")
