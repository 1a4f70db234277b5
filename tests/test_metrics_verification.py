import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from scipy.special import ndtr
from sklearn.metrics import roc_curve

from singerlearn.metrics import (
    contrastive_loss,
    det_curve,
    equal_error_rate,
    make_trials,
    min_dcf,
    miss_rate,
)


@st.composite
def trials(draw):
    scores = draw(st.lists(st.integers(-4, 4), min_size=2, max_size=40))
    kinds = draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    assume(any(kinds) and not all(kinds))
    return np.array(kinds), np.array(scores) / 2


def errors(is_target, scores, threshold):
    """False alarm and miss rate, by counting."""
    accepted = [score >= threshold for score in scores]
    false_alarms = sum(a and not t for a, t in zip(accepted, is_target, strict=True))
    misses = sum(t and not a for a, t in zip(accepted, is_target, strict=True))
    return false_alarms / sum(~is_target), misses / sum(is_target)


@settings(max_examples=80, deadline=None)
@given(trials(), st.floats(0.01, 0.99), st.floats(0.1, 10))
def test_min_dcf_tries_every_threshold(drawn, prior, c_miss):
    is_target, scores = drawn
    costs = [
        c_miss * prior * miss + (1 - prior) * false_alarm
        for threshold in [*np.unique(scores), np.inf]
        for false_alarm, miss in [errors(is_target, scores, threshold)]
    ]
    expected = min(costs) / min(c_miss * prior, 1 - prior)
    cost = min_dcf(is_target, scores, p_target=prior, c_miss=c_miss)
    assert cost == pytest.approx(expected) and 0 <= cost <= 1 + 1e-12


def test_both_costs_count():
    is_target, scores = [1, 1, 1, 0, 0, 0], [3, 2, 0, 2.5, 1, -1]
    cost = min_dcf(is_target, scores, p_target=0.5, c_false_alarm=4.0)
    assert cost == pytest.approx(min_dcf(is_target, scores, p_target=0.5, c_miss=0.25))
    assert cost != min_dcf(is_target, scores, p_target=0.5)


@settings(max_examples=80, deadline=None)
@given(trials())
def test_equal_error_rate_is_where_the_roc_crosses_the_diagonal(drawn):
    is_target, scores = drawn
    false_alarm, hit, _ = roc_curve(is_target, scores)
    # The curve as a function of the distance along it, since it can be upright.
    along = np.r_[0, np.cumsum(np.diff(false_alarm) + np.diff(hit))]
    read = interp1d(along, [false_alarm, 1 - hit])
    crossing = brentq(lambda x: np.subtract(*read(x)), 0, along[-1])
    assert equal_error_rate(is_target, scores) == pytest.approx(read(crossing)[0])


@settings(max_examples=50, deadline=None)
@given(trials())
def test_error_rates_depend_on_the_order_alone(drawn):
    is_target, scores = drawn
    eer = equal_error_rate(is_target, scores)
    assert equal_error_rate(is_target, np.exp(scores)) == pytest.approx(eer)
    assert equal_error_rate(~is_target, -scores) == pytest.approx(eer)
    assert equal_error_rate(~is_target, scores) == pytest.approx(1 - eer)
    assert min_dcf(is_target, 3 * scores + 1) == min_dcf(is_target, scores)
    twice = np.tile(is_target, 2), np.tile(scores, 2)
    assert equal_error_rate(*twice) == pytest.approx(eer)


def test_two_normal_distributions_in_closed_form(rng):
    """Unit variances, d apart: the error rates are equal at d / 2."""
    n, d = 40_000, 1.5
    is_target = np.repeat([True, False], n)
    scores = rng.randn(2 * n) + d * is_target
    assert equal_error_rate(is_target, scores) == pytest.approx(ndtr(-d / 2), abs=0.01)
    # Costs are equal where the likelihood ratio is the odds of a non-target.
    threshold = d / 2 + np.log(0.95 / 0.05) / d
    cost = ndtr(threshold - d) + 0.95 / 0.05 * ndtr(-threshold)
    assert min_dcf(is_target, scores) == pytest.approx(cost, abs=0.02)


@pytest.mark.parametrize(
    ("scores", "eer", "cost"),
    [
        ([3, 4, 1, 2], 0.0, 0.0),
        ([1, 2, 3, 4], 1.0, 1.0),
        ([5, 5, 5, 5], 0.5, 1.0),
    ],
)
def test_perfect_reversed_and_constant_scores(scores, eer, cost):
    is_target = [1, 1, 0, 0]
    assert equal_error_rate(is_target, scores) == eer
    assert min_dcf(is_target, scores) == cost


@settings(max_examples=50, deadline=None)
@given(trials())
def test_points_of_the_curve_are_counts(drawn):
    is_target, scores = drawn
    curve = det_curve(is_target, scores)
    for point in zip(*curve, strict=True):
        assert point[:2] == pytest.approx(errors(is_target, scores, point[2]))
    assert (np.diff(curve.false_alarm) <= 0).all() and (np.diff(curve.miss) >= 0).all()
    assert (np.diff(curve.thresholds) > 0).all()
    # Where the curve's false alarms are read off, the lowest miss of them comes out.
    lowest = {}
    for f, m in zip(*curve[:2], strict=True):
        lowest[f] = min(m, lowest.get(f, 1))
    read = miss_rate(is_target, scores, false_alarm_rates=list(lowest))
    np.testing.assert_allclose(read, list(lowest.values()), atol=1e-12)


def test_miss_rate_between_two_points():
    is_target = np.repeat([True, False], 4)
    scores = [8, 6, 4, 2, 7, 5, 3, 1]
    # 0.25 -> 0.5 false alarms: the step from a miss of 0.5 down to 0.25 comes first.
    np.testing.assert_allclose(
        miss_rate(is_target, scores, false_alarm_rates=[0, 0.25, 0.3, 0.5, 1]),
        [0.75, 0.5, 0.5, 0.25, 0],
    )


def loss_of(pairs, Z, singers, margin):
    """Equations 4 and 5 over pairs, one after the other."""
    total = 0.0
    for i, j in pairs:
        D = sum((a - b) ** 2 for a, b in zip(Z[i], Z[j], strict=True))
        y = float(singers[i] == singers[j])
        total += 0.5 * y * D + 0.5 * (1 - y) * max(0.0, margin - D)
    return total / len(pairs)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 5))
def test_contrastive_loss_is_equation_5_over_pairs_drawn_one_to_one(seed, margin):
    rng = np.random.RandomState(seed)
    singers, Z = np.repeat([0, 1, 2], 5), 0.5 * rng.randn(15, 4)
    trials = make_trials(singers, n_targets=12, n_nontargets=12, random_state=rng)
    assert contrastive_loss(
        trials.is_target, trials.distances(Z), margin=margin
    ) == pytest.approx(loss_of(trials.pairs, Z, singers, margin))


def test_over_all_pairs_each_kind_counts_for_half(rng):
    singers, Z = np.repeat([0, 1, 2], 5), 0.5 * rng.randn(15, 4)
    everything = make_trials(singers)
    expected = [
        loss_of(everything.pairs[kind], Z, singers, 1.0)
        for kind in (everything.is_target, ~everything.is_target)
    ]
    loss = contrastive_loss(everything.is_target, everything.distances(Z))
    assert loss == pytest.approx(np.mean(expected))


def test_contrastive_loss_of_extreme_embeddings():
    trials = make_trials([0, 0, 1, 1])
    alike = trials.distances(np.ones((4, 3)))
    assert contrastive_loss(trials.is_target, alike) == 0.25
    assert contrastive_loss(trials.is_target, alike, margin=3) == 0.75
    apart = trials.distances([[0.0], [0.0], [5.0], [5.0]])
    assert contrastive_loss(trials.is_target, apart) == 0.0


@pytest.mark.parametrize(
    "metric", [equal_error_rate, min_dcf, det_curve, miss_rate, contrastive_loss]
)
@pytest.mark.parametrize(
    ("is_target", "scores", "message"),
    [
        ([0, 0], [0.1, 0.2], "no target trials"),
        ([1, 1], [0.1, 0.2], "no non-target trials"),
        ([], [], "no target trials"),
        ([0, 1], [0.1], r"is_target has shape \(2,\)"),
        ([[0, 1]], [[0.1, 0.2]], r"is_target has shape \(1, 2\)"),
        ([0.3, 0.7], [0, 1], "is_target holds True or False"),
        (["no", "yes"], [0, 1], "is_target holds True or False"),
        ([0, 1], [np.nan, 1], "1 of 2 .* trial 0"),
        ([0, 1], [0, np.inf], "1 of 2 .* trial 1"),
        ([0, 1], ["a", "b"], "must be numbers"),
    ],
)
def test_malformed_trials_are_refused(metric, is_target, scores, message):
    with pytest.raises(ValueError, match=message):
        metric(is_target, scores)


@pytest.mark.parametrize(
    ("metric", "wrong", "message"),
    [
        (min_dcf, dict(p_target=0), "p_target=0"),
        (min_dcf, dict(p_target=1), "p_target=1"),
        (min_dcf, dict(c_miss=0), "c_miss=0"),
        (min_dcf, dict(c_miss=np.inf), "c_miss=inf"),
        (contrastive_loss, dict(margin=np.nan), "margin=nan"),
        (min_dcf, dict(c_false_alarm=-1), "c_false_alarm=-1"),
        (miss_rate, dict(false_alarm_rates=[0.5, 1.5]), "must lie in"),
        (miss_rate, dict(false_alarm_rates=np.nan), "must lie in"),
        (contrastive_loss, dict(margin=0), "margin=0 must be above 0"),
        (contrastive_loss, dict(scores=[-1.0, 2.0]), r"distances\[0\] is negative"),
    ],
)
def test_malformed_parameters_are_refused(metric, wrong, message):
    scores = wrong.pop("scores", [1.0, 2.0])
    with pytest.raises(ValueError, match=message):
        metric([0, 1], scores, **wrong)
