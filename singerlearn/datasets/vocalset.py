"""VocalSet: 20 professional singers demonstrate 17 techniques on all vowels.

Wilkins J, Seetharaman P, Wahl A, Pardo B (2018): VocalSet: a singing voice dataset.
ISMIR 2018. CC BY 4.0.
"""

import re
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from singerlearn.datasets.recordings import audio_below, check_on_error, report

SINGERS = (
    *(f"female{number}" for number in range(1, 10)),
    *(f"male{number}" for number in range(1, 12)),
)
_COPY = re.compile(r"\(\d+\)$")  # "f2_scales_vibrato_a(1)", as a desktop names a copy
EXCERPTS = ("caro", "dona", "row")
VOWELS = ("a", "e", "i", "o", "u")

SOURCE = (
    "fetch_vocalset gets it, or get it from Zenodo, record 1442513 "
    "(https://zenodo.org/records/1442513), licence CC BY 4.0, and unpack it there"
)

DESCR = """\
VocalSet
--------
10.1 hours of singing without accompaniment by 20 professional singers (9 women, 11 men)
in a studio: 17 vocal techniques, on five vowels, in scales, arpeggios, long tones and
excerpts of "Caro mio ben", "Dona nobis pacem" and "Row, row, row your boat".

Licence: CC BY 4.0. Source: https://zenodo.org/records/1442513
Wilkins J, Seetharaman P, Wahl A, Pardo B (2018): VocalSet: a singing voice dataset.
ISMIR 2018.
"""


def load_vocalset(root, *, on_error="raise", return_X_y=False):
    """Load VocalSet.

    Nothing is downloaded and no recording is opened: the folders give singer, exercise
    and technique, a file's name gives excerpt and vowel.

    Parameters
    ----------
    root : str or Path
        Folder with ``FULL/<singer>/<exercise>/<technique>/<file>.wav`` in it, or with
        the singers' folders themselves, at most two folders deep.
    on_error : {"raise", "skip"}, default="raise"
        What to do about an empty file, a broken link, a folder that cannot be read, and
        recordings outside the folders of the known singers. With ``"skip"``, one
        warning says which were left out, and why.
    return_X_y : bool, default=False
        Return ``(recordings, singers)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        - recordings : list of str
          Paths, sorted by singer. A copy beside its original, such as
          ``f2_scales_vibrato_a(1).wav``, is left out.
        - singers : ndarray of shape (n_recordings,), str
          ``"female1"`` to ``"female9"``, ``"male1"`` to ``"male11"``.
        - songs : ndarray of shape (n_recordings,), str
          What is sung: the excerpt (``"caro"``, ``"dona"``, ``"row"``), or else the
          exercise; empty if no folder names it.
        - gender : ndarray of shape (n_recordings,), str
          ``"female"`` or ``"male"``.
        - exercise, technique : ndarray of shape (n_recordings,), str
          From the folders: ``"arpeggios"``, ``"excerpts"``, ``"long_tones"`` or
          ``"scales"``, and techniques such as ``"belt"`` (the archive's folder
          ``vibrado`` means ``"vibrato"``); empty if a file lies in fewer folders.
        - vowel : ndarray of shape (n_recordings,), str
          One of a, e, i, o, u, or empty if the name does not say.
        - sampling_rate : int
          22050, the rate to read the recordings at; their own is 44,100.
        - DESCR : str
    (recordings, singers) : tuple if ``return_X_y=True``

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no singers in it.
    ValueError
        If a file or a folder has a fault, or no recording is left.

    Examples
    --------
    >>> from singerlearn.datasets import load_vocalset
    >>> X, y = load_vocalset("VocalSet", return_X_y=True)  # doctest: +SKIP
    """
    check_on_error(on_error)
    folder = _find_singers(Path(root))
    paths, faults = audio_below(folder)
    rows = []
    for path in paths:
        singer, *within = path.relative_to(folder).parts
        if singer not in SINGERS:
            faults.append(f"{str(path)!r} is in no singer's folder, such as female1")
        elif not path.is_file():
            faults.append(f"{str(path)!r} is a link to nothing")
        elif path.stat().st_size == 0:
            faults.append(f"{str(path)!r} is empty")
        elif not _is_copy(path):
            rows.append(_describe(path, singer, within))
    rows.sort(key=lambda row: SINGERS.index(row["singers"]))
    report(faults, on_error)
    if not rows:
        raise ValueError(f"no recordings below {str(folder)!r}; {SOURCE}")
    recordings = [row.pop("path") for row in rows]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    if return_X_y:
        return recordings, columns["singers"]
    return Bunch(recordings=recordings, **columns, sampling_rate=22050, DESCR=DESCR)


def _find_singers(root):
    """Return the folder that holds the singers' folders."""
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {str(root)!r}; {SOURCE}")
    for folder in (root, *sorted(root.glob("*/")), *sorted(root.glob("*/*/"))):
        # A Mac's archive holds a shadow of each folder.
        if "__MACOSX" not in folder.parts and any(
            (folder / singer).is_dir() for singer in SINGERS
        ):
            return folder
    raise FileNotFoundError(
        f"no singers' folders (FULL/female1 and so on) in {str(root)!r}; {SOURCE}"
    )


def _is_copy(path):
    """True for a file that a desktop copied beside its original."""
    original = path.with_stem(_COPY.sub("", path.stem))
    return original != path and original.is_file()


def _describe(path, singer, within):
    """Describe a recording by its folders and its name."""
    exercise, technique, *_ = *map(str.lower, within[:-1]), "", ""
    tokens = re.split("[ _]+", _COPY.sub("", path.stem).lower())
    return {
        "path": str(path),
        "singers": singer,
        "songs": next((token for token in tokens if token in EXCERPTS), exercise),
        "gender": singer.rstrip("0123456789"),
        "exercise": exercise,
        "technique": "vibrato" if technique == "vibrado" else technique,
        "vowel": tokens[-1] if tokens[-1] in VOWELS else "",
    }
