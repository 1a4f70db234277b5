"""The losses of a fit, kept with its figures, and drawn as the paper's Figure 3."""

import matplotlib
import matplotlib.pyplot as plt

from singerlearn import TrainingCurveDisplay

matplotlib.use("Agg")

LOSSES = ("train_loss", "valid_loss")


def losses(model):
    """Return the losses of a fitted model over its epochs, for `Runs` to keep."""
    epochs = getattr(model, "history_", ())
    return {name: [row[name] for row in epochs if name in row] for name in LOSSES}


def draw(results, networks, path):
    """Write Figure 3: the losses of one fit of each row, networks side by side.

    Parameters
    ----------
    results : dict of str to dict
        By their rows, what `Runs` kept; rows without losses are left out.
    networks : dict of str to str
        The network of each row.
    path : Path
    """
    histories = {}
    for row, result in results.items():
        known = [name for name in LOSSES if len(result.get(name, ()))]
        epochs = zip(*(result[name] for name in known), strict=True)
        if known:
            histories.setdefault(networks[row], {})[row] = [
                {"epoch": i} | dict(zip(known, values, strict=True))
                for i, values in enumerate(epochs, 1)
            ]
    if not histories:
        return
    figure = plt.figure(figsize=(6 * len(histories), 4), layout="constrained")
    axes = figure.subplots(1, len(histories), squeeze=False)[0]
    for ax, (network, own) in zip(axes, histories.items(), strict=True):
        TrainingCurveDisplay.from_history(own).plot(ax=ax)
        ax.set_title(network)
    figure.savefig(path, dpi=120)
    plt.close(figure)
