"""Scores of trials, set against the scores that strangers get."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array

METHODS = ("s-norm", "z-norm", "t-norm")


def normalize_scores(scores, pairs, cohort_scores, *, method="s-norm", top_k=None):
    """Set each score against those of the same recordings with a cohort of strangers.

    Some recordings are like everybody's, and score high with anyone. In deviations from
    what a recording scores with strangers, one threshold serves all.

    Parameters
    ----------
    scores : array-like of shape (n_trials,)
        The higher, the more alike.
    pairs : array-like of shape (n_trials, 2), int
        Positions of the two recordings of each trial: ``Trials.pairs``.
    cohort_scores : array-like of shape (n_recordings, n_cohort)
        How every recording scores with each of the cohort: recordings, or means, of
        singers who sing in no trial, such as those an embedder was trained on. Made by
        the same rule as `scores`.
    method : {"s-norm", "z-norm", "t-norm"}, default="s-norm"
        Whose mean and deviation are taken off: the first recording's, the enrolled one
        ("z-norm"), the second's, the one to test ("t-norm"), or both in turn, and the
        mean of the two ("s-norm"), which does not depend on the order.
    top_k : int, default=None
        Only so many of the cohort count, those with whom a recording scores highest
        (adaptive normalisation). None takes all.

    Returns
    -------
    ndarray of shape (n_trials,)

    Raises
    ------
    ValueError
        If shapes do not fit together, scores are not finite, `top_k` is not among 2 to
        n_cohort, or a recording scores the same with all of the cohort.

    See Also
    --------
    singerlearn.metrics.Trials : Pairs and their scores.
    PLDA.score_matrix : Cohort scores, if it is PLDA that scores.

    References
    ----------
    P. Kenny, "Bayesian speaker verification with heavy-tailed priors", Odyssey 2010.
    P. Matějka et al., "Analysis of score normalization in multilingual speaker
    recognition", Interspeech 2017.

    Examples
    --------
    >>> from scipy.spatial.distance import cdist
    >>> from singerlearn.backends import normalize_scores
    >>> from singerlearn.metrics import Trials
    >>> Z, strangers = [[0.0], [1.0], [4.0]], [[6.0], [8.0], [9.0]]
    >>> trials = Trials([(0, 1), (1, 2)], ["Ann", "Ann", "Bob"])
    >>> cohort_scores = -cdist(Z, strangers, "sqeuclidean")
    >>> scores = normalize_scores(trials.scores(Z), trials.pairs, cohort_scores)
    >>> scores.round(2).tolist()
    [3.0, 1.5]
    """
    scores = check_array(scores, dtype=np.float64, ensure_2d=False, input_name="scores")
    cohort_scores = check_array(
        cohort_scores, dtype=np.float64, input_name="cohort_scores"
    )
    pairs = np.asarray(pairs)
    if pairs.shape != (*scores.shape, 2) or pairs.dtype.kind not in "iu":
        raise ValueError(
            f"pairs has shape {pairs.shape} and type {pairs.dtype} but holds the "
            f"positions of two recordings for each of {scores.shape} scores"
        )
    n_recordings, n_cohort = cohort_scores.shape
    if pairs.min() < 0 or pairs.max() >= n_recordings:
        raise ValueError(
            f"pairs holds positions outside 0 to {n_recordings - 1}; cohort_scores "
            "needs a row for each recording"
        )
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not one of {', '.join(METHODS)}")
    if top_k is not None:
        if not isinstance(top_k, Integral) or not 2 <= top_k <= n_cohort:
            raise ValueError(f"top_k={top_k} must be among 2 to {n_cohort}, the cohort")
        cohort_scores = np.partition(cohort_scores, -top_k, axis=1)[:, -top_k:]
    alike = np.flatnonzero(np.ptp(cohort_scores, axis=1) == 0)
    if len(alike):
        raise ValueError(
            f"recording {alike[0]} scores the same with all of the cohort; a cohort of "
            "several different recordings is needed"
        )
    mean, deviation = cohort_scores.mean(axis=1), cohort_scores.std(axis=1)
    z_norm, t_norm = ((scores - mean[side]) / deviation[side] for side in pairs.T)
    return {"z-norm": z_norm, "t-norm": t_norm, "s-norm": (z_norm + t_norm) / 2}[method]
