"""Which layouts are recognised, and what is said of those that are not."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.importing.packages import LENGTHS, WIDTH, files, object_array, rows, save
from wtal_core.errors import WtalError
from wtal_core.importing.features_layout import Package, find_package

W_TALC = (
    Path(__file__).parents[3] / "shared/reference/ground_truth/thumos14/Thumos14reduced-Annotations"
)


def arrays(package: Package, name: str) -> list[np.ndarray]:
    return [np.asarray(stored.open()) for stored in package.of(name) or ()]


def test_one_file_a_video(tmp_path: Path) -> None:
    package = find_package(files(tmp_path / "pack"))
    assert (package.source, package.layout) == ("pack", "one file a video")
    assert package.arrays.keys() == LENGTHS.keys()
    for name in LENGTHS:
        (found,) = arrays(package, name)
        np.testing.assert_array_equal(found, rows(name, 2 * WIDTH))


@pytest.mark.parametrize("between", ["", "train", "features/test"])
def test_folders_rgb_and_flow(tmp_path: Path, between: str) -> None:
    for name in LENGTHS:
        save(tmp_path / between / "rgb" / f"{name}.npy", rows(name, 4))
        save(tmp_path / between / "flow" / f"{name}.npy", rows(name, 3))
    package = find_package(tmp_path)
    for name in LENGTHS:
        rgb, flow = arrays(package, name)
        assert (rgb.shape[1], flow.shape[1]) == (4, 3)


def test_a_folder_of_flow_that_is_named(tmp_path: Path) -> None:
    files(tmp_path / "one", 4)
    files(tmp_path / "two", 3)
    package = find_package(tmp_path / "one", flow=tmp_path / "two")
    assert [array.shape[1] for array in arrays(package, "a")] == [4, 3]


def test_ends_of_names(tmp_path: Path) -> None:
    for name in LENGTHS:
        save(tmp_path / f"{name}_rgb.npy", rows(name, 4))
        save(tmp_path / f"{name}_flow.npy", rows(name, 3))
    package = find_package(tmp_path, suffixes=("_rgb", "_flow"))
    assert package.arrays.keys() == LENGTHS.keys()
    assert [array.shape[1] for array in arrays(package, "c")] == [4, 3]


def test_object_array(tmp_path: Path) -> None:
    folder = object_array(tmp_path / "w")
    for source in (folder, folder / "Tiny-I3D-JOINTFeatures.npy"):
        package = find_package(source)
        assert package.layout == "object array"
        for name in LENGTHS:
            (found,) = arrays(package, name)
            np.testing.assert_array_equal(found, rows(name, 2 * WIDTH))


def test_names_that_do_not_belong_to_the_object_array(tmp_path: Path) -> None:
    folder = object_array(tmp_path / "w")
    names = save(tmp_path / "names.npy", np.array(["a", "b", "c"]))
    with pytest.raises(WtalError, match=r"shape \(4,\), but .*names\.npy names 3 videos"):
        find_package(folder, names=names)
    save(names, np.array(["a", "b", "c", "b"]))
    with pytest.raises(WtalError, match=r"names 1 videos twice"):
        find_package(folder, names=names)


def test_an_object_array_without_names(tmp_path: Path) -> None:
    folder = object_array(tmp_path / "w")
    (folder / "Tiny-Annotations" / "videoname.npy").rename(tmp_path / "elsewhere.npy")
    with pytest.raises(WtalError, match=r"no videoname\.npy here.*--names FILE"):
        find_package(folder / "Tiny-I3D-JOINTFeatures.npy")
    package = find_package(folder / "Tiny-I3D-JOINTFeatures.npy", names=tmp_path / "elsewhere.npy")
    assert len(package.arrays) == 4


def test_several_object_arrays(tmp_path: Path) -> None:
    folder = object_array(tmp_path / "w")
    for name in ("X-JOINTFeatures.npy", "labels.npy"):
        (folder / name).write_bytes((folder / "Tiny-I3D-JOINTFeatures.npy").read_bytes())
    with pytest.raises(WtalError, match=r"2 object arrays .*: Tiny-I3D.*, X-JOINT.*SOURCE"):
        find_package(folder)


def test_ids_with_and_without_v(tmp_path: Path) -> None:
    save(tmp_path / "v_x1.npy", np.zeros((2, 3), np.float32))
    save(tmp_path / "y2.npy", np.zeros((2, 3), np.float32))
    package = find_package(tmp_path)
    assert [bool(package.of(name)) for name in ("x1", "v_x1", "v_y2", "y2", "x2")] == [
        True, True, True, True, False,
    ]  # fmt: skip


def test_a_lonely_stream_is_named(tmp_path: Path) -> None:
    files(tmp_path / "rgb", 4)
    save(tmp_path / "flow" / "a.npy", rows("a", 3))
    with pytest.raises(WtalError, match="3 videos have RGB or flow, but not both: b, c, d"):
        find_package(tmp_path)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    files(tmp_path / "resnet")
    files(tmp_path / "vit")
    with pytest.raises(WtalError, match=r"resnet/a\.npy and vit/a\.npy are both called a"):
        find_package(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="no such file or folder"):
        find_package(tmp_path / "x")
    (tmp_path / "a.npz").write_bytes(b"")
    with pytest.raises(WtalError, match=r"no \.npy file in it\. Looked for: one \.npy a video"):
        find_package(tmp_path)


@pytest.mark.reference
@pytest.mark.skipif(not W_TALC.is_dir(), reason=f"needs {W_TALC}")
def test_names_of_a_real_package(tmp_path: Path) -> None:
    """The annotations are the real ones, as a pickled package has them; the features made up."""
    packed = np.empty(412, dtype=object)
    packed[:] = [np.full((2 + n % 3, 6), n, np.float32) for n in range(412)]
    np.save(tmp_path / "Thumos14reduced-I3D-JOINTFeatures.npy", packed, allow_pickle=True)
    shutil.copytree(W_TALC, tmp_path / W_TALC.name)
    package = find_package(tmp_path)
    assert len(package.arrays) == 412
    names = [*package.arrays]
    assert (names[0], names[-1]) == ("video_validation_0000051", "video_test_0001558")
    assert arrays(package, names[5])[0][0, 0] == 5
