"""Vowels with pauses and breath, as waveforms and as files."""

import numpy as np
import pytest
import soundfile as sf


@pytest.fixture
def voices(rng):
    """Three waveforms of unequal length at 22 050 Hz: vowels with pauses and breath."""
    waveforms = []
    for seconds, pitch in [(7.0, 110), (9.5, 220), (1.2, 330)]:
        t = np.arange(int(22050 * seconds)) / 22050
        voice = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 9))
        y = voice * (np.sin(2 * t) > -0.5) + 0.01 * rng.randn(len(t))
        waveforms.append(y.astype(np.float32))
    return waveforms


@pytest.fixture
def files(voices, tmp_path):
    """The same as files, at 22 050 Hz and as 16-bit PCM."""
    paths = []
    for i, y in enumerate(voices):
        paths.append(tmp_path / f"{i}.wav")
        sf.write(paths[-1], y / 3, 22050)
    return paths
