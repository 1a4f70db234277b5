"""Chunks of spectrograms, and the one door for raw and chunked recordings."""

import librosa
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from transformed import flat

from singerlearn.features import CQTChunker, MelChunker, as_chunks
from singerlearn.spectrogram import log_cqt, log_mel


@pytest.mark.parametrize("name", ["ravdess_song", "fsdd"])
def test_mel_chunks_of_real_files_are_librosa_s_chain(request, name):
    files = sorted(request.getfixturevalue(name).rglob("*.flac"))[::300]
    for file, chunks in zip(files, MelChunker().fit_transform(files), strict=True):
        y, _ = librosa.load(file, sr=22050)
        mel = librosa.feature.melspectrogram(y=y, n_mels=96)
        decibels = librosa.power_to_db(mel, ref=np.max, top_db=60) + 60
        for i, start in enumerate(range(0, max(1, decibels.shape[1] - 255), 51)):
            expected = decibels[:, start : start + 256]
            assert_allclose(
                chunks[i][:, : expected.shape[1]], expected, rtol=0, atol=1e-3
            )
            assert_array_equal(chunks[i][:, expected.shape[1] :], 0)
        assert len(chunks) == i + 1


@pytest.mark.parametrize(
    ("chunker", "log_spectrogram", "front_end"),
    [
        (
            MelChunker(n_mels=40, n_fft=1024, hop_length=256, top_db=50.0),
            log_mel,
            {"n_mels": 40, "n_fft": 1024, "hop_length": 256, "top_db": 50.0},
        ),
        (
            MelChunker(n_mels=40, fmin=80.0, fmax=7600.0, hop_length=256),
            log_mel,
            {"n_mels": 40, "fmin": 80.0, "fmax": 7600.0, "hop_length": 256},
        ),
        (
            CQTChunker(n_bins=48, bins_per_octave=24, fmin=110.0, hop_length=256),
            log_cqt,
            {"n_bins": 48, "bins_per_octave": 24, "fmin": 110.0, "hop_length": 256},
        ),
    ],
)
def test_chunks_carry_the_spectrogram_and_how_it_was_made(
    voices, chunker, log_spectrogram, front_end
):
    chunker.set_params(chunk_frames=64, hop_frames=16)
    for y, chunks in zip(voices, chunker.fit_transform(voices), strict=True):
        assert_array_equal(chunks.spectrogram, log_spectrogram(y, **front_end))
        assert (chunks.chunk_frames, chunks.hop_frames) == (64, 16)
        assert chunks.front_end.items() >= front_end.items()
        assert chunks.front_end["sampling_rate"] == 22050
    assert chunks.front_end["spectrogram"] == chunker.get_feature_names_out()[0][:3]


def test_recordings_are_brought_to_the_chunkers_rate(voices):
    chunker = MelChunker(sampling_rate=16000, n_mels=40)
    (chunks,) = chunker.transform([(voices[1], 22050)])
    y = librosa.resample(voices[1], orig_sr=22050, target_sr=16000)
    power = librosa.feature.melspectrogram(y=y, sr=16000, n_mels=40)
    expected = librosa.power_to_db(power, ref=np.max, top_db=60) + 60
    n_frames = chunks.spectrogram.shape[1]
    assert_allclose(chunks.spectrogram, expected[:, :n_frames], atol=0.01)


def test_band_names():
    assert MelChunker().get_feature_names_out()[[0, 95]].tolist() == ["mel00", "mel95"]
    assert CQTChunker(n_bins=2).get_feature_names_out().tolist() == ["cqt00", "cqt01"]


def test_a_short_recording_is_one_chunk_that_ends_in_silence(voices):
    (chunks,) = MelChunker().transform([voices[2]])
    assert chunks.shape == (1, 96, 256)
    assert chunks[0][:, :52].max() == pytest.approx(60)
    assert_array_equal(chunks[0][:, 52:], 0)


@pytest.mark.parametrize("chunker", [MelChunker, CQTChunker])
@pytest.mark.filterwarnings("error::UserWarning")
def test_ten_milliseconds_are_a_frame_and_silence(chunker, voices):
    (chunks,) = chunker().transform([voices[0][:220]])
    assert chunks.shape == (1, 96, 256)
    assert chunks[0][:, 0].max() == pytest.approx(60)
    assert_array_equal(chunks[0][:, 1:], 0)


def test_as_chunks_takes_raw_and_chunked_recordings(voices, files):
    chunks = MelChunker().transform(files)
    assert as_chunks(chunks) == chunks
    assert as_chunks(np.array([*chunks, None], dtype=object)[:-1]) == chunks
    assert_array_equal(flat(as_chunks(files)), flat(chunks))
    few = as_chunks(voices, MelChunker(n_mels=24))
    assert [entry.shape[1] for entry in few] == [24, 24, 24]


def test_as_chunks_refuses_a_mixture_and_a_bare_recording(voices):
    chunks = MelChunker().transform(voices)
    with pytest.raises(
        ValueError, match="recording 0 is chunked and recording 1 is not"
    ):
        as_chunks([chunks[0], voices[1]])
    with pytest.raises(ValueError, match=r"wrap it in a list: \[chunks\]"):
        as_chunks(chunks[0])
    with pytest.raises(ValueError, match=r"wrap it in a list: \['a.wav'\]"):
        as_chunks("a.wav")
