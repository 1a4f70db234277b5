import hashlib
import io
import re
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile as sf

from singerlearn.datasets import (
    fetch,
    fetch_ravdess_song,
    fetch_vocalset,
    load_ravdess_song,
    load_vocalset,
)

pytest.importorskip("pooch")


class Server(ThreadingHTTPServer):
    """Serves `files` by path, counts requests, and misbehaves as it is told to."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked = {}, []
        self.stops_after = None  # bytes, of one answer
        self.knows_ranges = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked_from = self.headers.get("Range")
        self.server.asked.append((self.path, asked_from))
        if self.path not in self.server.files:
            return self.send_error(404)
        body = self.server.files[self.path]
        start = 0
        if asked_from and self.server.knows_ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked_from)[1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:][: self.server.stops_after])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server on the loopback address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def wav(rng):
    file = io.BytesIO()
    sf.write(file, 0.1 * rng.randn(100_000), 8000, format="WAV")
    return file.getvalue()


def pack(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def publish(monkeypatch, server, body, which="VOCALSET"):
    """Let `body` be the archive that the authors published."""
    original = getattr(fetch, which)
    archive = fetch.Archive(
        original.record, original.file, len(body), hashlib.md5(body).hexdigest()
    )
    monkeypatch.setattr(fetch, which, archive)
    path = f"/{archive.record}/files/{archive.file}"
    server.files[path] = body
    return path


@pytest.fixture
def vocalset(monkeypatch, server, rng):
    """Path at which the server has a small VocalSet."""
    members = {
        "FULL/female1/scales/belt/f1_scales_belt_a.wav": wav(rng),
        "FULL/male2/excerpts/straight/m2_row_straight.wav": wav(rng),
        "__MACOSX/FULL/female1/scales/belt/._f1_scales_belt_a.wav": b"shadow",
    }
    return publish(monkeypatch, server, pack(members))


def test_the_whole_is_downloaded_and_unpacked(server, vocalset, tmp_path):
    folder = fetch_vocalset(tmp_path / "home", base_url=server.url)
    assert folder == tmp_path / "home" / "vocalset"
    data = load_vocalset(folder)
    assert data.singers.tolist() == ["female1", "male2"]
    assert data.songs.tolist() == ["scales", "row"]
    assert server.asked == [(vocalset, None)]
    files = sorted(path.name for path in (tmp_path / "home").iterdir())
    assert files == ["VocalSet11.zip", "vocalset"]
    assert not (folder / "__MACOSX").exists()


def test_ravdess_song_is_fetched_as_well(monkeypatch, server, tmp_path, rng):
    body = pack({"Actor_01/03-02-05-01-01-01-01.wav": wav(rng)})
    path = publish(monkeypatch, server, body, "RAVDESS_SONG")
    folder = fetch_ravdess_song(str(tmp_path), base_url=server.url)
    assert load_ravdess_song(folder).songs.tolist() == ["kids-minor"]
    assert server.asked == [(path, None)]


def test_what_is_there_is_not_asked_for(server, vocalset, tmp_path):
    folder = fetch_vocalset(tmp_path, base_url=server.url)
    (tmp_path / "VocalSet11.zip").unlink()  # may be removed
    server.asked.clear()
    assert fetch_vocalset(tmp_path, base_url=server.url) == folder
    assert server.asked == []


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_an_interrupted_download_goes_on(server, vocalset, tmp_path, knows_ranges):
    body = server.files[vocalset]
    server.knows_ranges = knows_ranges
    server.stops_after = 150_000
    part = tmp_path / "VocalSet11.zip.part"
    for least in (2 * 2**16, 4 * 2**16 if knows_ranges else 2 * 2**16):
        with pytest.raises(ConnectionError, match="ask again, and it goes on from"):
            fetch_vocalset(tmp_path, base_url=server.url)
        n_here = part.stat().st_size
        assert least <= n_here < len(body) and body.startswith(part.read_bytes())
    server.stops_after = None
    folder = fetch_vocalset(tmp_path, base_url=server.url)
    assert server.asked[-1] == (vocalset, f"bytes={n_here}-")
    assert (tmp_path / "VocalSet11.zip").read_bytes() == body
    assert len(load_vocalset(folder).recordings) == 2
    assert not part.exists()


def test_a_download_killed_at_its_last_byte_needs_no_more(server, vocalset, tmp_path):
    (tmp_path / "VocalSet11.zip.part").write_bytes(server.files[vocalset])
    assert fetch_vocalset(tmp_path, base_url=server.url).is_dir()
    assert server.asked == []


def test_a_wrong_checksum_is_refused_and_nothing_kept(server, vocalset, tmp_path):
    right = server.files[vocalset]
    server.files[vocalset] = right[:-1] + b"?"
    with pytest.raises(ValueError, match=r"MD5 hash .*VocalSet11.zip.* does not match"):
        fetch_vocalset(tmp_path, base_url=server.url)
    assert list(tmp_path.iterdir()) == []
    # A part of something else ends the same way, and not in a loop.
    (tmp_path / "VocalSet11.zip.part").write_bytes(b"x" * (len(right) + 1))
    with pytest.raises(ValueError, match="does not match"):
        fetch_vocalset(tmp_path, base_url=server.url)
    server.files[vocalset] = right
    assert fetch_vocalset(tmp_path, base_url=server.url).is_dir()


def test_offline_it_says_what_to_fetch_by_hand_and_where_to(server, vocalset, tmp_path):
    archive, body = fetch.VOCALSET, server.files[vocalset]
    nowhere = "http://127.0.0.1:9"  # the discard port: nobody listens
    with pytest.raises(ConnectionError) as caught:
        fetch_vocalset(tmp_path, base_url=nowhere)
    message = str(caught.value)
    assert f"{nowhere}/1442513/files/VocalSet11.zip" in message
    assert f"md5 {archive.md5}) by hand from {nowhere}/1442513, put it" in message
    assert f"into {str(tmp_path)!r}" in message
    # By hand:
    (tmp_path / archive.file).write_bytes(body)
    folder = fetch_vocalset(tmp_path, base_url=nowhere)
    assert len(load_vocalset(folder).recordings) == 2


def test_a_missing_file_of_the_server_is_told(server, vocalset, tmp_path):
    server.files.clear()
    with pytest.raises(ConnectionError, match=r"404.* by hand"):
        fetch_vocalset(tmp_path, base_url=server.url)
    assert list(tmp_path.iterdir()) == []


def test_remains_of_an_unpacking_that_was_killed_are_removed(
    server, vocalset, tmp_path
):
    remains = tmp_path / "vocalset.unpacking" / "FULL" / "male9"
    remains.mkdir(parents=True)
    folder = fetch_vocalset(tmp_path, base_url=server.url)
    assert not (folder / "FULL" / "male9").exists()
    assert not (tmp_path / "vocalset.unpacking").exists()


@pytest.mark.parametrize("name", ["../escaped.wav", "a/../../escaped.wav", "/escaped"])
def test_no_member_leaves_the_folder(monkeypatch, server, tmp_path, rng, name):
    publish(monkeypatch, server, pack({"FULL/a.wav": wav(rng), name: b"out"}))
    with pytest.raises(ValueError, match=f"would write '{name}' outside"):
        fetch_vocalset(tmp_path / "home", base_url=server.url)
    assert [path.name for path in tmp_path.rglob("*")] == ["home", "VocalSet11.zip"]


def test_without_pooch_it_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"pip install 'singerlearn\[fetch\]'"):
        fetch_vocalset(tmp_path)


def test_the_users_cache_is_the_default(monkeypatch, server, vocalset, tmp_path):
    import pooch

    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    folder = fetch_vocalset(base_url=server.url)
    assert folder == tmp_path / "singerlearn" / "vocalset"
    assert np.all([str(folder) in path for path in load_vocalset(folder).recordings])


def test_archives_are_described_for_who_fetches_them():
    assert str(fetch.RAVDESS_SONG) == (
        "Audio_Song_Actors_01-24.zip (0.23 GB, md5 5411230427d67a21e18aa4d466e6d1b9)"
    )
