"""Who is recognised by the nearest neighbours (the paper's Figure 5)."""

import numpy as np

from singerlearn.display.axes import (
    BESIDE,
    COLORS,
    check_named,
    given_or_new_grid,
    naming,
)
from singerlearn.display.embedding import check_embeddings_by_name
from singerlearn.labels import encode_groupings, encode_labels
from singerlearn.metrics import SongEffectReport, leave_one_out_knn
from singerlearn.metrics.neighbours import chance_accuracy


class KNNDisplay:
    """Leave-one-out k-NN accuracy for singers and for songs (Figure 5).

    A panel for singers and, if songs are known, one for songs; in each, a group of bars
    for each k with a bar for each embedding, and chance as a line. Make one with
    `from_embeddings` or `from_reports`.

    Parameters
    ----------
    accuracies : dict of str to dict of str to dict of int to float
        For "singers" and "songs", the accuracy of each embedding by its name and by the
        number of neighbours.
    chance : dict of str to float
        For "singers" and "songs", the accuracy of one neighbour drawn at random.
    crossed : bool, default=False
        Whether neighbours were other songs only (to name the singer), and other singers
        only (to name the song).

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes of shape (1, n_panels)
        What it was drawn into.
    figure_ : matplotlib.figure.Figure
        The figure around them.
    bars_ : dict of str to dict of str to matplotlib.container.BarContainer
        The bars of each embedding, in each panel.
    chance_lines_ : dict of str to matplotlib.lines.Line2D
        Chance, in each panel.

    Examples
    --------
    >>> from singerlearn.display import KNNDisplay
    >>> Z = [[0.0], [1.0], [1.1], [3.0]]
    >>> display = KNNDisplay.from_embeddings(
    ...     {"learned": Z}, singers=["Ann", "Ann", "Bob", "Bob"], n_neighbors=(1, 3)
    ... )
    >>> display.accuracies
    {'singers': {'learned': {1: 0.5, 3: 0.0}}}
    """

    def __init__(self, accuracies, *, chance, crossed=False):
        self.accuracies = accuracies
        self.chance = chance
        self.crossed = crossed

    @classmethod
    def from_embeddings(
        cls, embeddings, *, singers, songs=None, n_neighbors=(1, 3, 5, 7), crossed=False
    ):
        """Name every recording's singer and song by its neighbours.

        Parameters
        ----------
        embeddings : dict of str to array-like of shape (n_recordings, n_components)
            Each embedding by its name, all of the same recordings.
        singers : array-like of shape (n_recordings,)
        songs : array-like of shape (n_recordings,), default=None
        n_neighbors : int or sequence of int, default=(1, 3, 5, 7)
        crossed : bool, default=False
            Whether to look for the singer among other songs only, and for the song
            among other singers only.

        Returns
        -------
        display : KNNDisplay

        Raises
        ------
        ValueError
            As for `leave_one_out_knn`, with the name of the embedding; or if
            `embeddings` is not a dict, or `crossed` is set without songs.
        """
        check_embeddings_by_name(embeddings)
        if crossed and songs is None:
            raise ValueError("crossed=True leaves out neighbours by song: give songs")
        wanted = {"singers": (singers, songs)}
        if songs is not None:
            wanted["songs"] = songs, singers
        for name, Z in embeddings.items():
            with naming(f"embedding {name!r}"):
                for what, (labels, _) in wanted.items():
                    encode_labels(labels, what, len(Z), at_least=2)
        counts = np.atleast_1d(n_neighbors).tolist()
        accuracies, chance = {}, {}
        for what, (labels, others) in wanted.items():
            groups = others if crossed else None
            accuracies[what] = {}
            for name, Z in embeddings.items():
                with naming(f"embedding {name!r}"):
                    accuracies[what][name] = leave_one_out_knn(
                        Z, labels, n_neighbors=counts, exclude_groups=groups
                    )
            _, codes = encode_labels(labels, what)
            chance[what] = chance_accuracy(codes, encode_groupings(groups, len(codes)))
        return cls(accuracies, chance=chance, crossed=crossed)

    @classmethod
    def from_reports(cls, reports, *, crossed=False):
        """Take the accuracies of song-effect reports.

        Parameters
        ----------
        reports : dict of str to SongEffectReport
            What `song_effect_report` found for each embedding, by its name.
        crossed : bool, default=False
            Whether to show the crossed accuracies, in which singer and song cannot help
            each other.

        Returns
        -------
        display : KNNDisplay

        Raises
        ------
        ValueError
            If `reports` is not a dict of reports, or they are of different recordings
            or numbers of neighbours.
        """
        such_as = "{'learned': song_effect_report(Z, singers, songs)}"
        check_named(reports, "reports", such_as=such_as, kind=SongEffectReport)
        accuracies, chance = {}, {}
        for what in ("singer", "song"):
            effects = {
                name: getattr(report, f"{what}_crossed" if crossed else what)
                for name, report in reports.items()
            }
            if len({(e.n_neighbors, e.chance) for e in effects.values()}) > 1:
                raise ValueError(
                    "reports differ in n_neighbors or in chance; make all of them of "
                    "the same recordings"
                )
            accuracies[f"{what}s"] = {
                name: dict(zip(e.n_neighbors, e.accuracy.tolist(), strict=True))
                for name, e in effects.items()
            }
            chance[f"{what}s"] = next(iter(effects.values())).chance
        return cls(accuracies, chance=chance, crossed=crossed)

    def plot(self, axes=None):
        """Draw the bars, each with its height in percent above it.

        Parameters
        ----------
        axes : array-like of matplotlib.axes.Axes, default=None
            Where to draw: one for singers and, where there are songs, one for songs.
            None makes a new figure.

        Returns
        -------
        self : KNNDisplay
        """
        from matplotlib.ticker import PercentFormatter

        shape = (1, len(self.accuracies))
        some = next(iter(self.accuracies.values()))  # all panels have the same bars
        counts = list(next(iter(some.values())))
        self.axes_ = given_or_new_grid(
            axes,
            shape,
            figsize=(1 + max(3.5, 0.17 * len(some) * len(counts)) * shape[1], 3.8),
            title="Recognised by the k nearest neighbours",
        )
        self.figure_ = self.axes_[0, 0].figure
        self.bars_, self.chance_lines_ = {}, {}
        sought = {"singers": "the singer", "songs": "the song"}
        if self.crossed:
            sought["singers"] += ",\namong other songs"
            sought["songs"] += ",\namong other singers"
        for ax, (what, accuracies) in zip(
            self.axes_[0], self.accuracies.items(), strict=True
        ):
            width = 0.8 / len(accuracies)
            self.bars_[what] = {}
            for i, (name, by_k) in enumerate(accuracies.items()):
                left = np.arange(len(counts)) + (i - (len(accuracies) - 1) / 2) * width
                self.bars_[what][name] = bars = ax.bar(
                    left,
                    by_k.values(),
                    width,
                    label=name,
                    color=COLORS[i % len(COLORS)],
                    edgecolor="white",
                )
                percent = [f"{100 * a:.0f}" for a in by_k.values()]
                behind = dict(facecolor="white", edgecolor="none", alpha=0.8, pad=0.3)
                ax.bar_label(
                    bars,
                    percent,
                    fontsize="x-small",
                    padding=1.5,
                    bbox=behind,
                    rotation=90 if len(accuracies) > 4 else 0,  # narrow bars
                )
            self.chance_lines_[what] = ax.axhline(
                self.chance[what], color="0.3", ls="--", lw=1.2, label="chance"
            )
            ax.set(title=sought[what], xlabel="k", ylim=(0, 1.05))
            ax.set_xticks(range(len(counts)), counts)
            ax.yaxis.set_major_formatter(PercentFormatter(1))
            ax.yaxis.grid(alpha=0.3)
            ax.set_axisbelow(True)
            ax.spines[["top", "right"]].set_visible(False)
        self.axes_[0, 0].set_ylabel("leave-one-out accuracy")
        last = list(self.bars_)[-1]
        self.axes_[0, -1].legend(
            handles=[*self.bars_[last].values(), self.chance_lines_[last]], **BESIDE
        )
        return self
