"""The embedder as a step of pipelines, in searches and in cross-validation."""

import inspect

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
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
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from singerlearn import MelChunker, SingerEmbedder
from singerlearn.nn.losses import LOSSES, Triplet


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


def test_a_pipeline_is_scored_where_metadata_is_routed(voices, small):
    X, y, songs = voices
    with config_context(enable_metadata_routing=True):
        embedder = SingerEmbedder(**small).set_fit_request(songs=True)
        scores = cross_val_score(
            make_pipeline(FunctionTransformer(), embedder),
            X,
            y,
            cv=StratifiedKFold(2),
            params={"songs": songs},
            error_score="raise",
        )
    assert np.all(scores > 0.5)


def test_a_loss_of_ones_own_trains_once_it_has_a_name(voices, small, monkeypatch):
    class Far(Triplet):
        def __init__(self, margin=1.0, power=3):
            super().__init__(margin**power)

    X, y, _ = voices
    monkeypatch.setitem(LOSSES, "far", Far)
    embedder = SingerEmbedder(loss="far", loss_params={"power": 2}, margin=3.0, **small)
    assert embedder.fit(X, y).net_.criterion_.margin == 9
