"""The pages in a real browser: no error, no request, and the controls do what they say.

`pip install -e '.[page]'`; the browser is Debian's Chromium, or the one that $WTAL_CHROMIUM names.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.reporting.small_run import CLASSES, END, IMG, LOST, correct_labels, make_run
from wtal_cli.main import app

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e '.[page]'")
BROWSER = os.environ.get("WTAL_CHROMIUM") or shutil.which("chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
pytestmark = [
    pytest.mark.skipif(not BROWSER, reason="no chromium here; name one in WTAL_CHROMIUM"),
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on the run with hostile names, two rounds side by side."""
    root = tmp_path_factory.mktemp("browser")
    data, out = make_run(root), root / "out"
    result = CliRunner().invoke(app, ["report", str(data), f"{data}@r0", "-o", str(out)])
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that fails its test at any error, dialog, or request for anything but a file."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    opened = context.new_page()
    wrong: list[str] = []

    def asked(request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            wrong.append(request.url)

    def alerted(dialog: Any) -> None:
        wrong.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    opened.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
    opened.on("request", asked)
    opened.on("dialog", alerted)
    yield opened
    opened.wait_for_timeout(100)
    context.close()
    assert wrong == []


def wait_until(page: Any, holds: Callable[[], bool]) -> None:
    """Playwright's own waiting evaluates text in the page, which the page's policy forbids."""
    for _ in range(1200):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("waited for 60 s")


def position(page: Any) -> float:
    """Seconds at which the player stands."""
    return float(page.locator("#player").evaluate("player => player.currentTime"))


def open_video(page: Any, folder: Path, start: str) -> None:
    (path,) = (folder / "videos").glob(f"{start}*.html")
    page.goto(path.as_uri())
    page.wait_for_selector("#timeline svg")
    if page.locator("#player").count():
        ready = "player => player.readyState >= 2"
        wait_until(page, lambda: page.locator("#player").evaluate(ready))


def time_of(page: Any) -> float:
    return float(page.locator("#timeline").get_attribute("aria-valuenow"))


def bars(page: Any, track: str) -> list[str]:
    return list(page.locator(f"[data-track='{track}'] .segment title").all_text_contents())


def slide(page: Any, value: float) -> None:
    """As a hand would: set the slider and tell of it."""
    page.locator("#threshold").evaluate(
        "(field, value) => { field.value = value; field.dispatchEvent(new Event('input')); }", value
    )


def test_the_list_filters(page: Any, folder: Path) -> None:
    page.goto((folder / "index.html").as_uri())
    shown = page.locator("#cards > li:visible")
    assert shown.count() == 3
    page.fill("#words", "pLAIN")
    assert shown.count() == 1
    assert page.locator("#count").text_content() == "1 of 3 videos"
    page.fill("#words", "no such thing")
    assert page.locator("#nothing").is_visible()
    page.fill("#words", "")
    page.select_option("#class", label=CLASSES[2])
    assert shown.count() == 1
    page.select_option("#class", "")
    page.select_option("#subset", "test")
    assert shown.count() == 2


def test_hostile_names_appear_as_text(page: Any, folder: Path) -> None:
    page.goto((folder / "index.html").as_uri())
    text = page.locator("#cards").text_content()
    for name in (IMG, END, "a \"b'<b>", "clip_\\u202e4pm.exe"):
        assert name in text
    assert page.locator("#cards li img[src='x']").count() == 0
    open_video(page, folder, "a-b-b")
    assert page.locator("h1").text_content() == "a \"b'<b>"
    assert page.locator("#chosen option").first.text_content() == IMG
    assert any(END in told for told in bars(page, "ground truth"))
    assert page.locator("h1 b, #timeline img, #timeline script").count() == 0


def test_the_way_into_a_video_and_on(page: Any, folder: Path) -> None:
    page.goto((folder / "index.html").as_uri())
    page.locator("#cards a").first.click()
    page.wait_for_selector("#timeline svg")
    first = page.url
    page.get_by_role("link", name="Next").click()
    page.wait_for_selector("#timeline svg")
    assert page.url != first
    page.get_by_role("link", name="All videos").click()
    page.wait_for_selector("#cards")


def test_click_and_keys_seek_the_player(page: Any, folder: Path) -> None:
    open_video(page, folder, "a-b-b")
    box = page.locator("#timeline").bounding_box()
    # the tracks lie between the names (128 px) and the right margin (24 px)
    width = box["width"] - 128 - 24
    page.mouse.click(box["x"] + 128 + width / 2, box["y"] + 40)
    assert time_of(page) == pytest.approx(4.0, abs=0.05)
    wait_until(page, lambda: abs(position(page) - 4) < 0.1)
    page.mouse.move(5, 5)
    page.keyboard.press("ArrowRight")
    assert time_of(page) == pytest.approx(4.64, abs=0.05)
    wait_until(page, lambda: abs(position(page) - 4.64) < 0.1)
    page.keyboard.press("Shift+ArrowLeft")
    assert time_of(page) == pytest.approx(0, abs=0.05)
    page.keyboard.press("n")
    assert time_of(page) == pytest.approx(1.0, abs=0.01)
    page.keyboard.press(".")
    assert time_of(page) == pytest.approx(1.04, abs=0.01)
    page.keyboard.press("End")
    assert time_of(page) == pytest.approx(8.0, abs=0.01)


def test_keys_seek_after_a_click_on_a_button(page: Any, folder: Path) -> None:
    """Who has just clicked on Play, or on a box, still moves on with the arrows."""
    open_video(page, folder, "a-b-b")
    for name in ("#in", "#curves input[value=vlp]"):
        page.locator(name).click()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        assert time_of(page) == pytest.approx(0.64, abs=0.01)
    page.keyboard.press(" ")  # the box's own key
    assert page.locator("#curves input[value=vlp]").is_checked()
    assert page.locator("#play").text_content() == "Play"
    page.locator("#threshold").focus()
    page.keyboard.press("ArrowRight")  # the slider's own key
    assert page.locator("#threshold-value").text_content() == "0.31"
    assert time_of(page) == pytest.approx(0.64, abs=0.01)


def test_the_player_moves_the_cursor(page: Any, folder: Path) -> None:
    open_video(page, folder, "a-b-b")
    page.locator("#player").evaluate("player => { player.currentTime = 5; }")
    wait_until(page, lambda: time_of(page) == 5.0)
    page.keyboard.press(" ")
    wait_until(page, lambda: time_of(page) > 5.1)
    assert page.locator("#play").text_content() == "Pause"


def test_slider_and_class_change_what_is_shown(page: Any, folder: Path) -> None:
    open_video(page, folder, "a-b-b")
    assert len(bars(page, "ground truth")) == 2
    assert len(bars(page, "predictions")) == 4  # two a run
    slide(page, 0.5)
    assert page.locator("#threshold-value").text_content() == "0.50"
    assert [told.startswith(f"{IMG} 0.90, ") for told in bars(page, "predictions")] == [True] * 2
    slide(page, 0.95)
    assert bars(page, "predictions") == []
    slide(page, 0)
    page.select_option("#only", label=END)
    assert len(bars(page, "ground truth")) == 1
    assert len(bars(page, "predictions")) == 2
    assert page.locator("#segments tr").count() == 3


def test_values_under_the_cursor(page: Any, folder: Path) -> None:
    open_video(page, folder, "a-b-b")
    box = page.locator("#timeline").bounding_box()
    width = box["width"] - 128 - 24
    page.mouse.move(box["x"] + 128 + width * 2 / 8, box["y"] + 40)
    told = page.locator("#readout").text_content()
    data = page.evaluate("JSON.parse(document.getElementById('data').textContent)")
    value = data["runs"][0]["curves"][0]["values"][data["chosen"]][3]  # 2 s lie in snippet 3
    assert f"CBP{value / 1000:.3f}" in told
    assert "1.00 to 3.00 s" in told
    page.mouse.move(5, 5)
    assert "1.00 to 3.00 s" not in page.locator("#readout").text_content()


def test_curves_switch_off_and_the_view_zooms(page: Any, folder: Path) -> None:
    open_video(page, folder, "a-b-b")
    assert page.locator("#timeline .curve.vlp").count() == 2
    page.locator("#curves input[value=vlp]").uncheck()
    assert page.locator("#timeline .curve.vlp").count() == 0
    before = page.locator("[data-track='ground truth'] .segment").first.bounding_box()
    page.locator("#in").click()
    after = page.locator("[data-track='ground truth'] .segment").first.bounding_box()
    assert after["width"] == pytest.approx(2 * before["width"], rel=0.05)


def test_without_a_video_the_timeline_still_works(page: Any, folder: Path) -> None:
    open_video(page, folder, "plain_1")
    assert "videos/lost.mp4 is not there" in page.locator("#no-player").text_content()
    page.keyboard.press("n")
    assert time_of(page) == pytest.approx(2.0, abs=0.01)
    assert page.locator("#threshold").is_hidden()  # a training video has no predictions


def test_what_no_browser_plays_has_a_copy_that_plays(page: Any, folder: Path) -> None:
    open_video(page, folder, "clip")
    assert page.locator("#player").evaluate("player => player.duration") == pytest.approx(
        8, abs=0.1
    )
    assert page.locator("#broken").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_laptop(page: Any, folder: Path, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    for name in ("index.html", *(f"videos/{p.name}" for p in (folder / "videos").iterdir())):
        # A picture that loads late would count as failed once the page is left.
        page.goto((folder / name).as_uri(), wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_at_high_zoom_the_whole_timeline_is_in_sight(page: Any, folder: Path) -> None:
    page.set_viewport_size({"width": 320, "height": 256})  # 1280 pixels at 400 %
    open_video(page, folder, "a-b-b")
    box = page.locator("#timeline").bounding_box()
    # the second instance ends at 5.5 of 8 s, so all of it lies left of the edge
    for bar in page.locator("[data-track='ground truth'] .segment").all():
        place = bar.bounding_box()
        assert place["x"] + place["width"] < box["x"] + box["width"]
    page.locator("#timeline").click(position={"x": box["width"] - 26, "y": 40})
    assert time_of(page) == pytest.approx(8, abs=0.2)
    for line in page.locator("#timeline text.faint").all():
        place = line.bounding_box()
        assert place["x"] + place["width"] <= 320


def test_corrected_labels_are_marked_and_named(page: Any, tmp_path: Path) -> None:
    data, out = make_run(tmp_path, truth=False, names=False), tmp_path / "out"
    correct_labels(data)
    words = ["report", str(data), "-o", str(out), "--subset", "train"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    open_video(page, out, LOST)
    assert page.locator("#timeline .given").count() == 1  # one row, set from end to end
    assert page.locator("#timeline text", has_text="underlined: corrected by hand").count() == 1
    row = page.locator("#readout tr", has_text="r2 CBP")
    assert row.text_content() == "r2 CBPbackground, corrected"
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert row.text_content() == "r2 CBPforeground, corrected"
    page.select_option("#chosen", label="swim")
    assert page.locator("#timeline .given").count() == 0
