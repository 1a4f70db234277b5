"""Are two recordings by the same singer? Error rates, and the paper's Table 2 loss.

Every metric takes one entry per trial, as `Trials` gives them.
"""

from typing import NamedTuple

import numpy as np

from singerlearn.metrics.validation import check_both_kinds


class DETCurve(NamedTuple):
    """The trade-off between two errors, by threshold.

    Attributes
    ----------
    false_alarm : ndarray of shape (n_thresholds,)
        Share of the non-targets that are accepted, falling.
    miss : ndarray of shape (n_thresholds,)
        Share of the targets that are rejected, rising.
    thresholds : ndarray of shape (n_thresholds,)
        Lowest scores at which a trial is accepted, rising.
    """

    false_alarm: np.ndarray
    miss: np.ndarray
    thresholds: np.ndarray


def det_curve(is_target, scores):
    """Points of the detection error trade-off curve.

    The curve is scikit-learn's: it runs from the last threshold at which no target is
    missed to the first at which no non-target is accepted. For a band around it, see
    `miss_rate`.

    Parameters
    ----------
    is_target : array-like of shape (n_trials,), bool
        Whether both recordings of a trial are by the same singer.
    scores : array-like of shape (n_trials,)
        The higher, the more alike.

    Returns
    -------
    DETCurve
        ``(false_alarm, miss, thresholds)``

    Raises
    ------
    ValueError
        If targets or non-targets are missing, lengths differ or a score is not finite.

    Examples
    --------
    >>> from singerlearn.metrics import det_curve
    >>> curve = det_curve([True, False, True, False], [0.9, 0.4, 0.3, 0.1])
    >>> curve.false_alarm.tolist(), curve.miss.tolist()
    ([0.5, 0.5, 0.0], [0.0, 0.5, 0.5])
    """
    from sklearn import metrics  # a slow import

    is_target, scores = _check_trials(is_target, scores)
    return DETCurve(*metrics.det_curve(is_target, scores))


def equal_error_rate(is_target, scores):
    """Error rate at the threshold where misses are as frequent as false alarms.

    Between two thresholds, error rates are interpolated linearly, as in an ROC curve;
    scores that are all equal give 0.5.

    Parameters
    ----------
    is_target : array-like of shape (n_trials,), bool
        Whether both recordings of a trial are by the same singer.
    scores : array-like of shape (n_trials,)
        The higher, the more alike.

    Returns
    -------
    error_rate : float in [0, 1]
        0.5 is chance; above it, non-targets score higher than targets.

    Raises
    ------
    ValueError
        If targets or non-targets are missing, lengths differ or a score is not finite.

    Examples
    --------
    >>> from singerlearn.metrics import equal_error_rate
    >>> equal_error_rate([True, True, False, False], [0.9, 0.3, 0.4, 0.1])
    0.5
    """
    false_alarm, miss = _error_rates(*_check_trials(is_target, scores))
    surplus = false_alarm - miss  # rises from -1 to 1
    after = np.searchsorted(surplus, 0)
    before = after - 1
    way = -surplus[before] / (surplus[after] - surplus[before])
    step = false_alarm[after] - false_alarm[before]
    return float(false_alarm[before] + way * step)


def min_dcf(is_target, scores, *, p_target=0.05, c_miss=1.0, c_false_alarm=1.0):
    """Detection cost at the best threshold (NIST's minDCF), normalised.

    The cost is ``c_miss * p_target * miss + c_false_alarm * (1 - p_target) *
    false_alarm``, divided by that of accepting all or none, whichever is cheaper.

    Parameters
    ----------
    is_target : array-like of shape (n_trials,), bool
        Whether both recordings of a trial are by the same singer.
    scores : array-like of shape (n_trials,)
        The higher, the more alike.
    p_target : float, default=0.05
        How probable targets are where the system will be used; their share among the
        trials does not matter.
    c_miss, c_false_alarm : float, default=1.0
        Costs of the errors.

    Returns
    -------
    cost : float in [0, 1]
        1 is the cost of deciding without listening.

    Raises
    ------
    ValueError
        If targets or non-targets are missing, lengths differ, a score is not finite, or
        the prior or a cost is out of range.

    Examples
    --------
    >>> from singerlearn.metrics import min_dcf
    >>> min_dcf([True, True, False, False], [0.9, 0.3, 0.4, 0.1])
    0.5
    """
    if not (0 < p_target < 1 and 0 < c_miss < np.inf and 0 < c_false_alarm < np.inf):
        raise ValueError(
            f"p_target={p_target} must lie between 0 and 1, and c_miss={c_miss} and "
            f"c_false_alarm={c_false_alarm} be above 0 and finite"
        )
    false_alarm, miss = _error_rates(*_check_trials(is_target, scores))
    of_misses, of_false_alarms = c_miss * p_target, c_false_alarm * (1 - p_target)
    cost = of_misses * miss + of_false_alarms * false_alarm
    return float(cost.min() / min(of_misses, of_false_alarms))


def miss_rate(is_target, scores, *, false_alarm_rates=(0.01, 0.02, 0.05, 0.1, 0.2)):
    """Share of the targets that are rejected at given rates of false alarms.

    These are points of the DET curve at fixed places, so that `bootstrap_interval` can
    put a band around it. Rates are interpolated as in `equal_error_rate`; where the
    curve is vertical, the lowest miss rate counts.

    Parameters
    ----------
    is_target : array-like of shape (n_trials,), bool
        Whether both recordings of a trial are by the same singer.
    scores : array-like of shape (n_trials,)
        The higher, the more alike.
    false_alarm_rates : array-like of shape (n_rates,), default=(0.01, ..., 0.2)
        In [0, 1].

    Returns
    -------
    miss : ndarray of shape (n_rates,)

    Raises
    ------
    ValueError
        If targets or non-targets are missing, lengths differ, a score is not finite, or
        a rate is out of range.

    Examples
    --------
    >>> from functools import partial
    >>> from singerlearn.metrics import bootstrap_interval, make_trials, miss_rate
    >>> trials = make_trials(["Ann", "Ann", "Bob", "Bob", "Cid", "Cid"])
    >>> scores = trials.scores([[0.0], [0.4], [1.0], [1.2], [3.0], [3.9]])
    >>> read = partial(miss_rate, false_alarm_rates=[0.0, 0.5])
    >>> band = bootstrap_interval(
    ...     read, trials.is_target, scores, groups=trials.singers, random_state=0
    ... )
    >>> band.estimate.round(2).tolist()
    [0.33, 0.0]
    """
    rates = np.asarray(false_alarm_rates, dtype=np.float64)
    if not np.all((rates >= 0) & (rates <= 1)):
        raise ValueError(f"false_alarm_rates={rates} must lie in [0, 1]")
    false_alarm, miss = _error_rates(*_check_trials(is_target, scores))
    # Among points above each other, np.interp takes the last: the lowest miss rate.
    return np.interp(rates, false_alarm, miss)


def contrastive_loss(is_target, distances, *, margin=1.0):
    """Contrastive loss of an embedding over pairs: the figure of the paper's Table 2.

    Equations 4 and 5: ``distance / 2`` for a pair by the same singer, ``max(0, margin -
    distance) / 2`` for any other pair, where the distance is squared Euclidean. The
    paper draws both kinds 1 : 1, so the mean of each kind counts for half; with as many
    targets as non-targets, that is the plain mean.

    Parameters
    ----------
    is_target : array-like of shape (n_trials,), bool
        Whether both recordings of a trial are by the same singer.
    distances : array-like of shape (n_trials,)
        Squared Euclidean distances, as ``Trials.distances`` returns them.
    margin : float, default=1.0
        Squared distance at which two singers are far enough apart.

    Returns
    -------
    loss : float
        Lower is better. If all embeddings are equal, the loss is ``margin / 4``.

    Raises
    ------
    ValueError
        If targets or non-targets are missing, lengths differ, or a distance is negative
        or not finite.

    Examples
    --------
    Pairs of chunks, 1 : 1. Two chunks of the same recording are not paired here, which
    makes the test harder:

    >>> import numpy as np
    >>> from singerlearn.metrics import contrastive_loss, make_trials
    >>> Z = np.array([[0.0], [0.2], [0.1], [0.0], [2.0], [2.1], [2.3], [2.0]])
    >>> singers = np.repeat(["Ann", "Bob"], 4)
    >>> recordings = [0, 0, 1, 1, 2, 2, 3, 3]
    >>> trials = make_trials(
    ...     singers, exclude_groups=recordings, n_targets=4, n_nontargets=4,
    ...     random_state=0,
    ... )
    >>> contrastive_loss(trials.is_target, trials.distances(Z)) < 0.02
    True
    """
    is_target, distances = _check_trials(is_target, distances, "distances")
    if distances.min() < 0:
        raise ValueError(
            f"distances[{distances.argmin()}] is negative; pass squared distances, "
            "trials.distances(Z), not scores"
        )
    if not 0 < margin < np.inf:
        raise ValueError(f"margin={margin} must be above 0 and finite")
    targets, others = distances[is_target], distances[~is_target]
    loss = np.mean(targets / 2) + np.mean(np.maximum(0, margin - others) / 2)
    return float(loss / 2)


def _check_trials(is_target, scores, name="scores"):
    """Return the kind and the score of every trial; refuse a single kind."""
    is_target, scores = np.asarray(is_target), np.asarray(scores)
    if is_target.ndim != 1 or is_target.shape != scores.shape:
        raise ValueError(
            f"is_target has shape {is_target.shape} and {name} {scores.shape} but both "
            "hold one entry a trial"
        )
    if is_target.dtype != bool and not np.isin(is_target, [0, 1]).all():
        raise ValueError(f"is_target holds True or False; is it where {name} belong?")
    is_target = is_target.astype(bool)
    check_both_kinds(is_target.sum(), (~is_target).sum())
    try:
        if np.iscomplexobj(scores):
            raise TypeError("they are complex")
        scores = scores.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers: {error}") from None
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise ValueError(
            f"{len(bad)} of {len(scores)} {name} are NaN or infinite, the first of "
            f"them that of trial {bad[0]}"
        )
    return is_target, scores


def _error_rates(is_target, scores):
    """Return false alarm and miss rates, from accepting none to accepting all.

    As scikit-learn's roc_curve, but quick enough for a bootstrap.
    """
    order = np.argsort(-scores)
    hits, scores = np.cumsum(is_target[order]), scores[order]
    # Trials of equal score are accepted together.
    last = np.flatnonzero(np.diff(scores, append=-np.inf))
    hits = np.concatenate([[0], hits[last]])
    false_alarms = np.concatenate([[0], last + 1]) - hits
    return false_alarms / false_alarms[-1], 1 - hits / hits[-1]
