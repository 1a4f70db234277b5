"""Kills, threads and full disks: after each the numbers are right."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from stored import PARAMETERS, Counted, entries, tone, unfinished

from singerlearn.features import MelChunker
from singerlearn.spectrogram import log_mel
from singerlearn.store import SpectrogramStore

# ---------------------------------------------------------------------- kills

WRITER = """
import os, sys, time
import numpy as np
from singerlearn.store import SpectrogramStore

folder, moment = sys.argv[1:]

def hang(*args):
    print("now", flush=True)
    time.sleep(60)

class HalfWritten:
    def __init__(self, file):
        self.file = file
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.file.close()
    def write(self, content):
        self.file.write(content[: len(content) // 2])
        self.file.flush()
        if len(content) > 100:
            hang()

if moment == "before the rename":
    os.replace = hang
if moment == "half written":
    import singerlearn.store
    singerlearn.store.open = lambda path, mode, **options: (
        HalfWritten(open(path, mode)) if mode == "xb" else open(path, mode, **options)
    )

def compute(seed):
    if moment == "computing":
        hang()
    return np.random.RandomState(seed).uniform(0, 60, (96, 3000))

if moment == "any":
    print("now", flush=True)
for seed in range(10**6):
    recording = np.full(9, float(seed))
    SpectrogramStore(folder).fetch(recording, {"top_db": 60.0}, lambda: compute(seed))
"""


def kill_a_writer(folder, moment, wait=0.0):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, folder, moment], stdout=subprocess.PIPE
    )
    with writer:
        assert writer.stdout.readline() == b"now\n"
        time.sleep(wait)
        writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL


def fetch_seed(store, seed):
    """Fetch what `WRITER` writes, and count what had to be computed."""
    exact = np.random.RandomState(seed).uniform(0, 60, (96, 3000))
    compute = Counted(exact)
    kept = store.fetch(np.full(9, float(seed)), {"top_db": 60.0}, compute)
    assert_allclose(kept, exact, rtol=3e-7, atol=0.0005)
    return compute.times


@pytest.mark.parametrize("moment", ["computing", "half written", "before the rename"])
def test_a_writer_killed_at_the_worst_moment_leaves_nothing_to_read(
    moment, store, folder
):
    kill_a_writer(folder, moment)
    assert entries(folder) == []
    assert len(unfinished(folder)) == (moment != "computing")
    assert fetch_seed(store, 0) == 1  # nor does its lock last
    assert fetch_seed(store, 0) == 0
    assert store.prune() == 0  # its writer might be alive
    for left in unfinished(folder):
        os.utime(left, (time.time() - 4000,) * 2)
    store.prune()
    assert unfinished(folder) == []
    assert fetch_seed(store, 0) == 0


def test_writers_killed_at_any_moment_leave_only_whole_entries(store, folder, rng):
    for wait in rng.uniform(0, 0.1, 4):
        kill_a_writer(folder, "any", wait)
        n_entries = len(entries(folder))
        assert sum(fetch_seed(store, seed) for seed in range(n_entries)) == 0
        fetch_seed(store, n_entries)


# ---------------------------------------------------------- threads, processes


def test_of_many_threads_one_computes(store, decibels):
    barrier = threading.Barrier(8)
    compute = Counted(decibels)

    def slowly():
        time.sleep(0.1)
        return compute()

    def fetch(_):
        barrier.wait()
        return store.fetch(tone(), PARAMETERS, slowly)

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(fetch, range(8)))
    assert compute.times == 1
    assert all(np.array_equal(result, results[0]) for result in results)


def test_without_locks_two_compute_and_neither_is_wrong(store, decibels, monkeypatch):
    def refuse(self, digest):
        raise NotImplementedError("this drive has no locks")

    monkeypatch.setattr(SpectrogramStore, "_lock", refuse)
    barrier = threading.Barrier(2)

    def compute():
        barrier.wait(10)
        return decibels

    with ThreadPoolExecutor(2) as threads:
        results = threads.map(
            lambda _: store.fetch(tone(), PARAMETERS, compute), range(2)
        )
    for result in results:
        assert_allclose(result, decibels, rtol=0, atol=0.0005)
    assert store.info()["entries"] == 1


def counting_model(log, folder):
    """Chunks, their mean spectrum and its neighbours; computing is logged in a file."""

    def spectrogram(y, **parameters):
        with open(log, "a") as file:
            file.write(".")
        return log_mel(y, **parameters)

    class CountingChunker(MelChunker):
        _spectrogram = staticmethod(spectrogram)

    def average(chunks):
        return np.stack([entry.spectrogram.mean(axis=1) for entry in chunks])

    return Pipeline(
        [
            ("chunks", CountingChunker(store=folder)),
            ("mean", FunctionTransformer(average)),
            ("net", KNeighborsClassifier(1)),
        ]
    )


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_folds_searches_and_processes_compute_each_spectrogram_once(
    n_jobs, singers, folder, tmp_path
):
    X, y = singers.recordings, singers.singers
    log = tmp_path / "log"
    model = counting_model(log, folder)
    scores = cross_val_score(model, X, y, cv=3, n_jobs=n_jobs)
    assert len(log.read_text()) == len(X)

    grid = {"chunks__n_mels": [48, 96], "chunks__chunk_frames": [64, 256]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs).fit(X, y)
    assert len(log.read_text()) == 2 * len(X)
    assert search.best_estimator_["chunks"].store == folder

    model.set_params(chunks__store=None)
    assert_array_equal(cross_val_score(model, X, y, cv=3), scores)


# ---------------------------------------------------- disks that take no more

LIMITED = """
import resource, sys, warnings
import numpy as np
import soundfile as sf
from singerlearn import store
from singerlearn.features import MelChunker

folder, file = sys.argv[1:]
X = [np.sin(f * np.arange(22050)) for f in (0.03, 0.04)] + [file]
sf.write(file, X[0], 22050)
store._SETTLED_NS = 0  # so that the file's digest is to be written, too
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))  # to the store, a full disk
with warnings.catch_warnings(record=True) as caught:
    chunks = MelChunker(store=folder).transform(X)
for a, b in zip(chunks, MelChunker().transform(X), strict=True):
    assert np.abs(a.spectrogram - b.spectrogram).max() <= 0.0005
print(*(str(warning.message) for warning in caught), sep="\\n")
"""


def test_on_a_full_disk_it_goes_on_and_warns_once(folder, tmp_path):
    command = [sys.executable, "-c", LIMITED, folder, tmp_path / "a.wav"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (warning,) = done.stdout.splitlines()
    assert repr(str(folder)) in warning
    assert "File too large" in warning and "prune(max_bytes=...)" in warning
    assert entries(folder) == unfinished(folder) == []


def test_a_folder_that_cannot_be_made_is_named_in_a_warning(tmp_path, decibels):
    (tmp_path / "file").touch()
    store = SpectrogramStore(tmp_path / "file" / "store")
    with pytest.warns(UserWarning, match=r"file/store' cannot be written \(Not a dir"):
        kept = store.fetch(tone(), PARAMETERS, lambda: decibels)
    assert_allclose(kept, decibels, atol=0.0005)


def test_a_folder_that_may_only_be_read_is_read(store, folder, decibels, monkeypatch):
    store.fetch(tone(), PARAMETERS, lambda: decibels)

    def refuse(*args, **options):
        raise PermissionError("read-only")

    monkeypatch.setattr("os.utime", refuse)
    monkeypatch.setattr("os.makedirs", refuse)
    monkeypatch.setattr(SpectrogramStore, "_lock", refuse)
    store.fetch(tone(), PARAMETERS, None)
    with pytest.warns(UserWarning, match="cannot be written"):
        store.fetch(tone(440), PARAMETERS, lambda: decibels)


@pytest.mark.skipif(os.name != "posix", reason="access as POSIX has it")
def test_who_shares_the_folder_may_read_what_another_wrote(store, folder, decibels):
    before = os.umask(0o022)
    try:
        store.fetch(tone(), PARAMETERS, lambda: decibels)
    finally:
        os.umask(before)
    (entry,) = entries(folder)
    assert entry.stat().st_mode & 0o777 == 0o644
