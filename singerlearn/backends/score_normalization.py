"""Scores of trials, relative to the scores that strangers get."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array

# The sides of a pair whose mean and deviation count: 0 is enrolled, 1 is to be tested.
METHODS = {"s-norm": (0, 1), "z-norm": (0,), "t-norm": (1,)}


def normalize_scores(scores, pairs, cohort_scores, *, method="s-norm", top_k=None):
    """Normalise each score by those of the same recordings with a cohort of strangers.

    Some recordings resemble everybody's, and score high with anyone. If scores are
    given in standard deviations from what a recording scores with strangers, one
    threshold suits all.

    Parameters
    ----------
    scores : array-like of shape (n_trials,)
        The higher, the more alike.
    pairs : array-like of shape (n_trials, 2), int
        Positions of the two recordings of each trial: ``Trials.pairs``.
    cohort_scores : array-like of shape (n_recordings, n_cohort)
        How every recording scores with each member of the cohort: recordings, or means,
        of singers who are in no trial, such as those an embedder was trained on.
        Computed in the same way as `scores`.
    method : {"s-norm", "z-norm", "t-norm"}, default="s-norm"
        Whose mean and deviation are used: those of the first recording, the enrolled
        one ("z-norm"); those of the second, the one to test ("t-norm"); or each in
        turn, averaging the two results ("s-norm"), so that the order does not matter.
    top_k : int, default=None
        Use only this many of the cohort, those with which a recording scores highest
        (adaptive normalisation). None uses all.

    Returns
    -------
    ndarray of shape (n_trials,)

    Raises
    ------
    ValueError
        If shapes do not match, scores are not finite, `top_k` is not from 2 to
        n_cohort, or a recording scores the same with all of the cohort.

    See Also
    --------
    singerlearn.metrics.Trials : Pairs and their scores.
    PLDA.score_matrix : Cohort scores, if the scores are PLDA's.

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
    if scores.ndim != 1:
        raise ValueError(
            f"scores has shape {scores.shape}; it holds one number a trial"
        )
    if pairs.shape != (len(scores), 2) or pairs.dtype.kind not in "iu":
        raise ValueError(
            f"pairs has shape {pairs.shape} and type {pairs.dtype} but holds the "
            f"positions of two recordings for each of {len(scores)} scores"
        )
    n_recordings, n_cohort = cohort_scores.shape
    if pairs.min() < 0 or pairs.max() >= n_recordings:
        raise ValueError(
            f"pairs holds positions outside 0 to {n_recordings - 1}; cohort_scores "
            "needs a row for each recording"
        )
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not one of {', '.join(METHODS)}")
    if top_k is not None and not (
        isinstance(top_k, Integral) and 2 <= top_k <= n_cohort
    ):
        raise ValueError(f"top_k={top_k} must be among 2 to {n_cohort}, the cohort")
    mean, deviation = cohort_moments(cohort_scores, top_k)
    sides = [pairs[:, side] for side in METHODS[method]]
    return normalize(scores, [(mean[side], deviation[side]) for side in sides])


def cohort_moments(cohort_scores, top_k=None, *, numbers=None, of=""):
    """Return mean and deviation of what each recording scores with a cohort.

    Parameters
    ----------
    cohort_scores : ndarray of shape (n_recordings, n_cohort)
    top_k : int, default=None
        As for `normalize_scores`.
    numbers : ndarray of shape (n_recordings,), default=None
        Numbers by which an error names the recordings; None counts from 0.
    of : str, default=""
        What an error says after a recording's number, such as " of first".

    Returns
    -------
    mean, deviation : ndarray of shape (n_recordings,)

    Raises
    ------
    ValueError
        If a recording scores the same with all of the cohort.
    """
    if top_k is not None:
        cohort_scores = np.partition(cohort_scores, -top_k, axis=1)[:, -top_k:]
    mean, deviation = cohort_scores.mean(axis=1), cohort_scores.std(axis=1)
    # Smaller deviations come from rounding scores that are the same.
    alike = np.flatnonzero(deviation <= 1e-10 * np.abs(cohort_scores).max(axis=1))
    if len(alike):
        first = alike[0] if numbers is None else numbers[alike].min()
        raise ValueError(
            f"recording {first}{of} scores the same with all of the cohort; "
            "give a cohort of different recordings, and embeddings that are not zero"
        )
    return mean, deviation


def normalize(scores, moments):
    """Return scores in deviations from the cohort's mean, averaged over sides.

    Parameters
    ----------
    scores : ndarray
    moments : list of pairs of ndarray
        Mean and deviation of each side that counts, of shapes that go with `scores`.

    Returns
    -------
    ndarray
        In the shape of `scores`.
    """
    sides = [(scores - mean) / deviation for mean, deviation in moments]
    return sum(sides) / len(sides)
