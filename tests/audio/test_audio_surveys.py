"""What a survey counts, and what its fingerprint tells apart."""

import numpy as np
import pytest
import soundfile as sf

from singerlearn.audio import survey


def test_a_survey_counts_what_is_there(rng):
    y = np.clip(0.7 * rng.randn(100_000), -1, 1)
    found = survey((y, 16000))
    assert found.n_samples == 100_000 and found.duration == 6.25
    assert found.n_clipped == np.sum(np.abs(y) >= 0.999) > 1000
    assert found.peak == 1.0 and not found.is_silent
    shifted = survey((y + 0.25, 16000))
    assert shifted.offset == pytest.approx(np.mean(y) + 0.25, rel=1e-6)
    assert shifted.deviation == pytest.approx(np.std(y), rel=1e-6)
    assert survey(np.full(50, 0.5)).is_silent
    # Averaged with a channel that is silent, nothing is at full scale.
    averaged = survey((np.stack([y, 0 * y]), 16000))
    assert (averaged.n_clipped, averaged.peak) == (0, 0.5)


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [("wav", "PCM_16"), ("flac", "PCM_24"), ("aiff", "PCM_32"), ("wav", "DOUBLE")],
)
def test_the_fingerprint_survives_a_lossless_copy(tmp_path, rng, suffix, subtype):
    pcm = rng.randint(-(2**15), 2**15, 150_000).astype(np.int16)  # over several blocks
    path = tmp_path / f"copy.{suffix}"
    copy = pcm / 2.0**15 if subtype == "DOUBLE" else pcm
    sf.write(path, np.stack([copy, copy], 1), 16000, subtype=subtype)
    expected = survey((pcm, 16000)).fingerprint
    assert survey(path).fingerprint == expected
    assert survey((pcm / 2.0**15, 16000)).fingerprint == expected


def test_the_fingerprint_tells_other_audio_apart(rng):
    y = rng.randn(1000).astype(np.float32)
    others = [(y, 16000), (y[:-1], 8000), (np.r_[y[:-1], 0.5], 8000), (-y, 8000)]
    prints = {survey(recording).fingerprint for recording in [(y, 8000), *others]}
    assert len(prints) == 5
    assert survey(y, 8000) == survey((y, 8000))
    silence = np.zeros(9, np.float32)
    assert survey(-silence).fingerprint == survey(silence).fingerprint


def test_a_survey_refuses_what_is_no_recording(tmp_path):
    (tmp_path / "empty.wav").touch()
    with pytest.raises(ValueError, match=r"empty.wav': the file is empty"):
        survey(tmp_path / "empty.wav")
    with pytest.raises(FileNotFoundError, match=r"'gone.wav': no such file"):
        survey("gone.wav")
    with pytest.raises(ValueError, match="NaN"):
        survey(np.array([0.1, np.nan, 0.1]))
    with pytest.raises(ValueError, match="no samples"):
        survey(np.array([]))
