import inspect
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneOut,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from singerlearn import (
    ClipEmbedder,
    HandcraftedFeatures,
    MelChunker,
    SingerEmbedder,
    SingerNetClassifier,
)
from singerlearn.batches import ChunkDataset
from singerlearn.chunks import Chunks
from singerlearn.datasets import make_singers
from singerlearn.metrics import leave_one_out_knn
from singerlearn.nn.losses import LOSSES
from singerlearn.partners import PairBatches

OTHER_LOSSES = sorted(set(LOSSES) - {"contrastive"})


@pytest.fixture(scope="module")
def voices():
    """Six singers with four recordings of four songs, small spectrograms.

    A singer is a pattern over the bands, a song one over the frames, each recording
    has noise of its own: quick to learn for a tiny network.
    """
    rng = np.random.RandomState(0)
    singer, song = rng.uniform(5, 40, (6, 16, 1)), rng.uniform(0, 20, (4, 1, 56))
    chunks = [
        Chunks((who + what + rng.uniform(0, 8, (16, 56))).astype("float32"), 16, 20)
        for who in singer
        for what in song
    ]
    return chunks, np.repeat(list("abcdef"), 4), np.tile(["x", "y", "z", "w"], 6)


@pytest.fixture
def raw(rng):
    """Four recordings of noise, of two chunks each, and who is said to sing them."""
    return list(0.1 * rng.randn(4, 165_000).astype("float32")), list("aabb")


@pytest.fixture
def small(tiny):
    return tiny | dict(n_components=4, filters=(4, 8), augment=False, batch_size=32)


@pytest.fixture(scope="module")
def fitted(voices):
    embedder = SingerEmbedder(
        4, filters=(4, 8), aggregation="attention", lr=1e-2, max_epochs=6,
        device="cpu", augment=False, random_state=0, verbose=0,
    )  # fmt: skip
    return embedder.fit(*voices[:2])


def weights(embedder):
    return torch.cat([p.flatten() for p in embedder.net_.module_.parameters()])


def test_it_brings_singers_together_even_those_it_never_heard(voices, small):
    X, y, _ = voices
    known = np.isin(y, list("abcd"))
    small |= dict(max_epochs=10)
    embedder = SingerEmbedder(**small).fit(
        [X[i] for i in np.flatnonzero(known)], y[known]
    )
    assert embedder.score([X[i] for i in np.flatnonzero(known)], y[known]) > 0.95
    new = [X[i] for i in np.flatnonzero(~known)]
    assert embedder.score(new, y[~known]) > 0.8


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
    embedders = {
        "hand-crafted": make_pipeline(
            HandcraftedFeatures(clip_frames=64, **heard), ClipEmbedder(StandardScaler())
        ),
        "learned": make_pipeline(
            MelChunker(n_mels=48, chunk_frames=64, **heard), SingerEmbedder(**small)
        ),
    }
    singer, song = {}, {}
    for name, embedder in embedders.items():
        embedder.fit([data.recordings[i] for i in train], data.singers[train])
        Z = embedder.transform([data.recordings[i] for i in test])
        singer[name] = leave_one_out_knn(Z, data.singers[test], n_neighbors=[1])[1]
        song[name] = leave_one_out_knn(Z, data.songs[test], n_neighbors=[1])[1]
    assert singer["learned"] > 0.4 + singer["hand-crafted"]
    assert song["learned"] < song["hand-crafted"] - 0.4


@pytest.mark.parametrize("loss", OTHER_LOSSES)
def test_every_loss_learns(voices, small, loss):
    X, y, songs = voices
    small |= dict(max_epochs=10, dense=())
    embedder = SingerEmbedder(loss=loss, **small).fit(X, y, songs=songs)
    losses = embedder.history_[:, "train_loss"]
    assert losses[-1] < 0.7 * losses[0]
    assert embedder.score(X, y) > 0.9


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


@pytest.mark.parametrize("batch_size", [2, 7, 100])
def test_answers_do_not_depend_on_batches_or_neighbours(fitted, voices, batch_size):
    X = voices[0]
    other = pickle.loads(pickle.dumps(fitted)).set_params(batch_size=batch_size)
    order = np.random.RandomState(1).permutation(len(X))
    answers = other.transform([X[i] for i in order])
    assert_allclose(answers, fitted.transform(X)[order], rtol=1e-3, atol=1e-5)


def test_dimensions_are_named_columns(fitted, voices):
    assert fitted.get_feature_names_out().tolist() == [
        f"singerembedder{i}" for i in range(4)
    ]
    table = pickle.loads(pickle.dumps(fitted)).set_output(transform="pandas")
    frame = table.transform(voices[0])
    assert list(frame.columns) == fitted.get_feature_names_out().tolist()
    assert_allclose(frame.to_numpy(), fitted.transform(voices[0]))


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


@pytest.mark.parametrize("y", [["a", "a", "a"], ["a", "b", "c"]])
def test_score_needs_two_of_one_singer_and_another_one(fitted, voices, y):
    with pytest.raises(ValueError, match="several recordings of several singers"):
        fitted.score(voices[0][:3], y)


def test_the_validation_loss_is_equations_4_and_5_over_fixed_pairs(voices, small):
    X, y, _ = voices
    small |= dict(max_epochs=2, batch_size=8)
    embedder = SingerEmbedder(margin=0.5, **small)
    embedder.fit(X, y, validation_singers=["e", "f"])
    aside = embedder.validation_indices_
    assert_array_equal(aside, np.flatnonzero(np.isin(y, ["e", "f"])))
    recordings, who = [X[i] for i in aside], (y[aside] == "e").astype(int)
    Z = np.concatenate(embedder.transform_chunks(recordings))
    who = who.repeat([len(c) for c in recordings])
    costs = []
    for batch in PairBatches(ChunkDataset(recordings, (y[aside] == "e") * 1), 8).draw():
        for i, j in batch.reshape(-1, 2):
            D = sum((Z[i] - Z[j]) ** 2)
            costs.append(0.5 * D if who[i] == who[j] else 0.5 * max(0, 0.5 - D))
    assert_allclose(embedder.history_[-1, "valid_loss"], np.mean(costs), rtol=1e-4)


@pytest.mark.parametrize("kind", [set, tuple, np.array, pd.Series])
def test_validation_singers_come_in_any_container(voices, small, kind):
    X, y, _ = voices
    embedder = SingerEmbedder(**small | {"max_epochs": 1})
    embedder.fit(
        X, pd.Series(y, index=range(9, 33)), validation_singers=kind(["e", "f"])
    )
    assert set(y[embedder.validation_indices_]) == {"e", "f"}


@pytest.mark.parametrize("loss", ["contrastive", "triplet"])
def test_validation_singers_are_not_trained_on(voices, small, loss):
    X, y, _ = voices
    rest = np.flatnonzero(~np.isin(y, ["b", "e"]))
    with_them = SingerEmbedder(loss=loss, **small)
    with_them.fit(X, y, validation_singers=["b", "e"])
    without = SingerEmbedder(loss=loss, **small).fit([X[i] for i in rest], y[rest])
    assert torch.equal(weights(with_them), weights(without))
    assert len(with_them.history_[:, "valid_loss"]) == small["max_epochs"]


def test_early_stopping_goes_by_the_validation_singers(voices, small):
    X, y, _ = voices
    small |= dict(max_epochs=30, lr=1e-12, lr_schedule=None)  # so nothing improves
    embedder = SingerEmbedder(
        early_stopping=True, check_every=2, patience=4, min_improvement=0.99, **small
    ).fit(X, y, validation_singers=["e", "f"])
    assert len(embedder.history_) == 6
    assert set(y[embedder.validation_indices_]) == {"e", "f"}


@pytest.mark.parametrize("loss", ["contrastive", "triplet"])
def test_epochs_are_validated_on_the_same_partners(voices, small, loss):
    seen = []

    class Watch(Callback):
        def on_batch_begin(self, net, batch, training=False, **kwargs):
            if not training:
                seen.append((len(net.history), batch[0].sum().item()))

    embedder = SingerEmbedder(loss=loss, callbacks=[Watch()], **small)
    embedder.fit(*voices[:2], validation_singers=["a", "b"])
    epochs = [[total for epoch, total in seen if epoch == i] for i in (1, 2, 3)]
    assert epochs[0] and epochs[0] == epochs[1] == epochs[2]


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_early_stopping_sets_one_recording_of_each_singer_aside(voices, small, loss):
    X, y, _ = voices
    embedder = SingerEmbedder(loss=loss, early_stopping=True, **small).fit(X, y)
    assert sorted(y[embedder.validation_indices_]) == list("abcdef")
    assert np.isfinite(embedder.history_[:, "valid_loss"]).all()


def test_groups_stay_on_one_side_of_the_inner_split(voices, small):
    X, y, songs = voices
    embedder = SingerEmbedder(early_stopping=True, **small).fit(X, y, groups=songs)
    aside = embedder.validation_indices_
    assert len(set(songs[aside])) == 1 and len(aside) == 6


def test_one_seed_gives_one_model_bit_for_bit(voices, small):
    X, y, songs = voices
    state = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    small |= dict(augment=True, early_stopping=True, max_epochs=2)
    first, second = (SingerEmbedder(**small).fit(X, y, songs=songs) for _ in range(2))
    assert torch.equal(weights(first), weights(second))
    other = SingerEmbedder(**small | {"random_state": 1}).fit(X, y, songs=songs)
    assert not torch.equal(weights(first), weights(other))
    assert torch.equal(state[0], torch.random.get_rng_state())
    assert_array_equal(state[1], np.random.get_state()[1])


def test_pickling_keeps_the_answers_and_no_training_data(fitted, voices):
    stored = pickle.dumps(fitted)
    assert_array_equal(
        pickle.loads(stored).transform(voices[0]), fitted.transform(voices[0])
    )
    assert len(stored) < 4 * 4 * fitted.net_.module_.count_parameters().total + 200_000


def test_fit_neither_warns_nor_changes_parameters(voices, small):
    embedder = SingerEmbedder(loss_params={"margin": 0.5}, **small)
    before = embedder.get_params()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedder.fit(*voices[:2])
    assert embedder.get_params() == before


def test_parameters_reach_the_loss(voices, small):
    X, y, _ = voices
    small |= dict(max_epochs=1)
    triplet = SingerEmbedder(loss="triplet", margin=0.25, **small).fit(X, y)
    assert triplet.net_.criterion_.margin == 0.25
    cosines = SingerEmbedder(
        loss="supervised-contrastive", loss_params={"temperature": 0.5}, **small
    ).fit(X, y)
    assert cosines.net_.criterion_.temperature == 0.5
    named = SingerEmbedder(
        loss="margin-softmax", loss_params={"angle": 0.4, "scale": 16.0}, **small
    ).fit(X, y)
    assert (named.net_.criterion_.angle, named.net_.criterion_.scale) == (0.4, 16)
    assert named.net_.criterion_.directions.shape == (6, 4)


def test_the_directions_of_the_singers_are_learnt(voices, small):
    X, y, _ = voices
    first, last = (
        SingerEmbedder(loss="margin-softmax", **small | {"max_epochs": n}).fit(X, y)
        for n in (1, 3)
    )
    moved = last.net_.criterion_.directions - first.net_.criterion_.directions
    assert (moved.abs().amax(dim=1) > 1e-3).all()


def test_what_it_shares_with_the_classifier_has_the_same_defaults():
    classifier = SingerNetClassifier().get_params()
    del classifier["batch_size"]  # a step of the embedder's is pairs
    assert classifier.items() <= SingerEmbedder().get_params().items()


def test_the_papers_regime_to_the_letter():
    embedder = SingerEmbedder.paper(aggregation="average")
    expected = dict(
        n_components=16, loss="contrastive", margin=1.0, block="resnext",
        filters=(128, 128), aggregation="average", dense=(1024, 1024, 1024),
        dropout=0.1, lr=1e-4, lr_schedule=None, weight_decay=1e-6, augment=False,
        batch_size=64, chunks_per_recording=None, early_stopping=True,
        check_every=50, patience=1000, min_improvement=0.005, partners_from="chunks",
        downsampling="max-pool", head_norm=False,
    )  # fmt: skip
    assert expected.items() <= embedder.get_params().items()


def test_the_papers_regime_trains(voices, small):
    X, y, _ = voices
    small = {k: v for k, v in small.items() if k not in ("lr", "batch_size")}
    embedder = SingerEmbedder.paper(**small, check_every=2)
    embedder.fit(X, y, validation_singers=["a", "f"])
    assert embedder.transform(X).shape == (24, 4)
    # 16 recordings of 3 chunks, each with a partner, 32 pairs in a step.
    assert embedder.history_[0, "batches", :, "train_batch_size"] == [64, 32]


def nearest_singer(small, **parameters):
    return make_pipeline(
        SingerEmbedder(**small | parameters), KNeighborsClassifier(n_neighbors=3)
    )


def test_the_nearest_recordings_name_the_singer(voices, small):
    X, y, _ = voices
    pipe = nearest_singer(small, max_epochs=10)
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    assert cross_val_score(pipe, X, y, cv=folds).mean() > 0.8
    raw = make_pipeline(MelChunker(), *(step for _, step in clone(pipe).steps))
    assert raw.get_params()["singerembedder__n_components"] == 4


def test_a_search_over_losses_and_dimensions(voices, small):
    X, y, _ = voices
    search = GridSearchCV(
        nearest_singer(small, max_epochs=1),
        {
            "singerembedder__loss": sorted(LOSSES),
            "singerembedder__n_components": [2, 4],
        },
        cv=[next(StratifiedKFold(2).split(X, y))],
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(X).shape == (24,)


def test_a_search_hands_every_fold_its_songs(voices, small, monkeypatch):
    X, y, songs = voices
    given = []
    fit = SingerEmbedder.fit

    def spy(self, X, y, **metadata):
        given.append((y.tolist(), metadata["songs"].tolist()))
        return fit(self, X, y, **metadata)

    # Requests are made from the signature of `fit`.
    spy.__signature__ = inspect.signature(fit)
    with config_context(enable_metadata_routing=True):
        pipe = nearest_singer(small, max_epochs=1)
        pipe[0].set_fit_request(songs=True)
        monkeypatch.setattr(SingerEmbedder, "fit", spy)
        search = GridSearchCV(
            pipe,
            {"singerembedder__loss": sorted(LOSSES)},
            cv=StratifiedKFold(2),
            error_score="raise",
        ).fit(X, y, songs=songs)
    assert search.cv_results_["mean_test_score"].min() > 1 / 6
    # Twice two of the four songs of each singer for each loss; at last, all.
    halves = [
        (list(np.repeat(list("abcdef"), 2)), list(half) * 6) for half in ("zw", "xy")
    ]
    assert given == halves * len(LOSSES) + [(y.tolist(), songs.tolist())]


def nearest_neighbour(embedder, X, y):
    """Share of recordings whose nearest neighbour has the same singer."""
    nearest = KNeighborsClassifier(n_neighbors=1)
    return np.mean(
        cross_val_predict(nearest, embedder.transform(X), y, cv=LeaveOneOut()) == y
    )


def test_cross_validation_on_new_singers(voices, small):
    X, y, _ = voices
    embedder = SingerEmbedder(**small | {"max_epochs": 8})
    scoring = {"own": SingerEmbedder.score, "1-NN": nearest_neighbour}
    folds = GroupKFold(3)
    scores = cross_validate(embedder, X, y, groups=y, cv=folds, scoring=scoring)
    for name in ("test_own", "test_1-NN"):
        assert scores[name].shape == (3,) and scores[name].mean() > 0.7


def test_songs_are_routed_and_sliced(voices, small):
    X, y, songs = voices
    with config_context(enable_metadata_routing=True):
        embedder = SingerEmbedder(early_stopping=True, **small)
        embedder.set_fit_request(songs=True)
        pipe = make_pipeline(embedder, KNeighborsClassifier())
        search = GridSearchCV(
            pipe, {"singerembedder__n_components": [2]}, cv=StratifiedKFold(2),
            error_score="raise",
        )  # fmt: skip
        # Two songs a singer in each fold: none can be spared for early stopping.
        with pytest.raises(ValueError, match="keep 2"):
            search.fit(X, y, songs=songs)
        with pytest.raises(ValueError, match="two songs of each singer"):
            pipe.fit(X, y, songs=["x"] * 24)
        pipe.fit(X, y, songs=songs)


def test_songs_decide_who_is_paired(voices, small, monkeypatch):
    X, y, _ = voices
    drawn = []

    def spy(self, anchors, same, rng):
        partners = draw(self, anchors, same, rng)
        recording = self.dataset.recording
        drawn.extend(
            zip(recording[anchors[same]], recording[partners[same]], strict=True)
        )
        return partners

    small |= dict(max_epochs=1)
    draw = PairBatches.draw_partners
    monkeypatch.setattr(PairBatches, "draw_partners", spy)
    SingerEmbedder(**small).fit(X, y)
    assert {abs(i - j) for i, j in drawn} == {1, 2, 3}
    drawn.clear()
    # The first two recordings of a singer are of one song, and so are the others.
    SingerEmbedder(**small).fit(X, y, songs=np.tile([7, 7, 9, 9], 6))
    assert {(i % 4 < 2, j % 4 < 2) for i, j in drawn} == {(True, False), (False, True)}
    drawn.clear()
    SingerEmbedder(partners_from="chunks", **small).fit(X, y)
    assert {abs(i - j) for i, j in drawn} == {0, 1, 2, 3}


ONE_OF_C = list("aaaabbbb") + ["c"]


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (["a"] * 9, {}, "y holds 'a' only; give recordings of 2 or more"),
        (ONE_OF_C, {}, "two recordings of each singer, and there is only one of 'c'"),
        (ONE_OF_C, {"loss": "triplet"}, "only one of 'c': give more"),
        (list("aaaabbbcc"), {"songs": [0, 1] * 3 + [0, 1, 1]}, "two songs .* of 'c'"),
        (list("aaaabbbbb"), {"songs": [0, 1]}, "songs holds 2 labels for 9"),
        (list("aaaabbbbb"), {"songs": ["x"] * 8 + [np.nan]}, "songs .* 8 but nan"),
        (list("aaaabbbbb"), {"groups": [None, *"xxxxxxxx"]}, "groups .* 0 but None"),
        (list("aaaabbbbb"), {"groups": [0, 1]}, "groups holds 2 labels for 9"),
        (list("aaaa"), {}, "y holds 4 labels for 9 recordings"),
        (np.linspace(0, 1, 9), {}, "continuous; y has 0.125 for recording 1"),
        (list("aabbccdde"), {"validation_singers": ["z"]}, "names 'z', not in y"),
        (list("aabbccdde"), {"validation_singers": [None, "a"]}, "names None, not in"),
        (np.arange(9) // 2, {"validation_singers": ["1", "2"]}, "names '1', '2', not"),
        (list("aabbccdde"), {"validation_singers": list("abcde")}, "5 of 5 singers"),
        (list("aaabbbccc"), {"validation_singers": ["c"]}, "1 of 3 singers are valid"),
        (list("aaabbbccc"), {"validation_singers": list("bc")}, "2 of 3 singers are v"),
        (
            list("aabbccdda"),
            {"validation_singers": ["a", "b"], "loss": "margin-softmax"},
            "can only judge singers that it is trained on",
        ),
        (
            list("aabbccdda"),
            {"early_stopping": True, "groups": [0, 0, 1, 2, 3, 4, 5, 6, 0]},
            "no singer can spare one and keep 2; .*early_stopping=False",
        ),
        (
            list("aaaabbbbb"),
            {"early_stopping": True, "loss": "triplet", "groups": [0] * 8 + [1]},
            "cannot be validated on recordings of one",
        ),
        (
            list("aaaabbbbb"),
            {"loss": "triplet", "batch_size": 7},
            "batch_size=7 does not hold two singers .* make it 8 or more",
        ),
        (list("aaaabbbbb"), {"loss": "cosine"}, "'loss' parameter"),
        (list("aaaabbbbb"), {"margin": 0}, "'margin' parameter"),
        (
            list("aaaabbbbb"),
            {"loss_params": {"foo": 1}},
            "loss_params has 'foo', but loss='contrastive' takes 'margin'",
        ),
        (
            list("aaaabbbbb"),
            {"loss_params": {"margin": "wide"}},
            "loss_params has margin='wide', which is no number",
        ),
        (
            list("aaaabbbbb"),
            {"loss": "margin-softmax", "loss_params": {"scale": 9, "n_singers": 2}},
            "has 'n_singers', but loss='margin-softmax' takes 'angle' and 'scale'",
        ),
        (list("aaaabbbbb"), {"n_components": 0}, "'n_components' parameter"),
        (list("aaaabbbbb"), {"batch_size": 1}, "'batch_size' parameter"),
        (list("aaaabbbbb"), {"partners_from": "songs"}, "'partners_from' parameter"),
    ],
)
def test_bad_input_gets_one_clear_error(voices, small, y, options, message):
    fit_options = {
        k: options[k] for k in ("songs", "groups", "validation_singers") if k in options
    }
    parameters = {k: v for k, v in options.items() if k not in fit_options}
    embedder = SingerEmbedder(**small | parameters)
    with pytest.raises(ValueError, match=message):
        embedder.fit(voices[0][:9], y, **fit_options)


def test_a_single_chunk_has_no_partner_but_several_have(voices, small):
    X, _, _ = voices
    one = Chunks(X[0].spectrogram[:, :16], 16, 20)
    embedder = SingerEmbedder(partners_from="chunks", **small)
    embedder.fit(X[:2], ["a", "b"])
    with pytest.raises(ValueError, match="two chunks of each singer, .* of 'b'"):
        embedder.fit([X[0], one], ["a", "b"])


def test_the_margin_softmax_takes_singers_of_one_recording(voices, small):
    embedder = SingerEmbedder(loss="margin-softmax", **small)
    embedder.fit(voices[0][:3], ["a", "b", "c"])
    assert embedder.transform(voices[0]).shape == (24, 4)


def test_an_unfitted_embedder_says_so(voices):
    for method in ("transform", "transform_chunks", "attention_weights"):
        with pytest.raises(NotFittedError):
            getattr(SingerEmbedder(), method)(voices[0])


def test_chunks_made_in_another_way_are_refused(fitted):
    with pytest.raises(ValueError, match="bands is 8 but was 16"):
        fitted.transform([Chunks(np.ones((8, 40), "float32"), 16, 20)])


def test_it_lies_in_a_pipeline_on_raw_recordings(raw, small):
    pipe = Pipeline(
        [
            ("chunks", MelChunker()),
            ("embed", SingerEmbedder(**small | {"max_epochs": 1})),
        ]
    ).set_output(transform="pandas")
    frame = pipe.fit_transform(*raw)
    assert frame.shape == (4, 4) and list(frame)[0] == "singerembedder0"
