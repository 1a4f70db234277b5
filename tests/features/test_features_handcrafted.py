"""Hand-crafted features of frames, pooled over clips and over recordings."""

import librosa
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits

from singerlearn.features import HandcraftedFeatures, MelChunker
from singerlearn.features.frames import frame_features
from singerlearn.features.handcrafted import one_blas_thread


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


def test_blas_gets_its_threads_back_from_the_last_who_leaves():
    def n_threads():
        return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        before = n_threads()
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__(), second.__enter__()
        first.__exit__(None, None, None)
        assert n_threads() == {1}
        second.__exit__(None, None, None)
        assert n_threads() == before


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


def test_clips_follow_all_their_parameters(voices):
    how = {"n_fft": 1024, "hop_length": 300, "n_mfcc": 20}
    features = HandcraftedFeatures(
        sampling_rate=16000, clip_frames=64, hop_frames=16, **how
    )
    (clips,) = features.transform([voices[1]])
    frames = librosa_frames(voices[1], sr=16000, **how)
    for i in (0, 5):
        window = frames[:, 16 * i : 16 * i + 64]
        expected = np.r_[window.mean(axis=1), window.std(axis=1)]
        assert_allclose(clips[i], expected, rtol=1e-3, atol=1e-3)


def test_without_chroma_the_other_features_are_the_same(voices):
    whole, without = HandcraftedFeatures(), HandcraftedFeatures(chroma=False)
    names = whole.get_feature_names_out().astype(str)
    is_chroma = np.char.startswith(names, "chroma")
    assert is_chroma.sum() == 24
    assert without.get_feature_names_out().tolist() == names[~is_chroma].tolist()
    for clips, fewer in zip(
        whole.transform(voices), without.transform(voices), strict=True
    ):
        assert_array_equal(fewer, clips[:, ~is_chroma])


def test_normalized_recordings_have_one_level_and_no_offset(voices):
    y = voices[1].astype(float)
    at_rest = y - y.mean()
    (expected,) = HandcraftedFeatures().transform([0.1 * at_rest / at_rest.std()])
    scale = expected.max(axis=0)
    features = HandcraftedFeatures(normalize=True)
    for other in (y, 30 * y, y + 0.2, 32768 * y):
        (found,) = features.transform([other])
        assert_allclose(found / scale, expected / scale, atol=1e-3)


def test_a_sample_alone_has_no_level_to_be_brought_to():
    one = (np.array([0, 0.5], dtype=np.float32), 44100)
    with pytest.raises(ValueError, match="recording 1: too short: 1 samples"):
        HandcraftedFeatures(normalize=True).transform([(np.r_[0, 1, 0.0], 8000), one])


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


def test_clips_of_silence_alone_are_left_out(rng):
    y = rng.randn(10 * 22050).astype("float32")
    features = HandcraftedFeatures()
    (alone,) = features.transform([y])
    faint = 1e-4 * rng.randn(15 * 22050).astype("float32")
    for pause in (np.zeros_like(faint), faint, np.zeros_like(faint) + 1e-4):
        (clips,) = features.transform([np.r_[y, pause]])
        # Of 1293 frames, those of clips that begin within the first 431.
        assert len(clips) == len(range(0, 431, 51))
        assert_allclose(clips[: len(alone)], alone, rtol=1e-4)


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
