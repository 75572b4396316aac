"""Tags: tables as people and spreadsheets write them, JSON, folders; every refusal names a line."""

import json
from pathlib import Path

import pytest

from tests.own_videos.folders import HOSTILE, add_files
from wtal_core.errors import WtalError
from wtal_core.own_videos.tag_tables import read_table
from wtal_core.own_videos.tag_trees import read_tree
from wtal_core.own_videos.tags import read_folders
from wtal_core.own_videos.video_files import VideoFolder, find_videos

NAMES = ("a/x.mp4", "b/x.mp4", "c.mkv", "sub dir/d, e.mp4")


@pytest.fixture
def videos(tmp_path: Path) -> VideoFolder:
    add_files(tmp_path / "films", [*NAMES, "notes.txt", ".hidden.mp4", ".cache/z.mp4"])
    return find_videos(tmp_path / "films")


def table(videos: VideoFolder, text: str | bytes, name: str = "tags.csv") -> dict[str, list[str]]:
    """Video: its labels, of a table with this content."""
    path = videos.folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return {tag.video: list(tag.labels) for tag in read_table(path, videos).tags}


WANTED = {"a/x.mp4": ["Kite", "Drum"], "b/x.mp4": ["Kite"], "c.mkv": ["Drum"]}
PLAIN = "file,labels\na/x.mp4,Kite;Drum\nb/x.mp4,Kite\nc.mkv,Drum\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "|").replace(";", "|"),
        "sep=;\n" + PLAIN.replace(",", ";"),
        PLAIN.removeprefix("file,labels\n"),
        PLAIN.removeprefix("file,labels\n").replace(",", ";"),
        PLAIN.replace("file,labels", "Video_Name , TAGS"),
        "labels,file\nKite;Drum,a/x.mp4\nKite,b/x.mp4\nDrum,c.mkv\n",
        "id,length,label,who\na/x,3,Kite; Drum,me\nb/x,4, Kite ,\nc,5,Drum,you\n",
        "file,label\na/x.mp4,Kite\na/x.mp4,Drum\nb/x.mp4,Kite\nb/x.mp4,Kite\nc.mkv,Drum\n",
        PLAIN.replace("a/x", "a\\x").replace("b/x", "./b//x"),
        "\n" + PLAIN.replace("\n", "\n\n"),
        'file,labels\n"a/x.mp4","Kite;Drum"\n"b/x.mp4",Kite\nc.mkv,"Drum"\n',
    ],
    ids=[
        "plain", "crlf", "cr", "bom", "utf-16", "tab", "semicolon", "bar", "sep line", "no header",
        "no header, semicolon", "other heads", "other order", "more columns", "a row a label",
        "backslash", "blank lines", "quotes",
    ],
)  # fmt: skip
def test_the_same_tags_in_many_hands(videos: VideoFolder, text: str | bytes) -> None:
    assert table(videos, text) == WANTED


def test_a_name_with_a_comma_needs_no_quotes_where_another_separator_is(
    videos: VideoFolder,
) -> None:
    assert table(videos, "file;labels\nsub dir/d, e.mp4;Kite\n") == {"sub dir/d, e.mp4": ["Kite"]}
    quoted = 'file,labels\n"sub dir/d, e.mp4",Kite\n'
    assert table(videos, quoted) == {"sub dir/d, e.mp4": ["Kite"]}


def test_paths_lead_from_the_table_too_or_from_the_root(videos: VideoFolder) -> None:
    beside = videos.folder.parent / "tags.csv"
    beside.write_text(f"file,labels\nfilms/a/x.mp4,Kite\n{videos.folder}/c.mkv,Drum\n")
    assert [tag.video for tag in read_table(beside, videos).tags] == ["a/x.mp4", "c.mkv"]


def test_no_word_leads_out_of_the_folder(videos: VideoFolder) -> None:
    add_files(videos.folder.parent, ["secret.mp4"])
    found = ["../secret.mp4", "/etc/passwd", "http://host/a.mp4", "concat:c.mkv", "a/../../s.mp4"]
    path = videos.folder / "tags.csv"
    path.write_text("file,labels\nc.mkv,Kite\n" + "".join(f"{word},Drum\n" for word in found))
    tags = read_table(path, videos)
    assert [tag.video for tag in tags.tags] == ["c.mkv"]
    assert tags.absent == tuple(f"tags.csv, line {n}: {w}" for n, w in enumerate(found, start=3))


def test_a_link_to_the_folder_is_the_folder(videos: VideoFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(videos.folder)
    linked = find_videos(tmp_path / "link")
    assert linked.videos == videos.videos
    assert linked.named(str(videos.folder / "c.mkv"), tmp_path) == "c.mkv"


def test_what_is_a_video(videos: VideoFolder) -> None:
    assert videos.videos == NAMES
    assert videos.others == {".txt": 1}


def test_hostile_names_are_names(tmp_path: Path) -> None:
    folder = find_videos(add_files(tmp_path, HOSTILE))
    (tmp_path / "tags.json").write_text(json.dumps(dict.fromkeys(HOSTILE, "Kite")))
    tags = read_tree(tmp_path / "tags.json", folder)
    assert [tag.video for tag in tags.tags] == list(HOSTILE)
    assert tags.absent == ()


def test_accents_in_either_form(tmp_path: Path) -> None:
    folder = find_videos(add_files(tmp_path, ["u\u0308ber.mp4"]))  # as macOS writes them
    assert table(folder, "file,labels\n\u00fcber.mp4,Ku\u0308r\n") == {"u\u0308ber.mp4": ["Kür"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("a/x.mp4\nb/x.mp4\n", "line 1 has one cell"),
        ("file,length\na/x.mp4,3\n", "no column `labels`"),
        ("file,label,class\na/x.mp4,Kite,Drum\n", "several columns could hold the labels"),
        ("file,labels\na/x.mp4,Kite,Drum\n", "line 2 has 3 cells"),
        ("file,labels\na/x.mp4,Kite\n,Drum\n", "line 3 names no video"),
        ("a/x.mp4,Kite,train\n", "line 1 names a subset"),
        ("file,labels,split\na/x.mp4,Kite,dev\n", "line 2: subset 'dev'"),
        (b"file,labels\na/x.mp4,Kite\nb/x.mp4,Gr\xfc\xdf\n", "line 3 is not utf-8"),
        ("file,labels\na/x.mp4,Ki\0te\n", "zero bytes"),
        ("file,labels\na/x.mp4,Ki\u202ete\n", "line 2: 'Ki\\u202ete' is no label"),
        (f"file,labels\na/x.mp4,{'K' * 101}\n", "at most 100"),
        (f"file,labels\na/x.mp4,{'K' * 200_000}\n", "cannot be read"),
        ("file,label,split\na/x.mp4,Kite,train\na/x.mp4,Drum,test\n", "line 3: a/x.mp4 is test"),
    ],
)
def test_refusals_name_file_and_line(videos: VideoFolder, text: str | bytes, said: str) -> None:
    with pytest.raises(WtalError, match=r"tags\.csv") as caught:
        table(videos, text)
    assert said in str(caught.value)


def test_a_header_alone_tags_nothing(videos: VideoFolder) -> None:
    assert table(videos, "file,labels\n") == {}


def test_a_stem_that_fits_two_videos(tmp_path: Path) -> None:
    folder = find_videos(add_files(tmp_path, ["a.mp4", "a.avi", "b.mp4"]))
    assert folder.named("b", tmp_path) == "b.mp4"
    assert folder.named("a.mp4", tmp_path) == "a.mp4"
    with pytest.raises(WtalError, match=r"'a' may mean a.avi or a.mp4"):
        folder.named("a", tmp_path)


@pytest.mark.parametrize(
    "tree",
    [
        {"a/x.mp4": ["Kite", "Drum"], "b/x.mp4": "Kite", "c": ["Drum"]},
        [
            {"file": "a/x.mp4", "labels": ["Kite", "Drum"]},
            {"video": "b/x.mp4", "label": "Kite"},
            {"path": "c.mkv", "tags": ["Drum"]},
        ],
        {"classes": ["Drum", "Kite"], "videos": {
            "1": {"file": "a/x.mp4", "subset": "train", "labels": ["Kite", "Drum"]},
            "2": {"file": "b/x.mp4", "labels": ["Kite"]},
            "c": {"labels": ["Drum"]},
        }},
    ],
)  # fmt: skip
def test_json_in_three_forms(videos: VideoFolder, tree: object) -> None:
    path = videos.folder / "tags.json"
    path.write_text("\ufeff" + json.dumps(tree), encoding="utf-8")
    tags = read_tree(path, videos)
    assert {tag.video: list(tag.labels) for tag in tags.tags} == WANTED
    if isinstance(tree, dict) and "classes" in tree:
        assert tags.classes == ("Drum", "Kite")
        assert tags.tags[0].subset == "train"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a/x.mp4": "Kite", "a/x.mp4": "Drum"}', "stands twice"),
        ('{"a/x.mp4": 3}', "3 is no text"),
        ('[{"labels": ["Kite"]}]', "entry 0: it names no video"),
        ("3", "neither keys and values nor a list"),
        ('{"a/x.mp4": ', "not readable as JSON"),
        ("[" * 100_000, "not readable as JSON"),
    ],
)
def test_json_refusals(videos: VideoFolder, text: str, said: str) -> None:
    path = videos.folder / "tags.json"
    path.write_text(text)
    with pytest.raises(WtalError, match=r"tags\.json") as caught:
        read_tree(path, videos)
    assert said in str(caught.value)


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    names = ["Kite/1.mp4", "Kite/old/2.mp4", "Drum/1.mp4", "loose.mp4"]
    tags = read_folders(find_videos(add_files(tmp_path, names)))
    assert {tag.video: (tag.labels, tag.subset) for tag in tags.tags} == {
        "Kite/1.mp4": (("Kite",), ""),
        "Kite/old/2.mp4": (("Kite",), ""),
        "Drum/1.mp4": (("Drum",), ""),
        "loose.mp4": ((), ""),
    }


def test_folders_of_subsets_with_folders_of_classes(tmp_path: Path) -> None:
    names = ["train/Kite/1.mp4", "Test/Kite/2.mp4", "train/3.mp4"]
    tags = read_folders(find_videos(add_files(tmp_path, names)))
    assert {tag.video: (tag.labels, tag.subset) for tag in tags.tags} == {
        "train/Kite/1.mp4": (("Kite",), "train"),
        "Test/Kite/2.mp4": (("Kite",), "test"),
        "train/3.mp4": ((), "train"),
    }


def test_no_folders_no_classes(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="no video lies in a folder of its own class"):
        read_folders(find_videos(add_files(tmp_path, ["a.mp4", "b.mp4"])))


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WtalError, match="no video in it"):
        find_videos(add_files(tmp_path, ["a.txt"]))
    with pytest.raises(WtalError, match="not there"):
        find_videos(tmp_path / "none")
    with pytest.raises(WtalError, match="a file"):
        find_videos(tmp_path / "a.txt")
