"""The split inside a fit: recordings that early stopping validates on."""

from collections.abc import Iterable

import numpy as np

from singerlearn.labels import listed


def draw_validation(singers, groups, rng, songs=None):
    """Draw the recordings for the early-stopping test, before chunks exist.

    Groups are visited in random order; one is taken if it brings a singer whom the
    validation set lacks and leaves each of its singers something to train on. With
    every recording its own group this is the paper's rule (section 3.4): one random
    recording of each singer who has at least two.

    Parameters
    ----------
    singers : ndarray of shape (n_recordings,)
        Integer code of each recording's singer.
    groups : array-like of shape (n_recordings,)
        Recordings of one group stay on one side.
    rng : RandomState
        Draws the order.
    songs : ndarray of shape (n_recordings,), default=None
        If given, every singer keeps at least two different songs to train on.

    Returns
    -------
    ndarray of shape (n_recordings,), dtype bool
        True for the recordings of the validation set.

    Raises
    ------
    ValueError
        If no singer can spare a recording.
    """
    _, groups = np.unique(groups, return_inverse=True)
    by_group = np.argsort(groups, kind="stable")
    members = np.split(by_group, np.cumsum(np.bincount(groups))[:-1])
    keep = 1 if songs is None else 2
    songs = np.arange(len(singers)) if songs is None else songs
    own, song = np.unique(np.stack([singers, songs]), axis=1, return_inverse=True)
    song = song.ravel()  # each singer's songs have numbers of their own
    recordings = np.bincount(song)
    to_train = np.bincount(own[0])
    valid = np.zeros(len(singers), dtype=bool)
    seen = np.zeros(len(to_train), dtype=bool)
    for group in rng.permutation(len(members)):
        who = np.unique(singers[members[group]])
        taken = np.bincount(song[members[group]], minlength=len(recordings))
        lost = own[0, (taken > 0) & (taken == recordings)]
        left = to_train - np.bincount(lost, minlength=len(to_train))
        if not seen[who].all() and np.all(left[who] >= keep):
            valid[members[group]] = seen[who] = True
            recordings, to_train = recordings - taken, left
    if not valid.any():
        raise ValueError(
            "early stopping needs recordings to validate on, but no singer can spare "
            f"one and keep {keep}; give more recordings (or groups), or set "
            "early_stopping=False"
        )
    return valid


def find_validation(singers, names, codes):
    """Return the indices of the recordings of singers to validate on.

    Parameters
    ----------
    singers : label or iterable of labels
    names : ndarray of shape (n_singers,)
    codes : ndarray of shape (n_recordings,)
        The singer of each recording, as an index into the names.

    Returns
    -------
    ndarray of shape (n_validation_recordings,)

    Raises
    ------
    ValueError
        If one is unknown, or there are fewer than two on either side.
    """
    several = isinstance(singers, Iterable) and not isinstance(singers, str)
    wanted = list(singers) if several else [singers]
    known = names.tolist()
    unknown = sorted((name for name in wanted if name not in known), key=str)
    if unknown:
        raise ValueError(f"validation_singers names {listed(unknown)}, not in y")
    aside = np.array([name in wanted for name in known])
    if min(aside.sum(), (~aside).sum()) < 2:
        raise ValueError(
            f"{aside.sum()} of {len(names)} singers are validation singers; two or "
            "more are needed to validate on, and two or more to train on"
        )
    return np.flatnonzero(aside[codes])
