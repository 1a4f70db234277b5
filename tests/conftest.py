"""What every test may use: a seeded generator, recordings real and sung on the spot."""

import os
from pathlib import Path

# Workers of pytest-xdist share the cores: one thread each, before torch is imported.
# And each keeps what numba compiles of librosa by itself: where two write to one cache
# at once, what they leave can crash whoever reads it.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["OMP_NUM_THREADS"] = "1"
    cache = Path(__file__).resolve().parents[1] / ".pytest_cache" / "numba" / worker
    os.environ["NUMBA_CACHE_DIR"] = str(cache)

import matplotlib
import numpy as np
import pytest
from hypothesis import settings

matplotlib.use("Agg")

# On a loaded machine an example may take its time; and what fails once fails again.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

# The folders have a conftest each: looked through for doctests, they clash by name.
collect_ignore_glob = ["*conftest.py"]

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def rng():
    """A generator that starts every test at the same point."""
    return np.random.RandomState(0)


@pytest.fixture
def recordings(rng):
    """Three recordings of 4 bands with 3, 1 and 2 chunks of 8 frames."""
    from singerlearn.chunks import Chunks

    lengths = (18, 8, 13)
    return [Chunks(rng.rand(4, n).astype("float32"), 8, 5) for n in lengths]


@pytest.fixture(scope="session")
def singers():
    """Four synthetic singers with three songs each, as `make_singers` gives them."""
    from singerlearn.datasets import make_singers

    return make_singers(n_singers=4, n_songs=3, random_state=0)


@pytest.fixture(scope="session")
def chunked(singers):
    """The recordings of `singers` in chunks."""
    from singerlearn.features import MelChunker

    return MelChunker().fit_transform(singers.recordings)


@pytest.fixture
def tiny():
    """Parameters of a network that learns `singers` within seconds."""
    return dict(
        stretches=(),
        synthetic_singers=0,
        filters=(8, 16),
        dense=(32,),
        aggregation="average",
        lr=1e-2,
        batch_size=16,
        max_epochs=3,
        device="cpu",
        random_state=0,
        verbose=0,
    )


def _real(name):
    folder = SHARED_DATA / name
    if not folder.is_dir():
        pytest.skip(f"the recordings of {name} are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def ravdess_song():
    """Folder of the RAVDESS song recordings."""
    return _real("ravdess_song")


@pytest.fixture(scope="session")
def fsdd():
    """Folder of the free spoken digit recordings."""
    return _real("fsdd")
