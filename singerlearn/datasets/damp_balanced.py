"""DAMP-balanced: singers who all sang the same songs, and the query that found them.

The paper's appendix A describes it; Smule calls it DAMP-VPB (Vocal Performances
Balanced). Research only, by Smule's Research Data License Agreement.
"""

import re
import warnings
from dataclasses import dataclass
from itertools import combinations
from numbers import Integral

import numpy as np

from singerlearn.datasets.damp import pack, read_damp
from singerlearn.datasets.recordings import report, take

# The paper's Table 3, in index order.
SONGS = (
    ("one call away", "Charlie Puth"),
    ("say you won't let go", "James Arthur"),
    ("all of me", "John Legend"),
    ("closer", "The Chainsmokers"),
    ("seven years", "Lukas Graham"),
    ("despacito", "Luis Fonsi"),
    ("more than words", "Extreme"),
    ("lost boy", "Ruth B."),
    ("love yourself", "Justin Bieber"),
    ("rockabye", "Clean Bandit"),
    ("part of your world", "Jodi Benson"),
    ("when I was your man", "Bruno Mars"),
    ("chandelier", "Sia"),
    ("cups", "Anna Kendrick"),
)
N_SPLIT_SONGS = 10  # the first ones, split between training and validation

DESCR = """\
DAMP-balanced
-------------
24,874 solo recordings by 5,429 singers of 14 songs, made with the karaoke app Sing! on
telephones. The last four songs are the test set; the first ten can be parted into six
and four in 210 ways. A part holds the singers who sang all its songs, with exactly one
recording of each song: songs 1 to 6, 7 to 10 and 11 to 14 give 276, 88 and 224
recordings of 46, 22 and 56 singers.

Licence: Smule's Research Data License Agreement: for research, not for sale, not to be
passed on. Source: https://ccrma.stanford.edu/damp/, https://zenodo.org/records/2616690
Described in "Learning audio features for singer identification and embedding",
appendix A.
"""


@dataclass(frozen=True)
class BalancedSplit:
    """The numbers of one partition of the first ten songs.

    Attributes
    ----------
    train_songs, valid_songs : tuple of int
        Song numbers, from 1 to 10.
    n_train_singers, n_valid_singers : int
        Singers who sang all the songs of the part.
    n_train_recordings, n_valid_recordings : int
        One for each singer and song.
    n_shared_singers : int
        Singers in both parts, because they sang all ten songs.
    """

    train_songs: tuple
    valid_songs: tuple
    n_train_singers: int
    n_valid_singers: int
    n_train_recordings: int
    n_valid_recordings: int
    n_shared_singers: int


def load_damp_balanced(
    root,
    *,
    metadata=None,
    columns=None,
    song_names=None,
    on_error="raise",
    return_X_y=False,
):
    """Load DAMP-balanced: solo recordings of 14 songs.

    Nothing is downloaded and no recording is opened. The metadata have the same format
    as DAMP's.

    Parameters
    ----------
    root : str or Path
        Folder of the set, with the audio at any depth.
    metadata : str or Path, default=None
        The table, looked for in `root` first; by default the one in `root`.
    columns : dict of str to str, default=None
        What the table calls ``"recording"``, ``"singer"``, ``"song"`` or ``"gender"``,
        if it uses none of the names that `load_damp` knows.
    song_names : sequence of 14 str, default=None
        What the table calls the songs, in index order. By default their titles, with or
        without the artist; case and anything but letters and digits are ignored.
    on_error : {"raise", "skip"}, default="raise"
        As for `load_damp`; a row with a song other than the 14 is a fault.
    return_X_y : bool, default=False
        Return ``(recordings, singers)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        - recordings : list of str
          Paths, in the order of the table.
        - singers, songs, gender : ndarray of shape (n_recordings,), str
          Songs by their titles in `song_titles`.
        - song_titles : tuple of 14 str
          In index order: song 1 is the first.
        - metadata : Bunch
          The identifiers in ``recording`` and the other columns, ndarrays of str.
        - sampling_rate : int
          22050, the rate to read the recordings at, whatever their own.
        - DESCR : str
    (recordings, singers) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no table.
    ValueError
        If the table lacks a column, or a row has a fault.
    """
    titles = [title for title, _ in SONGS]
    if song_names is None:
        title_of = {_letters(title): title for title in titles}
        title_of |= {_letters(title + artist): title for title, artist in SONGS}
    elif len(song_names) == len(SONGS) == len(set(map(_letters, song_names))):
        title_of = dict(zip(map(_letters, song_names), titles, strict=True))
    else:
        raise ValueError(
            f"song_names must be {len(SONGS)} different names, in index order, got "
            f"{song_names!r}"
        )

    def name_song(cell):
        try:
            return title_of[_letters(cell)]
        except KeyError:
            raise ValueError(
                f"song {cell!r} is none of the {len(SONGS)}; pass their names in the "
                "table as song_names"
            ) from None

    rows, faults = read_damp(root, metadata, columns, on_error, name_song=name_song)
    report(faults, on_error)
    return pack(rows, root, DESCR, return_X_y=return_X_y, song_titles=tuple(titles))


def make_balanced(data, songs):
    """Find the singers who sang all of some songs, and one recording of each song.

    This is the query that built DAMP-balanced (the paper's appendix A), for any
    collection: the result holds everybody who sang all of the songs, with each song
    exactly once.

    Parameters
    ----------
    data : Bunch
        As the loaders return it, with ``recordings``, ``singers`` and ``songs``.
    songs : sequence of str or int
        Songs by name, or by number from 1 where `data` has ``song_titles``.

    Returns
    -------
    balanced : Bunch
        `data` with only those recordings, in their original order. If a singer recorded
        a song several times, the first recording is taken.

    Raises
    ------
    ValueError
        If a song is unknown or named twice, or nobody sang them all.

    Examples
    --------
    >>> from sklearn.utils import Bunch
    >>> from singerlearn.datasets import make_balanced
    >>> data = Bunch(
    ...     recordings=["1.wav", "2.wav", "3.wav", "4.wav"],
    ...     singers=["ann", "ann", "bob", "ann"],
    ...     songs=["hello", "jolene", "hello", "hello"],
    ... )
    >>> make_balanced(data, ["hello", "jolene"]).recordings
    ['1.wav', '2.wav']
    """
    songs = _names(data, songs)
    repertoires = _repertoires(data)
    whole = [own for own in repertoires.values() if own.keys() >= set(songs)]
    if not whole:
        most = max(len(own.keys() & set(songs)) for own in repertoires.values())
        raise ValueError(
            f"none of the {len(repertoires)} singers sang all of {songs}: at most "
            f"{most} of the {len(songs)}"
        )
    return take(data, sorted(own[song] for own in whole for song in songs))


def balanced_split(
    data,
    train_songs=range(1, 7),
    valid_songs=range(7, 11),
    test_songs=range(11, 15),
):
    """Split a collection by songs; each part has the singers who sang all its songs.

    The defaults are the paper's split of DAMP-balanced (section 3.5).

    Parameters
    ----------
    data : Bunch
        As `load_damp_balanced` returns it, or any with ``recordings``, ``singers`` and
        ``songs``.
    train_songs, valid_songs, test_songs : sequence of str or int
        Songs by name, or by number from 1 where `data` has ``song_titles``.

    Returns
    -------
    train, valid, test : Bunch
        As `make_balanced` returns them. Parts share no song. Singers who sang all songs
        of two parts are in both, as in the published set, and a warning counts them.

    Raises
    ------
    ValueError
        If two parts share a song, or a part has no singers.
    """
    parts = {"train": train_songs, "valid": valid_songs, "test": test_songs}
    names = {part: _names(data, songs) for part, songs in parts.items()}
    for one, other in combinations(parts, 2):
        if shared := set(names[one]) & set(names[other]):
            raise ValueError(
                f"{one}_songs and {other}_songs share {sorted(shared)}; a song belongs "
                "to one part"
            )
    split = {part: make_balanced(data, songs) for part, songs in names.items()}
    for one, other in combinations(split, 2):
        shared = set(map(str, split[one].singers)) & set(map(str, split[other].singers))
        if shared:
            warnings.warn(
                f"{len(shared)} singers are in both {one} and {other}, such as "
                f"{min(shared)!r}: they sang all songs of both",
                stacklevel=2,
            )
    return tuple(split.values())


def iter_balanced_splits(data, n_train_songs=6):
    """Iterate over all partitions of the first ten songs, with their numbers.

    Parameters
    ----------
    data : Bunch
        As `load_damp_balanced` returns it.
    n_train_songs : int, default=6
        Number of songs to train on; the rest of the ten are for validation. Six and
        four give 210 partitions each: the same ones, with the two parts swapped.

    Yields
    ------
    split : BalancedSplit
        In the order of the songs' numbers, so that the paper's comes first. Its
        recordings are those of
        ``balanced_split(data, split.train_songs, split.valid_songs)``.
    """
    if not 0 < n_train_songs < N_SPLIT_SONGS:
        raise ValueError(
            f"n_train_songs={n_train_songs} must leave some of the {N_SPLIT_SONGS} "
            "songs to either part"
        )
    numbers = range(1, N_SPLIT_SONGS + 1)
    titles = _names(data, numbers)
    sang = np.array(
        [[title in own for title in titles] for own in _repertoires(data).values()]
    )  # (n_singers, 10)
    for train in combinations(numbers, n_train_songs):
        valid = tuple(number for number in numbers if number not in train)
        in_train, in_valid = (
            sang[:, np.array(part) - 1].all(axis=1) for part in (train, valid)
        )
        yield BalancedSplit(
            train_songs=train,
            valid_songs=valid,
            n_train_singers=int(in_train.sum()),
            n_valid_singers=int(in_valid.sum()),
            n_train_recordings=int(in_train.sum()) * len(train),
            n_valid_recordings=int(in_valid.sum()) * len(valid),
            n_shared_singers=int((in_train & in_valid).sum()),
        )


def _letters(name):
    """Keep what tells songs apart: ``_say_you_won`t`` is "say you won't"."""
    return re.sub(r"[\W_]", "", name).casefold()


def _names(data, songs):
    """List songs by name, from names or numbers."""
    if isinstance(songs, str):
        raise ValueError(f"songs is one string; wrap it in a list: [{songs!r}]")
    known, names = set(map(str, data.songs)), []
    for song in songs:
        if isinstance(song, Integral):
            titles = data.get("song_titles", ())
            if not 1 <= song <= len(titles):
                raise ValueError(
                    f"song {song} is none of the {len(titles)} that data numbers in "
                    "song_titles; pass its name, or a number from 1"
                )
            song = titles[song - 1]
        names.append(str(song))
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{names} must be one song or more, each named once")
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"nobody sang {unknown}; the songs are such as {sorted(known)[:14]}"
        )
    return names


def _repertoires(data):
    """For each singer, the songs with the place of their first recording."""
    repertoires = {}
    for index, (singer, song) in enumerate(
        zip(map(str, data.singers), map(str, data.songs), strict=True)
    ):
        repertoires.setdefault(singer, {}).setdefault(song, index)
    return repertoires
