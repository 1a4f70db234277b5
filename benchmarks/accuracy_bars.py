"""Test accuracies of a table's rows as bars, with the paper's figures beside them."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

matplotlib.use("Agg")


def draw(fits, paper, chance, path):
    """Write a picture: a bar a row, a dot a fit, a diamond for what the paper has.

    Parameters
    ----------
    fits : list of dict
        With a "row" and accuracies of "test chunks" and "test recordings".
    paper : dict of str to float
        The paper's accuracy in test of each row, as far as it has one.
    chance : float
    path : Path
    """
    rows = list(dict.fromkeys(fit["row"] for fit in fits))
    figure, ax = plt.subplots(figsize=(7, 1 + 0.45 * len(rows)), layout="constrained")
    places = np.arange(len(rows))
    for offset, what, colour in ((-0.2, "chunks", "C0"), (0.2, "recordings", "C1")):
        own = [[f[f"test {what}"] for f in fits if f["row"] == row] for row in rows]
        means = [np.mean(values) for values in own]
        ax.barh(places + offset, means, 0.36, color=colour, alpha=0.6, label=what)
        for place, values in zip(places + offset, own, strict=True):
            ax.plot(values, np.full(len(values), place), ".", color=colour)
    known = [place for place in places if paper.get(rows[place])]
    if known:
        theirs = [paper[rows[place]] for place in known]
        ax.plot(theirs, known, "kD", label="the paper, on DAMP")
    ax.axvline(chance, color="0.5", linestyle=":", label="chance")
    ax.set(yticks=places, yticklabels=rows, xlim=(0, 1), xlabel="accuracy in test")
    ax.invert_yaxis()
    figure.legend(loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=120)
    plt.close(figure)
