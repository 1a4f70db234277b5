"""Splitters, whose folds divide recordings into a training and a test side."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator, GroupKFold
from sklearn.utils import check_random_state

from singerlearn.labels import encode_groupings, encode_labels

_NESTED = (
    "inside another cross-validation, which splits a part of them, labels travel as "
    "groups"
)


class SingerFolds(BaseCrossValidator):
    """Folds that each test one recording of every singer, as the paper's (section 3.4).

    Fold i tests the i-th recording of every singer, in the order of X or, with
    `shuffle`, in an order drawn for each singer. A singer's recordings beyond the first
    `n_splits` are never tested.

    Parameters
    ----------
    n_splits : int, default=10
        Number of folds; every singer needs at least as many recordings.
    shuffle : bool, default=False
        Draw the order of each singer's recordings. These often come sorted by song; if
        shuffled, the songs of a fold differ from singer to singer.
    random_state : int, RandomState instance or None, default=None
        With `shuffle`: an int gives the same folds every time.

    Examples
    --------
    >>> from singerlearn.model_selection import SingerFolds
    >>> y = ["Ann", "Ann", "Bob", "Ann", "Bob"]
    >>> for train, test in SingerFolds(n_splits=2).split(y, y):
    ...     print(train, test)
    [1 3 4] [0 2]
    [0 2 3] [1 4]
    """

    def __init__(self, n_splits=10, *, shuffle=False, random_state=None):
        _check_folds(shuffle, random_state, n_splits=n_splits)
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return `n_splits`; the arguments are ignored."""
        return self.n_splits

    def split(self, X, y, groups=None):
        """Yield the recordings to train on and those to test.

        Parameters
        ----------
        X : sequence of length n_recordings
        y : array-like of shape (n_recordings,)
            The singers.
        groups : object
            Ignored.

        Yields
        ------
        train, test : ndarray of int
            Positions in X, ascending.
        """
        names, singers = encode_labels(y, "y", len(X))
        counts = np.bincount(singers)
        few = np.flatnonzero(counts < self.n_splits)
        if len(few):
            fewest = counts.argmin()
            raise ValueError(
                f"{self.n_splits} folds need {self.n_splits} recordings of every "
                f"singer; {len(few)} of {len(names)} singers have fewer, and "
                f"{names.item(fewest)!r} has {counts[fewest]}; leave them out, or ask "
                "for fewer folds"
            )
        order = np.arange(len(X))
        if self.shuffle:
            order = check_random_state(self.random_state).permutation(order)
        by_singer = order[np.argsort(singers[order], kind="stable")]
        fold = np.empty(len(X), dtype=np.intp)
        fold[by_singer] = np.concatenate([np.arange(count) for count in counts])
        for i in range(self.n_splits):
            yield np.flatnonzero(fold != i), np.flatnonzero(fold == i)


class _ApartFolds(BaseCrossValidator):
    """Splits whose sides share no label of some groupings.

    A subclass has ``_plan(n, y, groups)``, which returns the masks of the test sides
    and the groupings, of shape (n_groupings, n_recordings).
    """

    # With metadata routing, `groups` arrive here without being requested.
    __metadata_request__split = {"groups": True}

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return `n_splits`; the arguments are ignored."""
        return self.n_splits

    def split(self, X, y=None, groups=None):
        """Yield the recordings to train on and those to test.

        Parameters
        ----------
        X : sequence of length n_recordings
        y : array-like of shape (n_recordings,), default=None
            The singers.
        groups : array-like of shape (n_recordings,) or (n_recordings, n_groupings), \
default=None
            The songs, if the splitter was not given them. For `NewSingerFolds`, the
            singers, if neither the splitter nor y has them.

        Yields
        ------
        train, test : ndarray of int
            Positions in X, ascending. Some recordings may be on neither side.
        """
        tests, groupings = self._plan(len(X), y, groups)
        splits = []
        for test in tests:
            related = [np.isin(codes, codes[test]) for codes in groupings]
            train = ~np.any(related, axis=0)
            if not train.any():
                raise ValueError(
                    f"split {len(splits)} of {len(tests)} has nothing to train on: "
                    f"each of the {np.sum(~test)} other recordings is related to some "
                    f"of the {test.sum()} that it tests; ask for more folds, or for "
                    "fewer groupings"
                )
            splits.append((np.flatnonzero(train), np.flatnonzero(test)))
        self._check(splits, y, len(X))
        yield from splits

    def _check(self, splits, y, n):
        """Refuse splits that test what cannot be learned; here, none are refused."""


class NewSongFolds(_ApartFolds):
    """Folds that test songs that training has not heard.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds; every song is tested in one of them.
    songs : array-like of shape (n_recordings,), list of such, or array-like of shape \
(n_recordings, n_groupings), default=None
        The song of each recording, or several groupings of the songs; None takes the
        `groups` passed to `split`.
    shuffle : bool, default=False
        Draw the songs of each fold at random, instead of making folds with about
        equally many recordings.
    random_state : int, RandomState instance or None, default=None
        With `shuffle`: an int gives the same folds every time.

    Raises
    ------
    ValueError
        In `split`: if there are fewer songs than folds, if nothing is left to train on,
        or if a tested singer has no recording left to train on.

    Examples
    --------
    Two lyrics crossed with two melodies: what is left to train on is the one song that
    shares neither.

    >>> from singerlearn.model_selection import NewSongFolds
    >>> lyric = ["kids", "kids", "dogs", "dogs"]
    >>> melody = ["major", "minor", "major", "minor"]
    >>> cv = NewSongFolds(n_splits=4, songs=[lyric, melody])
    >>> for train, test in cv.split(lyric):
    ...     print(train, test)
    [2] [1]
    [3] [0]
    [0] [3]
    [1] [2]
    """

    def __init__(self, n_splits=5, *, songs=None, shuffle=False, random_state=None):
        _check_folds(shuffle, random_state, n_splits=n_splits)
        self.n_splits = n_splits
        self.songs = songs
        self.shuffle = shuffle
        self.random_state = random_state

    def _plan(self, n, y, groups):
        songs = _encode_songs(self.songs, groups, n)
        fold = _assign(
            _cross(songs), self.n_splits, "songs", self.shuffle, self.random_state
        )
        return [fold == i for i in range(self.n_splits)], songs

    def _check(self, splits, y, n):
        if y is None:
            return
        names, singers = encode_labels(y, "y", n)
        for i, (train, test) in enumerate(splits):
            unheard = names[np.setdiff1d(singers[test], singers[train])]
            if len(unheard):
                raise ValueError(
                    f"split {i} of {len(splits)} tests {len(unheard)} singers of whom "
                    f"no recording is left to train on, such as {unheard.item(0)!r}; "
                    "ask for more folds, shuffle again, leave out who sang few songs, "
                    "or test new singers too, with NewSingerSongFolds"
                )


class NewSingerFolds(_ApartFolds):
    """Folds that test singers whom training has never heard.

    For models that compare voices, such as `SingerEmbedder`: no classifier can name
    singers that it has not learned.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds; every singer is tested in one of them.
    singers : array-like of shape (n_recordings,), default=None
        The singer of each recording; None takes y or, without y, the `groups` passed to
        `split`.
    shuffle : bool, default=False
        Draw the singers of each fold at random, instead of making folds with about
        equally many recordings.
    random_state : int, RandomState instance or None, default=None
        With `shuffle`: an int gives the same folds every time.

    Raises
    ------
    ValueError
        In `split`: if there are fewer singers than folds.
    """

    def __init__(self, n_splits=5, *, singers=None, shuffle=False, random_state=None):
        _check_folds(shuffle, random_state, n_splits=n_splits)
        self.n_splits = n_splits
        self.singers = singers
        self.shuffle = shuffle
        self.random_state = random_state

    def _plan(self, n, y, groups):
        singers = _encode_singers(n, singers=self.singers, y=y, groups=groups)
        fold = _assign(
            singers, self.n_splits, "singers", self.shuffle, self.random_state
        )
        return [fold == i for i in range(self.n_splits)], singers[None]


class NewSingerSongFolds(_ApartFolds):
    """Folds that test new songs by new singers.

    Singers and songs are each divided into folds, and every fold of singers is crossed
    with every fold of songs. A split tests the recordings of one such combination and
    trains on those that share neither a singer nor a song with it. Recordings that
    share only one of the two are on neither side: with s and t folds, and every singer
    singing every song, 1 / (s t) of the recordings is tested, and
    (1 - 1 / s) (1 - 1 / t) is left to train on.

    Parameters
    ----------
    n_singer_folds, n_song_folds : int, default=3
        Every recording is tested in one of the ``n_singer_folds * n_song_folds``
        splits.
    songs : array-like of shape (n_recordings,), list of such, or array-like of shape \
(n_recordings, n_groupings), default=None
        The song of each recording, or several groupings of the songs; None takes the
        `groups` passed to `split`.
    singers : array-like of shape (n_recordings,), default=None
        The singer of each recording; None takes y.
    shuffle : bool, default=False
        Draw the singers and the songs of each fold at random, instead of making folds
        with about equally many recordings.
    random_state : int, RandomState instance or None, default=None
        With `shuffle`: an int gives the same folds every time.

    Raises
    ------
    ValueError
        In `split`: if there are fewer singers or songs than folds, if the singers of
        one fold sang none of the songs of another, or if nothing is left to train on.
    """

    def __init__(
        self,
        n_singer_folds=3,
        n_song_folds=3,
        *,
        songs=None,
        singers=None,
        shuffle=False,
        random_state=None,
    ):
        _check_folds(
            shuffle,
            random_state,
            n_singer_folds=n_singer_folds,
            n_song_folds=n_song_folds,
        )
        self.n_singer_folds = n_singer_folds
        self.n_song_folds = n_song_folds
        self.songs = songs
        self.singers = singers
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return ``n_singer_folds * n_song_folds``; the arguments are ignored."""
        return self.n_singer_folds * self.n_song_folds

    def _plan(self, n, y, groups):
        songs = _encode_songs(self.songs, groups, n)
        singers = _encode_singers(n, singers=self.singers, y=y)
        # One generator for both, or singers and songs would be shuffled alike.
        rng = check_random_state(self.random_state) if self.shuffle else None
        by_singer = _assign(singers, self.n_singer_folds, "singers", self.shuffle, rng)
        by_song = _assign(_cross(songs), self.n_song_folds, "songs", self.shuffle, rng)
        tests = []
        for i in range(self.n_singer_folds):
            for j in range(self.n_song_folds):
                tests.append((by_singer == i) & (by_song == j))
                if not tests[-1].any():
                    n_singers = len(np.unique(singers[by_singer == i]))
                    n_songs = len(np.unique(_cross(songs)[by_song == j]))
                    raise ValueError(
                        f"split {len(tests) - 1} of {self.get_n_splits()} has nothing "
                        f"to test: none of its {n_singers} singers sang any of its "
                        f"{n_songs} songs; ask for fewer folds, or shuffle again"
                    )
        return tests, np.vstack([singers[None], songs])


def _check_folds(shuffle, random_state, **n_folds):
    for name, n in n_folds.items():
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 2:
            raise ValueError(f"{name}={n!r} must be an integer of 2 or more")
    if random_state is not None and not shuffle:
        raise ValueError("random_state is used with shuffle=True only")


def _encode_songs(songs, groups, n):
    """Return codes of shape (n_groupings, n_recordings)."""
    if songs is None and groups is None:
        raise ValueError(
            "no songs: pass them to the splitter (songs=...), or as groups to split"
        )
    name, labels = ("groups", groups) if songs is None else ("songs", songs)
    return encode_groupings(labels, n, name, _NESTED)


def _encode_singers(n, **sources):
    """Return codes of shape (n_recordings,), from the first source that is given."""
    for name, labels in sources.items():
        if labels is not None:
            return encode_labels(labels, name, n, remedy=_NESTED)[1]
    raise ValueError("no singers: pass them to the splitter (singers=...), or as y")


def _cross(groupings):
    """Return a code per recording, equal where all the groupings are."""
    return np.unique(groupings, axis=1, return_inverse=True)[1].reshape(-1)


def _assign(codes, n_folds, what, shuffle, random_state):
    """Return each recording's fold; recordings with the same code share a fold."""
    n_codes = codes.max() + 1
    if n_codes < n_folds:
        raise ValueError(f"{n_folds} folds of {what} need as many; there are {n_codes}")
    cut = GroupKFold(n_folds, shuffle=shuffle, random_state=random_state)
    fold = np.empty(len(codes), dtype=np.intp)
    for i, (_, test) in enumerate(cut.split(codes, groups=codes)):
        fold[test] = i
    return fold
