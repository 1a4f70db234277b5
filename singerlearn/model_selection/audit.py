"""What the two sides of a split share."""

from dataclasses import dataclass

import numpy as np

from singerlearn.audio import check_recordings, map_in_threads, naming, survey
from singerlearn.labels import as_groupings, encode_labels, is_label


@dataclass(frozen=True)
class Overlap:
    """How many distinct items of a kind each side of a split has, and which both have.

    Attributes
    ----------
    n_train, n_test : int
    shared : list
        Positions of recordings, labels of singers, or whatever is counted; sorted.
    """

    n_train: int
    n_test: int
    shared: list


@dataclass(frozen=True)
class SplitAudit:
    """What the two sides of a split share; print it for a table.

    Attributes
    ----------
    recordings, singers : Overlap
    songs : Overlap or None
        None if no songs were given. With several groupings, a song is the tuple of its
        labels.
    groupings : tuple of Overlap
        One for each grouping of the songs, if there are several.
    pairs : Overlap or None
        Combinations of a singer and a song; None if no songs were given.
    audio : Overlap or None
        Fingerprints; None if neither recordings nor fingerprints were given.
    copies : list of tuple (int, int)
        Different recordings with the same audio, the first on the training side, the
        second on the test side.
    """

    recordings: Overlap
    singers: Overlap
    songs: Overlap | None
    groupings: tuple
    pairs: Overlap | None
    audio: Overlap | None
    copies: list

    def __str__(self):
        rows = {
            "recordings": self.recordings,
            "same audio": self.audio,
            "singers": self.singers,
            "songs": self.songs,
        }
        rows |= {f"songs, grouping {i}": o for i, o in enumerate(self.groupings)}
        rows["singer x song"] = self.pairs
        lines = [f"{'':<18}{'train':>8}{'test':>8}{'shared':>8}"]
        lines += [
            f"{name:<18}{o.n_train:>8}{o.n_test:>8}{len(o.shared):>8}"
            for name, o in rows.items()
            if o is not None
        ]
        lines += [
            f"recording {test} is tested, and recording {train}, the same audio, "
            "trained on"
            for train, test in self.copies[:10]
        ]
        if len(self.copies) > 10:
            lines.append(f"and {len(self.copies) - 10} more, in .copies")
        return "\n".join(lines)


def audit_split(
    train,
    test,
    singers,
    songs=None,
    recordings=None,
    *,
    fingerprints=None,
    sampling_rate=22050,
    n_jobs=None,
):
    """Count what the two sides of a split share.

    Parameters
    ----------
    train, test : array-like of int, or of bool and shape (n_recordings,)
        Positions of the recordings on each side, or masks.
    singers : array-like of shape (n_recordings,)
        The singer of each recording.
    songs : array-like of shape (n_recordings,), list of such, or array-like of shape \
(n_recordings, n_groupings), default=None
        The song of each recording, or several groupings of the songs.
    recordings : list of length n_recordings, default=None
        Those on either side are read, to find the same audio under two names: two
        copies of a file, or one re-encoded without loss.
    fingerprints : sequence of str or None, of length n_recordings, default=None
        The identities of the audio, if `check_dataset` has already read the recordings.
        None or NaN marks a recording that could not be read.
    sampling_rate : float, default=22050
        Rate of waveforms that come without one, in Hz.
    n_jobs : int or None, default=None
        Recordings read at once, in threads.

    Returns
    -------
    SplitAudit

    Raises
    ------
    ValueError
        If a side is empty or holds anything but positions, if lengths differ, or if a
        recording cannot be read.

    Examples
    --------
    >>> from singerlearn.model_selection import audit_split
    >>> singers, songs = ["Ann", "Ann", "Bob", "Bob"], ["x", "y", "x", "y"]
    >>> audit = audit_split([0, 2, 3], [1], singers, songs)
    >>> print(audit)
                         train    test  shared
    recordings               3       1       0
    singers                  2       1       1
    songs                    2       1       1
    singer x song            3       1       0
    >>> audit.songs.shared
    ['y']
    """
    singers = _listed(singers, "singers")
    n = len(singers)
    train, test = _positions(train, "train", n), _positions(test, "test", n)
    groupings = [_listed(labels, "songs", n) for labels in as_groupings(songs)]
    if len(groupings) > 1:
        songs = list(zip(*groupings, strict=True))
    else:
        songs, groupings = next(iter(groupings), None), []
    if fingerprints is None and recordings is not None:
        fingerprints = _read(recordings, n, {*train, *test}, sampling_rate, n_jobs)
    if fingerprints is not None:
        fingerprints = [f if is_label(f) else None for f in fingerprints]
        if len(fingerprints) != n:
            raise ValueError(
                f"there are {len(fingerprints)} fingerprints for {n} singers"
            )

    sides = train, test

    def overlap(labels):
        on_train, on_test = ({labels[i] for i in side} - {None} for side in sides)
        return Overlap(len(on_train), len(on_test), sorted(on_train & on_test))

    return SplitAudit(
        recordings=overlap(range(n)),
        singers=overlap(singers),
        songs=songs and overlap(songs),
        groupings=tuple(map(overlap, groupings)),
        pairs=songs and overlap(list(zip(singers, songs, strict=True))),
        audio=None if fingerprints is None else overlap(fingerprints),
        copies=[] if fingerprints is None else _copies(train, test, fingerprints),
    )


def _listed(labels, name, n=None):
    """Return labels as a list, one per recording."""
    distinct, codes = encode_labels(labels, name, n)
    return distinct[codes].tolist()


def _positions(side, name, n):
    """Return a side of a split as a list of positions, each of them once."""
    side = np.asarray(side)
    if side.dtype == bool and side.shape == (n,):
        side = np.flatnonzero(side)
    if not side.size:
        raise ValueError(f"{name} is empty")
    if side.ndim != 1 or side.dtype.kind not in "iu":
        raise ValueError(
            f"{name} has shape {side.shape} and type {side.dtype}, but holds positions "
            f"of recordings, or is a mask of all {n}"
        )
    if side.min() < 0 or side.max() >= n:
        raise ValueError(f"{name} holds positions outside 0 to {n - 1}")
    return np.unique(side).tolist()


def _read(recordings, n, wanted, sampling_rate, n_jobs):
    """Return the fingerprint of each recording wanted, None for the others."""
    recordings = check_recordings(recordings)
    if len(recordings) != n:
        raise ValueError(f"there are {len(recordings)} recordings for {n} singers")

    def fingerprint(i):
        with naming(i, recordings[i]):
            return survey(recordings[i], sampling_rate).fingerprint

    found = map_in_threads(fingerprint, wanted, n_jobs=n_jobs)
    fingerprints = [None] * n
    for i, of_recording in zip(wanted, found, strict=True):
        fingerprints[i] = of_recording
    return fingerprints


def _copies(train, test, fingerprints):
    """List the pairs of different recordings with the same audio, one on each side."""
    by_audio = {}
    for i in train:
        by_audio.setdefault(fingerprints[i], []).append(i)
    return [
        (i, j)
        for j in test
        if fingerprints[j] is not None
        for i in by_audio.get(fingerprints[j], [])
        if i != j
    ]
