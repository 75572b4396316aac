"""dvc.yaml against the code: files, numbers, and the wall round the ground truth."""

import ast
import dataclasses
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.check import FACTS, METHOD, PARAMS, RUN
from tests.closure import PIPELINES, ROOT, code_of_stage, rewritten
from tests.losses.test_total import OF_EQ_1
from wtal_core.corrections import NO_CORRECTIONS
from wtal_core.schema.branch import NETWORKS
from wtal_core.schema.fustal import FUSTAL

STAGE_FILES = {p.stem for p in (ROOT / "stages").glob("*.py")} - {"__init__", "launch"}
DATA = "data/demo"
STUDY = "data/study"
FUSTAL_STUDY = "fustal/study"
# Names of stages are told apart by it: both studies have stages that other pipelines have, too.
PREFIX = {ROOT / STUDY: "study/", ROOT / FUSTAL_STUDY: "fustal_study/"}
STUDIES = ("study_train", "fustal_study")  # stages that run other stages


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of a dvc.yaml with its templates filled in; paths relative to the top."""

    name: str
    cmd: str
    deps: frozenset[str]
    outs: frozenset[str]
    params: frozenset[tuple[str, str]]  # (file, dotted key); "" is the whole file

    @property
    def module(self) -> str:
        match = re.search(r"python -m stages\.(\w+)", self.cmd)
        assert match, f"{self.name}: cmd runs no stage of ours: {self.cmd}"
        return match[1]

    @property
    def data_deps(self) -> frozenset[str]:
        return frozenset(d for d in self.deps if not d.startswith(("stages/", "wtal_core/")))


def fill(node: Any, values: dict[str, str]) -> Any:
    """`node` with every ${name} replaced in its texts and keys."""
    if isinstance(node, dict):
        return {fill(k, values): fill(v, values) for k, v in node.items()}
    if isinstance(node, list):
        return [fill(v, values) for v in node]
    if isinstance(node, str):
        return re.sub(r"\$\{([\w.]+)\}", lambda m: values[m[1]], node)
    return node


def paths(items: list[Any], folder: Path) -> frozenset[str]:
    names = (next(iter(i)) if isinstance(i, dict) else i for i in items)
    return frozenset((folder / name).resolve().relative_to(ROOT).as_posix() for name in names)


def make_stage(name: str, body: dict[str, Any], home: Path) -> Stage:
    folder = home / body.get("wdir", ".")
    outs = [i for kind in ("outs", "metrics", "plots") for i in body.get(kind, [])]
    tracked: set[tuple[str, str]] = set()
    for item in body.get("params", []):
        if isinstance(item, str):
            tracked.add(("params.yaml", item))
        else:
            for file, keys in item.items():
                (path,) = paths([file], folder)
                tracked |= {(path, key) for key in keys or [""]}
    deps = paths(body.get("deps", []), folder)
    return Stage(name, body["cmd"], deps, paths(outs, folder), frozenset(tracked))


def load_stages() -> dict[str, Stage]:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    found: dict[str, Stage] = {}
    for path in PIPELINES:
        prefix = PREFIX.get(path.parent, "")
        for name, body in yaml.safe_load(path.read_text(encoding="utf-8"))["stages"].items():
            for key, values in rolled_out(body, params).items():
                shared = {"dataset": "demo", "student.proposals": params["student"]["proposals"]}
                one = fill(body.get("do", body), {**shared, **values})
                found[prefix + name + key] = make_stage(prefix + name + key, one, path.parent)
    return found


def rolled_out(body: dict[str, Any], params: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Ending of the name and template values of each stage that `foreach` makes."""
    each = body.get("foreach")
    if each is None:
        return {"": {}}
    if isinstance(each, list):
        return {f"@{item}": {"item": item} for item in each}
    if isinstance(each, dict):
        return {f"@{key}": {"key": key, "item": item} for key, item in each.items()}
    assert each == "${rounds}"
    return {f"@{key}": {"key": key, "item": item} for key, item in params["rounds"].items()}


ALL = load_stages()
# Sections of FuSTAL where its folders were deleted, as they may be.
WITHOUT = () if any(s.module.startswith("fustal") for s in ALL.values()) else tuple(FUSTAL)


def touches(path: str, others: frozenset[str]) -> bool:
    """Whether `path` is one of `others`, inside one, or a folder above one."""
    ours = Path(path)
    return any(ours.is_relative_to(o) or Path(o).is_relative_to(ours) for o in others)


def upstream(stage: Stage) -> set[str]:
    """Names of all stages whose outs the stage needs, however indirectly."""
    found: set[str] = set()
    waiting = [stage]
    while waiting:
        needs = waiting.pop().deps
        for other in ALL.values():
            if other.name not in found and any(touches(d, other.outs) for d in needs):
                found.add(other.name)
                waiting.append(other)
    return found


def test_every_stage_has_a_file_and_every_file_a_stage() -> None:
    assert {stage.module for stage in ALL.values()} == STAGE_FILES


def test_the_names_of_dvc_yaml_are_those_of_the_files() -> None:
    for name, stage in ALL.items():
        short = name.split("/")[-1]
        assert re.fullmatch(rf"{stage.module.removeprefix('demo_')}(_r0|@\w+)?", short)


@pytest.mark.parametrize("path", PIPELINES, ids=lambda p: p.parent.name)
def test_code_deps_are_the_import_closure(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == rewritten(text), "run `make deps`"
    # The tool only sees lists that stand after `# code`; count the stages without one.
    assert text.count("# code\n") == text.count("python -m stages.")


@pytest.mark.parametrize("name", ALL)
def test_code_deps_of_each_stage(name: str) -> None:
    """The same, not by the tool's own rewriting."""
    code = {d for d in ALL[name].deps if d.endswith((".py", ".cpp"))}
    assert code == set(code_of_stage(ALL[name].module))


@pytest.mark.parametrize("name", ALL)
def test_every_path_of_the_command_is_a_dep_or_an_out(name: str) -> None:
    """Or the data set's folder, below which the stage then stays, or a file of tracked numbers."""
    allowed = {DATA, STUDY, *(file for file, _ in ALL[name].params)}
    words = [w for w in shlex.split(ALL[name].cmd) if "/" in w]
    for word in words:
        assert word in allowed or touches(word, ALL[name].deps | ALL[name].outs), word


def test_no_two_stages_write_the_same() -> None:
    for name, stage in ALL.items():
        for other in ALL.values():
            if other.name != name:
                clash = {o for o in stage.outs if touches(o, other.outs)}
                assert not clash, f"{name} and {other.name}"


def test_every_dep_is_made_by_a_stage_or_kept_in_git() -> None:
    made = frozenset(o for stage in ALL.values() for o in stage.outs)
    for name, stage in ALL.items():
        for dep in stage.deps:
            assert touches(dep, made) or (ROOT / dep).is_file(), f"{name} needs {dep}"


def test_every_out_is_used_or_a_result() -> None:
    needed = frozenset(d for stage in ALL.values() for d in stage.deps)
    for stage in ALL.values():
        for out in stage.outs:
            shown = out.startswith(("results/", "docs/")) or "curves" in out or "pseudo" in out
            shown |= "/fustal/proposals/r" in out  # for who asks for them by student.proposals
            assert touches(out, needed) or shown, f"{stage.name}: nobody needs {out}"


@pytest.mark.parametrize("name", [n for n, stage in ALL.items() if stage.module != "check"])
def test_a_bad_parameter_stops_every_stage(name: str) -> None:
    """All work waits for `check`, which knows every key."""
    assert "check" in {ALL[above].module for above in upstream(ALL[name])}


class TestNumbers:
    """Every key does something: it is known, typed, and tracked by a stage that reads it."""

    def tracked(self, file: str) -> set[str]:
        stages = (s for s in ALL.values() if s.module not in ("check", *STUDIES))
        return {key for s in stages for path, key in s.params if path == file}

    def test_every_key_of_params_yaml_is_known_and_tracked(self) -> None:
        document = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        assert set(document) == {*RUN, *PARAMS}
        tracked = self.tracked("params.yaml")
        for section in [*PARAMS, *RUN]:
            if section in ("dataset", *WITHOUT):  # the first is in the paths themselves
                continue
            assert any(key.split(".")[0] == section for key in tracked), section
        for key in tracked:
            assert key.split(".")[0] in document, key

    def test_thresholds_are_tracked_one_by_one(self) -> None:
        """A changed theta_loc must not train anything again."""
        for name, stage in ALL.items():
            keys = {key for _, key in stage.params if key.startswith("thresholds")}
            if name.startswith(("b_step", "f_step", "evaluate")) or "study_evaluate" in name:
                assert keys == {"thresholds.delta_h", "thresholds.delta_l"}
            elif name.startswith("infer"):
                assert keys == {"thresholds.theta_cls", "thresholds.theta_loc"}
            else:
                assert not keys - {"thresholds"}

    def test_the_warm_up_tracks_of_the_loss_what_it_uses(self) -> None:
        """So that an ablation of L_kd or L_fb trains no warm-up again."""
        tracked = {key for _, key in ALL["warm_up"].params if key.startswith("loss")}
        assert tracked == {f"loss.{key}" for key in OF_EQ_1}

    def test_every_section_of_dataset_yaml_is_tracked(self) -> None:
        document = yaml.safe_load((ROOT / DATA / "dataset.yaml").read_text(encoding="utf-8"))
        tracked = self.tracked(f"{DATA}/dataset.yaml")
        assert set(document) == {*FACTS, "method"}
        assert {key for key in tracked if not key.startswith("method.")} == set(FACTS)
        assert {key for key in tracked if key.startswith("method.")} == {
            f"method.{m}" for m in METHOD if m not in WITHOUT
        }

    def test_a_study_tracks_what_the_stages_that_it_runs_track(self) -> None:
        """All of `method:` stands for its sections; `rounds` come from study.yaml."""
        for study in (s for s in ALL.values() if s.module in STUDIES):
            asked = shlex.split(study.cmd)
            path = asked[asked.index("--study") + 1] if "--study" in asked else f"{DATA}/study.yaml"
            ran = [s for s in ALL.values() if f"stages/{s.module}.py" in study.deps]
            below = {(f, key.split(".")[0]) for s in ran if s != study for f, key in s.params}
            tracked = {(file.replace(STUDY, DATA), key) for file, key in study.params}
            assert tracked - below == {(path, key) for key in ("seeds", "rows")}
            assert below <= tracked

    def test_a_stage_tracks_a_section_and_its_overrides_together(self) -> None:
        for stage in (s for s in ALL.values() if s.module not in STUDIES):
            keys = {key for path, key in stage.params if path == "params.yaml"}
            sections = {key.split(".")[0] for key in keys} & set(METHOD)
            overrides = {key for _, key in stage.params if key.startswith("method.")}
            assert overrides == {f"method.{s}" for s in sections}, stage.name

    @pytest.mark.parametrize("name", ALL)
    def test_a_stage_tracks_what_its_code_reads(self, name: str) -> None:
        """read_params(..., "section", ...) in its stages/ files against `params` in dvc.yaml."""
        if ALL[name].module in ("check", *STUDIES):
            pytest.skip("tracks files whole, or what other stages read")
        files = [f for f in code_of_stage(ALL[name].module) if f.startswith("stages/")]
        read = {
            (ast.unparse(call.func), word.value)
            for file in files
            for call in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
            if isinstance(call, ast.Call)
            for word in call.args if isinstance(word, ast.Constant) and isinstance(word.value, str)
        }  # fmt: skip
        if "stages/parts/cbp_branches.py" in files:  # reads the section of the network asked for
            read |= {("read_params", section) for section, _ in NETWORKS.values()}
        for function, file in (("read_params", "params.yaml"), ("read_facts", "dataset.yaml")):
            tracked = {
                key.split(".")[0]
                for path, key in ALL[name].params
                if Path(path).name == file and not key.startswith("method.") and key
            }
            tracked -= set(RUN) if file == "params.yaml" else set()
            assert {section for called, section in read if called == function} == tracked

    def test_keys_of_rounds_are_texts(self) -> None:
        rounds = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["rounds"]
        assert rounds
        assert all(isinstance(k, str) and isinstance(v, str) for k, v in rounds.items())


class TestWall:
    """Weak supervision: segments reach evaluation and the summary, and nothing that learns."""

    TRUTH = frozenset({f"{DATA}/ground_truth.json", f"{STUDY}/ground_truth.json"})
    READERS = ("evaluate", "summary", "study_evaluate", "fustal_evaluate", "fustal_quality")
    BEHIND = (*READERS, "study_report")

    def test_ground_truth_is_a_dep_of_evaluation_alone(self) -> None:
        for stage in ALL.values():
            reads = any(touches(d, self.TRUTH) for d in stage.data_deps)
            assert reads == (stage.module in self.READERS), stage.name

    def test_nothing_that_learns_needs_what_evaluation_wrote(self) -> None:
        for stage in ALL.values():
            if stage.module in self.BEHIND:
                continue
            above = {ALL[name].module for name in upstream(stage)}
            assert not above & set(self.READERS), stage.name

    def test_corrections_reach_both_steps_and_nothing_else(self) -> None:
        """Segments that a person corrected, behind a switch: what else learns does not see them."""
        path = f"{DATA}/corrections.json"
        assert {s.module for s in ALL.values() if path in s.data_deps} == {"b_step", "f_step"}
        assert (ROOT / path).read_text(encoding="utf-8") == NO_CORRECTIONS
        for stage in ALL.values():
            assert not any(touches(path, frozenset({out})) for out in stage.outs), stage.name
            whole = {d for d in stage.data_deps if d != path and touches(path, frozenset({d}))}
            assert not whole, f"{stage.name} needs a folder that holds it"

    def test_no_command_names_it(self) -> None:
        for stage in ALL.values():
            if stage.module not in (*self.READERS, "demo_world"):
                assert "ground_truth" not in stage.cmd


def test_what_reruns_when_a_threshold_changes() -> None:
    """delta_h: from b_step on and nothing before."""
    changed = {n for n, s in ALL.items() if ("params.yaml", "thresholds.delta_h") in s.params}
    hit = changed | {n for n, s in ALL.items() if upstream(s) & changed}
    hit = {n for n in hit if "/" not in n}
    first = {"b_step", "f_step", "infer", "evaluate", "summary"}
    assert {ALL[n].module for n in hit} - {"fustal_rounds"} == first
    # Nothing of the warm-up but the figures of its pseudo-labels, which delta_h defines.
    assert {n for n in hit if n.endswith("_r0")} == {"evaluate_r0"}


def test_encoders_and_video_do_not_depend_on_what_is_edited_often() -> None:
    """Hours of flow must not rerun for a loss."""
    for module in ("frames", "flow", "features_i3d", "features_clip"):
        rooms = {name.split("/")[1] for name in code_of_stage(module) if "wtal_core/" in name}
        dear = {"branches", "losses", "training", "localize", "evaluation", "pseudo_labels"}
        assert not rooms & dear, module
