"""The recordings of a benchmark: what `--data` and `--root` on a command line mean."""

import argparse
import os
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np

from singerlearn import CQTChunker, HandcraftedFeatures, MelChunker
from singerlearn.datasets import (
    load_damp,
    load_damp_balanced,
    load_folder,
    load_ravdess_song,
    load_vocalset,
    make_singers,
    select_singers,
)

# Of thousands, rows and files that their loader finds at fault are left out, and told.
LOADERS = {
    "damp": partial(load_damp, on_error="skip"),
    "damp-balanced": partial(load_damp_balanced, on_error="skip"),
    "vocalset": partial(load_vocalset, on_error="skip"),
    "ravdess-song": partial(load_ravdess_song, unit="performance", n_jobs=-1),
    "folder": lambda root: load_folder(
        root, metadata=_table(root), on_error="skip", n_jobs=-1
    ),
}


class Collection(NamedTuple):
    """Recordings, who sings what, and what two of them must not share to be crossed.

    Attributes
    ----------
    recordings : list
        Paths, or waveforms at 22,050 Hz.
    singers, songs, gender : ndarray of shape (n_recordings,)
        The gender is empty where nobody tells.
    groupings : list of ndarray of shape (n_recordings,)
        Two recordings are crossed if they share no label of any: the songs or, of
        RAVDESS song, the lyric and the melody.
    song_titles : sequence of str
        Of DAMP-balanced, the songs in index order; else empty.
    """

    recordings: list
    singers: np.ndarray
    songs: np.ndarray
    gender: np.ndarray
    groupings: list
    song_titles: Sequence

    def __str__(self):
        n_singers = len(np.unique(self.singers))
        return f"{len(self.singers)} recordings of {n_singers} singers"

    @property
    def identity(self):
        """What tells these recordings from others, wherever they lie: a dict."""
        sizes = [_size(recording) for recording in self.recordings]
        known = repr((self.singers.tolist(), self.songs.tolist(), sizes))
        return {
            "recordings": str(self),
            "fingerprint": f"{crc32(known.encode()):08x}",
        }

    def take(self, indices):
        """Return the collection of some of the recordings."""
        return Collection(
            [self.recordings[i] for i in indices],
            *(labels[indices] for labels in (self.singers, self.songs, self.gender)),
            [grouping[indices] for grouping in self.groupings],
            self.song_titles,
        )


def _table(root):
    """Return the table that lies beside the recordings of a folder, or None."""
    table = root / "metadata.csv"
    return table if table.is_file() else None


def _size(recording):
    """Return what is cheap to know of a recording: bytes of a file, or samples."""
    if isinstance(recording, tuple):
        waveform, sampling_rate = recording
        return _size(waveform), float(sampling_rate)
    if isinstance(recording, (str, os.PathLike)):
        return os.path.getsize(recording)
    return len(recording)


def positive(text):
    """Read a whole number of 1 or more from a command line."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} must be 1 or more")
    return number


def add_arguments(parser):
    """Let a command line say which recordings to take; `load` reads it."""
    kinds = (*LOADERS, "synthetic")

    def kind_or_folder(value):
        if value not in kinds and not Path(value).is_dir():
            raise argparse.ArgumentTypeError(
                f"{value!r} is neither a folder nor one of {', '.join(kinds)}"
            )
        return value

    parser.add_argument(
        "--data",
        required=True,
        type=kind_or_folder,
        help=f"{', '.join(kinds)}; or just a folder, which holds RAVDESS song (known "
        "by its file names), a metadata.csv, or else <singer>/<recording>",
    )
    parser.add_argument("--root", type=Path, help="folder of the data")
    parser.add_argument(
        "--singers",
        type=positive,
        help="how many to draw (damp: 46, half of them women) or to make",
    )
    parser.add_argument(
        "--recordings",
        type=positive,
        help="how many of each singer to draw (damp: 10) or to make",
    )
    parser.add_argument("--duration", type=float, help="seconds of synthetic singing")


def load(arguments, **made):
    """Return the collection that a command line asks for.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of a parser with `add_arguments`.
    **made
        Parameters of `make_singers`, where the command line leaves them open.

    Returns
    -------
    Collection
    """
    try:
        if arguments.data == "synthetic":
            data = _make(arguments, made)
        else:
            data = _read(arguments)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"--data {arguments.data}: {error}") from error
    lyric_and_melody = [data[name] for name in ("statement", "melody") if name in data]
    return Collection(
        recordings=data.recordings,
        singers=data.singers,
        songs=data.songs,
        gender=data.get("gender", np.full(len(data.singers), "")),
        groupings=lyric_and_melody or [data.songs],
        song_titles=data.get("song_titles", ()),
    )


def of_folder(folder):
    """Return the whole collection of a folder, as ``--data`` alone asks for it."""
    nothing = dict.fromkeys(("root", "singers", "recordings", "duration"))
    return load(argparse.Namespace(data=str(folder), **nothing))


# Lyric in minor, lyric in major: what is reported, and what was chosen on.
CROSSED = {"crossed": ("kids", "dogs"), "development": ("dogs", "kids")}


def crossed_directions(collection, kind="crossed"):
    """Train on one lyric and melody of RAVDESS song, test the crossed one.

    Parameters
    ----------
    collection : Collection
    kind : {"crossed", "development"}, default="crossed"
        Kids x minor against dogs x major; or the other two quarters of the recordings,
        on which the library's defaults were chosen.

    Yields
    ------
    name : str
        ``"to-major"`` or ``"to-minor"``.
    train, test : ndarray of int
    """
    if len(collection.groupings) < 2:
        raise SystemExit(
            "crossed directions need a lyric and a melody of each recording; "
            "--data ravdess-song has them"
        )
    lyrics, melodies = collection.groupings
    minor, major = (
        np.flatnonzero((lyrics == lyric) & (melodies == melody))
        for lyric, melody in zip(CROSSED[kind], ("minor", "major"), strict=True)
    )
    yield "to-major", minor, major
    yield "to-minor", major, minor


def _make(arguments, made):
    """Make synthetic singers."""
    if arguments.root is not None:
        raise ValueError("the singers are made on the spot; leave out --root")
    asked = {
        "n_singers": arguments.singers,
        "n_songs": arguments.recordings,
        "duration": arguments.duration,
    }
    made = made | {name: value for name, value in asked.items() if value is not None}
    return make_singers(**made, n_jobs=-1, random_state=0)


def listen(recordings, store):
    """Return a function that gives the recordings as a front end hears them, once.

    Parameters
    ----------
    recordings : list
    store : Path
        Folder that keeps spectrograms for the next start.

    Returns
    -------
    heard : callable
        Takes ``"mel"``, ``"cqt"`` or ``"clips"``.
    """
    front_ends = {
        "mel": MelChunker(store=store, n_jobs=-1),
        "cqt": CQTChunker(store=store, n_jobs=-1),
        "clips": HandcraftedFeatures(n_jobs=-1),
    }
    return cache(lambda name: front_ends[name].fit_transform(recordings))


def _read(arguments):
    """Read real recordings, and draw some of them if that is asked for."""
    kind, root = arguments.data, arguments.root
    if kind not in LOADERS:
        if root is not None:
            raise ValueError(f"is a folder itself; leave out --root {root}")
        is_ravdess = next(Path(kind).rglob("03-02-*"), None)
        kind, root = ("ravdess-song" if is_ravdess else "folder"), Path(kind)
    elif root is None:
        raise ValueError("needs --root, the folder where the recordings lie")
    if arguments.duration is not None:
        raise ValueError("--duration is of synthetic singers only")
    data = LOADERS[kind](root)
    n_singers, n_recordings = arguments.singers, arguments.recordings
    if kind == "damp":
        return select_singers(data, n_singers or 46, n_recordings or 10, random_state=0)
    if not (n_singers or n_recordings):
        return data
    counts = np.unique(data.singers, return_counts=True)[1]
    n_recordings = n_recordings or counts.min()
    return select_singers(
        data,
        n_singers or np.sum(counts >= n_recordings),
        n_recordings,
        balance_gender=False,
        random_state=0,
    )
