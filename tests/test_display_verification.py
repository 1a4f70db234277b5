import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn import metrics

from singerlearn.display import DETDisplay
from singerlearn.metrics import equal_error_rate, make_trials, miss_rate

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def trials():
    return make_trials(np.repeat(np.arange(8), 4))


@pytest.fixture
def scores(rng, trials):
    voice = np.repeat(rng.randn(8, 4), 4, axis=0)
    return {
        "hand-crafted": trials.scores(voice + 2 * rng.randn(32, 4)),
        "learned": trials.scores(voice + 0.5 * rng.randn(32, 4)),
    }


def test_curves_are_those_of_scikit_learn(trials, scores):
    display = DETDisplay.from_scores(trials.is_target, scores)
    assert display.bands is None and display.band_rates is None
    assert display.plot() is display
    for name, own in scores.items():
        fpr, fnr, _ = metrics.det_curve(trials.is_target, own)
        assert_array_equal(display.curves[name].false_alarm, fpr)
        assert_array_equal(display.curves[name].miss, fnr)
        x, y = display.lines_[name].get_data()
        assert_allclose(norm.cdf(x), fpr, atol=1e-9)
        assert_allclose(norm.cdf(y), fnr, atol=1e-9)
        rate = display.error_rates[name].estimate
        assert rate == equal_error_rate(trials.is_target, own)
        assert_allclose(norm.cdf(display.points_[name].get_data()), [[rate], [rate]])


def test_bands_lie_around_the_curves(trials, scores):
    display = DETDisplay.from_scores(
        trials.is_target, scores, groups=trials.singers, n_resamples=50
    ).plot()
    for name, own in scores.items():
        estimate, low, high = display.bands[name]
        expected = miss_rate(
            trials.is_target, own, false_alarm_rates=display.band_rates
        )
        assert_array_equal(estimate, expected)
        assert (low <= high).all() and (low < high).any()
        rate = display.error_rates[name]
        assert rate.low < rate.estimate < rate.high
        vertices = display.bands_[name].get_paths()[0].vertices
        assert np.isfinite(vertices).all()
        middle = len(display.band_rates) // 2
        at = np.isclose(vertices[:, 0], norm.ppf(display.band_rates[middle]))
        ends = norm.cdf([vertices[at, 1].min(), vertices[at, 1].max()])
        assert_allclose(ends, [low[middle], high[middle]], atol=1e-8)
    text = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    rate = display.error_rates["learned"]
    assert text[1] == f"learned\nEER {rate}"
    assert text[-1] == "chance"


def test_axes_are_normal_deviates_and_the_legend_lies_outside(trials, scores):
    figure, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
    display = DETDisplay.from_scores(trials.is_target, scores).plot(ax=ax)
    assert display.ax_ is ax and display.figure_ is figure
    labels = [float(t.get_text().split()[0]) for t in ax.get_xticklabels()]
    assert_allclose(ax.get_xticks(), norm.ppf(np.array(labels) / 100))
    assert ax.get_xlim() == ax.get_ylim()
    figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    assert box.x0 > ax.get_window_extent().x1 and box.x1 <= figure.bbox.x1


def test_perfect_and_useless_scores_can_be_drawn(trials):
    scores = {
        "perfect": trials.is_target.astype(float),
        "useless": np.zeros(len(trials)),
        "reversed": -trials.is_target.astype(float),
    }
    display = DETDisplay.from_scores(
        trials.is_target, scores, groups=trials.singers, n_resamples=5
    ).plot()
    rates = [rate.estimate for rate in display.error_rates.values()]
    assert rates == [0, 0.5, 1]
    for line in display.lines_.values():
        assert np.isfinite(line.get_data()).all()
    display.figure_.canvas.draw()


def test_bad_scores_are_refused(trials, scores):
    is_target, own = trials.is_target, scores["learned"]
    for wrong in (own, {}, None):
        with pytest.raises(ValueError, match="scores must be a dict"):
            DETDisplay.from_scores(is_target, wrong)
    broken = own.copy()
    broken[4] = np.nan
    with pytest.raises(ValueError, match="scores of 'learned': 1 of .* are NaN"):
        DETDisplay.from_scores(is_target, {"learned": broken})
    with pytest.raises(ValueError, match="scores of 'learned': is_target has shape"):
        DETDisplay.from_scores(is_target, {"learned": own[1:]})
    with pytest.raises(ValueError, match="no target trials"):
        DETDisplay.from_scores(np.zeros(len(own), bool), {"learned": own})
    with pytest.raises(ValueError, match="scores of 'learned'"):
        DETDisplay.from_scores(is_target, {"learned": own}, groups=trials.singers[1:])
