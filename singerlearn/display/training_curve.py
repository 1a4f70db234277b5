"""Losses over the epochs (the paper's Figure 3)."""

from typing import NamedTuple

import numpy as np

from singerlearn.display.axes import BESIDE, COLORS, check_named, given_or_new
from singerlearn.display.networks import network_with


class TrainingCurve(NamedTuple):
    """Losses of one training, with one entry per epoch.

    Attributes
    ----------
    epochs : ndarray of shape (n_epochs,)
        Numbers of the epochs, from 1.
    train_loss : ndarray of shape (n_epochs,)
        Mean loss over the training chunks.
    valid_loss : ndarray of shape (n_epochs,)
        Mean loss over the validation chunks; NaN in epochs without validation.
    """

    epochs: np.ndarray
    train_loss: np.ndarray
    valid_loss: np.ndarray


class TrainingCurveDisplay:
    """Training and validation loss over the epochs (the paper's Figure 3).

    Make one with `from_estimator` or `from_history`.

    Parameters
    ----------
    curves : dict of str to TrainingCurve
        The losses of each model, by its name.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        What it was drawn into.
    figure_ : matplotlib.figure.Figure
        The figure around it.
    lines_ : dict of str to list of matplotlib.lines.Line2D
        A model's training line, then its validation line if it has one.

    Examples
    --------
    >>> from singerlearn.display import TrainingCurveDisplay
    >>> history = [
    ...     {"epoch": 1, "train_loss": 3.1, "valid_loss": 3.2},
    ...     {"epoch": 2, "train_loss": 2.4, "valid_loss": 2.9},
    ... ]
    >>> display = TrainingCurveDisplay.from_history({"attention": history})
    >>> display.curves["attention"].valid_loss
    array([3.2, 2.9])
    """

    def __init__(self, curves):
        self.curves = curves

    @classmethod
    def from_estimator(cls, estimator, *, name=None):
        """Take the losses of a fitted estimator.

        Parameters
        ----------
        estimator : SingerNetClassifier, SingerEmbedder, Pipeline or search
            Anything with a ``history_``, a pipeline that ends with one, or a search
            whose refitted best estimator has one.
        name : str, default=None
            What the model is called in the picture; None means its class.

        Returns
        -------
        display : TrainingCurveDisplay
        """
        estimator = network_with(estimator, "history_")
        return cls.from_history({name or type(estimator).__name__: estimator.history_})

    @classmethod
    def from_history(cls, histories):
        """Take the losses of one or several trainings.

        Parameters
        ----------
        histories : dict of str to list of dict
            The history of each model, by its name: one dict per epoch with ``epoch``,
            ``train_loss`` and, if there was a validation, ``valid_loss``, as in the
            ``history_`` of an estimator.

        Returns
        -------
        display : TrainingCurveDisplay

        Raises
        ------
        ValueError
            If `histories` is not a dict, or a history has no epochs.
        """
        such_as = "{'average': classifier.history_}"
        check_named(histories, "histories", such_as=such_as)
        curves = {}
        for name, history in histories.items():
            if len(history) == 0:
                raise ValueError(f"the history of {name!r} has no epochs")
            columns = [
                np.array([row.get(key, np.nan) for row in history])
                for key in ("epoch", "train_loss", "valid_loss")
            ]
            curves[name] = TrainingCurve(*columns)
        return cls(curves)

    def plot(self, ax=None):
        """Draw the losses; a dot marks the lowest validation loss.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : TrainingCurveDisplay
        """
        from matplotlib.lines import Line2D

        ax = given_or_new(ax, figsize=(8, 4))
        self.lines_ = {}
        for i, (name, curve) in enumerate(self.curves.items()):
            color = COLORS[i % len(COLORS)]
            alone = "." if len(curve.epochs) == 1 else ""  # no line leads anywhere
            lines = ax.plot(
                curve.epochs, curve.train_loss, "--", lw=1.5, color=color, marker=alone
            )
            tested = np.isfinite(curve.valid_loss)
            if tested.any():
                epochs, losses = curve.epochs[tested], curve.valid_loss[tested]
                lines += ax.plot(
                    epochs, losses, "-o", lw=2, color=color, markevery=[losses.argmin()]
                )
            self.lines_[name] = lines

        # Colours tell the models apart, dashes the sets: one legend explains both.
        grey = "0.3"
        entries = [Line2D([], [], ls="--", lw=1.5, color=grey, label="training")]
        if any(len(lines) == 2 for lines in self.lines_.values()):
            best = "validation (dot: lowest)"
            entries.append(Line2D([], [], marker="o", lw=2, color=grey, label=best))
        if len(self.curves) > 1:
            entries += [
                Line2D([], [], lw=4, color=lines[0].get_color(), label=name)
                for name, lines in self.lines_.items()
            ]
        ax.legend(handles=entries, **BESIDE)
        title = "Loss over training"
        if len(self.curves) == 1:
            title += f" of {next(iter(self.curves))}"
        ax.set(xlabel="epoch", ylabel="loss", title=title)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self
