"""Pairs of recordings for singer verification, with an audit."""

import hashlib
import os

import numpy as np
from sklearn.utils import gen_batches

from singerlearn.labels import encode_labels, is_label
from singerlearn.metrics.validation import check_both_kinds, check_embeddings


class Trials:
    """Pairs of recordings, and what is known about them.

    `make_trials` draws them. A list of pairs from elsewhere can be audited as well.

    Parameters
    ----------
    pairs : array-like of shape (n_trials, 2), int
        Positions of the two recordings.
    singers : array-like of shape (n_recordings,)
    songs, gender : array-like of shape (n_recordings,), default=None
        For the audit.
    recordings : sequence of length n_recordings, default=None
        To recognise identical recordings, as in `make_trials`.

    Attributes
    ----------
    pairs : ndarray of shape (n_trials, 2), int
    is_target : ndarray of shape (n_trials,), bool
        Whether both recordings are by the same singer.
    singers : ndarray of shape (n_trials, 2)
        The singers of the two recordings: the groups for `bootstrap_interval`.
    same_song, same_gender : ndarray of shape (n_trials,), bool, or None
        None if songs or gender were not given.

    Raises
    ------
    ValueError
        If a trial pairs a recording with itself or its copy, targets or non-targets are
        missing, a singer has two genders, or positions or lengths are wrong.

    Examples
    --------
    >>> from singerlearn.metrics import Trials
    >>> trials = Trials([(0, 1), (0, 2), (1, 2)], ["Ann", "Ann", "Bob"])
    >>> trials
    Trials(n_targets=1, n_nontargets=2)
    >>> trials.distances([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]).tolist()
    [25.0, 1.0, 18.0]
    """

    def __init__(self, pairs, singers, *, songs=None, gender=None, recordings=None):
        labels, codes = encode_labels(singers, "singers")
        n_recordings = len(codes)
        self.pairs = _check_pairs(pairs, n_recordings)
        self._labels, self._codes = labels, codes
        self.is_target = self._share(codes)
        check_both_kinds(self.is_target.sum(), (~self.is_target).sum())
        self.same_song = self.same_gender = None
        if songs is not None:
            self.same_song = self._share(encode_labels(songs, "songs", n_recordings)[1])
        if gender is not None:
            gender = check_gender(gender, labels, codes)
            self.same_gender = self._share(gender)
        identical = self.pairs[:, 0] == self.pairs[:, 1]
        if recordings is not None:
            identical |= self._share(identities(recordings, n_recordings))
        if identical.any():
            first = identical.argmax()
            raise ValueError(
                f"{identical.sum()} of {len(self)} trials compare a recording with "
                f"itself or its copy, the first of them trial {first}: recordings "
                f"{self.pairs[first, 0]} and {self.pairs[first, 1]}"
            )

    @property
    def singers(self):
        """The singers of the two recordings of each trial."""
        return self._labels[self._codes[self.pairs]]

    def _share(self, codes):
        first, second = codes[self.pairs.T]
        return first == second

    def __len__(self):
        return len(self.pairs)

    def distances(self, Z):
        """Return the squared Euclidean distance of each pair (equation 4).

        Parameters
        ----------
        Z : array-like of shape (n_recordings, n_components)
            Embeddings of the recordings.

        Returns
        -------
        ndarray of shape (n_trials,)
        """
        Z = check_embeddings(Z)
        if len(Z) != len(self._codes):
            raise ValueError(
                f"Z holds {len(Z)} embeddings but the trials pair {len(self._codes)} "
                "recordings"
            )
        # In batches: the differences of all pairs would fill the memory.
        batches = [self.pairs[rows].T for rows in gen_batches(len(self), 1024)]
        return np.concatenate([np.square(Z[a] - Z[b]).sum(axis=1) for a, b in batches])

    def scores(self, Z):
        """Return how alike each pair is: the distance, negated."""
        return -self.distances(Z)

    def audit(self):
        """Count what the trials hold.

        Returns
        -------
        dict
            ``n_targets``, ``n_nontargets``, ``n_recordings``, ``n_singers``;
            ``n_repeated``, how many trials repeat an earlier one, in either order; and
            the shares ``same_song_targets``, ``same_song_nontargets`` and
            ``same_gender_nontargets``, None if songs or gender were not given.
        """
        first, second = np.sort(self.pairs, axis=1).T
        n_different = len(np.unique(first * (second.max() + 1) + second))

        def share(known, of):
            return None if known is None else float(known[of].mean())

        return {
            "n_targets": int(self.is_target.sum()),
            "n_nontargets": int((~self.is_target).sum()),
            "n_recordings": len(np.unique(self.pairs)),
            "n_singers": len(np.unique(self._codes[self.pairs])),
            "n_repeated": len(self) - n_different,
            "same_song_targets": share(self.same_song, self.is_target),
            "same_song_nontargets": share(self.same_song, ~self.is_target),
            "same_gender_nontargets": share(self.same_gender, ~self.is_target),
        }

    def __repr__(self):
        n_targets = self.is_target.sum()
        return f"Trials(n_targets={n_targets}, n_nontargets={len(self) - n_targets})"

    def __str__(self):
        audit = self.audit()

        def shares(*kinds):
            known = [(audit[key], what) for key, what in kinds]
            told = [f"{share:.0%} {what}" for share, what in known if share is not None]
            return ": " + ", ".join(told) if told else ""

        return (
            f"{len(self)} trials of {audit['n_recordings']} recordings by "
            f"{audit['n_singers']} singers, {audit['n_repeated']} repeated\n"
            f"  {audit['n_targets']} targets"
            + shares(("same_song_targets", "same song"))
            + f"\n  {audit['n_nontargets']} non-targets"
            + shares(
                ("same_song_nontargets", "same song"),
                ("same_gender_nontargets", "same gender"),
            )
        )


def _check_pairs(pairs, n_recordings):
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise ValueError(
            f"pairs has shape {pairs.shape} and type {pairs.dtype} but holds the "
            "positions of two recordings a trial"
        )
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= n_recordings):
        raise ValueError(f"pairs holds positions outside 0 to {n_recordings - 1}")
    return pairs.astype(np.intp)


def check_gender(gender, labels, singer):
    """Return each recording's gender as a code; refuse singers with two."""
    _, codes = encode_labels(gender, "gender", len(singer))
    combined = np.unique(np.stack([singer, codes]), axis=1)[0]
    if len(combined) > len(labels):
        twice = labels.item(combined[:-1][np.diff(combined) == 0][0])
        raise ValueError(f"gender gives singer {twice!r} two genders")
    return codes


def identities(recordings, n_recordings):
    """Return a code per recording, equal for equal paths, samples or fingerprints.

    Unknown recordings, None or NaN, match no other.
    """
    if len(recordings) != n_recordings:
        raise ValueError(
            f"recordings holds {len(recordings)} entries for {n_recordings} samples"
        )
    known = [
        f"recording {i}"
        if not hasattr(r, "__len__") and not is_label(r)
        else _identity(r)
        for i, r in enumerate(recordings)
    ]
    return np.unique(known, return_inverse=True)[1]


def _identity(recording):
    if isinstance(recording, (str, os.PathLike)):
        return os.path.realpath(recording)
    if isinstance(recording, tuple):  # (waveform, sampling_rate)
        waveform, sampling_rate = recording
        return f"{_identity(waveform)} {float(sampling_rate)}"
    samples = np.ascontiguousarray(recording)
    if samples.dtype.kind == "f":
        samples = samples.astype(np.float32)
    return f"{samples.dtype} {hashlib.sha256(samples).hexdigest()}"
