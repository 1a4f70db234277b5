import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from singerlearn.backends import PLDA
from singerlearn.baseline import (
    ClipClassifier,
    ClipEmbedder,
    make_svm_baseline,
)
from singerlearn.features import HandcraftedFeatures

SINGERS = np.array(["Cid", "Ann", "Bob"])


@pytest.fixture
def clips(rng):
    """Clips of 12 recordings of three singers, 2 to 5 clips of 4 features each."""
    y = np.tile(SINGERS, 4)
    centres = dict(zip(SINGERS, rng.randn(3, 4), strict=True))
    X = [centres[singer] + rng.randn(2 + i % 4, 4) for i, singer in enumerate(y)]
    return X, y


def test_learns_from_all_clips_and_decides_by_their_mean(clips):
    X, y = clips
    model = ClipClassifier(LinearDiscriminantAnalysis()).fit(X, y)
    by_hand = LinearDiscriminantAnalysis().fit(
        np.vstack(X), [label for x, label in zip(X, y, strict=True) for _ in x]
    )
    for x, labels, probabilities, mean in zip(
        X,
        model.predict_chunks(X),
        model.predict_proba_chunks(X),
        model.predict_proba(X),
        strict=True,
    ):
        assert_array_equal(labels, by_hand.predict(x))
        assert_allclose(probabilities, by_hand.predict_proba(x))
        assert_allclose(mean, sum(by_hand.predict_proba(x)) / len(x))
    best = model.predict_proba(X).argmax(axis=1)
    assert_array_equal(model.predict(X), model.classes_[best])
    assert model.score(X, y) == np.mean(model.predict(X) == y)


@pytest.mark.parametrize("estimator", [None, SVC(), RidgeClassifier()])
def test_without_probabilities_clips_vote(clips, estimator):
    X, y = clips
    model = ClipClassifier(estimator).fit(X, y)
    for labels, shares in zip(
        model.predict_chunks(X), model.predict_proba(X), strict=True
    ):
        expected = [np.mean(labels == singer) for singer in model.classes_]
        assert_allclose(shares, expected)


def test_first_of_equal_votes_is_named():
    X = [[[0.0], [1.0], [2.0]], [[0.0]], [[1.0]], [[2.0]]]
    y = ["Bob", "Cid", "Bob", "Ann"]
    votes = ClipClassifier(RidgeClassifier()).fit(X, y)
    votes.estimator_.predict = lambda clips: np.resize(["Cid", "Ann"], len(clips))
    assert votes.predict([[[0.0], [1.0]]]).tolist() == ["Ann"]


def test_default_is_a_standardised_svm(clips):
    X, y = clips
    estimator = make_pipeline(StandardScaler(), SVC(C=10))
    scaled = [x * [1, 10, 100, 1000] for x in X]
    default = ClipClassifier().fit(X, y)
    assert_array_equal(
        default.predict(X), ClipClassifier(estimator).fit(X, y).predict(X)
    )
    assert_array_equal(
        default.predict(X), ClipClassifier().fit(scaled, y).predict(scaled)
    )


@pytest.mark.parametrize(
    "labels", [SINGERS, np.array([7, 3, 5]), np.array(["x", "y", "z"], dtype=object)]
)
def test_labels_round_trip(clips, labels):
    X, _ = clips
    y = np.tile(labels, 4)
    model = ClipClassifier().fit(X, y)
    assert_array_equal(model.classes_, np.sort(labels))
    assert set(model.predict(X)) <= set(labels)
    assert model.predict(X).dtype == labels.dtype


def test_a_table_is_one_clip_a_recording(clips):
    pd = pytest.importorskip("pandas")
    X, y = clips
    table = np.stack([x.mean(axis=0) for x in X])
    expected = ClipClassifier().fit([row[None] for row in table], y)
    for alike in (table, list(table), pd.DataFrame(table)):
        model = ClipClassifier().fit(alike, y)
        assert_array_equal(model.predict_proba(alike), expected.predict_proba(table))
    ragged = pd.Series(X)
    assert_array_equal(
        ClipClassifier().fit(ragged, y).predict(ragged),
        ClipClassifier().fit(X, y).predict(X),
    )


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression()), None],
)
@pytest.mark.parametrize("routing", [False, True])
def test_doubling_a_weight_is_repeating_a_recording(clips, estimator, routing):
    X, y = clips
    weights = np.where(np.arange(len(X)) % 5 == 0, 2, 1)
    times = np.repeat(np.arange(len(X)), weights)
    with config_context(enable_metadata_routing=routing):
        weighted = ClipClassifier(estimator).fit(X, y, sample_weight=weights)
    repeated = ClipClassifier(estimator).fit([X[i] for i in times], y[times])
    plain = ClipClassifier(estimator).fit(X, y)
    if estimator is None:
        decisions = [
            m.estimator_.decision_function(X[0]) for m in (weighted, repeated, plain)
        ]
    else:
        decisions = [m.predict_proba(X) for m in (weighted, repeated, plain)]
    assert_allclose(decisions[0], decisions[1], atol=1e-2)
    assert not np.allclose(decisions[0], decisions[2], atol=1e-2)


def test_estimator_is_cloned_and_parameters_nest(clips):
    X, y = clips
    estimator = make_pipeline(StandardScaler(), SVC())
    model = ClipClassifier(estimator)
    assert clone(model).get_params()["estimator__svc__C"] == 1.0
    model.set_params(estimator__svc__C=3.0).fit(X, y)
    assert model.estimator_[-1].C == 3.0
    assert not hasattr(estimator[-1], "classes_")


def test_cross_validation_search_and_pickle(clips):
    X, y = clips
    model = ClipClassifier(make_pipeline(StandardScaler(), SVC()))
    assert cross_val_score(model, X, y, cv=2).shape == (2,)
    search = GridSearchCV(model, {"estimator__svc__C": [0.1, 10.0]}, cv=2).fit(X, y)
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(again.predict(X), search.predict(X))


def test_a_recording_scores_alone_as_among_others(clips):
    X, y = clips
    model = ClipClassifier().fit(X, y)
    alone = np.concatenate([model.predict_proba([x]) for x in X])
    assert_allclose(alone, model.predict_proba(X))


def test_input_is_not_modified(clips):
    X, y = clips
    before = [x.copy() for x in X]
    ClipClassifier().fit(X, y).predict(X)
    for x, b in zip(X, before, strict=True):
        assert_array_equal(x, b)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[:0], r"recording 3 has shape \(0, 4\)"),
        (
            lambda x: x[:, :3],
            "recording 3 has 3 features a clip, but recording 0 has 4",
        ),
        (lambda x: x * np.nan, "recording 3 has features that are NaN"),
        (lambda x: x / 0, "recording 3 has features that are NaN or infinite"),
        (lambda x: x[None], r"recording 3 has shape \(1, \d, 4\)"),
        (lambda x: "a/b.wav", "recording 3 is a str.*make_svm_baseline"),
        (lambda x: None, "recording 3"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_clips_that_cannot_be_used_are_named(clips, spoil, message):
    X, y = clips
    model = ClipClassifier().fit(X, y)
    X = [*X[:3], spoil(X[3]), *X[4:]]
    for call in (lambda: model.fit(X, y), lambda: model.predict(X)):
        with pytest.raises(ValueError, match=message):
            call()


def test_what_does_not_fit_together_is_refused(clips):
    X, y = clips
    with pytest.raises(NotFittedError):
        ClipClassifier().predict(X)
    with pytest.raises(ValueError, match="X holds no recordings"):
        ClipClassifier().fit([], [])
    with pytest.raises(ValueError, match="recording 0 is a str.*make_svm_baseline"):
        ClipClassifier().fit("a.wav", ["Ann"])
    with pytest.raises(ValueError, match=f"y holds {len(X) - 1} labels for {len(X)}"):
        ClipClassifier().fit(X, y[:-1])
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(1,\)"):
        ClipClassifier().fit(X, y, sample_weight=[1.0])
    with pytest.raises(ValueError, match="y holds 'Ann' only"):
        ClipClassifier().fit(X, np.repeat("Ann", len(X)))
    with pytest.raises(ValueError, match="Negative values in data .*sample_weight"):
        ClipClassifier().fit(X, y, sample_weight=-np.ones(len(X)))
    with pytest.raises(
        ValueError, match="KNeighborsClassifier.fit has no argument sample_weight"
    ):
        ClipClassifier(KNeighborsClassifier()).fit(X, y, sample_weight=np.ones(len(X)))
    with pytest.raises(ValueError, match="3 features a clip.*fitted with 4"):
        ClipClassifier().fit(X, y).predict([x[:, :3] for x in X])


def test_baseline_of_raw_recordings(rng):
    # Two "singers" who differ in the colour of their noise.
    noise = rng.randn(8, 3 * 8000)
    recordings = [*noise[:4], *np.cumsum(noise[4:], axis=1)]
    y = np.repeat(["white", "red"], 4)
    baseline = make_svm_baseline(sampling_rate=8000, clip_frames=32, hop_frames=16)
    for model in (
        baseline,
        make_svm_baseline(
            LinearDiscriminantAnalysis(),
            sampling_rate=8000,
            clip_frames=32,
            hop_frames=16,
        ),
    ):
        model.fit(recordings[::2], y[::2])
        assert_array_equal(model.predict(recordings[1::2]), y[1::2])
        assert model.predict_proba(recordings[:3]).shape == (3, 2)
    assert baseline.get_params()["clips__estimator__svc__C"] == 10.0
    assert clone(baseline).get_params()["features__hop_frames"] == 16
    per_clip = baseline["clips"].predict_chunks(baseline[:-1].transform(recordings))
    assert [len(labels) for labels in per_clip] == [1 + (47 - 32) // 16] * 8


def test_baseline_of_real_speakers(fsdd):
    pd = pytest.importorskip("pandas")
    table = pd.read_csv(fsdd / "metadata.csv")
    table = table[table["take"] == 0]

    def speaking(*digits):
        rows = table[table["song"].isin(digits)]
        return [fsdd / path for path in rows["path"]], rows["singer"].to_numpy()

    baseline = make_svm_baseline(sampling_rate=8000)
    baseline.fit(*speaking("digit0", "digit1", "digit2"))
    assert baseline.score(*speaking("digit3", "digit4")) > 0.5  # chance is one in six


def test_recordings_lie_at_the_mean_of_their_projected_clips(clips):
    X, y = clips
    embedder = ClipEmbedder().fit(X, y)
    labels = np.repeat(y, [len(x) for x in X])
    by_hand = LinearDiscriminantAnalysis().fit(
        StandardScaler().fit_transform(np.vstack(X)), labels
    )
    scaler = StandardScaler().fit(np.vstack(X))
    for x, chunks, point in zip(
        X, embedder.transform_chunks(X), embedder.transform(X), strict=True
    ):
        expected = by_hand.transform(scaler.transform(x))
        assert_allclose(chunks, expected, atol=1e-9)
        assert_allclose(point, sum(expected) / len(x), atol=1e-9)
    assert embedder.transform(X).shape == (12, 2)  # one less than singers
    assert embedder.get_feature_names_out().tolist() == [
        "clipembedder0",
        "clipembedder1",
    ]
    assert embedder.set_output(transform="pandas").transform(X).shape == (12, 2)


def test_embeds_by_transformers_that_need_no_singers(clips):
    X, _ = clips
    embedder = ClipEmbedder(PCA(3)).fit(X)
    assert_allclose(
        embedder.transform(X)[0], PCA(3).fit(np.vstack(X)).transform(X[0]).mean(axis=0)
    )
    with pytest.raises(ValueError, match="singer of each recording"):
        ClipEmbedder().fit(X)


def test_embeds_raw_recordings(singers):
    nearest = make_pipeline(
        HandcraftedFeatures(), ClipEmbedder(), KNeighborsClassifier(1)
    )
    others = singers.songs != "song01"
    nearest.fit(
        [r for r, other in zip(singers.recordings, others, strict=True) if other],
        singers.singers[others],
    )
    enrolled = nearest.predict(singers.recordings)
    assert np.mean(enrolled == singers.singers) > 0.6


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[[0.0]], [[1.0]]], ["Ann", "Ann"], "at least two singers"),
        ([[[0.0]], [[1.0]]], ["Ann"], "y holds 1 labels for 2 recordings"),
        ([[[0.0]], [[1.0]]], ["Ann", None], "y has no label for recording 1 but None"),
        ([[[0.0]], [[1.0]]], [1, 2.5], "y has 2.5 for recording 1"),
        ([[[0.0]], [[np.nan]]], ["Ann", "Bob"], "recording 1 has features that are"),
    ],
)
def test_the_embedder_says_what_is_wrong(X, y, message):
    with pytest.raises(ValueError, match=message):
        ClipEmbedder().fit(X, y)


def test_the_embedder_knows_how_its_clips_were_described(clips):
    X, y = clips
    with pytest.raises(NotFittedError):
        ClipEmbedder().transform(X)
    with pytest.raises(ValueError, match="fitted with 4"):
        ClipEmbedder().fit(X, y).transform([x[:, :3] for x in X])


def test_too_few_clips_for_a_covariance_are_said_to_be_so(rng):
    X, y = [rng.randn(1, 30) for _ in range(8)], np.repeat(list("abcd"), 2)
    names = LinearDiscriminantAnalysis(solver="eigen")
    for model in (ClipClassifier(names), ClipEmbedder(names)):
        with pytest.raises(ValueError, match="8 clips of 8 recordings are too few for"):
            model.fit(X, y)
    assert ClipClassifier(PLDA()).fit(X, y).predict(X).shape == (8,)
