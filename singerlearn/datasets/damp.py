"""DAMP: karaoke that Smule's singers recorded on their telephones.

Smith JC (2013): Correlation analyses of encoded music performance. PhD thesis, Stanford
University. Research only, by Smule's Research Data License Agreement.
"""

import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.utils import check_random_state

from singerlearn.datasets.recordings import (
    KNOWN,
    SUFFIXES,
    audio_below,
    check_on_error,
    report,
    take,
)
from singerlearn.datasets.table import find_table, parse_table, read_table, to_bunch

# The names by which the sets call what we call recording, singer, song and gender.
COLUMNS = {
    "recording": ("perf_key", "performance_id"),
    "singer": ("plyrid", "singer_account_id", "account_id"),
    "song": ("songid", "song_title", "arrangement_id"),
    "gender": ("gender", "singer_gender"),
}
NEEDED = ("recording", "singer", "song")
GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male"}

SOURCE = (
    "ask for the data at https://ccrma.stanford.edu/damp/ (research only, by Smule's "
    "Research Data License Agreement), and unpack audio and tables there"
)

DESCR = """\
DAMP
----
Digital Archive of Mobile Performances: solo singing to a karaoke backing that is not
in the recording, made with the app Sing! on telephones. The first set holds 34,620
recordings by 3,462 singers, ten of each, of songs that differ from singer to singer.

Licence: Smule's Research Data License Agreement: for research, not for sale, not to be
passed on. Source: https://ccrma.stanford.edu/damp/
Smith JC (2013): Correlation analyses of encoded music performance. PhD thesis, Stanford
University.
"""


def load_damp(root, *, metadata=None, columns=None, on_error="raise", return_X_y=False):
    """Load DAMP, or one of the sets that Smule published after it.

    Nothing is downloaded and no recording is opened: the tables of the set are read,
    and each row is matched with its file.

    Parameters
    ----------
    root : str or Path
        Folder of the set, with the audio at any depth (m4a as shipped, or converted). A
        file's name is the identifier of its recording, or contains it between dashes.
    metadata : str or Path, default=None
        The table, CSV or TSV, looked for in `root` first. By default the one table in
        `root` that has the columns, or else those of Sing! 300x30x2, one for each
        country: ``root/GB/GB.csv``.
    columns : dict of str to str, default=None
        What the table calls ``"recording"``, ``"singer"``, ``"song"`` or ``"gender"``,
        if it uses none of the documented names:

        ============= ============ ===================== ======================
        ours          DAMP         its subset by Kruspe  Sing! 300x30x2
        ============= ============ ===================== ======================
        ``recording`` ``perf_key`` ``performance_id``    ``performance_id``
        ``singer``    ``plyrid``   ``singer_account_id`` ``account_id``
        ``song``      ``songid``   ``song_title``        ``arrangement_id``
        ``gender``    (see below)  ``singer_gender``     ``gender``
        ============= ============ ===================== ======================

        Published code that reads DAMP's own table reveals the first three names, but
        not that of the gender: ``gender`` and ``singer_gender`` are tried there too.

    on_error : {"raise", "skip"}, default="raise"
        What to do about a row with a fault (its recording is missing, empty, or there
        more than once; it has no singer or song; or it is in the table twice), or about
        a folder that cannot be read. With ``"skip"``, one warning says which were left
        out, and why.
    return_X_y : bool, default=False
        Return ``(recordings, singers)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        - recordings : list of str
          Paths, in the order of the table.
        - singers : ndarray of shape (n_recordings,), str
        - songs : ndarray of shape (n_recordings,), str
          Titles such as ``"let it go"`` (``_let_it_go`` in the table), or whatever else
          the table holds: in Sing! 300x30x2, arrangements, several per song.
        - gender : ndarray of shape (n_recordings,), str
          ``"female"``, ``"male"``, or empty if the table does not say.
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
        If no table has the columns, several tables do, or a row has a fault.

    Examples
    --------
    >>> from singerlearn.datasets import load_damp, select_singers
    >>> data = select_singers(load_damp("DAMP"), random_state=0)  # doctest: +SKIP
    """
    rows, faults = read_damp(root, metadata, columns, on_error, name_song=_title)
    report(faults, on_error)
    return pack(rows, root, DESCR, return_X_y=return_X_y)


def select_singers(
    data, n_singers=46, n_recordings=10, *, balance_gender=True, random_state=None
):
    """Draw singers, and the same number of recordings of each.

    The defaults draw as for the paper's Table 1: 23 women and 23 men with ten
    recordings each (section 3.4).

    Parameters
    ----------
    data : Bunch
        As the loaders return it, with ``singers`` and, to balance gender, ``gender``.
    n_singers : int, default=46
        Number of singers to draw.
    n_recordings : int, default=10
        Number of recordings of each singer. Singers with fewer are not drawn; if a
        singer has more, the recordings are drawn at random.
    balance_gender : bool, default=True
        Draw as many women as men, and no singers of unknown gender. A singer with two
        genders in the table counts as unknown; a warning says how many there are.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same singers and recordings on every call.

    Returns
    -------
    chosen : Bunch
        `data` with only the recordings drawn, in their original order.

    Raises
    ------
    ValueError
        If there are too few singers with so many recordings.
    """
    rng = check_random_state(random_state)
    if balance_gender and n_singers % 2:
        raise ValueError(
            f"n_singers={n_singers} cannot be half women, half men; make it even, or "
            "set balance_gender=False"
        )
    singers = np.asarray(data.singers)
    names, counts = np.unique(singers, return_counts=True)
    names = names[counts >= n_recordings]
    if balance_gender:
        gender_of = _gender_of_singers(data)
        genders = np.array([gender_of.get(name, "") for name in names.tolist()])
        pools = [
            ("women", names[genders == "female"], n_singers // 2),
            ("men", names[genders == "male"], n_singers // 2),
        ]
    else:
        pools = [("singers", names, n_singers)]
    indices = []
    for kind, pool, n_drawn in pools:
        if len(pool) < n_drawn:
            raise ValueError(
                f"{n_drawn} {kind} are to be drawn, and {len(pool)} have "
                f"{n_recordings} recordings or more; ask for fewer"
            )
        for name in rng.choice(pool, n_drawn, replace=False):
            own = np.flatnonzero(singers == name)
            indices.extend(rng.choice(own, n_recordings, replace=False))
    return take(data, np.sort(indices))


def read_damp(root, metadata, columns, on_error, *, name_song):
    """Read the tables of a set, and match their rows with files.

    Parameters
    ----------
    root, metadata, columns, on_error
        As for `load_damp`.
    name_song : callable
        Turns a table's cell into the song's name; raises ValueError if there is none.

    Returns
    -------
    rows : list of dict of str to str
    faults : list of str
    """
    check_on_error(on_error)
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {str(root)!r}; {SOURCE}")
    columns = _complete(columns)
    tables = _find_tables(root, metadata, columns)
    rows, faults = [], []
    for table in tables:
        # A country's recordings lie beside its table.
        folder = table.parent if len(tables) > 1 else root
        own_rows, own_faults = _read_one(table, columns, folder, name_song)
        rows += own_rows
        faults += own_faults
    if not rows and not faults:
        raise ValueError(f"no rows in {str(tables[0])!r}")
    return rows, faults


def pack(rows, root, descr, **options):
    """Pack rows with their gender; refuse to pack none.

    Parameters
    ----------
    rows : list of dict of str to str
    root : str or Path
    descr, **options
        As for `singerlearn.datasets.table.to_bunch`.

    Returns
    -------
    data : Bunch or tuple
    """
    if not rows:
        raise ValueError(
            f"none of the table's recordings is below {str(root)!r}, with one of the "
            f"suffixes {KNOWN}; {SOURCE}"
        )
    gender = [GENDERS.get(row.pop("gender", "").lower(), "") for row in rows]
    return to_bunch(rows, descr, gender=np.array(gender), **options)


def _complete(columns):
    """Put the caller's names of columns in front of the documented ones."""
    columns = columns or {}
    if unknown := set(columns) - set(COLUMNS):
        raise ValueError(
            f"columns={columns!r} maps {sorted(unknown)}; what can be mapped is "
            f"{list(COLUMNS)}"
        )
    return COLUMNS | {ours: (theirs,) for ours, theirs in columns.items()}


def _find_tables(root, metadata, columns):
    """List the tables of a set: the one in its folder, or one for each country."""
    if metadata is not None:
        candidates = [find_table(metadata, root)]
    else:
        candidates = [
            path
            for path in sorted(root.iterdir())
            if path.suffix.lower() in (".csv", ".tsv") and not path.name.startswith(".")
        ]
    tables, reasons = [], []
    for path in candidates:
        try:
            parse_table(path, columns, needed=NEEDED)
        except ValueError as error:
            reasons.append(error)
        else:
            tables.append(path)
    if len(tables) > 1:
        raise ValueError(
            f"{[path.name for path in tables]} in {str(root)!r} all list recordings; "
            "pass one as metadata"
        )
    if not tables and metadata is None:
        tables = [
            path
            for folder in sorted(root.iterdir())
            if (path := folder / f"{folder.name}.csv").is_file()
        ]
    if not tables and reasons:
        raise ValueError(
            f"{reasons[0]}; or map them: columns={{'singer': ...}}"
        ) from reasons[0]
    if not tables:
        raise FileNotFoundError(
            f"no table in {str(root)!r}, .csv or .tsv, nor in a folder for each "
            f"country; {SOURCE}"
        )
    return tables


def _read_one(table, columns, folder, name_song):
    """Rows and faults of one table, whose recordings are below `folder`."""
    paths, unread = audio_below(folder)
    files = defaultdict(list)
    for path in paths:
        for name in {path.stem, *path.stem.split("-")}:
            files[name].append(path)

    def locate(row):
        row["song"] = name_song(row["song"])
        name = Path(row["recording"].replace("\\", "/"))
        name = name.stem if name.suffix.lower() in SUFFIXES else name.name
        found = files.get(name, [])
        # Those who join a performance share its identifier: Sing! 300x30x2 appends
        # the singer's.
        own = [path for path in found if row["singer"] in path.stem.split("-")]
        found = own or found
        if not found:
            raise FileNotFoundError(
                f"there is no recording {name!r} below {str(folder)!r}"
            )
        if len(found) > 1:
            raise ValueError(
                f"{name!r} is the name of {len(found)} files, {str(found[0])!r} and "
                f"{str(found[1])!r}; keep one"
            )
        if found[0].stat().st_size == 0:
            raise ValueError(f"{str(found[0])!r} is empty")
        return found[0]

    rows, faults = read_table(table, columns, needed=NEEDED, locate=locate)
    # Unreadable folders come first: rows only say that their recordings are missing.
    return rows, unread + faults


def _title(cell):
    """Turn ``_let_it_go`` into a title, and leave other cells as they are."""
    return cell.replace("_", " ").strip() if cell.startswith("_") else cell


def _gender_of_singers(data):
    """Return the gender of each singer who has exactly one."""
    if "gender" not in data:
        raise ValueError("data has no gender; set balance_gender=False")
    pairs = zip(
        np.asarray(data.singers).tolist(), np.asarray(data.gender).tolist(), strict=True
    )
    told = defaultdict(set)
    for singer, gender in pairs:
        if gender:
            told[singer].add(gender)
    if torn := [singer for singer, genders in told.items() if len(genders) > 1]:
        warnings.warn(
            f"not drawn: {len(torn)} of {len(told)} singers, such as {torn[0]!r}, who "
            "are female in one row and male in another; put it right, or set "
            "balance_gender=False",
            stacklevel=3,
        )
    return {singer: gender for singer, (gender, *more) in told.items() if not more}
