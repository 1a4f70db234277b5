"""Your own recordings, by folder or by table."""

import csv
import os
import warnings
from io import StringIO
from itertools import zip_longest
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils import Bunch

from singerlearn.audio import load

SUFFIXES = frozenset(
    ".aac .aif .aiff .au .caf .flac .m4a .m4b .mp3 .mp4 .oga .ogg .opus .wav".split()
)
_KNOWN = ", ".join(sorted(SUFFIXES))


def load_folder(
    root, *, metadata=None, on_error="raise", n_jobs=None, return_X_y=False
):
    """Find the recordings in a folder, and who sings them.

    Recordings are paths: nothing is decoded until an estimator reads them, unless
    `on_error` asks for it.

    Parameters
    ----------
    root : str or Path
        Without `metadata`, a folder with one sub-folder for each singer:
        ``root/<singer>/<recording>``, at any depth below the singer. Hidden files and
        files that are no audio by their suffix are left out.
    metadata : str or Path, default=None
        A CSV table, separated by commas, semicolons or tabs, with a row for each
        recording and a header that names the columns ``path`` (relative to `root`),
        ``singer`` and, if you like, ``song``. Looked for in `root` as well.
    on_error : {"raise", "skip"}, default="raise"
        What becomes of a row or a file that cannot be used. With ``"skip"`` every
        recording is read once, and one warning names those left out and why.
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
          A song is the file's name without its suffix where no table tells, so that
          files of one name count as one song.
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
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error={on_error!r} must be 'raise' or 'skip'")
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
    if faults:
        _report(faults, on_error)
    if not rows:
        raise ValueError(
            f"no recordings in {str(metadata or root)!r}; load_folder looks for "
            f"root/<singer>/<recording> with one of the suffixes {_KNOWN}, or for the "
            "rows of a table passed as metadata"
        )

    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    columns.pop("", None)  # a column without a name
    recordings = columns.pop("path").tolist()
    singers, songs = columns.pop("singer"), columns.pop("song")
    if return_X_y:
        return recordings, singers
    return Bunch(
        recordings=recordings,
        singers=singers,
        songs=songs,
        metadata=Bunch(**columns),
        sampling_rate=22050,
        DESCR=f"{len(rows)} recordings of {len(set(singers))} singers in {root}",
    )


def _by_sub_folder(root):
    """List the rows, and faults in words, of ``root/<singer>/**/<recording>``."""
    rows, faults, silent = [], [], []
    for entry in sorted(root.iterdir()):
        if _is_audio(entry.name) and entry.is_file():
            faults.append(f"{str(entry)!r} is in no singer's folder")
        elif entry.is_dir() and not entry.name.startswith("."):
            paths = sorted(_audio_below(entry))
            rows += [
                {"path": str(path), "singer": entry.name, "song": path.stem}
                for path in paths
            ]
            if not paths:
                silent.append(entry.name)
    if rows and silent:
        warnings.warn(
            f"no recordings in the folders {silent} of {str(root)!r}; known suffixes "
            f"are {_KNOWN}",
            stacklevel=3,
        )
    return rows, faults


def _audio_below(singer):
    for folder, folders, files in os.walk(singer):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in files if _is_audio(name))


def _is_audio(name):
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def _by_table(root, metadata):
    """List the rows, and faults in words, of a table of paths and singers."""
    table = Path(metadata)
    if not table.is_file():
        table = root / metadata
    if not table.is_file():
        raise FileNotFoundError(
            f"no table {str(metadata)!r}, neither here nor in {str(root)!r}"
        )
    header, body = _read_table(table)
    rows, faults, first_seen = [], [], {}
    for number, cells in enumerate(body, start=2):  # as a spreadsheet counts
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        # Spreadsheets leave empty cells out at the end of a row, or add some.
        row = dict(zip_longest(header, cells[: len(header)], fillvalue=""))
        path = os.path.normpath(root / row["path"].replace("\\", "/"))
        fault = None
        if any(cells[len(header) :]):
            fault = f"has {len(cells)} cells where the header has {len(header)}"
        elif not row["path"] or not row["singer"]:
            fault = "the path or the singer is missing"
        elif not os.path.isfile(path):
            fault = f"there is no file {path!r}"
        elif first_seen.setdefault(path, number) != number:
            fault = f"{path!r} stands in row {first_seen[path]} already"
        if fault:
            faults.append(f"{str(table)!r}, row {number}: {fault}")
            continue
        row["path"] = path
        row["song"] = row.get("song") or Path(path).stem
        rows.append(row)
    return rows, faults


def _read_table(table):
    """Header, in lower case, and the rows below it, of a CSV or TSV file."""
    try:
        # utf-8-sig: spreadsheets put a byte order mark in front.
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{str(table)!r} is not in UTF-8 ({error}); save it as 'CSV UTF-8'"
        ) from error
    # The header tells the delimiter more surely than csv.Sniffer guesses it.
    for delimiter in ",;\t":
        header, *body = [*csv.reader(StringIO(text), delimiter=delimiter)] or [[]]
        header = [name.strip().lower() for name in header]
        if {"path", "singer"} <= set(header):
            return header, body
    raise ValueError(
        f"{str(table)!r} has no columns 'path' and 'singer': its first line is "
        f"{text.partition(chr(10))[0]!r}; name the columns there, separated by commas, "
        "semicolons or tabs"
    )


def _read_all(rows, n_jobs):
    """Rows whose recordings can be read, and the reasons for those left out."""

    def fault_of(path):
        try:
            load(path)
        except (OSError, ValueError) as error:
            return str(error)

    faults = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(fault_of)(row["path"]) for row in rows
    )
    readable = [row for row, fault in zip(rows, faults, strict=True) if not fault]
    return readable, [fault for fault in faults if fault]


def _report(faults, on_error):
    """Raise the first fault, or warn of them all."""
    if on_error == "raise":
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ValueError(
            f"{faults[0]}{more}; put it right, or leave it out with on_error='skip'"
        )
    warnings.warn(
        f"left out {len(faults)} of the recordings:\n" + "\n".join(faults), stacklevel=3
    )
