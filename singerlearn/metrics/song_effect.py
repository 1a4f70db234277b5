"""How much an embedding depends on the singer, and how much on the song."""

from dataclasses import dataclass

import numpy as np

from singerlearn.labels import encode_groupings, encode_labels
from singerlearn.metrics.neighbours import (
    chance_accuracy,
    check_n_neighbors,
    nearest,
    vote,
)
from singerlearn.metrics.validation import check_count, check_embeddings


@dataclass(frozen=True, eq=False)
class KNNEffect:
    """How well nearest neighbours name a label, compared with chance.

    Attributes
    ----------
    n_neighbors : tuple of int
    accuracy : ndarray of shape (len(n_neighbors),)
        Leave-one-out, as in `leave_one_out_knn`.
    chance : float
        Accuracy of one neighbour drawn at random.
    null : ndarray of shape (n_permutations, len(n_neighbors))
        Accuracies with permuted labels.
    """

    n_neighbors: tuple
    accuracy: np.ndarray
    chance: float
    null: np.ndarray

    @property
    def p_values(self):
        """Share of permutations that do as well, counting the true labels as one."""
        reached = (self.null >= self.accuracy).sum(axis=0)
        return (1 + reached) / (1 + len(self.null))


@dataclass(frozen=True, eq=False)
class SongEffectReport:
    """What `song_effect_report` found; print it for a table.

    Attributes
    ----------
    singer, song : KNNEffect
        Among all neighbours, as in the paper's Figure 5.
    singer_crossed : KNNEffect
        Singers, among the neighbours that do not share the song (or any excluded
        group).
    song_crossed : KNNEffect
        Songs, among the neighbours by other singers.
    same_song_impostors : float in [0, 1]
        Share of the samples whose nearest neighbour is another singer with the same
        song.
    same_song_impostors_chance : float
        The same for a neighbour drawn at random.
    n_samples, n_singers, n_songs : int
    """

    singer: KNNEffect
    singer_crossed: KNNEffect
    song: KNNEffect
    song_crossed: KNNEffect
    same_song_impostors: float
    same_song_impostors_chance: float
    n_samples: int
    n_singers: int
    n_songs: int

    def __repr__(self):
        return (
            f"SongEffectReport(n_samples={self.n_samples}, n_singers={self.n_singers}, "
            f"n_songs={self.n_songs}, n_neighbors={self.singer.n_neighbors})"
        )

    def __str__(self):
        rows = {
            "singer": self.singer,
            "singer, crossed": self.singer_crossed,
            "song": self.song,
            "song, other singers": self.song_crossed,
        }
        counts = self.singer.n_neighbors
        lines = [
            f"{self.n_samples} samples of {self.n_singers} singers and {self.n_songs} "
            "songs; accuracy of the k nearest neighbours (p)",
            f"{'':19} chance" + "".join(f"{f'k = {k}':>14}" for k in counts),
        ]
        lines += [
            f"{name:19}  {row.chance:.3f}"
            + "".join(
                f" {a:.3f} ({p:.3f})"
                for a, p in zip(row.accuracy, row.p_values, strict=True)
            )
            for name, row in rows.items()
        ]
        lines.append(
            "nearest is somebody else with the same song: "
            f"{self.same_song_impostors:.3f} (by chance "
            f"{self.same_song_impostors_chance:.3f})"
        )
        return "\n".join(lines)


def song_effect_report(
    Z,
    singers,
    songs,
    *,
    n_neighbors=(1, 3, 5, 7),
    exclude_groups=None,
    n_permutations=999,
    random_state=None,
):
    """Measure how much an embedding depends on the singer, and how much on the song.

    Nearest neighbours name the singer and the song, among all other samples (the
    paper's Figure 5) and *crossed*: the singer among other songs, the song among other
    singers. The first two accuracies show which of the two decides what is near; the
    crossed two show what is left of each when the other cannot help.

    Labels are permuted to get p-values, keeping the other effect as it is: singers are
    permuted within each song, and songs within each singer, while neighbours stay the
    same. A small p-value for singers thus means that the embedding tells the singer
    beyond what the song tells, not just that it tells something. In the crossed tests,
    all takes of a song by the same singer are permuted together, as one unit: takes are
    alike in more than singer and song, and permuted one by one this likeness would be
    mistaken for an effect of singer or song.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_components)
        Embeddings, one per recording.
    singers, songs : array-like of shape (n_samples,)
        The singer and the song of each.
    n_neighbors : int or sequence of int, default=(1, 3, 5, 7)
        How many neighbours vote.
    exclude_groups : array-like, default=None
        Groups that crossed neighbours must not share with the query when they name the
        singer, as in `leave_one_out_knn`: ``[lyrics, melodies]``, if songs share these.
        None means `songs`.
    n_permutations : int, default=999
        How often the labels are permuted for each effect.
    random_state : int, RandomState instance or None, default=None
        Seeds the permutations.

    Returns
    -------
    SongEffectReport

    Raises
    ------
    ValueError
        If Z holds NaN, lengths differ, there is only one singer or song, there are not
        more samples than neighbours, or if singer and song cannot be told apart: no
        singer sings two songs, or no song has two singers.

    Examples
    --------
    An embedding that depends on the song, and a little on the singer:

    >>> import numpy as np
    >>> from singerlearn.metrics import song_effect_report
    >>> singers, songs = np.divmod(np.arange(24), 4)
    >>> rng = np.random.RandomState(0)
    >>> voice, tune, take = (rng.randn(n, 8) for n in (6, 4, 24))
    >>> Z = 0.7 * voice[singers] + 2 * tune[songs] + 0.2 * take
    >>> report = song_effect_report(Z, singers, songs, n_neighbors=[1], random_state=0)
    >>> print(report)
    24 samples of 6 singers and 4 songs; accuracy of the k nearest neighbours (p)
                        chance         k = 1
    singer               0.130 0.000 (1.000)
    singer, crossed      0.167 0.458 (0.002)
    song                 0.217 1.000 (0.001)
    song, other singers  0.250 1.000 (0.001)
    nearest is somebody else with the same song: 1.000 (by chance 0.217)
    """
    from sklearn.utils import check_random_state  # a slow import

    Z = check_embeddings(Z)
    singer_labels, singer = encode_labels(singers, "singers", len(Z), at_least=2)
    song_labels, song = encode_labels(songs, "songs", len(Z), at_least=2)
    # A code for each singer's song, the same for all takes of it.
    sung = np.unique(np.stack([singer, song]), axis=1, return_inverse=True)[1].ravel()
    _check_design(singer_labels, song_labels, n_sung=sung.max() + 1)
    n_neighbors = tuple(np.atleast_1d(n_neighbors).tolist())
    k_max = check_n_neighbors(n_neighbors, len(Z))
    check_count("n_permutations", n_permutations, 1)
    rng = check_random_state(random_state)

    def search(excluded):
        groupings = encode_groupings(excluded, len(Z))
        return groupings, nearest(Z, k_max, groupings)

    each = np.arange(len(Z))
    among_all = search(None)
    among_other_songs = search(songs if exclude_groups is None else exclude_groups)
    among_other_singers = search(singers)

    def effect(codes, within, searched, together):
        groupings, neighbours = searched

        def accuracy(codes):
            named = (vote(codes, neighbours[:, :k]) for k in n_neighbors)
            return [np.mean(labels == codes) for labels in named]

        return KNNEffect(
            n_neighbors,
            accuracy=np.array(accuracy(codes)),
            chance=chance_accuracy(codes, groupings),
            null=np.array([
                accuracy(_permute(codes, within, together, rng))
                for _ in range(n_permutations)
            ]),
        )  # fmt: skip

    _, neighbours = among_all
    impostors, by_chance = _same_song_impostors(neighbours[:, 0], singer, song, sung)
    return SongEffectReport(
        singer=effect(singer, song, among_all, each),
        singer_crossed=effect(singer, song, among_other_songs, sung),
        song=effect(song, singer, among_all, each),
        song_crossed=effect(song, singer, among_other_singers, sung),
        same_song_impostors=impostors,
        same_song_impostors_chance=by_chance,
        n_samples=len(Z),
        n_singers=len(singer_labels),
        n_songs=len(song_labels),
    )


def _check_design(singer_labels, song_labels, n_sung):
    """Refuse labels with which the effects of singer and song cannot be told apart."""
    for n_labels, what in (
        (len(singer_labels), "no singer sings two songs"),
        (len(song_labels), "no song has two singers"),
    ):
        if n_sung == n_labels:
            raise ValueError(f"{what}, so that singer and song cannot be told apart")


def _permute(codes, within, together, rng):
    """Shuffle codes among the units of each group of `within`.

    Samples with the same code in `together` are a unit; they share the other codes too.
    """
    _, first = np.unique(together, return_index=True)
    codes, within = codes[first], within[first]
    permuted = np.empty_like(codes)
    by_group = np.argsort(within, kind="stable")
    permuted[by_group] = codes[np.lexsort((rng.random_sample(len(codes)), within))]
    return permuted[together]


def _same_song_impostors(first, singer, song, sung):
    """Return how often the first neighbour is another singer, same song, and chance."""
    found = (singer[first] != singer) & (song[first] == song)
    others = np.bincount(song)[song] - np.bincount(sung)[sung]
    return float(found.mean()), float(others.mean() / (len(song) - 1))
