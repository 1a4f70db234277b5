"""RAVDESS song: 23 actors sing two sentences in six emotions, on three melodies.

Livingstone SR, Russo FA (2018): The Ryerson Audio-Visual Database of Emotional Speech
and Song. PLoS ONE 13(5): e0196391. CC BY-NC-SA 4.0.
"""

import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from singerlearn.audio import load, map_in_threads
from singerlearn.datasets.recordings import audio_below
from singerlearn.datasets.table import parse_table, read_table

SAMPLING_RATE = 22050
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful")
MELODIES = ("neutral", "major", "major", "minor", "minor", "minor")  # of EMOTIONS
INTENSITIES = ("normal", "strong")
STATEMENTS = ("kids", "dogs")

# modality (03 audio only), channel (02 song), emotion, intensity, statement,
# repetition, actor
_NAME = re.compile(
    r"03-02-0([1-6])-0([12])-0([12])-0([12])-(0[1-9]|1\d|2[0-4])\.(wav|flac)", re.I
)

SOURCE = (
    "fetch_ravdess_song gets it, or get Audio_Song_Actors_01-24.zip from Zenodo, "
    "record 1188976 (https://zenodo.org/records/1188976), licence CC BY-NC-SA 4.0, and "
    "unpack it there"
)

DESCR = """\
RAVDESS song
------------
The Ryerson Audio-Visual Database of Emotional Speech and Song, audio-only song files:
23 actors (12 men; actor 18 did not sing) sing "Kids are talking by the door" and "Dogs
are sitting by the door" in six emotions, two intensities and two repetitions, recorded
in one studio. Neutral has a melody of its own, calm and happy share the one in major,
sad, angry and fearful the one in minor. 44 takes an actor, of about 4 s.

Licence: CC BY-NC-SA 4.0. Source: https://zenodo.org/records/1188976
Livingstone SR, Russo FA (2018): The Ryerson Audio-Visual Database of Emotional Speech
and Song (RAVDESS). PLoS ONE 13(5): e0196391.
"""


@dataclass(frozen=True)
class Take:
    """One file, and what its name says."""

    path: Path
    singer: str
    gender: str
    statement: str
    emotion: str
    melody: str
    intensity: str
    repetition: int
    truncated: bool


def load_ravdess_song(root, *, unit="take", n_jobs=None, return_X_y=False):
    """Load the song files of RAVDESS.

    Parameters
    ----------
    root : str or Path
        Folder with the files at any depth, WAV or FLAC, under the names that their
        authors gave them, ``03-02-*.wav``. Other files are left out; a take that is
        there twice counts once.
    unit : {"take", "performance"}, default="take"
        What one recording is. A take is a file. A performance joins all takes of one
        singer, statement and emotion, with silence trimmed at their ends (35 dB below
        the loudest moment): 10 per singer, of about 11 s. There are no neutral
        performances, since there are only two neutral takes per statement.
    n_jobs : int or None, default=None
        Files read at once, in threads, for performances.
    return_X_y : bool, default=False
        Return ``(recordings, singers)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        - recordings : list of str or of ndarray of shape (n_samples,), float32
          Paths of takes, or waveforms of performances; sorted by singer.
        - singers : ndarray of shape (n_recordings,), str
          ``"actor01"`` to ``"actor24"``.
        - songs : ndarray of shape (n_recordings,), str
          For a take, statement and melody (``"kids-minor"``); for a performance,
          statement and emotion (``"kids-sad"``).
        - gender, statement, emotion, melody : ndarray of shape (n_recordings,), str
        - intensity, repetition : ndarray of shape (n_recordings,)
          For takes only: ``"normal"`` or ``"strong"``, 1 or 2.
        - truncated : ndarray of shape (n_recordings,), bool
          True for a take that ``metadata.csv`` in `root` marks as cut short (1 in the
          column ``truncated``, beside the ``path``), and for a performance with such a
          take.
        - sampling_rate : int
          22050: the rate of the performances, and the rate to read the takes at.
        - DESCR : str
    (recordings, singers) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or none of the files in it.
    ValueError
        If a folder, or a take of a performance, cannot be read, if performances are
        asked for and all takes are neutral, or if ``metadata.csv`` has a fault.
    """
    if unit not in ("take", "performance"):
        raise ValueError(f"unit={unit!r} must be 'take' or 'performance'")
    takes = _find_takes(Path(root))
    if unit == "take":
        groups, song_parts = [[take] for take in takes], ("statement", "melody")
        own_columns = ("intensity", "repetition")
        recordings = [str(take.path) for take in takes]
    else:
        groups, song_parts, own_columns = _group(takes), ("statement", "emotion"), ()
        recordings = _join(groups, n_jobs)

    firsts = [group[0] for group in groups]
    singers = np.array([take.singer for take in firsts])
    if return_X_y:
        return recordings, singers
    columns = {
        name: np.array([getattr(take, name) for take in firsts])
        for name in ("gender", "statement", "emotion", "melody", *own_columns)
    }
    first, second = (columns[name].tolist() for name in song_parts)
    return Bunch(
        recordings=recordings,
        singers=singers,
        songs=np.array([f"{a}-{b}" for a, b in zip(first, second, strict=True)]),
        **columns,
        truncated=np.array([any(t.truncated for t in group) for group in groups]),
        sampling_rate=SAMPLING_RATE,
        DESCR=DESCR,
    )


def _find_takes(root):
    """List the takes below `root`, sorted by singer and file name."""
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {str(root)!r}; {SOURCE}")
    truncated = _truncated(root / "metadata.csv")
    paths, faults = audio_below(root)
    if faults:
        raise ValueError(f"{faults[0]}; put it right")
    takes = {}
    for path in paths:
        if match := _NAME.fullmatch(path.name):
            # Archives unpacked into one another hold a take twice: the first counts.
            takes.setdefault(path.stem, _decode(path, match, path.stem in truncated))
    if not takes:
        raise FileNotFoundError(
            f"no files 03-02-*.wav or 03-02-*.flac below {str(root)!r}; {SOURCE}"
        )
    return sorted(takes.values(), key=lambda take: (take.singer, take.path.stem))


def _decode(path, match, is_truncated):
    """Read a take's name."""
    emotion, intensity, statement, repetition, actor = map(int, match.groups()[:5])
    return Take(
        path=path,
        singer=f"actor{actor:02d}",
        gender="male" if actor % 2 else "female",
        statement=STATEMENTS[statement - 1],
        emotion=EMOTIONS[emotion - 1],
        melody=MELODIES[emotion - 1],
        intensity=INTENSITIES[intensity - 1],
        repetition=repetition,
        truncated=is_truncated,
    )


# As programs that read and write tables spell them.
_YES_OR_NO = dict.fromkeys(("1", "1.0", "true"), True) | dict.fromkeys(
    ("", "0", "0.0", "false"), False
)


def _truncated(table):
    """Return the names, without suffix, that a table marks as cut short."""
    columns = {name: (name,) for name in ("path", "truncated")}
    # There are tables of the same name that hold other things.
    if not table.is_file() or "truncated" not in parse_table(table, columns)[1]:
        return set()
    rows, faults = read_table(
        table, columns, needed=("path",), locate=lambda row: row["path"]
    )
    if faults:
        raise ValueError(f"{faults[0]}; put it right")
    names = set()
    for row in rows:
        told = _YES_OR_NO.get(row["truncated"].lower())
        if told is None:
            raise ValueError(
                f"{str(table)!r} says of {row['path']!r} that truncated is "
                f"{row['truncated']!r}; put it right: 1 or 0"
            )
        if told:
            names.add(Path(row["path"].replace("\\", "/")).stem)
    return names


def _group(takes):
    """Group the takes of each performance, in the order of singers and songs."""

    def key(take):
        return take.singer, take.statement, take.emotion

    takes = [take for take in takes if take.emotion != "neutral"]
    if not takes:
        raise ValueError("no performances: there are none but neutral takes")
    return [list(group) for _, group in groupby(sorted(takes, key=key), key)]


def _join(groups, n_jobs):
    """Read the takes of each group and join what sounds in them."""
    from librosa.effects import trim  # here, since librosa is slow to import

    def join(group):
        takes = (load(take.path, SAMPLING_RATE) for take in group)
        return np.concatenate([trim(take, top_db=35)[0] for take in takes])

    return list(map_in_threads(join, groups, n_jobs=n_jobs))
