"""What every test may use: a seeded generator and the real recordings, if present."""

from pathlib import Path

import numpy as np
import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def rng():
    """A generator that starts every test at the same point."""
    return np.random.RandomState(0)


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
