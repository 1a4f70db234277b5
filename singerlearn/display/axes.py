"""What the pictures share: names, colours, markers, axes to draw into, legends."""

from collections.abc import Mapping
from contextlib import contextmanager

import numpy as np

# Okabe and Ito's colours and a grey, told apart with any kind of colour vision.
COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#808080",
)
MARKERS = "o^sDvPX<*"
# So many labels look different: neighbours in both colour and marker.
N_LOOKS = len(COLORS) * len(MARKERS)
# Where a legend lies: to the right of the axes, in nobody's way.
BESIDE = dict(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)


def check_named(models, what, *, such_as, kind=object):
    """Refuse anything but a dict of things of a kind, each by its model's name.

    Parameters
    ----------
    models : object
    what : str
        What an error calls it.
    such_as : str
        An example of a valid one.
    kind : type, default=object
    """
    if (
        not isinstance(models, Mapping)
        or not models
        or not all(isinstance(of_one, kind) for of_one in models.values())
    ):
        raise ValueError(f"{what} must be a dict of one or more, such as {such_as}")


@contextmanager
def naming(what):
    """Put `what` in front of the message of any ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error


def look(i):
    """Return colour and marker of label `i`; they repeat after `N_LOOKS` labels."""
    turn, color = divmod(i, len(COLORS))
    return COLORS[color], MARKERS[(color + turn) % len(MARKERS)]


def _pyplot():
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib: pip install 'singerlearn[plots]'"
        ) from error
    return matplotlib.pyplot


def given_or_new(ax, figsize):
    """Return `ax`, or the axes of a new figure."""
    if ax is None:
        _, ax = _pyplot().subplots(figsize=figsize, layout="constrained")
    return ax


def given_or_new_grid(axes, shape, figsize, title):
    """Return `axes` as an array of `shape`, or those of a new figure with a title.

    Raises
    ------
    ValueError
        If there are more or fewer axes than panels.
    """
    if axes is None:
        figure, axes = _pyplot().subplots(
            *shape, figsize=figsize, squeeze=False, layout="constrained"
        )
        figure.suptitle(title)
        return axes
    axes = np.asarray(axes, dtype=object)
    if axes.size != shape[0] * shape[1]:
        raise ValueError(
            f"axes holds {axes.size} but the picture has {shape[0]} x {shape[1]} "
            f"panels; make them by plt.subplots({shape[0]}, {shape[1]})"
        )
    return axes.reshape(shape)
