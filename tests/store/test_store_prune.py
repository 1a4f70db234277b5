"""What lies in a store's folder, and what of it goes."""

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from numpy.testing import assert_array_equal
from stored import PARAMETERS, Counted, entries, tone

from singerlearn.features import CQTChunker, MelChunker


def fill(store, n=4, **parameters):
    """Keep the same spectrogram for `n` recordings, the first used longest ago."""
    for seed in range(n):
        fetch(store, seed, **parameters)
    for days, path in enumerate(reversed(by_seed(store, n, **parameters))):
        os.utime(path, (time.time() - (days + 0.5) * 86400,) * 2)


def fetch(store, seed, **parameters):
    compute = Counted(np.zeros((2, 100), np.float32))
    store.fetch(np.full(9, float(seed)), PARAMETERS | parameters, compute)
    return compute.times


def by_seed(store, n, **parameters):
    """Paths of the entries, found by which one is read."""
    paths = []
    for seed in range(n):
        for path in entries(Path(store.folder)):
            os.utime(path, (1, 1))
        assert fetch(store, seed, **parameters) == 0
        paths += [p for p in entries(Path(store.folder)) if p.stat().st_mtime > 1]
    return paths


SIZE = 8 + 2 * 2 * 100  # of one entry of `fill`


def test_info_of_a_folder_that_is_not_there(store, folder):
    assert store.info() == {"entries": 0, "bytes": 0, "parameters": []}
    assert store.prune(max_bytes=0) == 0
    assert not folder.exists()


def test_info_counts_entries_and_names_their_parameters(store, folder, settled):
    MelChunker(store=store).transform([tone(), tone(440)])
    file = folder.parent / "a.wav"
    sf.write(file, tone(), 22050)
    CQTChunker(store=store, fmin=110.0, n_bins=48).transform([file])
    cqt, mel = store.info()["parameters"]
    expected = MelChunker().get_params()
    for name in ("chunk_frames", "hop_frames", "n_jobs", "store"):
        del expected[name]
    size = 8 + 96 * 2 * (1 + 44100 // 512)
    assert mel == expected | {
        "spectrogram": "mel", "revision": 1, "dtype": "uint16",
        "entries": 2, "bytes": 2 * size,
    }  # fmt: skip
    assert (cqt["spectrogram"], cqt["fmin"], cqt["entries"]) == ("cqt", 110, 1)
    assert store.info()["entries"] == 3
    written = [*entries(folder), *folder.glob("files/*")]
    assert len(written) == 4
    assert store.info()["bytes"] == sum(p.stat().st_size for p in written)


@pytest.mark.parametrize("kept", range(5))
def test_prune_by_size_removes_the_least_recently_used_first(store, kept):
    fill(store)
    assert store.prune(max_bytes=kept * SIZE + 7) == (4 - kept) * SIZE
    assert store.info()["bytes"] == kept * SIZE
    assert [fetch(store, seed) for seed in range(4)] == [1] * (4 - kept) + [0] * kept


def test_reading_counts_as_use(store):
    fill(store)
    fetch(store, 0)
    store.prune(max_bytes=2 * SIZE)
    assert [fetch(store, seed) for seed in (0, 3)] == [0, 0]
    assert [fetch(store, seed) for seed in (1, 2)] == [1, 1]


def test_prune_by_age(store):
    fill(store)
    assert store.prune(max_age_days=9) == 0
    assert store.prune(max_age_days=2) == 2 * SIZE
    assert [fetch(store, seed) for seed in range(4)] == [1, 1, 0, 0]
    assert store.prune() == 0


def test_prune_leaves_what_is_not_the_store_s(store, folder):
    fill(store)
    foreign = [
        folder / "my.wav",
        folder / "Ann" / "song.wav",
        folder / "Ann" / ("a" * 32),
        folder / "files" / "notes.txt",
        entries(folder)[0].with_suffix(".tmp"),
    ]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (1, 1))
    assert store.prune(max_bytes=0, max_age_days=0) == 4 * SIZE
    assert all(path.exists() for path in foreign)
    assert entries(folder) == []


def test_a_folder_deleted_under_it_is_made_again(folder):
    chunker = MelChunker(store=folder)
    (before,) = chunker.transform([tone()])
    shutil.rmtree(folder)
    (after,) = chunker.transform([tone()])
    assert_array_equal(after.spectrogram, before.spectrogram)
    assert len(entries(folder)) == 1
