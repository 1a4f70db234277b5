"""What the pictures share: colours, markers, and axes to draw into."""

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


def look(i):
    """Return colour and marker of label `i`; they repeat after `N_LOOKS` labels."""
    turn, color = divmod(i, len(COLORS))
    return COLORS[color], MARKERS[(color + turn) % len(MARKERS)]


def given_or_new(ax, figsize):
    """Return `ax`, or the axes of a new figure."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return ax


def given_or_new_grid(axes, shape, figsize, title):
    """Return `axes` as an array of `shape`, or those of a new figure with a title.

    Raises
    ------
    ValueError
        If there are more or fewer axes than panels.
    """
    if axes is None:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(
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
