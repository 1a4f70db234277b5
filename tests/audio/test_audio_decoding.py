"""Files of any format are read to their end, or refused for what is wrong with them."""

import os
import sys

import librosa
import numpy as np
import pytest
import soundfile as sf
from numpy.testing import assert_allclose, assert_array_equal

from singerlearn.audio import load


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


# ----------------------------------------------------------------- good files


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


@pytest.mark.skipif(
    os.name == "nt" or sys.platform == "darwin", reason="names are text"
)
@pytest.mark.parametrize("suffix", ["wav", "m4a"])
def test_a_name_need_not_be_text(tmp_path, tone, suffix):
    path = tmp_path / f"voice.{suffix}"
    if suffix == "m4a":
        write_with_pyav(path, tone[None], 44100, "aac")
    else:
        sf.write(path, tone, 44100)
    expected = load(path)
    os.rename(path, os.fsencode(tmp_path) + b"/caf\xe9." + suffix.encode())
    (path,) = tmp_path.iterdir()
    assert_array_equal(load(path), expected)


@pytest.mark.skipif(os.name == "nt", reason="no name has a colon")
@pytest.mark.parametrize("name", ["Mix: Ann/a.m4a", "http:a.m4a", "a%03d.m4a"])
def test_a_name_is_no_url(tmp_path, tone, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    write_with_pyav("voice.m4a", tone[None], 44100, "aac")
    os.rename("voice.m4a", name)
    assert len(load(name, 44100)) == pytest.approx(len(tone), abs=2048)


def test_samples_without_a_header_are_refused_by_name(tmp_path, tone):
    path = tmp_path / "voice.raw"
    sf.write(path, tone, 44100, format="RAW", subtype="PCM_16")
    with pytest.raises(ValueError, match=r"voice\.raw.* cannot be decoded"):
        load(path)


def test_a_playlist_opens_no_other_file(tmp_path, tone):
    write_with_pyav(tmp_path / "voice.m4a", tone[None], 44100, "aac")
    playlist = tmp_path / "list.wav"
    playlist.write_text(f"ffconcat version 1.0\nfile {tmp_path}/voice.m4a\n")
    with pytest.raises(ValueError, match="cannot be decoded"):
        load(playlist)


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


def test_what_libsndfile_refuses_is_decoded_by_pyav(tmp_path, tone):
    write_with_pyav(tmp_path / "voice.caf", tone[None], 44100, "alac")
    with pytest.raises(sf.LibsndfileError):
        sf.info(tmp_path / "voice.caf")
    assert len(load(tmp_path / "voice.caf")) == pytest.approx(len(tone) / 2, abs=2048)


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_a_short_mp3_without_a_header_is_whole(tmp_path, tone, rate):
    path = tmp_path / "voice.mp3"
    write_with_pyav(path, tone[None, : rate // 2], rate, "mp3", write_xing="0")
    assert len(load(path, rate)) == pytest.approx(rate // 2, abs=2304)


def test_raw_aac_that_begins_quietly_is_whole(tmp_path, rng):
    # FFmpeg guesses from the first bit rate that this lasts for ten times as long.
    y = np.r_[np.zeros(3 * 44100), 0.3 * rng.randn(44100)].astype(np.float32)
    path = tmp_path / "voice.aac"
    write_with_pyav(path, y[None], 44100, "aac")
    assert len(load(path, 44100)) == pytest.approx(len(y), abs=4096)


@pytest.mark.parametrize(
    ("codec", "kind", "suffix"),
    [
        ("aac", "m4a", "mp3"),
        ("aac", "m4a", "wav"),
        ("aac", "mov", "mov"),
        ("aac", "mka", "mka"),
        ("libopus", "webm", "webm"),
        ("ac3", "ac3", "flac"),
    ],
)
def test_a_file_is_known_by_its_content(tmp_path, tone, codec, kind, suffix):
    path = tmp_path / f"voice.{kind}"
    write_with_pyav(path, tone[None], 48000, codec)
    path = path.rename(tmp_path / f"voice.{suffix}")
    y = load(path, 48000)
    assert len(y) == pytest.approx(len(tone), abs=2048)
    assert amplitude(y[44100:]) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("suffix", ["m4a", "wav"])
def test_without_pyav_the_error_says_how_to_install_it(tmp_path, monkeypatch, suffix):
    monkeypatch.setitem(sys.modules, "av", None)
    path = tmp_path / f"voice.{suffix}"
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


# ------------------------------------------------------------------ bad files


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
@pytest.mark.parametrize(
    "suffix", ["wav", "aiff", "flac", "mp3", "m4a", "fast.m4a", "mka"]
)
def test_a_file_cut_off_is_an_error(tmp_path, tone, suffix, share):
    path = tmp_path / f"voice.{suffix}"
    if path.suffix in (".m4a", ".mka"):  # with its index behind the samples, or before
        order = {"movflags": "faststart"} if "fast" in suffix else {}
        write_with_pyav(path, tone[None], 44100, "aac", **order)
    else:
        sf.write(path, tone, 44100)
    load(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=f"voice.{suffix}'.*cut off"):
        load(path)


def test_a_rate_that_changes_on_the_way_is_an_error(tmp_path, tone):
    parts = b""
    for rate in (44100, 22050):
        write_with_pyav(tmp_path / "part.aac", tone[None], rate, "aac")
        parts += (tmp_path / "part.aac").read_bytes()
    (tmp_path / "both.aac").write_bytes(parts)
    with pytest.raises(ValueError, match="both.aac': its rate or its channels change"):
        load(tmp_path / "both.aac")


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "opus", "flac"])
def test_files_joined_to_one_are_an_error(tmp_path, rng, suffix):
    options = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
    path = tmp_path / f"both.{suffix}"
    parts = b""
    for seconds in (2, 1):
        sf.write(path, 0.1 * rng.randn(48000 * seconds), 48000, **options)
        load(path)
        parts += path.read_bytes()
    path.write_bytes(parts)
    with pytest.raises(ValueError, match=f"both.{suffix}'.*files joined"):
        load(path)


def test_a_variable_bit_rate_without_a_header_is_an_error(tmp_path, rng):
    path = tmp_path / "voice.mp3"
    with sf.SoundFile(path, "w", 44100, 1, bitrate_mode="VARIABLE") as file:
        for gain in (0.3, 1e-4):
            file.write(gain * rng.randn(10 * 44100))
    assert len(load(path)) == 20 * 22050
    data = path.read_bytes()
    path.write_bytes(data[data.index(data[:2], 2) :])  # from its second frame on
    with pytest.raises(ValueError, match="voice.mp3'.*variable bit rate"):
        load(path)


def id3(size, version, footer=b""):
    """Header and size in four bytes of seven bits, frames, footer."""
    digits = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    tail = bytes([version, 0, 0x10 if footer else 0]) + digits
    return b"ID3" + tail + b"cover" * (size // 5) + (footer and footer + tail)


def ape(size, version):
    """Items between header and footer; the first version has no header."""
    head = b"APETAGEX" + np.array([version, size + 32, 1], "<u4").tobytes()
    items = b"cover" * (size // 5)
    if version == 1000:
        return items + head + bytes(12)
    return head + b"\0\0\0\xa0" + bytes(8) + items + head + b"\0\0\0\x80" + bytes(8)


ID3V1 = b"TAG" + b"Ann".ljust(125)
TAGS = {
    "none": b"",
    "zeros": bytes(9999),
    "ID3v1": ID3V1,
    "ID3v1, enhanced": b"TAG+" + bytes(223) + ID3V1,
    "ID3v2.3": id3(50_000, 3),
    "ID3v2.4": id3(50_000, 4, b"3DI"),
    "APEv1": ape(50_000, 1000),
    "APEv2": ape(50_000, 2000),
    "APEv2 and ID3v1": ape(50_000, 2000) + ID3V1,
    "Lyrics3": b"LYRICSBEGIN" + b"la la" * 1000 + b"LYRICSEND" + ID3V1,
    "Lyrics3v2": b"LYRICSBEGIN" + b"la" * 9999 + b"020009LYRICS200" + ID3V1,
}


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS)
def test_tags_at_the_end_are_no_sound(tmp_path, tone, tag):
    path = tmp_path / "voice.mp3"
    sf.write(path, tone, 44100)
    expected = load(path)
    path.write_bytes(path.read_bytes() + tag)
    assert_array_equal(load(path), expected)


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS)
def test_files_joined_by_a_tag_are_an_error(tmp_path, tone, tag):
    path = tmp_path / "album.mp3"
    sf.write(path, tone, 44100)
    data = path.read_bytes()
    for joined in (data + tag + data, 5 * (data + tag)):
        path.write_bytes(joined)
        with pytest.raises(ValueError, match="album.mp3'.*files joined"):
            load(path)


@pytest.mark.parametrize("n_samples", [16, 4095, 4096, 4097, 44_100, 300_001])
@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_a_flac_that_announces_less_than_it_holds(tmp_path, rng, n_samples, subtype):
    path = tmp_path / "voice.flac"
    sf.write(path, 0.3 * rng.randn(n_samples), 44100, subtype=subtype)
    assert len(load(path, 44100)) == n_samples  # libFLAC has read all of it
    data = path.read_bytes()
    announced = (n_samples // 2).to_bytes(4, "big")  # in STREAMINFO
    path.write_bytes(data[:22] + announced + data[26:])
    if n_samples >= 44_100:
        with pytest.raises(ValueError, match="voice.flac'.*header is damaged"):
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
