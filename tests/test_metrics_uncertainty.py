import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_rel
from sklearn.metrics import roc_auc_score

from singerlearn.metrics import (
    Interval,
    bootstrap_interval,
    chunk_accuracy,
    compare_models,
    equal_error_rate,
    make_trials,
    miss_rate,
    recording_accuracy,
)


def mean(values):
    return float(np.mean(values))


def test_the_mean_of_singers_has_its_t_interval(rng):
    """One value a singer: Student's interval is the closed formula."""
    for n_singers in (8, 40):
        values = rng.randn(n_singers)
        interval = bootstrap_interval(
            mean, values, groups=np.arange(n_singers), n_resamples=4000, random_state=0
        )
        half = student.ppf(0.975, n_singers - 1) * values.std(ddof=1)
        half /= np.sqrt(n_singers)
        assert interval.estimate == pytest.approx(values.mean())
        assert interval.high - interval.low == pytest.approx(2 * half, rel=0.1)


def test_recordings_of_one_singer_count_as_one(rng):
    """Ten copies of each singer's recording say no more than one."""
    values, singers = rng.randn(20), np.arange(20)
    once = bootstrap_interval(mean, values, groups=singers, random_state=0)
    copied = bootstrap_interval(
        mean, np.repeat(values, 10), groups=np.repeat(singers, 10), random_state=0
    )
    np.testing.assert_allclose(copied, once)
    alone = bootstrap_interval(
        mean, np.repeat(values, 10), groups=np.arange(200), random_state=0
    )
    assert alone.high - alone.low < 0.5 * (once.high - once.low)


def test_a_trial_is_there_as_often_as_both_its_singers():
    """Every resample, against a loop over the singers that were drawn."""
    singers = np.repeat(["Ann", "Bob", "Cid", "Dan"], 2)
    trials = make_trials(singers)
    number = np.arange(len(trials))
    seen = []

    def record(drawn):
        seen.append(np.bincount(drawn, minlength=len(number)))
        return 0.0

    bootstrap_interval(
        record, number, groups=trials.singers, n_resamples=50, random_state=7
    )
    rng = np.random.RandomState(7)
    for times in seen[1:]:
        drawn = [["Ann", "Bob", "Cid", "Dan"][i] for i in rng.randint(4, size=4)]
        expected = [
            drawn.count(a) if a == b else drawn.count(a) * drawn.count(b)
            for a, b in trials.singers
        ]
        assert times.tolist() == expected


def test_an_interval_holds_the_truth_as_often_as_it_says():
    """Intervals of 40 small collections, and the error rate of a large one."""

    def collection(n_singers, rng):
        singers = np.repeat(np.arange(n_singers), 4)
        Z = rng.randn(n_singers, 2)[singers] + 0.5 * rng.randn(len(singers), 2)
        trials = make_trials(singers)
        return trials, trials.scores(Z)

    trials, scores = collection(250, np.random.RandomState(99))
    truth = equal_error_rate(trials.is_target, scores)
    held = 0
    for seed in range(40):
        rng = np.random.RandomState(seed)
        trials, scores = collection(16, rng)
        interval = bootstrap_interval(
            equal_error_rate, trials.is_target, scores,
            groups=trials.singers, n_resamples=60, confidence=0.9, random_state=rng,
        )  # fmt: skip
        held += interval.low <= truth <= interval.high
    assert 32 <= held


def test_lists_of_chunks_are_drawn_with_their_recordings(rng):
    y_true = np.repeat(["Ann", "Bob", "Cid"], 3)
    right = rng.rand(9, 6) < np.repeat([0.9, 0.5, 0.1], 3)[:, None]
    chunks = [
        np.where(r[: 2 + i % 4], y, "somebody")
        for i, (r, y) in enumerate(zip(right, y_true, strict=True))
    ]
    interval = bootstrap_interval(
        chunk_accuracy, y_true, chunks, groups=y_true, random_state=0
    )
    assert interval.estimate == chunk_accuracy(y_true, chunks)
    by_singer = [
        chunk_accuracy(y_true[s], chunks[s])
        for s in (slice(0, 3), slice(3, 6), slice(6, 9))
    ]
    assert min(by_singer) <= interval.low < interval.estimate < interval.high
    assert interval.high <= max(by_singer)


def test_two_groups_are_warned_of():
    y = ["Ann", "Ann", "Bob", "Bob"]
    with pytest.warns(UserWarning, match="over two groups") as warned:
        bootstrap_interval(np.mean, [1, 0, 1, 1], groups=y, random_state=0)
    assert warned[0].filename == __file__


def test_a_metric_may_return_an_array(rng):
    trials = make_trials(np.repeat(np.arange(6), 3))
    scores = rng.randn(len(trials)) + 2 * trials.is_target
    band = bootstrap_interval(
        miss_rate, trials.is_target, scores, groups=trials.singers,
        n_resamples=100, random_state=0,
    )  # fmt: skip
    np.testing.assert_array_equal(band.estimate, miss_rate(trials.is_target, scores))
    assert (band.low <= band.high).all() and band.low.shape == (5,)
    assert "array" in str(band)


def test_all_right_is_an_interval_without_width():
    y = np.repeat(list("abcd"), 2)
    interval = bootstrap_interval(recording_accuracy, y, y, groups=y)
    assert interval == Interval(1.0, 1.0, 1.0)
    assert str(interval) == "1.000 [1.000, 1.000]"


def test_a_wider_interval_for_more_confidence_and_the_same_for_the_same_seed(rng):
    values, groups = rng.randn(30), np.repeat(np.arange(10), 3)

    def width(confidence, seed=0):
        interval = bootstrap_interval(
            mean, values, groups=groups, confidence=confidence, random_state=seed
        )
        return interval.high - interval.low

    assert width(0.5) < width(0.9) < width(0.99)
    assert width(0.9) == width(0.9) != width(0.9, seed=1)


def test_resamples_without_targets_are_drawn_again():
    trials = make_trials(["Ann", "Ann", "Bob", "Cid"])  # Ann alone has a target
    interval = bootstrap_interval(
        equal_error_rate, trials.is_target, trials.scores([[0], [1], [5], [7]]),
        groups=trials.singers, n_resamples=50, random_state=0,
    )  # fmt: skip
    assert interval == Interval(0.0, 0.0, 0.0)
    calls = []

    def whole_only(values):
        calls.append(values)
        if len(calls) > 1:
            raise ValueError("too little")
        return 0.0

    with pytest.raises(ValueError, match="on 0 of 50 resamples of 3 groups"):
        bootstrap_interval(whole_only, [1, 2, 3], groups=[1, 2, 3], n_resamples=5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(groups=["Ann"] * 4), "groups holds 'Ann' only"),
        (dict(groups=["Ann", "Bob"]), r"groups holds 2 samples, the arrays \[4\]"),
        (dict(groups=[[1, 2, 3]] * 4), r"groups has shape \(4, 3\)"),
        (dict(groups=[1, 2, np.nan, 3]), "groups has no label for recording 2"),
        (dict(groups=[("a", "b")] * 3 + [("a", None)]), "no label for recording 3"),
        (dict(confidence=95), "confidence=95 must lie between"),
        (dict(n_resamples=1), "n_resamples=1 must be a whole number of at least 2"),
    ],
)
def test_malformed_input_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(mean, [1, 2, 3, 4], **dict(groups=[0, 0, 1, 1]) | wrong)
    with pytest.raises(ValueError, match="y_true holds 4 recordings"):
        bootstrap_interval(
            lambda y: recording_accuracy(y, [1]), [1, 2, 3, 4], groups=[0, 0, 1, 1]
        )


def test_compared_by_the_formula_of_nadeau_and_bengio(rng):
    a, b = rng.rand(10), rng.rand(10)
    got = compare_models(a, b, n_train=414, n_test=46)
    d = a - b
    variance = np.sum((d - d.mean()) ** 2) / 9
    t = d.mean() / np.sqrt((1 / 10 + 46 / 414) * variance)
    assert got.difference == pytest.approx(d.mean())
    assert got.p_value == pytest.approx(2 * student.sf(abs(t), 9))
    low, high = student.interval(0.95, 9, loc=d.mean(), scale=d.mean() / t)
    np.testing.assert_allclose([got.low, got.high], sorted([low, high]))


def test_with_next_to_no_test_part_it_is_the_paired_t_test(rng):
    a, b = rng.rand(8), rng.rand(8)
    assert compare_models(a, b, n_train=10**9, n_test=1).p_value == pytest.approx(
        ttest_rel(a, b).pvalue
    )


def test_the_other_way_round_is_the_same_with_the_other_sign(rng):
    a, b = rng.rand(5), rng.rand(5)
    one = compare_models(a, b, n_train=4, n_test=1)
    other = compare_models(b, a, n_train=4, n_test=1)
    assert (one.difference, one.low, one.high, one.p_value) == pytest.approx(
        (-other.difference, -other.high, -other.low, other.p_value)
    )
    wide = compare_models(a, b, n_train=4, n_test=1, confidence=0.99)
    assert wide.low < one.low and one.high < wide.high


def test_equal_differences_in_every_fold():
    same = compare_models([0.5, 0.7], [0.5, 0.7], n_train=9, n_test=1)
    assert same == (0, 0, 0, 1)
    assert str(same) == "+0.000 [+0.000, +0.000], p = 1"
    assert compare_models([1, 2, 3], [0, 1, 2], n_train=9, n_test=1) == (1, 1, 1, 0)


def test_the_same_scores_added_up_in_another_order_are_the_same():
    seeds = np.array([[0.7, 0.1, 0.3]] * 5)
    a, b = seeds.mean(axis=1), seeds[:, [2, 1, 0]].mean(axis=1)
    assert a[0] != b[0]
    assert compare_models(a, b, n_train=4, n_test=1) == (0, 0, 0, 1)


def test_false_alarms_of_the_corrected_test_are_few(rng):
    """Equally good models over 10 folds that share what they were trained on."""
    found = plain = 0
    for _ in range(300):
        shared = 0.03 * rng.randn()  # what the folds' differences have in common
        differences = shared + 0.09 * rng.randn(10)
        found += (
            compare_models(differences, np.zeros(10), n_train=9, n_test=1).p_value
            < 0.05
        )
        plain += ttest_rel(differences, np.zeros(10)).pvalue < 0.05
    assert found <= 0.08 * 300 < plain


def test_resamples_of_which_scikit_learn_returns_nan_are_drawn_again(rng):
    singers = np.repeat(np.arange(4), 3)
    trials = make_trials(singers)
    scores = trials.scores(rng.randn(12, 4))
    with warnings.catch_warnings(action="error"):
        interval = bootstrap_interval(
            roc_auc_score, trials.is_target, scores, groups=trials.singers
        )
    assert interval.low < interval.estimate < interval.high
    with pytest.raises(ValueError, match="the metric is nan"):
        bootstrap_interval(np.mean, [np.nan, 1.0], groups=["Ann", "Bob"])


@pytest.mark.parametrize(
    ("a", "b", "wrong", "message"),
    [
        ([0.5], [0.5], {}, "two or more folds"),
        ([0.5, 0.6], [0.5], {}, r"shapes \(2,\) and \(1,\)"),
        ([[0.5, 0.6]], [[0.5, 0.6]], {}, r"shapes \(1, 2\)"),
        ([0.5, np.nan], [0.5, 0.6], {}, "a score is NaN"),
        ([0.5, 0.6], [0.5, 0.6], dict(n_train=0), "n_train=0"),
        ([0.5, 0.6], [0.5, 0.6], dict(n_train=np.nan), "n_train=nan"),
        ([0.5, 0.6], [0.5, 0.6], dict(confidence=0), "confidence=0"),
    ],
)
def test_malformed_scores_are_refused(a, b, wrong, message):
    with pytest.raises(ValueError, match=message):
        compare_models(a, b, **dict(n_train=9, n_test=1) | wrong)


def test_bootstraps_in_several_threads_leave_warnings_as_they_were(rng):
    values, singers = rng.rand(40), np.repeat(np.arange(10), 4)

    def bootstrap(_):
        bootstrap_interval(np.mean, values, groups=singers, n_resamples=200)

    before = list(warnings.filters)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(5):
            list(pool.map(bootstrap, range(3)))
            assert warnings.filters == before
