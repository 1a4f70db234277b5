"""Samples of any kind become one channel at one rate, with something to hear."""

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from singerlearn.audio import load, survey

# ------------------------------------------------------ scale, channels, rate


@settings(deadline=None)
@given(
    dtype=st.sampled_from(["u1", "i1", "<i2", ">i2", "u2", "i4", "u4"]),
    seed=st.integers(0, 99),
    n_channels=st.integers(1, 6),
)
def test_pcm_has_the_scale_of_its_type(dtype, seed, n_channels):
    info = np.iinfo(dtype)
    half = (int(info.max) - int(info.min) + 1) // 2
    values = np.random.RandomState(seed).uniform(-1, 1, (n_channels, 50))
    values[:, :2] = -1, 1 - 1 / half
    middle = half if info.min == 0 else 0
    pcm = (np.round(values * half) + middle).astype(dtype)
    expected = ((pcm.astype(float) - middle) / half).mean(axis=0)
    for waveform in (pcm, pcm.T, np.asfortranarray(pcm)):
        y = load((waveform, 22050))
        assert y.dtype == np.float32
        assert_allclose(y, expected, atol=1e-6)
    if n_channels == 1:
        assert_allclose(load(pcm[0]), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "longdouble"])
def test_floats_keep_their_scale(dtype, rng):
    y = (100 * rng.randn(1000)).astype(dtype)
    assert_array_equal(load(y), y.astype(np.float32))


def test_a_waveform_that_fits_is_neither_copied_nor_changed(rng):
    y = rng.randn(1000).astype(np.float32)
    y.flags.writeable = False
    assert load(y) is y
    for channel in (y[None], y[:, None]):
        one = load((channel, 22050))
        assert np.shares_memory(one, y)
        assert_array_equal(one, y)
        assert_array_equal(load((channel, 44100)), load((y, 44100)))
    strided = np.repeat(y, 3)[::3]
    assert_array_equal(load(strided), y)
    assert_array_equal(load((y, 22050)), y)


def test_any_array_will_do(rng):
    torch = pytest.importorskip("torch")
    y = rng.randn(1000).astype(np.float32)
    assert_array_equal(load(torch.from_numpy(y)), y)
    assert_array_equal(load(pd.Series(y)), y)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000, 96000, 192000])
def test_rates_are_brought_to_the_one_asked_for(rate):
    t = np.arange(rate) / rate
    y = load((np.sin(2 * np.pi * 440 * t), rate), 22050)
    assert len(y) == pytest.approx(22050, abs=1)
    middle = slice(2000, 20000)
    expected = np.sin(2 * np.pi * 440 * np.arange(len(y)) / 22050)
    assert_allclose(y[middle], expected[middle], atol=1e-3)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_decoding_by_blocks_leaves_no_seams(tmp_path, rng, suffix):
    path = tmp_path / f"noise.{suffix}"
    sf.write(path, 0.1 * rng.randn(200_000), 48000)
    whole, _ = sf.read(path, dtype="float32")
    assert_array_equal(load(path, 48000), whole)
    resampled = librosa.resample(whole, orig_sr=48000, target_sr=22050)
    assert_allclose(load(path), resampled, atol=1e-6)
    assert_allclose(load((whole, 48000)), resampled, atol=1e-6)


def test_ten_milliseconds_and_clipped_recordings_pass(rng):
    assert len(load((rng.randn(441), 44100))) == 221
    clipped = np.clip(3 * rng.randn(9000), -1, 1)
    assert_allclose(load(clipped), clipped)


# ------------------------------------------------------------ nothing to hear


@pytest.mark.parametrize("suffix", ["wav", "aiff"])
def test_a_file_without_samples_is_an_error(tmp_path, suffix):
    path = tmp_path / f"nothing.{suffix}"
    sf.write(path, np.zeros(0), 22050)
    with pytest.raises(ValueError, match=f"nothing.{suffix}': holds no samples"):
        load(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_silent_file_is_an_error(tmp_path, suffix):
    path = tmp_path / f"silence.{suffix}"
    sf.write(path, np.zeros(44100), 22050)
    with pytest.raises(ValueError, match=f"silence.{suffix}': nothing to hear"):
        load(path)


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.r_[np.ones(9), np.nan, np.zeros(9)], "NaN"),
        (np.r_[np.ones(9), np.inf], "infinite"),
        (np.r_[np.ones(9), -np.inf], "infinite"),
        (np.r_[np.ones(9), 1e300], "absurdly large"),
        (np.r_[np.ones(9), -1e12], "absurdly large"),
        (np.zeros(0), "holds no samples"),
        (np.zeros((2, 0)), r"holds no samples|shape \(2, 0\) and no rate"),
        (np.zeros(9000), "nothing to hear"),
        (np.full(9000, 0.3), "nothing to hear"),
        (np.full(9000, 128, np.uint8), "nothing to hear"),
        (np.r_[0.3, np.full(9000, 0.3 + 3e-8)], "nothing to hear"),
        (np.array([0.5]), "nothing to hear"),
        (np.arange(9) * 1j, "samples are complex128"),
        (np.array([0.1, "a"], dtype=object), "samples are object"),
        (np.array(["a", "b"]), "samples are <U1"),
        (np.arange(9) % 2 == 0, "samples are bool"),
        (np.arange(9), "samples are int64"),
        (np.zeros((2, 9)), r"shape \(2, 9\) and no rate"),
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
    ],
)
@pytest.mark.parametrize("rate", [None, 8000])
def test_bad_samples_are_an_error(waveform, message, rate):
    if rate is not None:
        waveform, message = (waveform, rate), message.replace("and no rate", "|nothing")
    with pytest.raises(ValueError, match=message):
        load(waveform)


@pytest.mark.parametrize("read", [load, survey])
@pytest.mark.parametrize("offset", [0, 0.1])
@pytest.mark.parametrize("n_channels", [2, 6])
@pytest.mark.parametrize("gain", [1, 0.99])
def test_channels_that_cancel_out_are_an_error(tone, read, offset, n_channels, gain):
    y = np.tile(tone, 4)  # over two blocks
    channels = np.stack([gain * y, -y] * (n_channels // 2)) + np.float32(offset)
    with pytest.raises(ValueError, match=r"channels cancel out.*\(waveform\[0\]"):
        read((channels, 44100))


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_channels_of_a_file_that_cancel_out_are_an_error(tmp_path, tone, subtype):
    path = tmp_path / "balanced.wav"
    sf.write(path, 0.9131 * np.stack([tone, -tone], 1), 44100, subtype=subtype)
    with pytest.raises(ValueError, match=r"balanced\.wav'.*channels cancel out"):
        load(path)


@pytest.mark.parametrize("n_channels", [2, 16, 64])
def test_channels_that_do_not_cancel_out_pass(tone, rng, n_channels):
    noise = rng.randn(n_channels, len(tone)).astype(np.float32)
    one_alone = 0 * noise
    one_alone[0] = tone
    offsets = tone + np.resize(np.float32([9, -9]), n_channels)[:, None]
    upside_down_in_part = np.stack([tone, -0.9 * tone])
    for channels in (noise, one_alone, offsets, upside_down_in_part):
        assert_allclose(load((channels, 44100), 44100), channels.mean(0), atol=1e-5)


def test_constant_channels_are_silent():
    with pytest.raises(ValueError, match="nothing to hear: the recording is silent"):
        load((np.full((2, 9000), [[0.3], [-0.1]]), 22050))


@pytest.mark.parametrize("rate", [None, 8000])
def test_masked_samples_are_an_error(tone, rate):
    y = np.ma.masked_less(tone, -0.4)
    with pytest.raises(ValueError, match=r"samples are masked; fill them"):
        load(y if rate is None else (y, rate))
    assert_array_equal(load(np.ma.array(tone)), tone)


def test_a_constant_is_nothing_to_hear_at_any_rate():
    # Resampled, its ends would ring.
    with pytest.raises(ValueError, match="nothing to hear"):
        load((np.full(48000, 0.5), 48000))


def test_too_short_for_one_sample_is_an_error():
    with pytest.raises(ValueError, match="too short"):
        load((np.array([0.1, -0.1]), 192000))


@pytest.mark.parametrize("rate", [0, -22050, np.nan, np.inf, True, "44100", None])
def test_a_rate_is_a_positive_number(rate, tone):
    with pytest.raises(ValueError, match=f"sampling_rate={rate!r}"):
        load(tone, rate)
    with pytest.raises(ValueError, match="sampling_rate"):
        load((tone, rate))


@pytest.mark.parametrize("read", [load, survey])
@pytest.mark.parametrize("rate", [1, 999, 1_000_001, 400_000_000])
def test_a_damaged_rate_in_a_header_is_an_error(tmp_path, tone, rate, read):
    path = tmp_path / "voice.wav"
    sf.write(path, tone, 44100)
    data = path.read_bytes()
    path.write_bytes(data[:24] + rate.to_bytes(4, "little") + data[28:])
    with pytest.raises(ValueError, match=f"voice.wav'.*header is damaged.* {rate:,} "):
        read(path)
