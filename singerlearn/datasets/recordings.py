"""What the loaders of recordings share: finding files, reporting faults, `take`."""

import os
import warnings
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

SUFFIXES = frozenset(
    ".3gp .aac .ac3 .aif .aifc .aiff .amr .ape .au .caf .flac .m4a .m4b .mka .mkv .mov "
    ".mp2 .mp3 .mp4 .oga .ogg .opus .rf64 .tta .w64 .wav .wave .webm .wma .wv".split()
)
KNOWN = ", ".join(sorted(SUFFIXES))


def is_audio(name):
    """True for the name of a file that is audio by its suffix, and not hidden."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def audio_below(folder):
    """List the audio files in a folder, at any depth.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    paths : list of Path
        Sorted. Hidden files and folders are left out, and links to folders are not
        followed.
    faults : list of str
        Which folders could not be read, and why.
    """
    paths, unread = [], []
    for place, folders, files in os.walk(folder, onerror=unread.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += (Path(place, name) for name in files if is_audio(name))
    faults = [f"folder {e.filename!r} cannot be read: {e.strerror}" for e in unread]
    return sorted(paths), faults


def check_on_error(on_error):
    """Refuse anything but "raise" and "skip"."""
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error={on_error!r} must be 'raise' or 'skip'")


def report(faults, on_error):
    """Raise the first fault, or warn of them all.

    Parameters
    ----------
    faults : list of str
        Each in words that name the recording or the folder; nothing happens if there
        are none.
    on_error : {"raise", "skip"}
    """
    if not faults:
        return
    if on_error == "raise":
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ValueError(
            f"{faults[0]}{more}; put it right, or leave it out with on_error='skip'"
        )
    warnings.warn(
        f"left out {len(faults)} of the recordings or folders:\n" + "\n".join(faults),
        stacklevel=3,  # the line that called the loader that calls this
    )


def take(data, indices):
    """Select recordings from a data set.

    Parameters
    ----------
    data : Bunch
        As the loaders return it.
    indices : sequence of int, or of bool of length n_recordings
        Positions in ``data.recordings``, or a mask.

    Returns
    -------
    chosen : Bunch
        `data` with every entry that has one item per recording reduced to those chosen,
        in the order of `indices`, and all else as it is.

    Examples
    --------
    The recordings in which there is something to hear:

    >>> from singerlearn.datasets import check_dataset, make_singers, take
    >>> data = make_singers(n_singers=2, n_songs=2, duration=2.0, random_state=0)
    >>> data.recordings[1][:] = 0.0
    >>> take(data, check_dataset(data).without("silent")).songs
    array(['song01', 'song01', 'song02'], dtype='<U6')
    """
    n_recordings = len(data.recordings)
    indices = np.arange(n_recordings)[list(indices)]

    def cut(value):
        if isinstance(value, Bunch):
            return Bunch(**{name: cut(inner) for name, inner in value.items()})
        if isinstance(value, np.ndarray) and len(value) == n_recordings:
            return value[indices]
        if isinstance(value, list) and len(value) == n_recordings:
            return [value[index] for index in indices]
        return value

    return cut(data)
