import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from singerlearn import ClipClassifier, ClipEmbedder, SingerEmbedder
from singerlearn.backends import PLDA, ChunkEmbeddings


class Doubler(TransformerMixin, BaseEstimator):
    """Embeds the rows of a recording by doubling them."""

    def fit(self, X, y=None, songs=None):
        self.songs_ = songs
        return self

    def transform(self, X):
        return np.stack([2 * x.mean(axis=0) for x in X])

    def transform_chunks(self, X):
        return [2 * x for x in X]


@pytest.fixture
def clips(rng):
    """Rows of 12 recordings of three singers, 2 to 5 rows of 4 features each."""
    singers = np.tile(np.arange(3), 4)
    centres = 3 * rng.randn(3, 4)
    X = [centres[s] + rng.randn(2 + i % 4, 4) for i, s in enumerate(singers)]
    return X, np.array(["Cid", "Ann", "Bob"])[singers]


@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_scikit_learn_s_checks_that_need_no_table(check):
    chunks = ChunkEmbeddings(Doubler())
    getattr(estimator_checks, check)("ChunkEmbeddings", chunks)


@pytest.mark.parametrize(
    "projection",
    [LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto"), PLDA(), PCA(2)],
)
def test_a_projection_learns_from_chunks(clips, projection):
    X, y = clips
    model = make_pipeline(ChunkEmbeddings(Doubler()), ClipEmbedder(projection))
    rows = 2 * np.vstack(X)
    by_hand = clone(projection).fit(rows, np.repeat(y, [len(x) for x in X]))
    expected = [by_hand.transform(2 * x).mean(axis=0) for x in X]
    assert_allclose(model.fit(X, y).transform(X), expected)
    named = make_pipeline(ChunkEmbeddings(Doubler()), ClipClassifier(PLDA()))
    assert cross_val_score(named, X, y, cv=2).mean() > 0.5


def test_a_frozen_embedder_is_not_fitted_again(clips):
    X, y = clips
    embedder = Doubler().fit(X, songs="before")
    chunks = ChunkEmbeddings(FrozenEstimator(embedder)).fit(X, y)
    assert chunks.embedder_.songs_ == "before"
    assert_array_equal(chunks.transform(X)[3], 2 * X[3])
    assert ChunkEmbeddings(embedder).fit(X, y).embedder_.songs_ is None


def test_what_fit_is_given_reaches_the_embedder(clips):
    X, y = clips
    songs = np.arange(len(X))
    model = make_pipeline(ChunkEmbeddings(Doubler()), ClipEmbedder())
    model.fit(X, y, chunkembeddings__songs=songs)
    assert model[0].embedder_.songs_ is songs
    with config_context(enable_metadata_routing=True):
        embedder = Doubler().set_fit_request(songs=True)
        model = make_pipeline(ChunkEmbeddings(embedder), ClipEmbedder())
        model.fit(X, y, songs=songs)
    assert model[0].embedder_.songs_ is songs


def test_its_lists_stay_lists_where_tables_are_asked_for(clips):
    X, y = clips
    with config_context(transform_output="pandas"):
        chunks = ChunkEmbeddings(Doubler()).fit_transform(X, y)
        model = make_pipeline(ChunkEmbeddings(Doubler()), ClipEmbedder()).fit(X, y)
        table = model.transform(X)
        named = pd.Series(X, index=[f"r{i}" for i in range(len(X))])
        from_series = model.transform(named)
    assert isinstance(chunks, list)
    assert_array_equal(table, model.transform(X))
    assert from_series.index.tolist() == named.index.tolist()
    assert_array_equal(from_series, table)


def test_chunks_of_a_network(singers, chunked, tiny):
    del tiny["dense"], tiny["lr"]
    tiny["max_epochs"] = 1
    embedder = SingerEmbedder(3, **tiny).fit(chunked, singers.singers)
    chunks = ChunkEmbeddings(FrozenEstimator(embedder))
    assert chunks.set_output(transform="pandas") is chunks
    model = make_pipeline(chunks, ClipEmbedder(StandardScaler(with_std=False)))
    Z = model.fit(chunked, singers.singers).transform(chunked)
    # Moved by the mean of all chunks, and otherwise where they were.
    assert_allclose(pdist(Z), pdist(embedder.transform(chunked)), rtol=1e-4)
    names = model[0].get_feature_names_out()
    assert_array_equal(names, embedder.get_feature_names_out())


def test_chunks_need_an_embedder(clips):
    X, y = clips
    with pytest.raises(TypeError, match="PCA has no transform_chunks"):
        ChunkEmbeddings(PCA()).fit(X, y)
    with pytest.raises(NotFittedError):
        ChunkEmbeddings(Doubler()).transform(X)
