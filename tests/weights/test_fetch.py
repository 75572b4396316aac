"""Downloads, from a server in this process."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from wtal_core.errors import WtalError
from wtal_core.weights.fetch import fetch_entry
from wtal_core.weights.registry import Entry, RemoteFile
from wtal_core.weights.verify import read_trusted

CONTENT = bytes(range(256)) * 9000  # 2.3 MB: more than one block
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(HTTPServer):
    """Gives CONTENT at /whole, half of it at /half and with a break at /break, and so on."""

    seen: list[str | None]
    going_on: bool


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append(self.headers.get("Range"))
        kind = self.path.strip("/")
        if kind == "gone":
            self.send_error(404)
            return
        start = 0
        if self.headers.get("Range") and self.server.going_on:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        body = {"page": b"<!doctype html>", "more": CONTENT + b"!"}.get(kind, CONTENT)[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "text/html" if kind == "page" else "binary/octet-stream")
        if kind != "silent":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # `break` promises all and ends in the middle, the first time.
        cut = len(body) // 2 if kind == "break" and len(self.server.seen) == 1 else len(body)
        self.wfile.write(body[:cut])

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    server = Server(("127.0.0.1", 0), Handler)
    server.seen, server.going_on = [], True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def entry(server: Server, kind: str, size: int | None = len(CONTENT), sha: str = SHA256) -> Entry:
    url = f"http://127.0.0.1:{server.server_port}/{kind}"
    file = RemoteFile("w.pt", url, size, sha)
    return Entry("mine", "i3d_rgb", "a test", "piergiaj", "none", "https://example.org", (file,))


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in (folder / "mine").iterdir())


@pytest.mark.parametrize("kind", ["whole", "silent"])
def test_a_file_arrives_once(server: Server, kind: str, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int | None]] = []
    mine = entry(server, kind)
    verdicts = fetch_entry(tmp_path, mine, lambda *step: steps.append(step))
    assert verdicts["w.pt"].how == "sha256"
    assert (tmp_path / "mine" / "w.pt").read_bytes() == CONTENT
    assert files(tmp_path) == ["w.pt"]
    assert steps[-1] == ("w.pt", len(CONTENT), len(CONTENT))
    assert len(steps) > 1
    assert read_trusted(tmp_path)["mine/w.pt"]["sha256"] == SHA256
    fetch_entry(tmp_path, mine)
    assert server.seen == [None]


@pytest.mark.parametrize("going_on", [True, False])
def test_a_broken_download_goes_on(server: Server, going_on: bool, tmp_path: Path) -> None:
    server.going_on = going_on  # a server that knows no ranges gives all again
    mine = entry(server, "break")
    with pytest.raises(WtalError, match=f"ended after .* of {len(CONTENT)} bytes; run the same"):
        fetch_entry(tmp_path, mine)
    assert files(tmp_path) == ["w.pt.part"]
    have = (tmp_path / "mine" / "w.pt.part").stat().st_size
    assert 0 < have < len(CONTENT)
    fetch_entry(tmp_path, mine)
    assert server.seen == [None, f"bytes={have}-"]
    assert (tmp_path / "mine" / "w.pt").read_bytes() == CONTENT
    assert files(tmp_path) == ["w.pt"]


@pytest.mark.parametrize(
    ("kind", "size", "sha", "message"),
    [
        ("gone", len(CONTENT), SHA256, r"not fetched \(HTTP Error 404.*bring by hand: .*/gone"),
        ("page", len(CONTENT), SHA256, "an HTML page, not weights"),
        ("more", len(CONTENT), SHA256, "more than the 2304000 expected"),
        ("silent", 1000, SHA256, "more than the 1000 bytes expected"),
        ("whole", len(CONTENT), "3" * 64, f"sha256 hash {SHA256}, expected {'3' * 64}"),
    ],
)
def test_what_is_wrong_leaves_nothing(
    server: Server, kind: str, size: int, sha: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(WtalError, match=message):
        fetch_entry(tmp_path, entry(server, kind, size, sha))
    assert files(tmp_path) == []
    assert read_trusted(tmp_path) == {}


def test_a_wrong_file_that_is_there_is_not_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "w.pt").write_bytes(b"mine, and dear to me")
    with pytest.raises(WtalError, match=r"truncated: 20 bytes.*delete it and fetch it again"):
        fetch_entry(tmp_path, entry(server, "whole"))
    assert (tmp_path / "mine" / "w.pt").read_bytes() == b"mine, and dear to me"
    assert server.seen == []


def test_no_network_gives_the_recipe(tmp_path: Path) -> None:
    file = RemoteFile("w.pt", "http://127.0.0.1:9/w.pt", 7, "4" * 64)
    mine = Entry("mine", "clip", "a test", "open_clip", "none", "https://example.org", (file,))
    with pytest.raises(WtalError) as caught:
        fetch_entry(tmp_path, mine)
    for part in (file.url, "4" * 64, str(tmp_path / "mine" / "w.pt"), "by hand"):
        assert part in str(caught.value)
