"""Your own recordings, by folder or by table."""

import os
import warnings
from pathlib import Path

from singerlearn.audio import load, map_in_threads
from singerlearn.datasets.recordings import (
    KNOWN,
    audio_below,
    check_on_error,
    is_audio,
    report,
)
from singerlearn.datasets.table import find_table, read_table, to_bunch

COLUMNS = {name: (name,) for name in ("path", "singer", "song")}


def load_folder(
    root, *, metadata=None, on_error="raise", n_jobs=None, return_X_y=False
):
    """Find the recordings in a folder, and who sings them.

    Recordings are paths: nothing is decoded until an estimator reads them, unless
    ``on_error="skip"``.

    Parameters
    ----------
    root : str or Path
        Without `metadata`, a folder with one sub-folder for each singer:
        ``root/<singer>/<recording>``, at any depth below the singer. Hidden files and
        files without an audio suffix are left out; for suffixes other than wav, flac,
        mp3, ogg, m4a, wma, webm and some twenty more, give a table.
    metadata : str or Path, default=None
        A CSV table, separated by commas, semicolons or tabs, with a row for each
        recording and a header that names the columns ``path`` (relative to `root`),
        ``singer`` and, if you like, ``song``. Looked for in `root` first.
    on_error : {"raise", "skip"}, default="raise"
        What to do about a row, file or folder that cannot be used. With ``"skip"``,
        every recording is read once, and one warning says which were left out, and why.
    n_jobs : int or None, default=None
        Recordings read at once, in threads, with ``on_error="skip"``.
    return_X_y : bool, default=False
        Return ``(recordings, singers)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        - recordings : list of str
          Paths, in the order of the table or sorted by singer and path.
        - singers, songs : ndarray of shape (n_recordings,), str
          If no table names the song, it is the file's name without its suffix, so that
          files with the same name count as the same song.
        - metadata : Bunch
          The other columns of the table, ndarrays of str.
        - sampling_rate : int
          22050, the rate to read the recordings at, whatever their own.
        - DESCR : str
    (recordings, singers) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        If `root` or `metadata` do not exist.
    ValueError
        If the table has a fault, or if no recording is found.

    Examples
    --------
    >>> from singerlearn.datasets import load_folder
    >>> X, y = load_folder("recordings", return_X_y=True)  # doctest: +SKIP
    """
    check_on_error(on_error)
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(
            f"no folder {str(root)!r}; load_folder looks for root/<singer>/<recording>,"
            " or for the paths of a table passed as metadata"
        )
    if metadata is None:
        rows, faults = _by_sub_folder(root)
    else:
        rows, faults = _by_table(root, metadata)
    if on_error == "skip":
        rows, unreadable = _read_all(rows, n_jobs)
        faults += unreadable
    report(faults, on_error)
    if not rows:
        raise ValueError(
            f"no recordings in {str(metadata or root)!r}; load_folder looks for "
            f"root/<singer>/<recording> with one of the suffixes {KNOWN}, or for the "
            "rows of a table passed as metadata"
        )
    n_singers = len({row["singer"] for row in rows})
    descr = f"{len(rows)} recordings of {n_singers} singers in {root}"
    return to_bunch(rows, descr, return_X_y=return_X_y)


def _by_sub_folder(root):
    """List the rows, and faults in words, of ``root/<singer>/**/<recording>``."""
    rows, faults, silent = [], [], []
    for entry in sorted(root.iterdir()):
        if is_audio(entry.name) and entry.is_file():
            faults.append(f"{str(entry)!r} is in no singer's folder")
        elif entry.is_dir() and not entry.name.startswith("."):
            paths, unread = audio_below(entry)
            faults += unread
            rows += [
                {"path": str(path), "singer": entry.name, "song": path.stem}
                for path in paths
            ]
            if not paths and not unread:
                silent.append(entry.name)
    if rows and silent:
        warnings.warn(
            f"no recordings in the folders {silent} of {str(root)!r}; known suffixes "
            f"are {KNOWN}",
            stacklevel=3,
        )
    return rows, faults


def _by_table(root, metadata):
    """List the rows, and faults in words, of a table of paths and singers."""

    def locate(row):
        path = os.path.normpath(root / row["path"].replace("\\", "/"))
        if not os.path.isfile(path):
            raise FileNotFoundError(f"there is no file {path!r}")
        return path

    rows, faults = read_table(
        find_table(metadata, root),
        COLUMNS,
        needed=("path", "singer"),
        locate=locate,
    )
    for row in rows:
        row["song"] = row.get("song") or Path(row["path"]).stem
    return rows, faults


def _read_all(rows, n_jobs):
    """Rows whose recordings can be read, and the reasons for those left out."""

    def fault_of(path):
        try:
            load(path)
        except (OSError, ValueError) as error:
            return str(error)

    paths = [row["path"] for row in rows]
    faults = list(map_in_threads(fault_of, paths, n_jobs=n_jobs))
    readable = [row for row, fault in zip(rows, faults, strict=True) if not fault]
    return readable, [fault for fault in faults if fault]
