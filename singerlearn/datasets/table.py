"""Tables that name recordings: CSV or TSV, as spreadsheets and archives write them."""

import csv
from io import StringIO
from itertools import zip_longest
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch


def find_table(name, root):
    """Look for a table in `root`, then in the current folder.

    Parameters
    ----------
    name : str or Path
    root : Path

    Returns
    -------
    table : Path

    Raises
    ------
    FileNotFoundError
        If it is in neither.
    """
    for table in (root / name, Path(name)):
        if table.is_file():
            return table
    raise FileNotFoundError(
        f"no table {str(name)!r}, neither in {str(root)!r} nor here"
    )


def parse_table(table, columns, *, needed=()):
    """Read the cells of a table, and find its columns by their names.

    Parameters
    ----------
    table : Path
        UTF-8, with or without a byte order mark, with any line ends, separated by
        commas, semicolons or tabs. The first line names the columns, in any case.
    columns : dict of str to tuple of str
        Our names for columns, and the names that a header may have for each; if a
        header has several, the first counts.
    needed : tuple of str, default=()
        Which of our columns are required.

    Returns
    -------
    header : list of str
        The names of all columns, in lower case.
    found : dict of str to str
        Our names, and the name that the header has for each.
    body : list of list of str
        The cells below the header.

    Raises
    ------
    ValueError
        If a needed column is missing or one is there twice, a quotation mark is not
        closed, or the table is not in UTF-8.
    """
    try:
        # utf-8-sig: spreadsheets put a byte order mark in front.
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{str(table)!r} is not in UTF-8 ({error}); save it as 'CSV UTF-8'"
        ) from error
    # The header tells the delimiter more surely than csv.Sniffer guesses it.
    readings = []
    for delimiter in ",;\t":
        lines = StringIO(text)
        header = next(csv.reader(lines, delimiter=delimiter), [])
        header = [name.strip().lower() for name in header]
        found = {
            ours: next(name for name in map(str.lower, theirs) if name in header)
            for ours, theirs in columns.items()
            if {name.lower() for name in theirs} & set(header)
        }
        readings.append((found, header, lines, delimiter))
    found, header, lines, delimiter = max(readings, key=lambda reading: len(reading[0]))
    if twice := [name for name in found.values() if header.count(name) > 1]:
        raise ValueError(
            f"{str(table)!r} has several columns {twice[0]!r}; give each its own name"
        )
    missing = [name for name in needed if name not in found]
    if not missing:
        return header, found, _read_body(table, lines, delimiter)
    wanted = [" or ".join(map(repr, columns[name])) for name in missing]
    wanted = [f"({names})" if " or " in names else names for names in wanted]
    raise ValueError(
        f"{str(table)!r} has no columns {' and '.join(wanted)}: its first line is "
        f"{text.partition(chr(10))[0]!r}; name the columns there, separated by commas, "
        "semicolons or tabs"
    )


def _read_body(table, lines, delimiter):
    """List the cells of each row; `lines` begin below the header."""
    body = []
    try:
        # If not strict, an open quotation mark would swallow the rows that follow.
        for cells in csv.reader(lines, delimiter=delimiter, strict=True):
            body.append(cells)
    except csv.Error as error:
        raise ValueError(
            f"{str(table)!r}, row {len(body) + 2}: {error}; close the quotation mark "
            "that opens a cell there, and double those within it"
        ) from error
    return body


def read_table(table, columns, *, needed, locate):
    """Read the rows of a table, and find the recording of each.

    Parameters
    ----------
    table, columns, needed
        As for `parse_table`; an empty cell in a needed column is a fault.
    locate : callable
        Takes a row, a dict of str by our names (and the header's, for other columns),
        and returns the path of its recording. A ValueError or FileNotFoundError that it
        raises becomes a fault of the row.

    Returns
    -------
    rows : list of dict of str to str
        The good rows, with the recording's path in ``"path"``.
    faults : list of str
        What is wrong with the others, in words that name table, row and column. A
        recording that an earlier row has is a fault; an empty row is not.
    """
    header, found, body = parse_table(table, columns, needed=needed)
    ours = {theirs: name for name, theirs in found.items()}
    rows, faults, first_seen = [], [], {}
    for number, cells in enumerate(body, start=2):  # as a spreadsheet counts
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        # Spreadsheets leave empty cells out at the end of a row, or add some.
        named = dict(zip_longest(header, cells[: len(header)], fillvalue=""))
        row = {name: cell for name, cell in named.items() if name not in ours}
        row |= {ours[name]: named[name] for name in ours}
        row.pop("", None)  # a column without a name
        try:
            if any(cells[len(header) :]):
                raise ValueError(
                    f"has {len(cells)} cells where the header has {len(header)}"
                )
            for name in needed:
                if not row[name]:
                    raise ValueError(
                        f"the {' or the '.join(needed)} is missing: column "
                        f"{found[name]!r} is empty"
                    )
            path = str(locate(row))
            if first_seen.setdefault(path, number) != number:
                raise ValueError(f"{path!r} stands in row {first_seen[path]} already")
        except (ValueError, FileNotFoundError) as fault:
            faults.append(f"{str(table)!r}, row {number}: {fault}")
        else:
            rows.append(row | {"path": path})
    return rows, faults


def to_bunch(rows, descr, *, return_X_y=False, **more):
    """Pack rows as the loaders return them.

    Parameters
    ----------
    rows : list of dict of str to str
        With ``"path"``, ``"singer"`` and ``"song"``; one row or more.
    descr : str
    return_X_y : bool, default=False
    **more
        Further entries of the Bunch.

    Returns
    -------
    data : Bunch
        With the other columns in ``metadata``, empty if a row has no such cell.
    (recordings, singers) : tuple if ``return_X_y=True``
    """
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: np.array([row.get(name, "") for row in rows]) for name in names}
    recordings = columns.pop("path").tolist()
    singers, songs = columns.pop("singer"), columns.pop("song")
    if return_X_y:
        return recordings, singers
    return Bunch(
        recordings=recordings,
        singers=singers,
        songs=songs,
        **more,
        metadata=Bunch(**columns),
        sampling_rate=22050,
        DESCR=descr,
    )
