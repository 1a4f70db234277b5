"""Embeddings of recordings or chunks, drawn (the paper's Figures 4 and 7)."""

from collections.abc import Sized
from typing import NamedTuple

import numpy as np

from singerlearn.display.axes import (
    BESIDE,
    N_LOOKS,
    check_named,
    given_or_new_grid,
    look,
    naming,
)
from singerlearn.labels import encode_labels
from singerlearn.metrics.validation import check_embeddings


class Projection(NamedTuple):
    """An embedding in two dimensions, with the singer and the song of each point.

    Attributes
    ----------
    points : ndarray of shape (n_points, 2)
    singers : ndarray of shape (n_points,)
    songs : ndarray of shape (n_points,) or None
    """

    points: np.ndarray
    singers: np.ndarray
    songs: np.ndarray | None


class EmbeddingDisplay:
    """t-SNE of embeddings, coloured by singer and by song (Figures 4 and 7).

    One column per embedding (for example, learned and hand-crafted); one row coloured
    by singer and, if songs are known, one by song. Make one with `from_embeddings`.

    Parameters
    ----------
    projections : dict of str to Projection
        The points of each embedding, by its name.
    unit : {"recordings", "chunks"}, default="recordings"
        What each point is.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes of shape (n_rows, n_embeddings)
        What it was drawn into.
    figure_ : matplotlib.figure.Figure
        The figure around them.
    scatters_ : ndarray of dict of shape (n_rows, n_embeddings)
        For each panel, the points of each label (a
        matplotlib.collections.PathCollection).

    Examples
    --------
    >>> import numpy as np
    >>> from singerlearn.display import EmbeddingDisplay
    >>> singers, songs = np.divmod(np.arange(12), 4)
    >>> Z = np.eye(3)[singers] + 0.1 * np.eye(4)[songs, :3]
    >>> display = EmbeddingDisplay.from_embeddings(
    ...     {"learned": Z}, singers=singers, songs=songs
    ... )
    >>> display.projections["learned"].points.shape
    (12, 2)
    """

    def __init__(self, projections, *, unit="recordings"):
        self.projections = projections
        self.unit = unit

    @classmethod
    def from_embeddings(
        cls, embeddings, *, singers, songs=None, perplexity=None, random_state=0
    ):
        """Lay embeddings out by t-SNE.

        Parameters
        ----------
        embeddings : dict of str to array-like of shape (n_recordings, n_components)
            Each embedding by its name; or, for one point per chunk, a list with one
            array of shape (n_chunks, n_components) per recording, as
            ``transform_chunks`` returns it. Scale features in different units first.
        singers : array-like of shape (n_recordings,)
        songs : array-like of shape (n_recordings,), default=None
        perplexity : float, default=None
            Roughly how many neighbours of each point to keep close. None means an
            eighth of the points, from 5 to 30; with fewer than 16 points, a third of
            the others.
        random_state : int, RandomState instance or None, default=0
            Seeds t-SNE.

        Returns
        -------
        display : EmbeddingDisplay

        Raises
        ------
        ValueError
            If `embeddings` is not a dict, if one of them holds NaN, fewer than four
            points or only equal points, if some are of recordings and some of chunks,
            if lengths differ or the perplexity is not below the number of points.
        """
        check_embeddings_by_name(embeddings)
        units = {name: _unit(Z) for name, Z in embeddings.items()}
        unit, *others = set(units.values())
        if others:
            raise ValueError(
                f"some embeddings are of recordings, some of chunks: {units}"
            )
        projections = {}
        for name, Z in embeddings.items():
            n_chunks = [len(z) for z in Z] if unit == "chunks" else None
            with naming(f"embedding {name!r}"):
                labels = [
                    None if y is None else _labels_of_points(y, what, len(Z), n_chunks)
                    for y, what in ((singers, "singers"), (songs, "songs"))
                ]
                points = _tsne(
                    Z if n_chunks is None else np.concatenate(Z),
                    perplexity,
                    random_state,
                )
            projections[name] = Projection(points, *labels)
        return cls(projections, unit=unit)

    def plot(self, axes=None):
        """Draw the points; colour and marker tell the labels apart.

        The legend names up to 72 labels; beyond, looks repeat and nothing is named.

        Parameters
        ----------
        axes : array-like of matplotlib.axes.Axes, default=None
            Where to draw: one row, or two if there are songs, and one column per
            embedding. None makes a new figure.

        Returns
        -------
        self : EmbeddingDisplay
        """
        some = next(iter(self.projections.values()))
        rows = ["singers"] if some.songs is None else ["singers", "songs"]
        shape = (len(rows), len(self.projections))
        # A label looks the same in all columns.
        labels = {
            row: np.unique(
                np.concatenate([getattr(p, row) for p in self.projections.values()])
            )
            for row in rows
        }
        # Front ends need not cut a recording into equally many chunks.
        counts = dict.fromkeys(str(len(p.points)) for p in self.projections.values())
        beside = max(_legend_width(own) for own in labels.values())
        self.axes_ = given_or_new_grid(
            axes,
            shape,
            figsize=(0.3 + 2.9 * shape[1] + beside, 0.4 + 3 * shape[0]),
            title=f"t-SNE of {' and '.join(counts)} {self.unit}",
        )
        self.figure_ = self.axes_[0, 0].figure
        self.scatters_ = np.empty(shape, dtype=object)
        size = np.clip(2500 / len(some.points), 9, 36)
        for i, row in enumerate(rows):
            for j, (name, projection) in enumerate(self.projections.items()):
                ax, own = self.axes_[i, j], getattr(projection, row)
                self.scatters_[i, j] = {
                    label: _scatter(ax, projection.points[own == label], n, label, size)
                    for n, label in enumerate(labels[row].tolist())
                }
                ax.set(xticks=[], yticks=[])  # the axes of t-SNE mean nothing
                ax.margins(0.06)
                ax.set_title(f"{name}, by {row[:-1]}", fontsize="medium")
            if n_columns := _n_columns(labels[row]):
                ax.legend(
                    # If given, labels that begin with "_" are named, too.
                    handles=list(self.scatters_[i, -1].values()),
                    title=row[:-1],
                    ncols=n_columns,
                    labelspacing=0.25,
                    fontsize="small",
                    markerscale=np.sqrt(30 / size),
                    handletextpad=0.1,
                    columnspacing=0.8,
                    **BESIDE,
                )
        return self


def check_embeddings_by_name(embeddings):
    """Refuse anything but a dict of embeddings by their names."""
    such_as = "{'learned': embedder.transform(X)}"
    check_named(embeddings, "embeddings", such_as=such_as, kind=Sized)


def _unit(Z):
    """Return what a row of an embedding is."""
    if isinstance(Z, (list, tuple)) and len(Z) and np.ndim(Z[0]) == 2:
        return "chunks"
    return "recordings"


def _labels_of_points(y, what, n_recordings, n_chunks):
    """Return each point's label; that of its recording, if it is a chunk."""
    labels, codes = encode_labels(y, what, n_recordings)
    return labels[codes if n_chunks is None else np.repeat(codes, n_chunks)]


def _tsne(Z, perplexity, random_state):
    """Return points on a page for embeddings of shape (n_points, n_components)."""
    from sklearn.manifold import TSNE  # a slow import

    Z = check_embeddings(Z)
    if len(Z) < 4 or (Z == Z[0]).all():
        raise ValueError(
            f"{len(Z)} points, {len(np.unique(Z, axis=0))} of them different, make no "
            "picture; t-SNE needs four and more, not all alike"
        )
    if perplexity is None:
        # More would press the points of few singers into heaps, with nothing between.
        perplexity = min(np.clip(len(Z) / 8, 5, 30), (len(Z) - 1) / 3)
    elif not 1 <= perplexity < len(Z):
        raise ValueError(
            f"perplexity={perplexity} must be at least 1 and below the {len(Z)} points"
        )
    # Principal components keep far things far, as a random start does not.
    init = "pca" if Z.shape[1] > 1 else "random"
    tsne = TSNE(init=init, perplexity=perplexity, random_state=random_state)
    return tsne.fit_transform(Z)


def _n_columns(labels):
    """Return the columns of a legend, none if there are more labels than looks."""
    return -(-len(labels) // 16) if len(labels) <= N_LOOKS else 0


def _legend_width(labels):
    """Return about how many inches a legend takes."""
    longest = max(len(str(label)) for label in labels.tolist())
    return _n_columns(labels) * (0.35 + 0.06 * longest)


def _scatter(ax, points, n, label, size):
    """Draw the points of the n-th label."""
    color, marker = look(n)
    return ax.scatter(
        *points.T,
        s=size,
        color=color,
        marker=marker,
        label=str(label),
        linewidths=0.3,
        edgecolors="white",
    )
