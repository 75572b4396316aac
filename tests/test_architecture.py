"""The import rules: which room may know which, and where each third-party package lives."""

import ast
from pathlib import Path

import pytest

from tests.closure import ROOT, closure, imported_modules, own_imports

LIBRARY = sorted((ROOT / "wtal_core").rglob("*.py"))
STAGES = sorted((ROOT / "stages").glob("*.py"))
COMMANDS = sorted((ROOT / "wtal_cli").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SOURCES = [*LIBRARY, *STAGES, *COMMANDS]

# A room may import rooms of a smaller number, and itself.
LAYERS = {
    "training": 5,
    "branches": 4,
    "losses": 4,
    "pseudo_labels": 4,
    "hard_labels": 5,
    "localize": 4,
    "encoders": 4,
    "video": 4,
    "evaluation": 4,
    "synthetic": 5,
    "study": 5,
    "diagnosis": 5,
    "exporting": 5,
    "reporting": 6,
    "fustal": 6,
    "pictures": 4,
    "pooling": 3,
    "segments": 2,
    "grid": 1,
    "build_folder": 1,
}
DISK = (
    "atomic", "params", "annotations", "ground_truth", "store", "checkpoint", "items", "pool",
    "progress", "sources", "tables", "corrections",
)  # fmt: skip
# Readers of what other people packed: files in, files out, nothing that computes.
IMPORTERS = ("importing",)
# What commands do before and beside the stages: they join the disk layer with rooms that compute,
# as stages do, and nothing below knows them.
PLANNERS = ("planning", "own_videos", "doctor", "predicting")
# Other people's weights into checkpoints: the disk layer, and the encoders that they must fit.
CONVERTERS = ("weights",)
# What a branch returns; the loss that belongs to a branch and the loop know it, too.
CARRIER = ROOT / "wtal_core/branches/output.py"
# Known by everyone: no computing and no files in them.
OPEN = ("schema", "errors", "findings")
LONE = ("vision_compat",)

THIRD_PARTY = {
    "cv2": ("wtal_core/video/", "wtal_core/synthetic/"),
    "av": ("wtal_core/video/", "wtal_core/synthetic/"),
    "numba": ("wtal_core/video/tvl1/", "wtal_core/localize/nms_kernel.py"),
    "triton": ("wtal_core/video/tvl1/",),
    "openvino": ("wtal_core/encoders/openvino_net.py",),
    "open_clip": ("wtal_core/encoders/clip.py",),
    "timm": (),
    "torchvision": ("wtal_core/vision_compat.py",),
    "zarr": ("wtal_core/store.py",),
    "numcodecs": ("wtal_core/store.py",),
    "yaml": ("wtal_core/params.py",),
    "safetensors": ("wtal_core/checkpoint.py", "wtal_core/weights/convert.py"),
    "jinja2": ("wtal_core/reporting/pages.py",),
    "markupsafe": ("wtal_core/reporting/pages.py",),
    "typer": ("stages/", "wtal_cli/"),
    "matplotlib": (
        "wtal_core/pictures.py",
        "wtal_core/study/plots.py",
        "wtal_core/diagnosis/plots.py",
        "wtal_core/reporting/plots.py",
        "stages/",
        "wtal_cli/",
    ),
    "dvc": (),
    "pydantic": (),
    # the first with a list of what a file may name, the second for an error of torch.load
    "pickle": ("wtal_core/importing/object_arrays.py", "wtal_core/weights/convert.py"),
    "requests": (),
    "huggingface_hub": (),
    "ftplib": (),
    "shelve": (),
    "marshal": (),
    "dill": (),
    "joblib": (),
}
TORCH_FREE = (
    "grid", "segments", "annotations", "ground_truth", "store", "schema", "evaluation", "params",
    "items", "errors",
)  # fmt: skip
# Ways to a network; items.py asks socket for this machine's name alone.
NETWORK = ("urllib.request", "http.client", "requests", "huggingface_hub", "ftplib", "asyncio")
# Reads files of torch.save after pickles.py has looked at them, with weights_only=True.
TORCH_LOADER = "wtal_core/weights/convert.py"
GROUND_TRUTH_READERS = (
    "stages/evaluate.py", "stages/study_evaluate.py", "stages/summary.py",
    "stages/fustal_evaluate.py", "stages/fustal_quality.py",
)  # fmt: skip
VAGUE = ("utils", "util", "helpers", "helper", "common", "misc", "tools")
# What writes ground_truth.json from other people's files.
GROUND_TRUTH_WRITERS = ("wtal_core/importing/instances.py",)
LONGEST = 300


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    """The part right under wtal_core: `wtal_core/losses/mil.py` and `wtal_core/grid.py`."""
    return path.relative_to(ROOT / "wtal_core").parts[0].removesuffix(".py")


def third_party(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported_modules(path)}


def test_the_rules_know_every_room() -> None:
    rooms = {room_of(path) for path in LIBRARY} - {"__init__"}
    assert rooms <= {*LAYERS, *DISK, *IMPORTERS, *PLANNERS, *CONVERTERS, *OPEN, *LONE}
    assert len(LIBRARY) > 30
    assert len(STAGES) > 10


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_a_room_imports_only_what_lies_below(path: Path) -> None:
    room = room_of(path)
    for imported in own_imports(path):
        assert imported.is_relative_to(ROOT / "wtal_core"), f"the library imports {imported}"
        other = room_of(imported)
        if other in (room, *OPEN) or (room == "losses" and imported == CARRIER):
            continue
        assert room not in OPEN, f"{room} is open to everyone, so it imports no room: {other}"
        if room in PLANNERS:
            continue
        assert other not in PLANNERS, f"{room} runs the method, so it knows no plan of it"
        assert other not in CONVERTERS, f"{room} imports {other}; stages and commands do"
        if room in CONVERTERS:
            assert other in (*DISK, "encoders"), f"weights are read and written, not {other}"
            continue
        if room in IMPORTERS:
            assert other in (*DISK, "segments", "grid"), f"an importer imports {other}"
        elif room in DISK:
            assert other in (*DISK, "segments", "grid"), f"the disk layer imports {other}"
        elif other in DISK:
            raise AssertionError(f"{room} computes, stages read and write: {other}")
        elif other not in LONE:
            assert LAYERS[other] < LAYERS[room], f"{room} imports {other}"


@pytest.mark.parametrize("path", STAGES, ids=name_of)
def test_no_stage_imports_a_stage(path: Path) -> None:
    stages = {name_of(f) for f in own_imports(path) if f.is_relative_to(ROOT / "stages")}
    assert all(name == "stages/launch.py" or name.startswith("stages/parts/") for name in stages)
    assert not any(f.is_relative_to(ROOT / "wtal_cli") for f in own_imports(path))


def test_no_stage_touches_the_network() -> None:
    """Whatever a stage imports of ours, directly or not, knows no way to a network."""
    for path in STAGES:
        for file in closure(path):
            ways = {name for name in imported_modules(file) if name in NETWORK}
            assert not ways, f"{name_of(path)} reaches {ways} through {name_of(file)}"
    named = {name_of(path) for path in SOURCES if "urllib.request" in imported_modules(path)}
    assert named == {"wtal_core/weights/fetch.py"}


def test_branches_are_independent() -> None:
    shared = {"output.py", "transformer.py"}
    for path in (ROOT / "wtal_core/branches").glob("*.py"):
        siblings = {f.name for f in own_imports(path) if f.parent == path.parent}
        assert siblings <= shared, f"{path.name} imports {siblings - shared}"


def test_training_receives_its_branch() -> None:
    for path in (ROOT / "wtal_core/training").glob("*.py"):
        taken = {name_of(f) for f in own_imports(path) if room_of(f) == "branches"}
        assert taken <= {name_of(CARRIER)}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_third_party_packages_have_their_rooms(path: Path) -> None:
    for package in third_party(path) & THIRD_PARTY.keys():
        assert name_of(path).startswith(THIRD_PARTY[package] or "nowhere"), package


@pytest.mark.parametrize("room", TORCH_FREE)
def test_torch_free_rooms(room: str) -> None:
    """Through every import: a bad key is named before torch could even load."""
    for path in (p for p in LIBRARY if room_of(p) == room):
        heavy = {name_of(f) for f in closure(path) if third_party(f) & {"torch", "open_clip"}}
        assert not heavy


def test_the_metric_sees_segments_and_numpy_only() -> None:
    for path in (p for p in LIBRARY if room_of(p) == "evaluation"):
        assert {room_of(f) for f in own_imports(path)} <= {"evaluation", "segments", "grid", *OPEN}


def test_ground_truth_is_read_by_evaluation_alone() -> None:
    """The wall of weak supervision, as an import rule: directly and through other files."""
    target = ROOT / "wtal_core/ground_truth.py"
    readers = {name for name in GROUND_TRUTH_READERS if (ROOT / name).is_file()}
    assert {name_of(p) for p in STAGES if target in closure(p)} == readers
    for path in LIBRARY:
        if name_of(path) not in GROUND_TRUTH_WRITERS:
            assert target not in own_imports(path), f"{name_of(path)} reads the ground truth"


def test_corrections_are_read_by_both_steps_alone() -> None:
    """The gate in the wall; a study runs the steps in its own process and links no corrections."""
    target = ROOT / "wtal_core/corrections.py"
    readers = {name_of(p) for p in STAGES if target in closure(p)}
    assert readers - {"stages/fustal_study.py"} == {
        "stages/b_step.py", "stages/f_step.py", "stages/study_train.py"
    }  # fmt: skip
    inside = [p for p in (ROOT / "stages").rglob("*.py") if "corrections" in p.read_text().lower()]
    assert {name_of(p) for p in inside} == {
        "stages/b_step.py", "stages/f_step.py", "stages/parts/distilling.py"
    }  # fmt: skip


def test_no_stage_reads_other_peoples_instances() -> None:
    """The readers behind `wtal evaluate` know instances of any file."""
    readers = {
        ROOT / f"wtal_core/importing/segment_{kind}.py" for kind in ("files", "json", "tables")
    }
    for path in STAGES:
        assert not readers & closure(path), f"{name_of(path)} reads instances"


def test_labels_and_ground_truth_do_not_know_each_other() -> None:
    """Only the name of ground_truth.json in a stage's source would slip past the imports."""
    for path in STAGES:
        text = path.read_text(encoding="utf-8")
        if "ground_truth" in text:
            assert name_of(path) in (*GROUND_TRUTH_READERS, "stages/demo_world.py")


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_read_can_run_code(path: Path) -> None:
    """No eval, no yaml.load, no pickled arrays, no shell; one torch.load, of tensors alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called not in ("eval", "exec", "compile", "__import__", "os.system", "os.popen")
        assert called not in ("torch.save", "torch.hub.load", "torch.compile.load")
        if called == "torch.load":
            given_words = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert name_of(path) == TORCH_LOADER
            assert given_words.get("weights_only") == "True"
        assert called not in ("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load")
        for word in node.keywords:
            given = ast.unparse(word.value)
            assert (word.arg, given) not in (("allow_pickle", "True"), ("shell", "True"))


def test_the_one_yaml_loader_is_the_safe_one() -> None:
    """params.py adds refusals to SafeLoader, so it calls no function of yaml."""
    tree = ast.parse((ROOT / "wtal_core/params.py").read_text(encoding="utf-8"))
    bases = [
        ast.unparse(base)
        for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases
    ]  # fmt: skip
    assert bases == ["yaml.SafeLoader"]


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_files_are_short_and_name_a_noun(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert path.stem not in VAGUE
    assert path.parent.name not in VAGUE
    if path not in TESTS:
        assert len(lines) <= LONGEST, f"{len(lines)} lines: split it by noun"
        assert ast.get_docstring(ast.parse("\n".join(lines))), "say in a line what lives here"
    if path.name == "__init__.py":
        assert len(lines) == 1


@pytest.mark.parametrize("path", [p for p in STAGES if p.name != "__init__.py"], ids=name_of)
def test_stages_are_thin(path: Path) -> None:
    """No tensor arithmetic, no try, no global state: at most about 60 lines of code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name not in ("launch.py", "check.py"):
        assert not [n for n in ast.walk(tree) if isinstance(n, ast.Try)]
        assert "launch(main)" in path.read_text(encoding="utf-8")
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Global)]
