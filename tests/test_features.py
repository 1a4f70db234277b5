import pickle
import warnings

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from singerlearn.chunks import Chunks
from singerlearn.features import (
    CQTChunker,
    HandcraftedFeatures,
    MelChunker,
    as_chunks,
)
from singerlearn.spectrogram import frame_features, log_cqt, log_mel

TRANSFORMERS = [MelChunker, CQTChunker, HandcraftedFeatures]
every_transformer = pytest.mark.parametrize("transformer", TRANSFORMERS)


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


# ------------------------------------------------------------------ chunks


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


# ----------------------------------------------------- every transformer


def flat(transformed):
    """One array of all numbers, whatever the transformer made."""
    return np.concatenate([np.ravel(entry) for entry in transformed])


@every_transformer
def test_a_recording_may_come_as_path_waveform_or_pair(transformer, files):
    waveforms = [sf.read(file, dtype="float32")[0] for file in files]
    expected = flat(transformer().fit_transform(files))
    for X in (
        tuple(map(str, files)),
        pd.Series(files, index=[5, 6, 7]),
        np.array(files, dtype=object),
        waveforms,
        [(y, 22050) for y in waveforms],
        [files[0], waveforms[1], (np.stack([waveforms[2]] * 2), 22050)],
    ):
        assert_allclose(flat(transformer().fit_transform(X)), expected, atol=1e-4)


@every_transformer
def test_the_rows_of_a_table_are_recordings_of_equal_length(transformer, voices):
    table = np.stack([y[:40_000] for y in voices[:2]])
    transformed = transformer().fit_transform(table)
    assert len(transformed) == 2
    assert_array_equal(flat(transformed), flat(transformer().transform(list(table))))


@every_transformer
def test_threads_order_and_company_change_nothing(transformer, voices):
    kept = [y.copy() for y in voices]
    one = transformer(n_jobs=1).fit_transform(voices)
    assert_array_equal(flat(transformer(n_jobs=2).fit_transform(voices)), flat(one))
    assert_array_equal(flat(transformer().transform(voices[::-1])), flat(one[::-1]))
    assert_array_equal(flat(transformer().transform(voices[1:2])), flat(one[1:2]))
    assert_array_equal(flat(voices), flat(kept))


@every_transformer
def test_it_has_nothing_to_fit(transformer, voices):
    unfitted = transformer()
    check_is_fitted(unfitted)
    expected = flat(unfitted.transform(voices))
    fitted = clone(unfitted).fit(voices, ["Ann", "Bob", "Cem"])
    assert vars(fitted) == vars(unfitted)
    assert_array_equal(
        flat(pickle.loads(pickle.dumps(fitted)).transform(voices)), expected
    )
    tags = get_tags(unfitted)
    assert not tags.requires_fit
    assert not tags.input_tags.two_d_array
    assert tags.input_tags.one_d_array and tags.input_tags.string


@every_transformer
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_bad_recording_is_named(transformer, n_jobs, voices, files):
    with_nan = voices[0].copy()
    with_nan[77] = np.nan
    files[2].write_bytes(b"")
    for bad, error, message in [
        (with_nan, ValueError, r"^recording 1: holds NaN"),
        (np.zeros(9000), ValueError, r"^recording 1: nothing to hear"),
        (np.zeros(0), ValueError, r"^recording 1: holds no samples"),
        (files[2], ValueError, r"^recording 1 \('.*2.wav'\): the file is empty"),
        ("no.wav", FileNotFoundError, r"^recording 1 \('no.wav'\): no such file"),
    ]:
        with pytest.raises(error, match=message):
            transformer(n_jobs=n_jobs).transform([files[0], bad, voices[1]])


@every_transformer
@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform"])
@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("a.wav", r"wrap it in a list: \['a.wav'\]"),
        (np.zeros(9), r"wrap it in a list"),
        ([], "X is empty"),
        ([[0.1, 0.2], [0.3]], "recording 0: got a list"),
        ([Chunks(np.zeros((96, 300)))], "recording 0 is chunked already"),
    ],
    ids=["path", "waveform", "empty", "lists", "chunks"],
)
def test_what_is_no_list_of_recordings_is_refused(transformer, method, X, message):
    with pytest.raises(ValueError, match=message):
        getattr(transformer(), method)(X)


BAD_VALUES = {
    "sampling_rate": [0, -1, "22050", None, np.inf],
    "n_fft": [1, 2048.0],
    "hop_length": [0, "512"],
    "n_mels": [-1, 0],
    "n_bins": [0],
    "bins_per_octave": [0],
    "fmin": [0, -20.0],
    "top_db": [0, -60.0, "60"],
    "chunk_frames": [0, 256.5],
    "clip_frames": [0],
    "hop_frames": [0, -51, None],
    "n_mfcc": [0, 129],
    "aggregation": ["mean", None],
    "store": [5, True],
    "n_jobs": [1.5, "all"],
}


@every_transformer
def test_a_bad_parameter_is_named(transformer, voices):
    for name in transformer().get_params():
        for value in BAD_VALUES[name]:
            bad = transformer(**{name: value})
            with pytest.raises(ValueError, match=name):
                bad.transform(voices)
            with pytest.raises(ValueError, match=name):
                bad.fit(voices).transform(voices)


def test_parameters_are_taken_by_name_alone():
    for transformer in TRANSFORMERS:
        with pytest.raises(TypeError):
            transformer(22050)


class CountFrames(BaseEstimator):
    """The simplest last step: how many numbers has each recording?"""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return pd.DataFrame({"numbers": [np.size(entry) for entry in X]})

    def set_output(self, *, transform=None):
        return self


@every_transformer
def test_lists_stay_lists_whatever_output_is_set(transformer, voices):
    expected = transformer().fit_transform(voices)
    pipeline = make_pipeline(transformer(), CountFrames()).set_output(
        transform="pandas"
    )
    assert pipeline.fit_transform(voices)["numbers"].tolist() == [
        np.size(entry) for entry in expected
    ]
    with config_context(transform_output="pandas"):
        for transformed in (
            transformer().fit_transform(voices),
            transformer().transform(voices),
            clone(transformer().set_output(transform="pandas")).transform(voices),
        ):
            assert isinstance(transformed, list)
            assert_array_equal(flat(transformed), flat(expected))


# --------------------------------------------------- hand-crafted features


def librosa_frames(y, sr=22050, n_fft=2048, hop_length=512, n_mfcc=13):
    """Every feature from the waveform, as librosa's users call it."""
    stft = {"n_fft": n_fft, "hop_length": hop_length}
    magnitude = np.abs(librosa.stft(y, **stft))
    rise = np.maximum(magnitude[:, 1:] - magnitude[:, :-1], 0)
    return np.vstack(
        [
            librosa.feature.chroma_stft(y=y, sr=sr, tuning=0.0, **stft),
            librosa.feature.mfcc(y=y, sr=sr, n_mfcc=n_mfcc, **stft),
            librosa.feature.spectral_centroid(y=y, sr=sr, **stft),
            librosa.feature.spectral_rolloff(y=y, sr=sr, **stft),
            np.r_[0, np.sqrt((rise**2).sum(axis=0))],
        ]
    )


def default_frames(y):
    with threadpool_limits(1):  # the number of BLAS threads shows in the last bits
        return frame_features(
            y, sampling_rate=22050, n_fft=2048, hop_length=512, n_mfcc=13
        )


def assert_same_frames(frames, expected, n_mfcc=13):
    rolloff = 12 + n_mfcc + 1
    others = np.delete(np.arange(len(expected)), rolloff)
    scale = np.abs(expected[others]).max(axis=1, keepdims=True)
    assert_allclose(frames[others] / scale, expected[others] / scale, atol=1e-5)
    # A sum of magnitudes that meets the threshold to the last bit may roll off at the
    # next bin, 11 Hz away.
    same = np.isclose(frames[rolloff], expected[rolloff])
    assert same.mean() > 0.99
    assert_allclose(frames[rolloff], expected[rolloff], atol=11)


def test_frame_features_are_librosa_s(voices, ravdess_song):
    real = librosa.load(sorted(ravdess_song.rglob("*.flac"))[100], sr=22050)[0]
    for y in [*voices, real, np.tile(voices[1], 3)]:  # the last has over 1024 frames
        assert_same_frames(default_frames(y), librosa_frames(y))
    other = {"n_fft": 1024, "hop_length": 300, "n_mfcc": 20}
    assert_same_frames(
        frame_features(voices[1], sampling_rate=16000, **other),
        librosa_frames(voices[1], sr=16000, **other),
        n_mfcc=20,
    )


def test_clips_pool_the_frames_of_each_chunk(voices):
    y = voices[1]
    frames = default_frames(y)
    (clips,) = HandcraftedFeatures().fit_transform([y])
    (chunks,) = MelChunker().transform([y])
    assert clips.shape == (len(chunks), 56)
    assert clips.dtype == np.float64
    for clip, start in zip(clips, chunks.starts, strict=True):
        window = frames[:, start : start + 256]
        expected = [row.mean() for row in window] + [row.std() for row in window]
        assert_allclose(clip, expected, rtol=1e-12)


def test_feature_names_say_what_a_column_is(voices):
    features = HandcraftedFeatures(n_mfcc=20, aggregation="average")
    names = features.get_feature_names_out()
    assert len(names) == len(set(names)) == 2 * (12 + 20 + 3)
    table = features.set_output(transform="pandas").fit_transform(voices)
    assert list(table.columns) == list(names)

    y = voices[0]  # 302 frames, so one clip
    centroid = librosa.feature.spectral_centroid(y=y)[0, :256]
    mfcc = librosa.feature.mfcc(y=y, n_mfcc=20)[3, :256]
    chroma = librosa.feature.chroma_stft(y=y, tuning=0.0)[9, :256]
    row = table.iloc[0]
    assert row["centroid_mean"] == pytest.approx(centroid.mean(), rel=1e-4)
    assert row["mfcc03_std"] == pytest.approx(mfcc.std(), rel=1e-4)
    assert row["chroma09_mean"] == pytest.approx(chroma.mean(), rel=1e-4)


def test_average_is_the_mean_over_clips(voices):
    clips = HandcraftedFeatures().fit_transform(voices)
    table = HandcraftedFeatures(aggregation="average").fit_transform(voices)
    assert isinstance(table, np.ndarray)
    assert_allclose(table, [recording.mean(axis=0) for recording in clips])


def test_average_obeys_set_output(voices):
    features = HandcraftedFeatures(aggregation="average")
    names = list(features.get_feature_names_out())
    expected = features.fit_transform(voices)
    X = pd.Series(voices, index=["a", "b", "c"])

    features.set_output(transform="pandas").set_output(transform=None)
    for frame in (features.fit_transform(X), clone(features).transform(X)):
        assert isinstance(frame, pd.DataFrame)
        assert (list(frame.columns), list(frame.index)) == (names, ["a", "b", "c"])
        assert_array_equal(frame, expected)
    assert isinstance(features.set_output(transform="default").transform(X), np.ndarray)
    with config_context(transform_output="pandas"):
        frame = HandcraftedFeatures(aggregation="average").fit_transform(voices)
    assert list(frame.columns) == names

    pipeline = make_pipeline(
        HandcraftedFeatures(aggregation="average"), StandardScaler()
    )
    scaled = pipeline.set_output(transform="pandas").fit_transform(voices)
    assert list(scaled.columns) == names
    classifier = make_pipeline(pipeline, LinearDiscriminantAnalysis())
    singers = ["Ann", "Bob", "Ann"]
    assert set(classifier.fit(voices, singers).predict(voices)) <= set(singers)


def test_output_of_an_unknown_kind_is_refused(voices):
    features = HandcraftedFeatures(aggregation="average").set_output(transform="csv")
    with pytest.raises(ValueError, match="csv"):
        features.fit_transform(voices)


# 10 ms, one window, just under and just over a clip.
@pytest.mark.parametrize("n_samples", [220, 2048, 512 * 255 - 1, 512 * 255])
def test_a_recording_under_a_clip_is_pooled_over_the_frames_it_has(n_samples, rng):
    y = rng.randn(n_samples).astype(np.float32)
    (clips,) = HandcraftedFeatures().fit_transform([y])
    assert clips.shape == (1, 56)
    frames = default_frames(y)
    assert_allclose(
        clips[0], np.r_[frames.mean(axis=1), frames.std(axis=1)], rtol=1e-12
    )


def test_pauses_and_extremes_give_numbers(voices):
    pause = voices[0].copy()
    pause[20_000:120_000] = 0
    click = np.zeros(200_000, np.float32)
    click[77] = 1
    X = [pause, click, 1e-6 * voices[0], 1e6 * voices[0], voices[0].clip(-0.1, 0.1)]
    for transformer in TRANSFORMERS:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            transformed = transformer().fit_transform(X)
        assert np.isfinite(flat(transformed)).all()


# ---------------------------------------------------- raw or chunked: one door


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
