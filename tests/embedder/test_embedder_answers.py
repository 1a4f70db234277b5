"""Where a fitted embedder puts recordings, and how well that tells singers apart."""

import pickle
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from singerlearn import ClipEmbedder, HandcraftedFeatures, MelChunker, SingerEmbedder
from singerlearn.chunks import Chunks
from singerlearn.datasets import make_singers
from singerlearn.metrics import leave_one_out_knn
from singerlearn.nn.losses import LOSSES


@pytest.fixture
def raw(rng):
    """Four recordings of noise, of two chunks each, and who is said to sing them."""
    return list(0.1 * rng.randn(4, 165_000).astype("float32")), list("aabb")


@pytest.fixture(scope="module")
def fitted(voices):
    embedder = SingerEmbedder(
        4, "contrastive", filters=(4, 8), aggregation="attention", lr=1e-2,
        max_epochs=6, device="cpu", augment=False, random_state=0, verbose=0,
    )  # fmt: skip
    return embedder.fit(*voices[:2])


def test_it_brings_singers_together_even_those_it_never_heard(voices, small):
    X, y, _ = voices
    known = np.isin(y, list("abcd"))
    old = [X[i] for i in np.flatnonzero(known)]
    new = [X[i] for i in np.flatnonzero(~known)]
    scores = []
    for seed in range(3):  # of one the rounding of another machine may make another
        embedder = SingerEmbedder(**small | dict(max_epochs=10, random_state=seed))
        embedder.fit(old, y[known])
        scores.append((embedder.score(old, y[known]), embedder.score(new, y[~known])))
    assert np.all(np.mean(scores, axis=0) > [0.95, 0.8])


def test_it_hears_new_singers_where_handcrafted_features_hear_the_song(small):
    """The paper's Figure 5, with a song effect that decides who is near."""
    heard = dict(sampling_rate=11025, n_fft=1024, hop_length=256)
    data = make_singers(
        14, 4, duration=2.0, song_effect=2.0, sampling_rate=11025, random_state=0
    )
    new = np.isin(data.singers, np.unique(data.singers)[-4:])
    train, test = np.flatnonzero(~new), np.flatnonzero(new)
    small |= dict(
        loss="supervised-contrastive", filters=(8, 16), downsampling="stride",
        aggregation="statistics", head_norm=True, dense=(), augment=True, max_epochs=20,
    )  # fmt: skip
    handcrafted = make_pipeline(
        HandcraftedFeatures(clip_frames=64, **heard), ClipEmbedder(StandardScaler())
    )
    chunker = MelChunker(n_mels=48, chunk_frames=64, **heard)
    chunks = chunker.transform(data.recordings)

    def singer_and_song(embedder, X):
        embedder.fit([X[i] for i in train], data.singers[train])
        Z = embedder.transform([X[i] for i in test])
        labels = data.singers[test], data.songs[test]
        return np.array([leave_one_out_knn(Z, y, n_neighbors=1) for y in labels])

    told = singer_and_song(handcrafted, data.recordings)
    learned = [
        singer_and_song(SingerEmbedder(**small | {"random_state": seed}), chunks)
        for seed in range(3)  # of one the rounding of another machine may make another
    ]
    singer, song = np.mean(learned, axis=0) - told
    assert singer > 0.4 and song < -0.4


def test_a_recording_lies_at_the_mean_of_its_chunks(fitted, voices):
    X = voices[0]
    per_chunk = fitted.transform_chunks(X)
    assert [e.shape for e in per_chunk] == [(len(c), 4) for c in X]
    assert_allclose(fitted.transform(X), [e.mean(axis=0) for e in per_chunk])
    one = torch.tensor(np.asarray(X[3]))
    with torch.inference_mode():
        expected = fitted.net_.module_.eval()(one).numpy()
    assert_allclose(per_chunk[3], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_chunks_lie_on_the_sphere_where_directions_are_compared(voices, small, loss):
    X, y, _ = voices
    embedder = SingerEmbedder(loss=loss, **small | {"max_epochs": 1}).fit(X, y)
    lengths = np.linalg.norm(np.concatenate(embedder.transform_chunks(X)), axis=1)
    on_sphere = np.allclose(lengths, 1, rtol=1e-5)
    assert on_sphere == (loss in ("margin-softmax", "supervised-contrastive"))


def test_raw_recordings_and_chunks_give_the_same_answer(raw, small, tmp_path):
    X, y = raw
    embedder = SingerEmbedder(**small | {"max_epochs": 1}).fit(X, y)
    expected = embedder.transform(MelChunker().fit_transform(X))
    assert_allclose(embedder.transform(X), expected, rtol=1e-4, atol=1e-6)
    paths = [str(tmp_path / name) for name in ("a.wav", "b.wav")]
    for path, waveform in zip(paths, X, strict=False):
        sf.write(path, waveform, 22050, subtype="FLOAT")
    assert_allclose(embedder.transform(paths), expected[:2], rtol=1e-3, atol=1e-5)


def test_it_lies_in_a_pipeline_on_raw_recordings(raw, small):
    pipe = Pipeline(
        [
            ("chunks", MelChunker()),
            ("embed", SingerEmbedder(**small | {"max_epochs": 1})),
        ]
    ).set_output(transform="pandas")
    frame = pipe.fit_transform(*raw)
    assert frame.shape == (4, 4) and list(frame)[0] == "singerembedder0"


@pytest.mark.parametrize("batch_size", [2, 7, 100])
def test_answers_do_not_depend_on_batches_or_neighbours(fitted, voices, batch_size):
    X = voices[0]
    other = pickle.loads(pickle.dumps(fitted)).set_params(batch_size=batch_size)
    order = np.random.RandomState(1).permutation(len(X))
    answers = other.transform([X[i] for i in order])
    assert_allclose(answers, fitted.transform(X)[order], rtol=1e-3, atol=1e-5)


def test_pickling_keeps_the_answers_and_no_training_data(fitted, voices):
    stored = pickle.dumps(fitted)
    assert_array_equal(
        pickle.loads(stored).transform(voices[0]), fitted.transform(voices[0])
    )
    assert len(stored) < 4 * 4 * fitted.net_.module_.count_parameters().total + 200_000


def test_dimensions_are_named_columns(fitted, voices):
    assert fitted.get_feature_names_out().tolist() == [
        f"singerembedder{i}" for i in range(4)
    ]
    table = pickle.loads(pickle.dumps(fitted)).set_output(transform="pandas")
    frame = table.transform(voices[0])
    assert list(frame.columns) == fitted.get_feature_names_out().tolist()
    assert_allclose(frame.to_numpy(), fitted.transform(voices[0]))


def test_a_column_of_recordings_is_embedded_beside_others(raw):
    X, y = raw
    data = pd.DataFrame({"recording": X, "year": [1995, 1996, 2004, 2005]})
    embedder = SingerEmbedder(
        2, filters=(4, 8), synthetic_singers=0, max_epochs=1, device="cpu", verbose=0
    )
    beside = ColumnTransformer(
        [("voice", embedder, "recording")], remainder="passthrough"
    ).set_output(transform="pandas")
    assert beside.fit_transform(data, y).columns.tolist() == [
        "voice__singerembedder0", "voice__singerembedder1", "remainder__year",
    ]  # fmt: skip


def test_attention_over_a_chunk_can_be_seen(fitted, voices):
    weights = fitted.attention_weights(voices[0][:2])
    assert_allclose([w.sum(axis=1) for w in weights], 1, rtol=1e-5)


def test_score_is_how_often_one_singers_recordings_lie_closer(fitted, voices):
    X, y, _ = voices
    Z = fitted.transform(X)
    same, different = [], []
    for i in range(len(X)):
        for j in range(i):
            pair = ((Z[i] - Z[j]) ** 2).sum()
            (same if y[i] == y[j] else different).append(pair)
    expected = np.mean([s < d for s in same for d in different])
    assert_allclose(fitted.score(X, y), expected, atol=1e-4)
    with pytest.warns(DataConversionWarning):
        assert_allclose(fitted.score(X, np.reshape(y, (-1, 1))), expected, atol=1e-4)


def test_pairs_weigh_as_much_as_their_recordings(fitted, voices):
    X, y, _ = voices
    weights = np.r_[0, 0, 0, np.arange(1, len(y) - 2)]
    pairs = np.array(list(combinations(range(len(y)), 2)))
    distances = cdist(*[fitted.transform(X)] * 2)[tuple(pairs.T)]
    expected = roc_auc_score(
        y[pairs[:, 0]] == y[pairs[:, 1]],
        -distances,
        sample_weight=weights[pairs].prod(axis=1),
    )
    assert_allclose(fitted.score(X, y, sample_weight=weights), expected, atol=1e-6)
    with pytest.raises(ValueError, match="[Nn]egative"):
        fitted.score(X, y, sample_weight=-weights)


def test_score_compares_by_angle_where_directions_are_all_that_counts(small, voices):
    X, y, songs = voices
    embedder = SingerEmbedder(**small | {"loss": "supervised-contrastive"})
    embedder.fit(X, y, songs=songs)
    pairs = np.array(list(combinations(range(len(y)), 2)))
    angles = cdist(*[embedder.transform(X)] * 2, "cosine")[tuple(pairs.T)]
    expected = roc_auc_score(y[pairs[:, 0]] == y[pairs[:, 1]], -angles)
    assert_allclose(embedder.score(X, y), expected, atol=1e-6)


@pytest.mark.parametrize("y", [["a", "a", "a"], ["a", "b", "c"]])
def test_score_needs_two_of_one_singer_and_another_one(fitted, voices, y):
    with pytest.raises(ValueError, match="several recordings of several singers"):
        fitted.score(voices[0][:3], y)


def test_an_unfitted_embedder_says_so(voices):
    for method in ("transform", "transform_chunks", "attention_weights"):
        with pytest.raises(NotFittedError):
            getattr(SingerEmbedder(), method)(voices[0])


def test_chunks_made_in_another_way_are_refused(fitted):
    with pytest.raises(ValueError, match="bands is 8 but was 16"):
        fitted.transform([Chunks(np.ones((8, 40), "float32"), 16, 20)])
