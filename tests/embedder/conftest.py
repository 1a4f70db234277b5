"""Small spectrograms of singers and songs, and a network that learns them quickly."""

import numpy as np
import pytest

from singerlearn.chunks import Chunks


@pytest.fixture(scope="session")
def voices():
    """Six singers with four recordings of four songs, small spectrograms.

    A singer is a pattern over the bands, a song one over the frames, each recording
    has noise of its own: quick to learn for a tiny network.
    """
    rng = np.random.RandomState(0)
    singer, song = rng.uniform(5, 40, (6, 16, 1)), rng.uniform(0, 20, (4, 1, 56))
    chunks = [
        Chunks((who + what + rng.uniform(0, 8, (16, 56))).astype("float32"), 16, 20)
        for who in singer
        for what in song
    ]
    return chunks, np.repeat(list("abcdef"), 4), np.tile(["x", "y", "z", "w"], 6)


@pytest.fixture
def small(tiny):
    return tiny | dict(n_components=4, filters=(4, 8), augment=False, batch_size=32)
