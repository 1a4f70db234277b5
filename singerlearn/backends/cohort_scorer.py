"""Score pairs of recordings relative to a cohort of strangers."""

from numbers import Integral

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import paired_distances
from sklearn.preprocessing import normalize as unit_rows
from sklearn.utils import gen_batches, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from singerlearn.backends.score_normalization import (
    METHODS,
    cohort_moments,
    normalize,
)

# Scores with the cohort that are in memory at a time.
_AT_ONCE = 2**24


class CohortScorer(MetaEstimatorMixin, BaseEstimator):
    """Scores whether two embeddings are by the same singer, relative to a cohort.

    Some recordings resemble everybody's, and score high with anyone. Here each score is
    given in standard deviations from what the same two recordings score with a cohort
    of strangers, so that one threshold suits all. `fit` takes the cohort: recordings of
    singers who will not be compared, such as those that a back end learned from,
    synthetic ones, or recordings of your own without labels.

    Parameters
    ----------
    scoring : {"cosine", "euclidean"} or estimator, default="cosine"
        How alike two embeddings are: by the cosine of their angle, by their distance,
        or by an estimator with ``score_pairs`` and ``score_matrix``, such as
        :class:`PLDA`, which is fitted to the cohort, too. To use one that is already
        fitted, wrap it in a `sklearn.frozen.FrozenEstimator`.
    method : {"s-norm", "z-norm", "t-norm"}, default="s-norm"
        As for :func:`normalize_scores`.
    top_k : int, default=None
        Use only this many of the cohort, those most like a recording. None uses all.

    Attributes
    ----------
    cohort_ : ndarray of shape (n_cohort, n_features)
        Embeddings of the cohort.
    scorer_ : object
        Gives the scores before normalisation: the fitted `scoring`, if an estimator.
    n_features_in_ : int
        Dimensions of the embedding.

    See Also
    --------
    normalize_scores : The same for scores of any kind.

    Examples
    --------
    >>> from singerlearn.backends import CohortScorer
    >>> cohort = [[1.0, 0.2], [0.9, 0.7], [0.4, 1.0], [1.0, 1.0]]
    >>> scorer = CohortScorer().fit(cohort)
    >>> Z = [[1.0, 0.1], [1.0, 0.0], [0.1, 1.0]]
    >>> scorer.score_matrix(Z[:1], Z[1:]).round(1).tolist()
    [[1.2, -2.5]]
    """

    _parameter_constraints = {
        "scoring": [
            StrOptions({"cosine", "euclidean"}),
            HasMethods(["fit", "score_pairs", "score_matrix"]),
        ],
        "method": [StrOptions(set(METHODS))],
        "top_k": [None, Interval(Integral, 2, None, closed="left")],
    }

    def __init__(self, scoring="cosine", method="s-norm", top_k=None):
        self.scoring = scoring
        self.method = method
        self.top_k = top_k

    def fit(self, X, y=None):
        """Keep the cohort.

        Parameters
        ----------
        X : array-like of shape (n_cohort, n_features)
            Embeddings of the cohort's recordings, or means of several embeddings.
        y : array-like of shape (n_cohort,), default=None
            The singer of each; needed if `scoring` learns from it.

        Returns
        -------
        self : CohortScorer
            With a cohort.

        Raises
        ------
        ValueError
            If the cohort has fewer than `top_k` recordings, or fewer than two.
        """
        self._validate_params()
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        if self.top_k is not None and self.top_k > len(X):
            raise ValueError(
                f"top_k={self.top_k} of a cohort of {len(X)}; lower it, or give `fit` "
                "more recordings"
            )
        if isinstance(self.scoring, str):
            self.scorer_ = _Likeness(self.scoring)
        else:
            self.scorer_ = clone(self.scoring).fit(X, y)
        self.cohort_ = X
        return self

    def score_pairs(self, first, second):
        """Score whether pairs of recordings are by the same singer.

        For trials, take ``first, second = trials.pairs.T`` and then
        ``scorer.score_pairs(Z[first], Z[second])``.

        Parameters
        ----------
        first, second : array-like of shape (n_pairs, n_features)
            Embeddings of the two recordings of each pair: the enrolled one and the one
            to test. The order matters for "z-norm" and "t-norm".

        Returns
        -------
        ndarray of shape (n_pairs,)
            Standard deviations above what strangers score.
        """
        first, second = self._check(first), self._check(second)
        check_consistent_length(first, second)
        scores = self.scorer_.score_pairs(first, second)
        return normalize(scores, self._moments(first, second))

    def score_matrix(self, first, second):
        """Score every first recording against every second one.

        Parameters
        ----------
        first : array-like of shape (n_first, n_features)
            Embeddings.
        second : array-like of shape (n_second, n_features)
            Embeddings of the recordings to compare each with.

        Returns
        -------
        ndarray of shape (n_first, n_second)
            Standard deviations above what strangers score.
        """
        first, second = self._check(first), self._check(second)
        scores = self.scorer_.score_matrix(first, second)
        sides = zip(METHODS[self.method], self._moments(first, second), strict=True)
        # The first side lies along rows of the scores, the second along columns.
        return normalize(scores, [np.expand_dims(own, 2 - side) for side, own in sides])

    def _check(self, X):
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False)

    def _moments(self, first, second):
        """Return the cohort's mean and deviation, (2, n), on each side that counts."""
        moments = []
        for side in METHODS[self.method]:
            X, name = [(first, "first"), (second, "second")][side]
            # A recording is compared with the cohort once, however many pairs it is in.
            _, distinct, place = np.unique(
                X, axis=0, return_index=True, return_inverse=True
            )
            n_rows = max(1, _AT_ONCE // len(self.cohort_))
            parts = [
                cohort_moments(
                    self.scorer_.score_matrix(X[distinct[rows]], self.cohort_),
                    self.top_k,
                    numbers=distinct[rows],
                    of=f" of {name}",
                )
                for rows in gen_batches(len(distinct), n_rows)
            ]
            moments.append(np.hstack(parts)[:, place.ravel()])
        return moments

    def __sklearn_tags__(self):
        """Singers are required if `scoring` learns from them."""
        tags = super().__sklearn_tags__()
        if not isinstance(self.scoring, (str, FrozenEstimator)):
            tags.target_tags.required = get_tags(self.scoring).target_tags.required
        return tags


class _Likeness:
    """Scores pairs by angle or distance, with the methods that `PLDA` has."""

    def __init__(self, metric):
        self.metric = metric

    def score_pairs(self, first, second):
        if self.metric == "cosine":
            # paired_distances puts a zero embedding, which has no angle, at 0.5 from
            # all; here it is at right angles to them, as in the matrix.
            return (unit_rows(first) * unit_rows(second)).sum(axis=1) - 1
        return -paired_distances(first, second)

    def score_matrix(self, first, second):
        if self.metric == "cosine":
            return -pairwise_distances(first, second, metric="cosine")
        # From differences: norms and products lose precision far from the origin.
        return -cdist(first, second)
