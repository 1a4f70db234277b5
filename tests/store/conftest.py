"""A store, its folder, and what to keep there."""

import time

import numpy as np
import pytest

from singerlearn import store as store_module
from singerlearn.store import SpectrogramStore


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(folder):
    return SpectrogramStore(folder)


@pytest.fixture
def decibels(rng):
    return rng.uniform(0, 60, (96, 300)).astype(np.float32)


@pytest.fixture
def settled(monkeypatch):
    """Pretend that every file was last changed long ago."""
    now = time.time_ns
    monkeypatch.setattr(store_module.time, "time_ns", lambda: now() + 10**10)
