import os
import sys
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from singerlearn.audio import check_recordings, describe, load, naming, survey


@pytest.fixture
def tone():
    """Two seconds of 440 Hz at 44.1 kHz, fading in, of amplitude 0.5."""
    t = np.arange(2 * 44100) / 44100
    return (0.5 * np.minimum(t, 1) * np.sin(2 * np.pi * 440 * t)).astype(np.float32)


def write_with_pyav(path, channels, sampling_rate, codec, **options):
    """Encode (n_channels, n_samples) with one of the codecs in PyAV's wheel."""
    av = pytest.importorskip("av")
    layout = {1: "mono", 2: "stereo"}[len(channels)]
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=sampling_rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(channels, format="fltp", layout=layout)
        frame.sample_rate = sampling_rate
        cut = av.AudioResampler(format="fltp", frame_size=1024)
        for part in [*cut.resample(frame), *cut.resample(None), None]:
            container.mux(stream.encode(part))


def amplitude(y):
    """Of a tone, in the middle of the recording."""
    return np.sqrt(2 * np.mean(y[len(y) // 3 : -len(y) // 3] ** 2))


# ------------------------------------------------------------------ files


@pytest.mark.parametrize("name", ["ravdess_song", "fsdd"])
def test_real_files_are_what_librosa_loads(request, name):
    for file in sorted(request.getfixturevalue(name).rglob("*.flac"))[::150]:
        for rate in (22050, 16000):
            expected, _ = librosa.load(file, sr=rate)
            y = load(file, rate)
            assert y.dtype == np.float32
            assert len(y) in (len(expected), len(expected) - 1)  # librosa rounds up
            assert_allclose(y, expected[: len(y)], atol=1e-6)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "ogg", "mp3"])
@pytest.mark.parametrize("n_channels", [1, 2, 6])
def test_files_of_any_format_are_decoded_and_averaged(
    tmp_path, tone, suffix, n_channels
):
    if (suffix, n_channels) == ("mp3", 6):
        pytest.skip("mp3 has at most two channels")
    gains = np.linspace(1, 0.2, n_channels)
    path = tmp_path / f"voice.{suffix}"
    sf.write(path, np.outer(tone, gains), 44100)
    y = load(path, 44100)
    assert y.shape == tone.shape
    tolerance = {"ogg": 0.05, "mp3": 0.02}.get(suffix, 1e-4)
    assert_allclose(y, gains.mean() * tone, atol=tolerance)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "DOUBLE"])
def test_files_of_any_sample_type_have_the_same_scale(tmp_path, tone, subtype):
    path = tmp_path / "voice.wav"
    sf.write(path, tone, 44100, subtype=subtype)
    assert_allclose(load(path, 44100), tone, atol=1 / 128)


def test_a_path_may_be_of_any_type_and_spelling(tmp_path, tone, monkeypatch):
    path = tmp_path / "Måneskin – 歌.WAV"
    sf.write(path, tone, 44100, format="WAV")
    expected = load(path)
    assert_array_equal(load(str(path)), expected)
    monkeypatch.chdir(tmp_path)
    assert_array_equal(load(path.name), expected)
    assert_array_equal(load(np.str_(path.name)), expected)


@pytest.mark.parametrize(("codec", "suffix"), [("aac", "m4a"), ("aac", "aac")])
def test_m4a_and_aac_are_decoded_by_pyav(tmp_path, tone, codec, suffix):
    path = tmp_path / f"voice.{suffix}"
    write_with_pyav(path, np.stack([tone, -0.5 * tone]), 44100, codec)
    y = load(path, 22050)
    assert y.dtype == np.float32
    assert len(y) == pytest.approx(len(tone) / 2, abs=2048)  # the codec's padding
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    assert np.argmax(spectrum) * 22050 / len(y) == pytest.approx(440, abs=1)
    assert amplitude(y[11025:]) == pytest.approx(0.5 * 0.25, rel=0.1)


def test_raw_aac_that_begins_quietly_is_whole(tmp_path, rng):
    # FFmpeg guesses from the first bit rate that this lasts for ten times as long.
    y = np.r_[np.zeros(3 * 44100), 0.3 * rng.randn(44100)].astype(np.float32)
    path = tmp_path / "voice.aac"
    write_with_pyav(path, y[None], 44100, "aac")
    assert len(load(path, 44100)) == pytest.approx(len(y), abs=4096)


def test_without_pyav_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    path = tmp_path / "voice.m4a"
    path.write_bytes(b"anything")
    with pytest.raises(ValueError, match=r"pip install 'singerlearn\[m4a\]'"):
        load(path)


def test_a_flac_stream_of_unknown_length_is_whole(tmp_path, tone):
    path = tmp_path / "voice.flac"
    sf.write(path, tone, 44100)
    expected = load(path)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the number of samples, of 36 bits, in STREAMINFO
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert_array_equal(load(path), expected)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_wav_written_to_a_pipe_is_whole(tmp_path, tone, size):
    path = tmp_path / "voice.wav"
    sf.write(path, tone, 44100)
    expected = load(path)
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(data[:at] + size.to_bytes(4, "little") + data[at + 4 :])
    assert_array_equal(load(path), expected)


# -------------------------------------------------------------- bad files


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "mp3", "m4a", "fast.m4a"])
def test_a_file_cut_off_is_an_error(tmp_path, tone, suffix, share):
    path = tmp_path / f"voice.{suffix}"
    if path.suffix == ".m4a":  # with its index behind the samples, or before
        order = {"movflags": "faststart"} if "fast" in suffix else {}
        write_with_pyav(path, tone[None], 44100, "aac", **order)
    else:
        sf.write(path, tone, 44100)
    load(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=f"voice.{suffix}'.*cut off"):
        load(path)


def test_a_damaged_file_is_an_error(tmp_path, rng):
    path = tmp_path / "voice.flac"
    sf.write(path, 0.1 * rng.randn(60_000), 22050)
    data = bytearray(path.read_bytes())
    data[30_000:30_100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(ValueError, match="voice.flac'.*damaged"):
        load(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "m4a", "txt"])
def test_what_is_no_audio_is_an_error(tmp_path, suffix):
    path = tmp_path / f"letter.{suffix}"
    path.write_text("My dear friend,\n" * 99)
    with pytest.raises(ValueError, match=f"letter.{suffix}'.*no audio file"):
        load(path)


def test_a_picture_has_no_audio_stream(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width = stream.height = 32
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match="no audio stream"):
        load(path)


def test_an_empty_file_a_folder_and_a_missing_file_are_told_apart(tmp_path):
    empty = tmp_path / "empty.wav"
    empty.touch()
    with pytest.raises(ValueError, match=r"empty.wav'.*empty \(0 bytes\)"):
        load(empty)
    with pytest.raises(ValueError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="missing.wav'.*no such file.*looked"):
        load(tmp_path / "missing.wav")
    for no_path in ("", "kein Pfad", "a\0b", "x" * 5000):
        with pytest.raises(FileNotFoundError, match="no such file"):
            load(no_path)


def test_an_unreadable_file_is_an_error(tmp_path, tone, monkeypatch):
    path = tmp_path / "private.wav"
    sf.write(path, tone, 44100)
    # What the system answers, even where the tests run as the superuser.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ValueError, match="private.wav'.*permission denied"):
        load(path)


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


# -------------------------------------------------------------- waveforms


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


def test_channels_that_cancel_out_leave_nothing_to_hear(tone):
    with pytest.raises(ValueError, match="nothing to hear"):
        load((np.stack([tone, -tone]), 44100))


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


# ------------------------------------------------------ a list of recordings


def test_lists_of_recordings_pass_as_they_are(tone):
    table = np.stack([tone, 2 * tone])
    for X in (
        ["a.wav", Path("b.wav")],
        ("a.wav", "b.wav"),
        [tone, (tone, 44100)],
        ["a.wav", (table, 44100), tone],
        [(tone, np.int64(8000))],
    ):
        recordings = check_recordings(X)
        assert isinstance(recordings, list)
        assert all(a is b for a, b in zip(recordings, X, strict=True))
    for X in (
        np.array(["a.wav", "b.wav"]),
        np.array(["a.wav", Path("b.wav")], dtype=object),
        pd.Series(["a.wav", "b.wav"], index=[7, 3]),
        pd.DataFrame({"path": ["a.wav", "b.wav"]})["path"],
    ):
        assert list(map(str, check_recordings(X))) == ["a.wav", "b.wav"]
    assert_array_equal(check_recordings(table), table)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("a/b.wav", r"wrap it in a list: \['a/b.wav'\]"),
        (Path("b.wav"), r"wrap it in a list: \['b.wav'\]"),
        (np.zeros(9), r"wrap it in a list, .*\[\(waveform, sampling_rate\)\]"),
        (pd.Series([0.1, 0.2]), "wrap it in a list"),
        ((np.zeros(9), 22050), r"wrap it in a list: \[\(waveform, sampling_rate\)\]"),
        ([], "X is empty"),
        (np.zeros((0, 9)), "X is empty"),
        (None, "got NoneType"),
        (17, "got int"),
        ({"a.wav": 1}, "got dict"),
        ((path for path in ["a.wav"]), r"got generator; .* list\(X\)"),
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
        (pd.DataFrame({"path": ["a"], "singer": ["b"]}), "one column of a table"),
        ([[0.1, 0.2], [0.3]], "recording 0: got a list"),
        ([["a.wav"], ["b.wav"]], "recording 0: got a list"),
        ([0.1, 0.2, 0.3], "recording 0: got a float"),
        (["a.wav", None], "recording 1: got a NoneType"),
        (["a.wav", float("nan")], "recording 1: got a float"),
        ([b"a.wav"], "recording 0: got a bytes"),
        ([np.float64(3)], "recording 0: got a float64"),
        ([("a.wav", 22050)], "recording 0: got a tuple"),
        ([(np.zeros(9),)], "recording 0: got a tuple"),
        ([(22050, np.zeros(9))], r"recording 0: .*turn it round"),
    ],
)
def test_what_is_no_list_of_recordings_shows_the_right_call(X, message):
    with pytest.raises(ValueError, match=message):
        check_recordings(X)


@pytest.mark.parametrize("recording", [None, 17, ["a.wav"], b"a.wav", (22050, "a")])
def test_load_refuses_what_is_no_recording(recording):
    with pytest.raises(ValueError, match="a recording is a path, a 1-D waveform"):
        load(recording)


# ------------------------------------------------------------------ names


def test_a_recording_is_named_by_its_place_and_path(tone):
    assert describe(17, "a/b.wav") == "recording 17 ('a/b.wav')"
    assert describe(17, Path("a.wav")) == "recording 17 ('a.wav')"
    assert describe(0, tone) == describe(0, (tone, 44100)) == "recording 0"


def test_naming_keeps_the_type_and_names_the_path_once(tmp_path):
    missing = str(tmp_path / "b.wav")
    with pytest.raises(FileNotFoundError) as raised, naming(3, missing):
        load(missing)
    assert str(raised.value).startswith(f"recording 3 ({missing!r}): no such file")
    assert str(raised.value).count("b.wav") == 1

    for error in (ValueError("bad"), OSError(5, "bad disk"), FileNotFoundError("bad")):
        with pytest.raises(type(error), match=r"^recording 3: .*bad"), naming(3, None):
            raise error
    with pytest.raises(ValueError, match=r"^recording 3: .*invalid start byte"):
        with naming(3, None):
            b"\xff".decode()
    with pytest.raises(KeyError, match="^'bug'$"), naming(3, None):
        raise KeyError("bug")
    with naming(3, None):
        pass


# ------------------------------------------------------------------ survey


def test_a_survey_counts_what_is_there(rng):
    y = np.clip(0.7 * rng.randn(100_000), -1, 1)
    found = survey((y, 16000))
    assert found.n_samples == 100_000 and found.duration == 6.25
    assert found.n_clipped == np.sum(np.abs(y) >= 0.999) > 1000
    assert found.peak == 1.0 and not found.is_silent
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
