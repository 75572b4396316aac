"""Parameters: what holds, what is refused, and that the message helps."""

import logging
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from stages.check import METHOD, PARAMS, check
from tests.cpu_time import ended_children_s
from wtal_core.errors import ParamsError
from wtal_core.params import (
    load_yaml,
    read_facts,
    read_overrides,
    read_params,
    read_run,
    read_section,
)
from wtal_core.schema.dataset import RunParams, SnippetParams, check_rounds
from wtal_core.schema.encoders import EncoderParams
from wtal_core.schema.strict import build
from wtal_core.schema.thresholds import ThresholdParams

ROOT = Path(__file__).parents[1]
THRESHOLDS = "thresholds: {delta_h: 0.3, delta_l: 0.1, theta_cls: 0.85, theta_loc: 0.45}\n"


@dataclass(frozen=True)
class Inner:
    depth: int = 2
    scales: tuple[float, ...] = (0.5, 1.0)


@dataclass(frozen=True)
class Part:
    epochs: int = 20
    rate: float = 1e-4
    fuse: Literal["mean", "max"] = "mean"
    name: str = "x"
    deep: bool = False
    limit: int | None = None
    size: tuple[int, int] = (3, 4)
    weights: dict[str, float] = field(default_factory=lambda: {"kd": 1.0})
    inner: Inner = field(default_factory=Inner)


FULL = (
    "part: {epochs: 20, rate: 1e-4, fuse: mean, name: x, deep: false, limit: null, size: [3, 4], "
    "weights: {kd: 1.0}, inner: {depth: 2, scales: [0.5, 1.0]}}\n"
)


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write_file(text: str, name: str = "params.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def test_every_kind_of_value_is_read(write: Any) -> None:
    assert read_params(write(FULL), None, "part", Part) == Part()


@pytest.mark.parametrize(
    ("key", "value", "meaning"),
    [
        ("rate", "1e-3", 0.001),  # YAML 1.1 takes this one for a text
        ("rate", "2E+1", 20.0),
        ("rate", "3", 3.0),
        ("limit", "7", 7),
        ("size", "[1, 2]", (1, 2)),
        ("fuse", "max", "max"),
    ],
)
def test_values_that_are_right(write: Any, key: str, value: str, meaning: object) -> None:
    part = read_facts(write(f"part: {{{key}: {value}}}"), "part", Part)
    assert getattr(part, key) == meaning
    assert type(getattr(part, key)) is type(meaning)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("epochs", '"2"', "whole number"),
        ("epochs", "true", "whole number"),
        ("epochs", "2.0", "whole number"),
        ("epochs", "null", "whole number"),
        ("rate", '"1e-3"', "finite number"),
        ("rate", ".nan", "finite number"),
        ("rate", "-.inf", "finite number"),
        ("rate", "false", "finite number"),
        ("fuse", "median", "'mean', 'max'"),
        ("name", "3", "text"),
        ("deep", "1", "true or false"),
        ("limit", "[]", "whole number or null"),
        ("size", "[1]", "a list of"),
        ("size", "[1, x]", "whole number"),
        ("weights", "{kd: x}", "finite number"),
        ("weights", "3", "mapping"),
        ("inner", "{depth: x}", "whole number"),
        ("inner", "4", "keys and values"),
    ],
)
def test_a_wrong_type_names_key_value_and_what_is_allowed(
    write: Any, key: str, value: str, expected: str
) -> None:
    with pytest.raises(ParamsError, match=expected) as caught:
        read_facts(write(f"part: {{{key}: {value}}}"), "part", Part)
    assert f"part.{key}" in str(caught.value)
    assert "params.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("delta_H", "delta_h"), ("theta_clss", "theta_cls"), ("dleta_l", "delta_l")],
)
def test_an_unknown_key_names_the_nearest_right_one(write: Any, typed: str, meant: str) -> None:
    with pytest.raises(ParamsError, match=f"{typed!r} .*0.71.*did you mean '{meant}'"):
        read_params(write(f"thresholds: {{{typed}: 0.71}}"), None, "thresholds", ThresholdParams)


def test_relations_between_keys_are_checked(write: Any) -> None:
    text = THRESHOLDS.replace("0.1,", "0.3,")
    with pytest.raises(ParamsError, match=r"delta_l.*0\.3"):
        read_params(write(text), None, "thresholds", ThresholdParams)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {b: 1, b: 2}", "'b' stands twice"),
        ("a: 1\na: 2", "'a' stands twice"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: [1", "expected"),
        ("- 1", "expected keys and values"),
        ("", "expected keys and values"),
    ],
)
def test_yaml_that_is_refused(write: Any, text: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        load_yaml(write(text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="no such file"):
        load_yaml(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ParamsError, match="UTF-8"):
        load_yaml(tmp_path / "binary.yaml")


def test_a_section_or_key_that_is_missing(write: Any) -> None:
    with pytest.raises(ParamsError, match="'thresholds' is missing"):
        read_section(write("a: {}"), "thresholds")
    without_inner = FULL.replace(", inner: {depth: 2, scales: [0.5, 1.0]}", "")
    with pytest.raises(ParamsError, match=r"'inner' is missing; its default is"):
        read_params(write(without_inner), None, "part", Part)
    with pytest.raises(ParamsError, match=r"part.inner: the key 'scales' is missing"):
        read_params(write(FULL.replace(", scales: [0.5, 1.0]", "")), None, "part", Part)


class TestPrecedence:
    """default < method of dataset.yaml < a value of params.yaml that differs from the default."""

    METHOD = "method: {part: {epochs: 5, inner: {depth: 9}, weights: {kd: 2.0}}}"

    def read(self, write: Any, params: str, method: str = METHOD) -> Part:
        return read_params(write(params), write(method, "dataset.yaml"), "part", Part)

    def test_the_data_set_replaces_untouched_values(
        self, write: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            part = self.read(write, FULL)
        assert (part.epochs, part.inner.depth, part.weights) == (5, 9, {"kd": 2.0})
        assert part.inner.scales == (0.5, 1.0)
        assert "part.epochs: 20 -> 5" in caplog.text
        assert "part.inner.depth: 2 -> 9" in caplog.text

    def test_a_value_that_was_asked_for_stands(
        self, write: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            part = self.read(write, FULL.replace("epochs: 20", "epochs: 7"))
        assert part.epochs == 7
        assert part.inner.depth == 9
        assert "part.epochs = 7 stands" in caplog.text

    def test_other_sections_of_the_data_set_do_not_matter(self, write: Any) -> None:
        assert self.read(write, FULL, "method: {other: {epochs: 5}}") == Part()
        assert self.read(write, FULL, "a: 1") == Part()

    def test_a_wrong_override_is_named(self, write: Any) -> None:
        with pytest.raises(ParamsError, match=r"dataset.yaml: method.part: unknown key 'epoch'"):
            self.read(write, FULL, "method: {part: {epoch: 5}}")
        with pytest.raises(ParamsError, match=r"dataset.yaml: method.part.epochs = '5'"):
            self.read(write, FULL, "method: {part: {epochs: '5'}}")

    def test_thresholds_cannot_be_replaced(self, write: Any) -> None:
        with pytest.raises(ParamsError, match=r"method.thresholds.*-S thresholds"):
            read_overrides(write("method: {thresholds: {delta_h: 0.5}}"))


@pytest.mark.parametrize(
    "rounds",
    [
        {},
        {"r1": "r0"},
        {"r1": "r0", "r2": "r1", "r3": "r2"},
        {"r2": "r1", "r1": "r0"},
        {"r5": "r0"},
    ],
)
def test_rounds_that_form_a_chain(rounds: dict[str, str]) -> None:
    check_rounds(rounds)


@pytest.mark.parametrize(
    ("rounds", "message"),
    [
        ({"r1": "r1"}, "earlier"),
        ({"r1": "r2", "r2": "r0"}, "earlier"),
        ({"r1": "r0", "r3": "r2"}, "there is no round r2"),
        ({"r1": "r0", "r2": "r0"}, "both start from r0"),
        ({"r0": "r0"}, "earlier"),
        ({"one": "r0"}, "'one' is no name"),
        ({"r1": "warm"}, "'warm' is no name"),
        ({"r01": "r0"}, "'r01' is no name"),
    ],
)
def test_rounds_that_do_not(rounds: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_rounds(rounds)


def test_run_wide_keys(write: Any) -> None:
    text = "dataset: demo\nseed: 3\nmax_bad_fraction: 0.05\nrounds: {r1: r0}\nother: {}\n"
    assert read_run(write(text)) == RunParams("demo", 3, 0.05, {"r1": "r0"})
    # Whole-number keys of `foreach` make DVC drop the stages without a word.
    with pytest.raises(ParamsError, match=r"the key 1 = 1 .*a text"):
        read_run(write(text.replace("r1: r0", "1: r0")))
    with pytest.raises(ParamsError, match=r"'\.\./other' must be a plain folder name"):
        read_run(write(text.replace("demo", "../other")))


def test_snippet_facts() -> None:
    with pytest.raises(ParamsError, match="would skip frames"):
        build(SnippetParams, {"frames": 4, "stride": 5}, "dataset.yaml: snippet")


@pytest.mark.parametrize("section", PARAMS)
def test_params_yaml_spells_out_the_defaults(section: str) -> None:
    """Precedence tells an asked-for value from an untouched one by the default."""
    cls = PARAMS[section]
    assert read_params(ROOT / "params.yaml", None, section, cls) == cls()


class TestCheck:
    def test_the_shipped_files_are_right(self) -> None:
        check(ROOT / "params.yaml", ROOT / "data/demo/dataset.yaml")

    def spoil(self, tmp_path: Path, name: str, old: str, new: str) -> tuple[Path, Path]:
        files = {
            "params.yaml": ROOT / "params.yaml",
            "dataset.yaml": ROOT / "data/demo/dataset.yaml",
        }
        for target, source in files.items():
            text = source.read_text(encoding="utf-8")
            if target == name:
                assert old in text
                text = text.replace(old, new, 1)
            (tmp_path / target).write_text(text, encoding="utf-8")
        return tmp_path / "params.yaml", tmp_path / "dataset.yaml"

    @pytest.mark.parametrize(
        ("name", "old", "new", "message"),
        [
            ("params.yaml", "thresholds:", "threshold:", "did you mean 'thresholds'"),
            ("params.yaml", "delta_h: 0.3", "delta_h: 0.05", "delta_l"),
            ("params.yaml", "seed: 0", "sede: 0", "did you mean 'seed'"),
            ("params.yaml", "r2: r1", "2: r1", "the key 2 = 2"),
            ("params.yaml", "pictures: 3", "picture: 3", "did you mean 'pictures'"),
            ("dataset.yaml", "method:", "methods:", "did you mean 'method'"),
            ("dataset.yaml", "stride: 16", "strid: 16", "did you mean 'stride'"),
        ],
    )
    def test_a_bad_key_is_named(
        self, tmp_path: Path, name: str, old: str, new: str, message: str
    ) -> None:
        with pytest.raises(ParamsError, match=message):
            check(*self.spoil(tmp_path, name, old, new))

    @pytest.mark.parametrize("section", METHOD)
    def test_every_tracked_section_of_method_must_stand(self, tmp_path: Path, section: str) -> None:
        text = (ROOT / "data/demo/dataset.yaml").read_text()
        (block,) = re.findall(rf"^  {section}:.*\n(?:    .*\n)*", text, re.MULTILINE)
        spoilt = self.spoil(tmp_path, "dataset.yaml", block, "")
        with pytest.raises(ParamsError, match=f"method.{section} is missing"):
            check(*spoilt)

    def test_a_data_set_from_before_encoders_is_told_what_to_write(self, tmp_path: Path) -> None:
        text = (ROOT / "data/demo/dataset.yaml").read_text()
        start, end = text.index("encoders:"), text.index("i3d:\n")
        spoilt = self.spoil(tmp_path, "dataset.yaml", text[start:end], "")
        told = r"'encoders' is missing; write `encoders: {backend: torch, precision: fp32}`"
        with pytest.raises(ParamsError, match=told):
            check(*spoilt)
        read = read_facts(spoilt[1], "encoders", EncoderParams, optional=True)
        assert read == EncoderParams("torch", "fp32")
        with pytest.raises(ParamsError, match="'encoders' is missing"):
            read_facts(spoilt[1], "encoders", EncoderParams)

    def test_it_takes_less_than_a_second_and_no_torch(self, tmp_path: Path) -> None:
        self.spoil(tmp_path, "params.yaml", "delta_h: 0.3", "delta_hh: 0.3")
        command = [sys.executable, "-m", "stages.check", str(tmp_path)]
        before_s = ended_children_s()
        done = subprocess.run(
            [*command, "--params", str(tmp_path / "params.yaml")],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = ended_children_s() - before_s
        assert done.returncode == 2
        assert "did you mean 'delta_h'" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "params.ok").exists()
        assert seconds < 1  # 0.2 s in peace
        code = "import sys, stages.check; print('torch' in sys.modules)"
        loaded = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert loaded.stdout.strip() == "False"
