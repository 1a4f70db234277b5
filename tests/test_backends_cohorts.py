import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from singerlearn.backends import PLDA, CohortScorer, cohort_scorer, normalize_scores
from singerlearn.metrics import equal_error_rate, make_trials


@pytest.fixture
def scored(rng):
    """Trials of 8 recordings by four singers, scored, and a cohort of 20 strangers."""
    Z, strangers = rng.randn(8, 3), rng.randn(20, 3)
    trials = make_trials(np.repeat(["Ann", "Bob", "Cid", "Dan"], 2))
    return trials.scores(Z), trials.pairs, -cdist(Z, strangers, "sqeuclidean")


@pytest.mark.parametrize("top_k", [None, 5, 20])
def test_scores_are_normalised_as_by_hand(scored, top_k):
    scores, pairs, cohort_scores = scored
    expected = {"z-norm": [], "t-norm": [], "s-norm": []}
    for score, (i, j) in zip(scores, pairs, strict=True):
        sides = []
        for recording in (i, j):
            best = sorted(cohort_scores[recording], reverse=True)[:top_k]
            sides.append((score - np.mean(best)) / np.std(best))
        for method, value in zip(expected, [*sides, np.mean(sides)], strict=True):
            expected[method].append(value)
    for method, values in expected.items():
        result = normalize_scores(
            scores, pairs, cohort_scores, method=method, top_k=top_k
        )
        assert_allclose(result, values)
    assert_allclose(
        normalize_scores(scores, pairs[:, ::-1], cohort_scores, top_k=top_k),
        expected["s-norm"],
    )


def test_normalised_scores_have_no_unit(scored):
    scores, pairs, cohort_scores = scored
    expected = normalize_scores(scores, pairs, cohort_scores)
    result = normalize_scores(3 * scores - 2, pairs, 3 * cohort_scores - 2)
    assert_allclose(result, expected)


def test_who_sounds_like_everybody_is_put_right(rng):
    singers = np.repeat(np.arange(20), 4)
    common = 3 * np.repeat(rng.randn(20), 4)  # how high a singer scores with anyone
    trials = make_trials(singers)
    first, second = trials.pairs.T
    scores = 5 * trials.is_target + rng.randn(len(trials))
    scores += common[first] + common[second]
    cohort_scores = rng.randn(80, 50) + common[:, None]
    before = equal_error_rate(trials.is_target, scores)
    after = normalize_scores(scores, trials.pairs, cohort_scores)
    assert equal_error_rate(trials.is_target, after) < before - 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(scores=[np.nan]), "NaN"),
        (dict(scores=[]), "0 sample"),
        (dict(pairs=[[0, 8]]), "outside 0 to 7"),
        (dict(pairs=[[0, -1]]), "outside 0 to 7"),
        (dict(pairs=[[0.0, 1.0]]), "type float64"),
        (dict(pairs=[[0, 1], [1, 2]]), r"shape \(2, 2\)"),
        (dict(scores=[[0.5]]), r"shape \(1, 1\); it holds one number a trial"),
        (dict(cohort_scores=np.ones((8, 3))), "recording 0 scores the same"),
        (dict(cohort_scores=np.arange(8.0)[:, None]), "recording 0 scores the same"),
        (dict(cohort_scores=np.full((8, 3), np.inf)), "infinity"),
        (dict(method="znorm"), "not one of s-norm, z-norm, t-norm"),
        (dict(top_k=1), "among 2 to 20"),
        (dict(top_k=21), "among 2 to 20"),
        (dict(top_k=2.0), "among 2 to 20"),
    ],
)
def test_scores_that_cannot_be_normalised(scored, changes, message):
    scores, pairs, cohort_scores = scored
    arguments = dict(scores=scores[:1], pairs=pairs[:1], cohort_scores=cohort_scores)
    with pytest.raises(ValueError, match=message):
        normalize_scores(**arguments | changes)


@pytest.fixture
def strangers(rng):
    """Embeddings of 20 recordings by five singers, and who sings each."""
    singers = np.repeat(np.arange(5), 4)
    return 3 * rng.randn(5, 3)[singers] + rng.randn(20, 3) + 1, singers


@pytest.fixture
def voices(rng):
    """Embeddings of 8 recordings by four singers."""
    return 3 * np.repeat(rng.randn(4, 3), 2, axis=0) + rng.randn(8, 3) + 1


def cosines(cohort, singers):
    return cosine_similarity


def negative_distances(cohort, singers):
    return lambda a, b: -cdist(a, b)


def likelihood_ratios(cohort, singers):
    return PLDA().fit(cohort, singers).score_matrix


@pytest.mark.parametrize(
    ("method", "top_k"), [("s-norm", None), ("z-norm", 6), ("t-norm", None)]
)
@pytest.mark.parametrize(
    ("scoring", "reference"),
    [
        ("cosine", cosines),
        ("euclidean", negative_distances),
        (PLDA(), likelihood_ratios),
    ],
)
def test_a_scorer_sets_its_scores_against_its_cohort(
    voices, strangers, scoring, reference, method, top_k
):
    alike = reference(*strangers)
    first, second = np.triu_indices(len(voices), 1)
    expected = normalize_scores(
        alike(voices, voices)[first, second],
        np.stack([first, second], axis=1),
        alike(voices, strangers[0]),
        method=method,
        top_k=top_k,
    )
    scorer = CohortScorer(scoring, method, top_k).fit(*strangers)
    assert_allclose(scorer.score_pairs(voices[first], voices[second]), expected)
    matrix = scorer.score_matrix(voices, voices[2:])
    assert matrix.shape == (8, 6)
    own = second >= 2
    assert_allclose(matrix[first[own], second[own] - 2], expected[own])


def test_a_scorer_is_a_step_of_a_pipeline(voices, strangers):
    cohort, singers = strangers
    model = make_pipeline(StandardScaler(), CohortScorer(PLDA())).fit(cohort, singers)
    model.set_params(cohortscorer__method="t-norm", cohortscorer__scoring="cosine")
    scores = clone(model).fit(cohort)[-1].score_matrix(cohort, cohort)
    scaled = StandardScaler().fit(cohort).transform(cohort)
    by_hand = CohortScorer(method="t-norm").fit(scaled).score_matrix(cohort, cohort)
    assert_array_equal(scores, by_hand)
    learned = PLDA().fit(cohort, singers)
    frozen = CohortScorer(FrozenEstimator(learned)).fit(voices)  # nobody named
    assert_array_equal(frozen.scorer_.means_, learned.means_)


def test_a_scorer_that_is_fitted_again_forgets_what_it_was(voices, strangers):
    scorer = CohortScorer(PLDA()).fit(*strangers).set_params(scoring="euclidean")
    expected = CohortScorer("euclidean").fit(voices).score_matrix(voices, voices)
    assert_array_equal(scorer.fit(voices).score_matrix(voices, voices), expected)


def test_many_pairs_are_scored_in_batches(voices, strangers, rng, monkeypatch):
    scorer = CohortScorer().fit(*strangers)
    first, second = rng.randint(8, size=(2, 40))
    expected = scorer.score_pairs(voices[first], voices[second])
    matrix = scorer.score_matrix(voices, voices)
    assert_allclose(expected, matrix[first, second])
    monkeypatch.setattr(cohort_scorer, "_AT_ONCE", 3 * len(strangers[0]))
    assert_allclose(scorer.score_pairs(voices[first], voices[second]), expected)
    scorer = CohortScorer().fit([[1.0, 1, 1], [2.0, 2, 2], [5.0, 5, 5]])
    with pytest.raises(ValueError, match="recording 0 of first scores the same"):
        scorer.score_pairs(voices[first], voices[second])


def test_a_recording_in_many_pairs_is_compared_with_the_cohort_once(strangers):
    compared = []

    class Counted(PLDA):
        def score_matrix(self, first, second):
            compared.append(len(first))
            return super().score_matrix(first, second)

    scorer = CohortScorer(Counted(), method="z-norm").fit(*strangers)
    scorer.score_pairs(np.tile(strangers[0][:4], (50, 1)), np.ones((200, 3)))
    assert compared == [4]


def test_distances_are_exact_far_from_the_origin(strangers, rng):
    Z = rng.randn(6, 3)
    near, far = (
        CohortScorer("euclidean")
        .fit(strangers[0] + shift)
        .score_matrix(*2 * [Z + shift])
        for shift in (0, 2.0**24)
    )
    off = ~np.eye(6, dtype=bool)
    assert_allclose(far[off], near[off], rtol=1e-6)


def test_a_zero_embedding_is_at_right_angles_to_all(voices, strangers):
    scorer, zeros = CohortScorer(method="z-norm").fit(*strangers), 0 * voices
    pairs = scorer.score_pairs(voices, zeros)
    assert_allclose(pairs, np.diag(scorer.score_matrix(voices, zeros)))
    alike = cosine_similarity(voices, strangers[0])
    assert_allclose(pairs, -alike.mean(axis=1) / alike.std(axis=1))


@parametrize_with_checks([CohortScorer(), CohortScorer(PLDA())])
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


def test_singers_are_asked_for_where_a_scoring_learns_from_them():
    learned = PLDA().fit([[0.0], [1.0], [2.0], [3.5]], [0, 0, 1, 1])
    for scoring in ("cosine", FrozenEstimator(learned)):
        assert not get_tags(CohortScorer(scoring)).target_tags.required
    assert get_tags(CohortScorer(PLDA())).target_tags.required


@pytest.mark.parametrize(
    ("changes", "n_cohort", "message"),
    [
        (dict(top_k=8), 7, "top_k=8 of a cohort of 7; lower it"),
        (dict(top_k=1), 7, "'top_k' parameter of CohortScorer"),
        (dict(method="norm"), 7, "'method' parameter of CohortScorer"),
        (dict(scoring="angle"), 7, "'scoring' parameter of CohortScorer"),
        (dict(scoring=StandardScaler()), 7, "'scoring' parameter of CohortScorer"),
        (dict(scoring=PLDA()), 7, "requires y to be passed"),
        ({}, 1, "minimum of 2 is required"),
    ],
)
def test_cohorts_that_say_nothing(rng, changes, n_cohort, message):
    with pytest.raises(ValueError, match=message):
        CohortScorer(**changes).fit(rng.randn(n_cohort, 3))


def test_pairs_that_cannot_be_scored(voices, strangers):
    scorer = CohortScorer()
    with pytest.raises(NotFittedError):
        scorer.score_pairs(voices, voices)
    scorer.fit(*strangers)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        scorer.score_pairs(voices, voices[1:])
    with pytest.raises(ValueError, match="2 features, but CohortScorer is expecting 3"):
        scorer.score_matrix(voices, voices[:, :2])
    with pytest.raises(ValueError, match="recording 0 of first scores the same"):
        CohortScorer().fit(np.ones((4, 3))).score_pairs(voices, voices)
