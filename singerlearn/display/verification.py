"""Is it the same singer? One error against the other."""

import numpy as np

from singerlearn.display.axes import (
    BESIDE,
    COLORS,
    check_named,
    given_or_new,
    naming,
)
from singerlearn.metrics import (
    Interval,
    bootstrap_interval,
    det_curve,
    equal_error_rate,
    miss_rate,
)

# For false alarms and misses; beyond these, a curve depends on a handful of trials.
LIMITS = (0.001, 0.85)
TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8)


class DETDisplay:
    """Detection error trade-off: misses against false alarms, on normal-deviate axes.

    Lower and further left is better; a dot marks the equal error rate. Make one with
    `from_scores`.

    Parameters
    ----------
    curves : dict of str to DETCurve
        The errors of each model, by its name.
    error_rates : dict of str to Interval
        Their equal error rates; without a band, low and high are NaN.
    band_rates : ndarray of shape (n_rates,), default=None
        Rates of false alarms at which the bands are given.
    bands : dict of str to Interval, default=None
        Misses at these rates, arrays of shape (n_rates,). None for no bands.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        What it was drawn into.
    figure_ : matplotlib.figure.Figure
        The figure around it.
    lines_ : dict of str to matplotlib.lines.Line2D
        A model's curve.
    points_ : dict of str to matplotlib.lines.Line2D
        Its equal error rate.
    bands_ : dict of str to matplotlib.collections.PolyCollection
        Its band, if there is one.

    Examples
    --------
    >>> from singerlearn.display import DETDisplay
    >>> from singerlearn.metrics import make_trials
    >>> trials = make_trials(["Ann", "Ann", "Bob", "Bob", "Cid", "Cid"])
    >>> Z = [[0.0], [0.4], [1.0], [1.2], [3.0], [3.9]]
    >>> display = DETDisplay.from_scores(
    ...     trials.is_target, {"learned": trials.scores(Z)}
    ... )
    >>> round(display.error_rates["learned"].estimate, 3)
    0.167
    """

    def __init__(self, curves, *, error_rates, band_rates=None, bands=None):
        self.curves = curves
        self.error_rates = error_rates
        self.band_rates = band_rates
        self.bands = bands

    @classmethod
    def from_scores(
        cls,
        is_target,
        scores,
        *,
        groups=None,
        confidence=0.95,
        n_resamples=1000,
        random_state=0,
    ):
        """Compute the errors of one or several models over the same trials.

        Parameters
        ----------
        is_target : array-like of shape (n_trials,), bool
        scores : dict of str to array-like of shape (n_trials,)
            The scores of each model by its name; the higher, the more alike.
        groups : array-like of shape (n_trials, 2), default=None
            The singers of the two recordings, ``trials.singers``, to compute a band
            around the curve by `bootstrap_interval`. None for no band.
        confidence, n_resamples, random_state
            As in `bootstrap_interval`.

        Returns
        -------
        display : DETDisplay

        Raises
        ------
        ValueError
            If `scores` is not a dict, targets or non-targets are missing, lengths
            differ or a score is not finite.
        """
        check_named(scores, "scores", such_as="{'learned': trials.scores(Z)}")
        from scipy.stats import norm  # a slow import

        # Evenly over the axis, as it is drawn.
        band_rates = None if groups is None else norm.cdf(np.linspace(*_deviates(), 61))

        def figures(is_target, scores):
            misses = miss_rate(is_target, scores, false_alarm_rates=band_rates)
            return np.append(misses, equal_error_rate(is_target, scores))

        curves, error_rates, bands = {}, {}, {}
        for name, own in scores.items():
            with naming(f"scores of {name!r}"):
                curves[name] = det_curve(is_target, own)
                if groups is None:
                    rate = equal_error_rate(is_target, own)
                    error_rates[name] = Interval(rate, np.nan, np.nan)
                    continue
                interval = bootstrap_interval(
                    figures,
                    np.asarray(is_target),
                    np.asarray(own),
                    groups=groups,
                    confidence=confidence,
                    n_resamples=n_resamples,
                    random_state=random_state,
                )
            bands[name] = Interval(*(end[:-1] for end in interval))
            error_rates[name] = Interval(*(float(end[-1]) for end in interval))
        return cls(
            curves, error_rates=error_rates, band_rates=band_rates, bands=bands or None
        )

    def plot(self, ax=None):
        """Draw the curves, their bands, and a dot where both errors are equal.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : DETDisplay
        """
        from scipy.stats import norm
        from sklearn.metrics import DetCurveDisplay

        ax = given_or_new(ax, figsize=(8, 4.8))
        low, high = _deviates()
        self.lines_, self.points_, self.bands_ = {}, {}, {}
        for i, (name, curve) in enumerate(self.curves.items()):
            color, rate = COLORS[i % len(COLORS)], self.error_rates[name]
            label = f"{name}\nEER {rate.estimate:.3f}"
            if self.bands:
                label += f" [{rate.low:.3f}, {rate.high:.3f}]"
                band = np.clip(self.bands[name][1:], 1e-9, 1 - 1e-9)
                self.bands_[name] = ax.fill_between(
                    norm.ppf(self.band_rates), *norm.ppf(band), color=color, alpha=0.15,
                    lw=0,
                )  # fmt: skip
            drawn = DetCurveDisplay(fpr=curve.false_alarm, fnr=curve.miss)
            drawn.plot(ax, color=color, lw=2, label=label)
            self.lines_[name] = drawn.line_
            at = norm.ppf(np.clip(rate.estimate, 1e-9, 1 - 1e-9))
            (self.points_[name],) = ax.plot(at, at, "o", color=color)
        ax.plot([low, high], [-low, -high], "--", color="0.3", lw=1.2, label="chance")
        ax.plot([low, high], [low, high], ":", color="0.6", lw=1)
        ticks = [f"{100 * tick:g} %" for tick in TICKS]
        ax.set_xticks(norm.ppf(TICKS), ticks)
        ax.set_yticks(norm.ppf(TICKS), ticks)
        ax.set(
            title="Is it the same singer?",
            xlabel="false alarms: other singers accepted",
            ylabel="misses: the same singer rejected",
            xlim=(low, high),
            ylim=(low, high),
            aspect="equal",
            anchor="W",  # the legend has the width that is left over
        )
        ax.legend(title="EER: equal error rate (dot)", labelspacing=1, **BESIDE)
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _deviates():
    """Return the limits of the axes as normal deviates."""
    from scipy.stats import norm

    return norm.ppf(LIMITS)
