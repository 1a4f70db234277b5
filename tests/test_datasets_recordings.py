import os

import pytest
import soundfile as sf

from singerlearn.datasets import (
    load_damp,
    load_folder,
    load_ravdess_song,
    load_vocalset,
)

# Of a miniature of each set, a file that can be read, and one in the folder to lock.
FILES = {
    load_folder: ("ann/1.wav", "bob/album/1.wav"),
    load_damp: ("audio/1_1.wav", "locked/1_2.wav"),
    load_vocalset: ("FULL/female1/scales/belt/a.wav", "FULL/male1/scales/belt/a.wav"),
    load_ravdess_song: ("Actor_01/03-02-04-01-01-01-01.wav",
                        "Actor_02/03-02-04-01-01-01-02.wav"),
}  # fmt: skip


@pytest.fixture
def lock(monkeypatch):
    """Make a folder one that nobody may list, not even who may do everything."""

    def lock(folder):
        scandir = os.scandir

        def denied(path="."):
            if os.fspath(path) == str(folder):
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", denied)

    return lock


@pytest.fixture(params=FILES, ids=lambda load: load.__name__)
def half_locked(request, tmp_path, rng, lock):
    """A loader, its folder, and a folder within that cannot be read."""
    for name in FILES[request.param]:
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        sf.write(path, 0.1 * rng.randn(800), 8000)
    (tmp_path / "perfs.csv").write_text("perf_key,plyrid,songid\n1_1,1,a\n1_2,1,b\n")
    lock(path.parent)
    return request.param, tmp_path, path.parent


def test_a_folder_that_cannot_be_read_is_named(half_locked):
    load, root, locked = half_locked
    fault = f"folder {str(locked)!r} cannot be read: Permission denied"
    with pytest.raises(ValueError, match=f"^{fault}.*; put it right"):
        load(root)


@pytest.mark.filterwarnings("error:no recordings")  # which nobody can know
def test_or_skipped(half_locked):
    load, root, locked = half_locked
    if load is load_ravdess_song:
        pytest.skip("knows no on_error")
    with pytest.warns(UserWarning, match=f"left out .*\n.*{locked.name}' cannot be"):
        data = load(root, on_error="skip")
    assert data.recordings == [str(root / FILES[load][0])]
