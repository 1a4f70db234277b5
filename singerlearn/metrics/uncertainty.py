"""How certain a figure is, and whether one model is better than another."""

import threading
import warnings
from typing import NamedTuple

import numpy as np

from singerlearn.labels import as_entries, encode_labels
from singerlearn.metrics.validation import check_count

# What is done about warnings concerns the whole process: two threads at once would put
# back each other's silence.
_quiet = threading.RLock()


class Interval(NamedTuple):
    """A figure and the confidence interval around it.

    Attributes
    ----------
    estimate, low, high : float or ndarray
        As the metric returns them.
    """

    estimate: float
    low: float
    high: float

    def __str__(self):
        if np.ndim(self.estimate):
            return repr(self)
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"


class Comparison(NamedTuple):
    """How far one model is ahead of another.

    Attributes
    ----------
    difference : float
        Mean over the folds of the first model's score minus the second's.
    low, high : float
        Its confidence interval.
    p_value : float
        Probability of a difference at least this large, in either direction, between
        two equally good models.
    """

    difference: float
    low: float
    high: float
    p_value: float

    def __str__(self):
        return (
            f"{self.difference:+.3f} [{self.low:+.3f}, {self.high:+.3f}], "
            f"p = {self.p_value:.2g}"
        )


def bootstrap_interval(
    metric, *arrays, groups, confidence=0.95, n_resamples=1000, random_state=None
):
    """Confidence interval of any metric, by resampling whole groups.

    Recordings by the same singer tend to be right or wrong together. Singers are
    therefore drawn, with replacement, each with all of their recordings: the interval
    says what to expect of other singers of the same kind [1]_. A trial belongs to two
    singers: a target is in a resample as often as its singer was drawn, a non-target as
    often as the product of both singers' draws [2]_. If the metric raises ValueError or
    is not finite, for instance because no target was drawn, the resample is drawn
    again.

    The ends are quantiles of the resamples. They lie further out the fewer the groups,
    as a t interval is wider than a normal one [3]_. With fewer than ten singers the
    interval is a rough guide; with two, which raises a warning, not even that.

    Parameters
    ----------
    metric : callable
        Takes the arrays and returns a number, or an array of numbers.
    *arrays : list or array-like of length n_samples
        What the metric takes, with one entry per recording, or per trial.
    groups : array-like of shape (n_samples,) or (n_trials, 2)
        The singer of each sample, or both singers of each trial.
    confidence : float, default=0.95
        How often such intervals contain the true value.
    n_resamples : int, default=1000
        How often the singers are drawn.
    random_state : int, RandomState instance or None, default=None
        Seeds the drawing of singers.

    Returns
    -------
    Interval
        ``(estimate, low, high)``; the estimate is the metric of the arrays themselves.

    Raises
    ------
    ValueError
        If lengths differ, if there is only one group, or if the metric refuses the
        arrays or nearly all resamples, or is not finite.

    References
    ----------
    .. [1] Bolle RM, Ratha NK, Pankanti S (2004): Error analysis of pattern recognition
       systems: the subsets bootstrap. Computer Vision and Image Understanding 93(1).
    .. [2] Owen AB (2007): The pigeonhole bootstrap. Annals of Applied Statistics 1(2).
    .. [3] Hesterberg TC (2015): What teachers should know about the bootstrap. The
       American Statistician 69(4).

    Examples
    --------
    >>> from singerlearn.metrics import bootstrap_interval, recording_accuracy
    >>> y_true = ["Ann", "Ann", "Bob", "Bob", "Cid", "Cid"]
    >>> y_pred = ["Ann", "Ann", "Bob", "Ann", "Cid", "Cid"]
    >>> interval = bootstrap_interval(
    ...     recording_accuracy, y_true, y_pred, groups=y_true, random_state=0
    ... )
    >>> print(interval)
    0.833 [0.500, 1.000]
    """
    from sklearn.utils import check_random_state  # a slow import

    arrays = [
        list(a) if isinstance(a, (list, tuple)) else np.asarray(a) for a in arrays
    ]
    codes, n_groups = _check_groups(groups, [len(a) for a in arrays])
    if n_groups == 2:
        warnings.warn(
            "an interval over two groups says next to nothing of others, and may have "
            "no width; give recordings of more singers",
            stacklevel=2,
        )
    tail = _tail(confidence, n_groups)
    check_count("n_resamples", n_resamples, 2)
    rng = check_random_state(random_state)

    estimate = metric(*arrays)
    if not np.isfinite(estimate).all():
        raise ValueError(f"the metric is {estimate}, of which there is no interval")
    values = []
    for _ in range(10 * n_resamples):
        drawn = np.bincount(rng.randint(n_groups, size=n_groups), minlength=n_groups)
        times = drawn[codes[:, 0]]
        if codes.shape[1] == 2:
            times = times * np.where(codes[:, 0] == codes[:, 1], 1, drawn[codes[:, 1]])
        samples = np.repeat(np.arange(len(codes)), times)
        try:
            with _quiet, warnings.catch_warnings(action="ignore"):
                value = metric(*(_take(a, samples) for a in arrays))
        except ValueError:
            continue
        if not np.isfinite(value).all():
            continue
        values.append(value)
        if len(values) == n_resamples:
            break
    else:
        raise ValueError(
            f"the metric could be computed on {len(values)} of {10 * n_resamples} "
            f"resamples of {n_groups} groups; there are too few groups for an interval"
        )
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    if np.ndim(estimate):
        return Interval(np.asarray(estimate), low, high)
    return Interval(float(estimate), float(low), float(high))


def compare_models(scores_a, scores_b, *, n_train, n_test, confidence=0.95):
    """Compare two models by their scores on the same folds.

    Folds of the same data set train on nearly the same recordings, so the differences
    between two models vary far less than they would on fresh data, and a plain paired
    t-test finds differences where there are none. The corrected resampled t-test of
    Nadeau and Bengio [1]_ multiplies the variance over folds by
    ``(1 / n_folds + n_test / n_train)`` instead of ``1 / n_folds``. To compare two
    models on a *single* test set, resample its singers: take the
    ``bootstrap_interval`` of the difference between their accuracies.

    Parameters
    ----------
    scores_a, scores_b : array-like of shape (n_folds,)
        One score per fold, of the same folds in the same order. With repeated
        cross-validation, give every fold of every repeat. Average over seeds first.
    n_train, n_test : int
        Recordings in a fold's training and test part, on average: for k folds,
        n_train = (k - 1) n_test.
    confidence : float, default=0.95
        How often such intervals contain the true difference.

    Returns
    -------
    Comparison
        ``(difference, low, high, p_value)``

    Raises
    ------
    ValueError
        If there are fewer than two folds, lengths differ, or a score is not finite.

    References
    ----------
    .. [1] Nadeau C, Bengio Y (2003): Inference for the generalization error. Machine
       Learning 52(3).

    Examples
    --------
    >>> from singerlearn.metrics import compare_models
    >>> net, svm = [0.80, 0.72, 0.78, 0.75], [0.61, 0.60, 0.70, 0.55]
    >>> print(compare_models(net, svm, n_train=30, n_test=10))
    +0.148 [+0.008, +0.287], p = 0.044
    """
    from scipy.special import stdtr, stdtrit  # slow imports

    scores = [np.asarray(s, dtype=np.float64) for s in (scores_a, scores_b)]
    if scores[0].ndim != 1 or scores[0].shape != scores[1].shape or len(scores[0]) < 2:
        raise ValueError(
            "the models need one score each on the same two or more folds, got shapes "
            f"{scores[0].shape} and {scores[1].shape}"
        )
    if not np.isfinite(scores).all():
        raise ValueError("a score is NaN or infinite; a fold that failed cannot count")
    if not (0 < n_train < np.inf and 0 < n_test < np.inf):
        raise ValueError(
            f"n_train={n_train} and n_test={n_test} must be positive and finite"
        )
    _check_confidence(confidence)

    differences = scores[0] - scores[1]
    # Means of the same numbers in another order differ by their rounding.
    differences[np.abs(differences) <= 1e-12 * np.abs(scores).max(axis=0)] = 0
    n_folds = len(differences)
    difference = float(differences.mean())
    error = float(np.sqrt((1 / n_folds + n_test / n_train) * differences.var(ddof=1)))
    if error > 0:
        p_value = float(2 * stdtr(n_folds - 1, -abs(difference) / error))
    else:  # the same difference in every fold
        p_value = float(difference == 0)
    reach = float(stdtrit(n_folds - 1, (1 + confidence) / 2)) * error
    return Comparison(difference, difference - reach, difference + reach, p_value)


def _check_groups(groups, lengths):
    """Return groups as codes of shape (n_samples, 1 or 2), and their number."""
    groups = as_entries(groups)
    if groups.ndim not in (1, 2) or groups.ndim == 2 and groups.shape[1] != 2:
        raise ValueError(
            f"groups has shape {groups.shape} but holds one label a sample, or two a "
            "trial"
        )
    if not lengths or set(lengths) != {len(groups)}:
        raise ValueError(f"groups holds {len(groups)} samples, the arrays {lengths}")
    # Column by column, so that an error counts trials and not their singers.
    columns = groups.reshape(len(groups), -1).T
    labels, codes = zip(*(encode_labels(c, "groups") for c in columns), strict=True)
    distinct, place = encode_labels(np.concatenate(labels), "groups", at_least=2)
    starts = np.cumsum([0, *map(len, labels)])[:-1]  # of each column's labels
    return place[np.stack(codes, axis=1) + starts], len(distinct)


def _check_confidence(confidence):
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} must lie between 0 and 1")


def _tail(confidence, n_groups):
    """Return the share of resamples beyond each end of the interval.

    If the resampled means are normal, these quantiles give the t interval of the mean.
    """
    from scipy.special import ndtr, stdtrit  # slow imports

    _check_confidence(confidence)
    t = stdtrit(n_groups - 1, (1 - confidence) / 2)
    return float(ndtr(t * np.sqrt(n_groups / (n_groups - 1))))


def _take(entries, samples):
    if isinstance(entries, list):
        return [entries[i] for i in samples]
    return entries[samples]
