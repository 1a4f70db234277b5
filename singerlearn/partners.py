"""Batches in which chunks of one singer meet: pairs, and several singers.

The losses in `singerlearn.nn.losses` compare the chunks of a batch with each other, and
a classifier may want all singers equally often; which chunks meet is decided here.
"""

from functools import partial
from itertools import cycle
from math import ceil

import numpy as np

from singerlearn.batches import ChunkBatches, in_runs
from singerlearn.labels import listed


class PartnerBatches(ChunkBatches):
    """Batches in which chunks of one singer meet.

    Anchors are drawn as `ChunkBatches` draws chunks, and their partners from the whole
    data set. A partner by the same singer comes from another recording, or from another
    song if the data set has songs, and is never the chunk itself. Shuffled in each
    epoch if seeded, else every epoch is the same.

    Parameters
    ----------
    dataset, batch_size, **options
        As for `ChunkBatches`; the targets are the singers.
    same_recording : bool, default=False
        Whether partners by the same singer may come from one recording (or song).
    """

    def __init__(self, dataset, batch_size, *, same_recording=False, **options):
        super().__init__(dataset, batch_size, **options)
        singers = dataset.targets.cpu().numpy()
        self.singer = singers[dataset.recording]
        # Songs are counted singer by singer; so ordered, a singer's chunks are one run.
        if same_recording:  # every chunk counts as a song
            self.order = np.argsort(self.singer, kind="stable")
            self.song = np.argsort(self.order)
        else:
            both = np.stack([singers, dataset.songs])
            songs = np.unique(both, axis=1, return_inverse=True)[1].ravel()
            self.song = songs[dataset.recording]
            self.order = np.argsort(self.song, kind="stable")

    def draw_anchors(self):
        """Return the anchors of an epoch, and the generator to draw partners with."""
        rng = np.random.RandomState(0) if self.rng is None else self.rng
        return self.dataset.draw(rng, self.chunks_per_recording), rng


class PairBatches(PartnerBatches):
    """Batches of pairs, side by side, every second one of the same singer.

    Every anchor has one partner in an epoch; a batch has ``batch_size // 2`` pairs.
    """

    def __init__(self, dataset, batch_size, **options):
        super().__init__(dataset, batch_size, **options)
        place = np.argsort(self.order)
        self.singer_run = run_of_each(self.singer[self.order])[:, place]
        self.song_run = run_of_each(self.song[self.order])[:, place]

    def draw(self):
        """Return the batches of one epoch, as indices of chunks."""
        anchors, rng = self.draw_anchors()
        same = np.arange(len(anchors)) % 2 == 0
        pairs = np.stack([anchors, self.draw_partners(anchors, same, rng)], axis=1)
        return in_runs(pairs.ravel(), self.batch_size // 2 * 2)

    def draw_partners(self, anchors, same, rng):
        """Draw a chunk of the same singer, or of another, for each anchor."""
        singer, song = self.singer_run[:, anchors], self.song_run[:, anchors]
        # Drawn from one run of the order, with another run inside of it left out.
        first, end = np.where(same, singer, [[0], [len(self.order)]])
        gap, resume = np.where(same, song, singer)
        place = first + rng.randint(end - first - (resume - gap))
        return self.order[place + (place >= gap) * (resume - gap)]


class SingerBatches(PartnerBatches):
    """Batches of several singers with several chunks each ("P x K").

    An anchor's partners are spread over as many other recordings of the singer as
    there are. An epoch has about as many chunks as `ChunkBatches` would draw, more if
    its last round through the singers has hardly begun. All recorded singers are in
    each round, but only so many synthetic ones, drawn for each round, as sing their
    share (or all, if they are too few).

    Parameters
    ----------
    chunks_per_singer : int, default=4
        Chunks of a singer in a batch, fewer where a singer has fewer.
    """

    def __init__(self, dataset, batch_size, *, chunks_per_singer=4, **options):
        super().__init__(dataset, batch_size, **options)
        # To validate, an anchor and one partner: among further partners, which may
        # be of the training set, the loss would only show how well those are known.
        self.chunks_per_singer = 2 if self.rng is None else chunks_per_singer
        ends = np.cumsum(np.bincount(self.song))
        self.chunks = np.split(self.order, ends[:-1])
        singer_of_song = self.singer[self.order[ends - 1]]  # sorted, as the order is
        self.songs_of = np.searchsorted(
            singer_of_song, np.arange(singer_of_song[-1] + 2)
        )

    def draw(self):
        """Yield the batches of one epoch, as indices of chunks."""
        anchors, rng = self.draw_anchors()
        singers = self.singer[anchors]
        codes, first = np.unique(np.sort(singers), return_index=True)
        by_singer = anchors[np.argsort(singers, kind="stable")]
        queues = [cycle(own) for own in np.split(by_singer, first[1:])]
        if len(codes) < 2:
            raise ValueError(
                "batches of several singers cannot be made from recordings of one: "
                "give groups that leave more to validate on, or validation_singers"
            )
        n_own = np.sum(codes < self.dataset.first_synthetic)
        n_guests = len(codes) - n_own  # synthetic singers in a round, on average
        if n_own and n_guests:
            n_sung = np.sum(singers >= self.dataset.first_synthetic)
            n_guests = min(n_own * n_sung / (len(anchors) - n_sung), n_guests)
        in_round = max(n_own + n_guests, 2)
        n_rounds = ceil(len(anchors) / (in_round * self.chunks_per_singer))
        waiting = np.array([], dtype=int)
        for i in range(n_rounds):
            order = draw_round(n_own, len(codes), n_guests, rng)
            # Who still waits from the round before is not to meet himself in a batch.
            order = order[np.argsort(np.isin(order, waiting), kind="stable")]
            at_once = min(len(order), self.batch_size // self.chunks_per_singer)
            waiting = np.append(waiting, order)
            if i + 1 == n_rounds:  # the last batch is filled up
                waiting = np.append(waiting, order[: -len(waiting) % at_once])
            n_ready = len(waiting) // at_once * at_once
            for batch in waiting[:n_ready].reshape(-1, at_once):
                hands = [self.hand(next(queues[singer]), rng) for singer in batch]
                yield np.concatenate(hands)
            waiting = waiting[n_ready:]

    def hand(self, anchor, rng):
        """Return an anchor with its partners of the same singer."""
        song, singer = self.song[anchor], self.singer[anchor]
        others = np.arange(*self.songs_of[singer : singer + 2])
        others = rng.permutation(others[others != song])
        # Round and round the singer's songs, the anchor's own comes last.
        visits = np.resize(np.append(others, song), self.chunks_per_singer - 1)
        hand = [[anchor]]
        for visited, times in zip(*np.unique(visits, return_counts=True), strict=True):
            chunks = self.chunks[visited]
            hand.append(rng.permutation(chunks[chunks != anchor])[:times])
        hand = np.concatenate(hand)
        if len(hand) < self.chunks_per_singer:  # short songs could not give their part
            own = np.concatenate(
                self.chunks[slice(*self.songs_of[singer : singer + 2])]
            )
            rest = rng.permutation(np.setdiff1d(own, hand))
            hand = np.append(hand, rest[: self.chunks_per_singer - len(hand)])
        return hand


def draw_round(n_own, n_singers, n_guests, rng):
    """Draw the order of a round: all recorded singers, and some synthetic ones.

    Parameters
    ----------
    n_own, n_singers : int
        Recorded singers, who are counted first, and all.
    n_guests : float
        Synthetic ones, on average: of two and a half, two or three as often.
    rng : RandomState

    Returns
    -------
    ndarray of shape (n_in_round,)
        Two or more.
    """
    drawn = max(int(n_guests + rng.uniform()), 2 - n_own) if n_guests else 0
    guests = n_own + rng.permutation(n_singers - n_own)[:drawn]
    return rng.permutation(np.append(np.arange(n_own), guests))


def batches_where(meet, *, chunks_per_singer, same_recording=False):
    """Return what makes batches where such chunks meet.

    Parameters
    ----------
    meet : {"pairs", "singers"} or None
        Pairs, several chunks of each of several singers, or any.
    chunks_per_singer, same_recording
        As for `SingerBatches` and `PairBatches`.

    Returns
    -------
    callable that returns a ChunkBatches
    """
    if meet is None:
        return ChunkBatches
    if meet == "pairs":
        return partial(PairBatches, same_recording=same_recording)
    return partial(
        SingerBatches,
        same_recording=same_recording,
        chunks_per_singer=chunks_per_singer,
    )


def fewest_chunks(meet, chunks_per_singer):
    """Return how many chunks a batch has at least, where such chunks meet."""
    return {None: 1, "pairs": 2, "singers": 2 * (chunks_per_singer or 0)}[meet]


def run_of_each(codes):
    """Return where the run of equal codes around each element begins and ends.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Sorted.

    Returns
    -------
    ndarray of shape (2, n)
        First index, and the one after the last.
    """
    return np.stack([np.searchsorted(codes, codes, s) for s in ("left", "right")])


def check_partners(names, singers, songs=None, unit="recording"):
    """Refuse singers of whom there are no two recordings, or songs, to be compared.

    Parameters
    ----------
    names : ndarray of shape (n_singers,)
    singers : ndarray of shape (n,)
        Integer singer of each recording, or chunk.
    songs : ndarray of shape (n,), default=None
        Integer song of each; None if each counts for itself.
    unit : str, default="recording"
        What each is, for the error.
    """
    if songs is not None:
        singers, unit = np.unique(np.stack([singers, songs]), axis=1)[0], "song"
    lonely = np.bincount(singers) < 2
    if lonely.any():
        raise ValueError(
            f"the loss compares two {unit}s of each singer, and there is only one of "
            f"{listed(names[lonely].tolist())}: give more, leave the singer out, or "
            "take loss='margin-softmax'"
        )
