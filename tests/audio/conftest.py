"""A recording of which everything is known."""

import numpy as np
import pytest


@pytest.fixture
def tone():
    """Two seconds of 440 Hz at 44.1 kHz, fading in, of amplitude 0.5."""
    t = np.arange(2 * 44100) / 44100
    return (0.5 * np.minimum(t, 1) * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
