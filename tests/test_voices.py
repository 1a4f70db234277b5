"""Features of voices: what stands side by side, and in which space."""

import pickle
from shutil import copy, copytree

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from singerlearn import (
    PLDA,
    ClipClassifier,
    CQTChunker,
    HandcraftedFeatures,
    MelChunker,
    SingerEmbedder,
    VoiceFeatures,
)
from singerlearn.metrics import leave_one_out_predict
from singerlearn.pretrained import ENCODERS, SHIPPED, load_space
from singerlearn.voices import learn_space


@pytest.fixture(scope="module")
def encoder(tmp_path_factory, singers, chunked):
    """Folder of a small encoder, and of the space learned from the same singers."""
    folder = tmp_path_factory.mktemp("kept")
    embedder = SingerEmbedder(
        3, filters=(4, 8), max_epochs=1, chunks_per_recording=2, device="cpu",
        random_state=0, verbose=0,
    )  # fmt: skip
    embedder.fit(chunked, singers.singers).save_pretrained(folder)
    learn_space(
        folder, singers.recordings, singers.singers, n_components=5, device="cpu"
    )
    return folder


def test_clips_and_embeddings_stand_side_by_side(encoder, singers):
    voices = VoiceFeatures(encoder, whiten=False, device="cpu")
    features = voices.transform(singers.recordings[:2])
    clips = HandcraftedFeatures(chroma=False, normalize=True)
    clips = clips.transform(singers.recordings[:2])
    embedder = SingerEmbedder.from_pretrained(encoder, device="cpu")
    embedded = embedder.transform_chunks(singers.recordings[:2])
    for own, left, right in zip(features, clips, embedded, strict=True):
        assert_array_equal(own[:, :32], left)
        assert_array_equal(own[:, 32:], right)
    names = voices.get_feature_names_out()
    assert len(names) == features[0].shape[1]
    assert names[[0, 31]].tolist() == ["mfcc00_mean", "flux_std"]
    assert names[32:].tolist() == [f"singerembedder{i}" for i in range(3)]


def test_lists_stay_lists_and_threads_and_pickles_change_nothing(encoder, rng):
    X = [0.1 * rng.randn(n) for n in (30_000, 160_000, 50_000)]
    voices = VoiceFeatures(encoder, device="cpu", precision="float32")
    expected = voices.transform(X)
    with config_context(transform_output="pandas"):
        as_table = voices.transform(X)
    assert isinstance(as_table, list)
    threaded = clone(voices).set_params(n_jobs=2).transform(X)
    for other in (as_table, threaded, pickle.loads(pickle.dumps(voices)).transform(X)):
        for a, b in zip(other, expected, strict=True):
            assert_array_equal(a, b)


def test_features_come_in_the_precision_that_is_asked_for(encoder, singers):
    exact, short = (
        np.concatenate(
            VoiceFeatures(encoder, whiten=False, device="cpu", precision=p).transform(
                singers.recordings[:4]
            )
        )
        for p in ("float32", "bfloat16")
    )
    assert_array_equal(short[:, :32], exact[:, :32])
    assert 0 < np.abs(short - exact).max() < 0.1 * exact[:, 32:].std(axis=0).max()


def test_a_microphone_s_gain_changes_nothing(singers):
    voices = VoiceFeatures(device="cpu")
    (plain,) = voices.transform(singers.recordings[:1])
    for gain in (0.01, 32768.0):
        (louder,) = voices.transform([gain * singers.recordings[0]])
        assert_allclose(louder, plain, atol=2e-3)


@pytest.mark.parametrize("whiten", [True, False])
def test_silence_is_heard_by_neither(singers, whiten):
    y = singers.recordings[0]
    pause = np.zeros(20 * 22050, dtype=y.dtype)
    voices = VoiceFeatures(whiten=whiten, device="cpu")
    once, twice = voices.transform([y, np.r_[y, pause, pause, y]])
    n_chunks = [len(MelChunker().transform([x])[0]) for x in (y, np.r_[y, pause])]
    assert len(once) == n_chunks[0]
    # A chunk that holds but an end of the voice is one of it, each time.
    assert len(once) < n_chunks[1] < len(once) + 6 and len(twice) < 2 * n_chunks[1] + 6


def test_its_space_is_that_of_plda(encoder, singers):
    voices = VoiceFeatures(encoder, device="cpu")
    clips = HandcraftedFeatures(chroma=False, normalize=True)
    embedder = SingerEmbedder.from_pretrained(encoder, device="cpu", layer="hidden")
    plain = [
        np.hstack(pair)
        for pair in zip(
            clips.transform(singers.recordings),
            embedder.transform_chunks(singers.recordings),
            strict=True,
        )
    ]
    whose = np.repeat(singers.singers, [len(chunks) for chunks in plain])
    plain = np.concatenate(plain)
    clips, hidden = np.split(StandardScaler().fit_transform(plain), [32], axis=1)
    beside = np.hstack([clips, PCA(5, whiten=True).fit_transform(hidden)])
    expected = PLDA().fit(beside, whose).transform(beside)
    found = np.concatenate(voices.transform(singers.recordings))
    assert found.shape == (48, 37)
    # Axes in which singers do not differ may be turned.
    assert_allclose(pdist(found), pdist(expected), rtol=1e-4)
    assert_allclose(np.abs(found[:, :2]), np.abs(expected[:, :2]), atol=1e-3)
    assert voices.get_feature_names_out()[[0, 36]].tolist() == ["voice000", "voice036"]


def test_raw_recordings_go_through_scikit_learn_s_validation(encoder, singers):
    names = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.5)
    model = make_pipeline(VoiceFeatures(encoder, device="cpu"), ClipClassifier(names))
    right = cross_val_score(model, singers.recordings, singers.singers, cv=3)
    assert right.mean() > 0.5  # by chance 0.25


def test_the_space_that_comes_with_the_library_is_of_voices(singers):
    features = VoiceFeatures(device="cpu")
    where = [chunks.mean(axis=0) for chunks in features.transform(singers.recordings)]
    assert np.shape(where) == (12, 132)
    names = leave_one_out_predict(np.stack(where), singers.singers)
    assert np.mean(names == singers.singers) > 0.8  # by chance 0.18


@pytest.mark.parametrize(
    ("chunker", "heard"),
    [
        (
            CQTChunker(sampling_rate=16000, n_bins=48),
            {"sampling_rate": 16000},
        ),
        (MelChunker(n_fft=1024), {"n_fft": 1024}),
    ],
)
def test_the_front_end_is_the_encoder_s(tmp_path, singers, chunker, heard):
    chunker.set_params(hop_length=256, chunk_frames=200)
    embedder = SingerEmbedder(
        3, chunker=chunker, filters=(4, 8), max_epochs=1, device="cpu", verbose=0
    )
    X, y = singers.recordings[:6], singers.singers[:6]
    embedder.fit(X, y).save_pretrained(tmp_path)
    (features,) = VoiceFeatures(tmp_path, whiten=False, device="cpu").transform(X[:1])
    clips = HandcraftedFeatures(
        hop_length=256, clip_frames=200, chroma=False, normalize=True, **heard
    )
    assert_array_equal(features[:, :32], clips.transform(X[:1])[0])


def test_a_store_keeps_the_spectrograms(encoder, singers, tmp_path):
    voices = VoiceFeatures(encoder, device="cpu")
    features = voices.transform(singers.recordings[:2])
    stored = clone(voices).set_params(store=tmp_path)
    for _ in range(2):
        for own, other in zip(
            stored.transform(singers.recordings[:2]), features, strict=True
        ):
            assert_allclose(own, other, atol=0.05)
    assert len([f for f in tmp_path.rglob("*") if f.is_file()]) >= 2


def test_what_is_missing_or_damaged_is_named(encoder, tmp_path, singers, chunked):
    X = singers.recordings[:2]
    with pytest.raises(FileNotFoundError, match="no pretrained network .*nowhere'"):
        VoiceFeatures(tmp_path / "nowhere", whiten=False).transform(X)
    folder = copytree(encoder, tmp_path / "encoder")
    copy(ENCODERS[SHIPPED] / "weights.safetensors", folder)
    with pytest.raises(ValueError, match="learned with other weights"):
        VoiceFeatures(folder).transform(X)
    (folder / "space.safetensors").write_text("nothing")
    with pytest.raises(ValueError, match="space.safetensors cannot be read"):
        VoiceFeatures(folder).transform(X)
    (folder / "space.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="learn_space make one, or set whiten"):
        VoiceFeatures(folder).transform(X)
    with pytest.raises(ValueError, match="recording 0 is chunked already"):
        VoiceFeatures(encoder).transform(chunked)
    with pytest.raises(ValueError, match="recording 1"):
        VoiceFeatures(encoder).transform([X[0], np.zeros(22050)])
    with pytest.raises(ValueError, match="device"):
        VoiceFeatures(encoder, device=3).fit(X)


def test_an_encoder_of_chunks_of_unknown_make_is_refused(tmp_path, singers, chunked):
    from singerlearn.chunks import Chunks

    bare = [Chunks(c.spectrogram, *c.shape[2:], 51) for c in chunked]
    embedder = SingerEmbedder(3, filters=(4, 8), max_epochs=1, device="cpu", verbose=0)
    embedder.fit(bare, singers.singers).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="do not say how they were made"):
        VoiceFeatures(tmp_path, whiten=False).transform(singers.recordings)


def test_the_space_of_the_library_s_encoder_stays_as_it_is(singers):
    for pretrained in (SHIPPED, ENCODERS[SHIPPED], str(ENCODERS[SHIPPED])):
        with pytest.raises(ValueError, match="comes with the library.*keep a copy"):
            learn_space(pretrained, singers.recordings, singers.singers)


def test_a_space_needs_singers_with_two_recordings(encoder, singers, tmp_path):
    folder = copytree(encoder, tmp_path / "encoder")
    recordings = singers.recordings[:3]
    with pytest.raises(ValueError, match="'b' has one recording only"):
        learn_space(folder, recordings, list("aba"), device="cpu")
    with pytest.raises(ValueError, match="y holds 2 labels for 3 recordings"):
        learn_space(folder, recordings, list("ab"), device="cpu")


def test_what_was_fitted_hears_with_no_other_encoder(encoder, singers, tmp_path):
    X = singers.recordings[:2]
    folder = copytree(encoder, tmp_path / "kept")
    voices = VoiceFeatures(folder, whiten=False, device="cpu").fit(X)
    voices = pickle.loads(pickle.dumps(voices))
    before = voices.transform(X)
    embedder = SingerEmbedder.from_pretrained(folder, device="cpu")
    for weight in embedder.net_.module_.parameters():
        weight.data *= 2
    embedder.save_pretrained(folder)
    with pytest.raises(ValueError, match="not the one this was fitted with"):
        voices.transform(X)
    assert not np.allclose(voices.fit(X).transform(X)[0], before[0])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        VoiceFeatures("nowhere").fit(X)


def test_the_device_is_the_encoder_s(encoder, singers):
    voices = VoiceFeatures(encoder, device="nonsense")
    with pytest.raises(ValueError, match="device='nonsense'"):
        voices.transform(singers.recordings[:1])


def test_a_space_does_not_depend_on_the_order_of_recordings(
    encoder, singers, tmp_path, rng
):
    spaces = []
    for name, order in ("a", np.arange(12)), ("b", rng.permutation(12)):
        folder = copytree(encoder, tmp_path / name)
        recordings = [singers.recordings[i] for i in order]
        learn_space(
            folder, recordings, singers.singers[order], n_components=5, device="cpu"
        )
        # Those in which four singers differ; the signs of the axes are free.
        spaces.append(np.abs(load_space(folder)[0][:, :3]))
    assert_allclose(*spaces, rtol=1e-3, atol=1e-3 * spaces[0].max())
