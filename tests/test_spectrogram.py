import warnings

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from singerlearn.audio import load
from singerlearn.spectrogram import log_cqt, log_mel, spectra

# Every seventy-fifth file of one set, every fiftieth of the other: a dozen of each.
REAL = {"ravdess_song": slice(0, 900, 75), "fsdd": slice(0, 300, 25)}


def in_decibels(power, top_db=60.0):
    return librosa.power_to_db(power, ref=np.max, top_db=top_db) + top_db


def librosa_mel(y, sampling_rate=22050, top_db=60.0, **parameters):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "n_fft=.* is too large")
        warnings.filterwarnings("ignore", "Empty filters detected")
        power = librosa.feature.melspectrogram(
            y=y, sr=sampling_rate, **{"n_mels": 96} | parameters
        )
    return in_decibels(power, top_db)


def librosa_cqt(y, **parameters):
    parameters = {"sr": 22050, "n_bins": 96, "hop_length": 512} | parameters
    # The longest filter has 16 384 samples or fewer, in every test.
    followed_by_silence = np.pad(y, (0, max(0, 16_384 - len(y))))
    power = np.abs(librosa.cqt(followed_by_silence, **parameters)) ** 2
    return in_decibels(power[:, : 1 + len(y) // parameters["hop_length"]])


def read_some(folder, name):
    files = sorted(folder.rglob("*.flac"))[REAL[name]]
    assert len(files) == 12
    for file in files:
        yield load(file)


@pytest.mark.parametrize("name", REAL)
def test_mel_of_real_recordings_is_librosa_s(request, name):
    for y in read_some(request.getfixturevalue(name), name):
        assert_allclose(log_mel(y), librosa_mel(y), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", REAL)
def test_cqt_of_real_recordings_is_librosa_s(request, name):
    for y in list(read_some(request.getfixturevalue(name), name))[::4]:
        assert_allclose(log_cqt(y), librosa_cqt(y), rtol=0, atol=1e-3)


def signal(seed, n_samples, kind):
    """Noise, a chord, clicks, or all of it cut by silence and clipped."""
    rng = np.random.RandomState(seed)
    t = np.arange(n_samples) / 22050
    noise = rng.randn(n_samples)
    chord = sum(np.sin(2 * np.pi * f * t) for f in rng.uniform(60, 9000, 3))
    clicks = noise * (rng.rand(n_samples) < 1e-3)
    clicks[rng.randint(n_samples)] = 1
    mixture = np.where(np.sin(3 * t) < 0.5, noise + 3 * chord, 0).clip(-1, 1)
    mixture[0] = 1
    y = {"noise": noise, "chord": chord + 1e-3, "clicks": clicks, "mixture": mixture}
    return (y[kind] * rng.uniform(0.1, 10)).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    n_samples=st.integers(1, 70_000),
    kind=st.sampled_from(["noise", "chord", "clicks", "mixture"]),
)
def test_mel_of_any_signal_is_librosa_s(seed, n_samples, kind):
    y = signal(seed, n_samples, kind)
    spectrogram = log_mel(y)
    assert spectrogram.dtype == np.float32
    assert spectrogram.shape == (96, 1 + n_samples // 512)
    assert spectrogram.min() >= 0
    assert spectrogram.max() == pytest.approx(60, abs=1e-4)
    assert_allclose(spectrogram, librosa_mel(y), rtol=0, atol=1e-3)


# Around the 128 frames of a block, and around one window.
@pytest.mark.parametrize(
    "n_samples",
    [1, 2, 220, 511, 512, 1023, 1024, 1025, 2047, 2048, 2049]
    + [512 * 127 - 1, 512 * 127, 512 * 128 - 1, 512 * 128, 512 * 256 + 1],
)
def test_mel_of_any_length_is_librosa_s(n_samples):
    y = signal(0, n_samples, "noise")
    assert_allclose(log_mel(y), librosa_mel(y), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "parameters",
    [
        {"sampling_rate": 8000, "n_mels": 40},
        {"sampling_rate": 44100, "n_fft": 4096, "hop_length": 1024, "n_mels": 128},
        {"n_fft": 1000, "hop_length": 333, "n_mels": 64},
        {"n_fft": 1023, "hop_length": 100, "n_mels": 20},
        {"hop_length": 5000},
        {"top_db": 30.0},
        {"top_db": 80},
        {"fmin": 80.0, "fmax": 4000.0, "n_mels": 48},
    ],
)
def test_mel_with_other_parameters_is_librosa_s(parameters):
    y = signal(1, 50_000, "mixture")
    assert_allclose(
        log_mel(y, **parameters), librosa_mel(y, **parameters), rtol=0, atol=1e-3
    )


def test_bands_without_a_bin_are_silent_and_warned_of():
    y = signal(2, 20_000, "noise")
    with pytest.warns(UserWarning, match="of 200 Mel bands are narrower") as warned:
        spectrogram = log_mel(y, n_fft=512, n_mels=200)
    assert warned[0].filename == __file__
    assert_allclose(
        spectrogram, librosa_mel(y, n_fft=512, n_mels=200), rtol=0, atol=1e-3
    )
    assert np.any(spectrogram.max(axis=1) == 0)


def test_spectra_are_the_columns_of_librosa_s_stft():
    y = signal(3, 30_000, "chord")
    expected = librosa.stft(y, n_fft=2048, hop_length=512).T
    for block_frames in (1, 7, 64, 1000):
        blocks = list(spectra(y, n_fft=2048, hop_length=512, block_frames=block_frames))
        assert_allclose(np.concatenate(blocks), expected, atol=1e-3)
        assert {len(block) for block in blocks[:-1]} <= {block_frames}


# 1e-6 is under librosa's absolute floor, which makes such a recording 60 dB throughout.
@pytest.mark.parametrize("log_spectrogram", [log_mel, log_cqt])
@pytest.mark.parametrize("gain", [1e-6, 1e-3, 1e6])
def test_a_gain_changes_nothing(log_spectrogram, gain):
    y = signal(4, 30_000, "mixture")
    assert_allclose(log_spectrogram(gain * y), log_spectrogram(y), rtol=0, atol=1e-3)


def test_input_is_kept_and_may_be_of_any_float_type_and_read_only():
    y = signal(5, 20_000, "noise")
    y.flags.writeable = False
    kept = y.copy()
    spectrogram = log_mel(y)
    assert_array_equal(y, kept)
    assert_array_equal(log_mel(y.astype(np.float64)), spectrogram)
    assert_array_equal(log_mel(np.repeat(y, 2)[::2]), spectrogram)


@pytest.mark.parametrize("n_samples", [1, 220, 2048, 16_383, 40_000])
@pytest.mark.filterwarnings("error::UserWarning")
def test_cqt_of_any_length_is_librosa_s(n_samples):
    y = signal(6, n_samples, "noise")
    spectrogram, expected = log_cqt(y), librosa_cqt(y)
    assert spectrogram.dtype == np.float32
    assert spectrogram.shape == (96, 1 + n_samples // 512)
    assert_allclose(spectrogram, expected, rtol=0, atol=1e-3)


def test_cqt_with_other_parameters_is_librosa_s():
    y = signal(7, 40_000, "chord")
    parameters = {"hop_length": 256, "n_bins": 48, "bins_per_octave": 24, "fmin": 110.0}
    assert_allclose(
        log_cqt(y, **parameters), librosa_cqt(y, **parameters), rtol=0, atol=1e-3
    )


def test_cqt_that_does_not_fit_under_nyquist_says_so():
    with pytest.raises(ValueError, match="Nyquist.*Try reducing the number"):
        log_cqt(signal(8, 20_000, "noise"), sampling_rate=8000)


@pytest.mark.parametrize("log_spectrogram", [log_mel, log_cqt])
@pytest.mark.parametrize(
    "y",
    [np.zeros(3000), np.full(3000, np.nan), np.r_[np.ones(3000), np.inf]],
    ids=["silence", "nan", "infinity"],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nothing_to_hear_is_an_error(log_spectrogram, y):
    with pytest.raises(ValueError, match="nothing to hear|not finite"):
        log_spectrogram(y)


@pytest.mark.parametrize("log_spectrogram", [log_mel, log_cqt])
@pytest.mark.parametrize("shape", [(0,), (2, 3000), ()])
def test_only_one_dimensional_waveforms_are_taken(log_spectrogram, shape):
    with pytest.raises(ValueError, match="n_samples"):
        log_spectrogram(np.ones(shape))
