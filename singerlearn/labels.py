"""Labels of recordings: who sings, which song, what belongs together.

There is one per recording, none is missing, and all are of the same kind.
"""

import numpy as np


def encode_labels(labels, name, n=None, *, at_least=1, remedy="give one for each"):
    """Return the distinct labels, sorted, and each recording's as an index into them.

    Parameters
    ----------
    labels : array-like of shape (n_recordings,)
    name : str
        The argument that they were given as, for errors.
    n : int, default=None
        Number of recordings; None means that of the labels, one or more.
    at_least : int, default=1
        Number of distinct labels that are needed.
    remedy : str
        What to do where lengths disagree.

    Returns
    -------
    distinct : ndarray of shape (n_distinct,)
    codes : ndarray of shape (n_recordings,), int

    Raises
    ------
    ValueError
        If shape or length are wrong, a label is missing (its recording is named), kinds
        are mixed, or there are too few distinct labels.
    """
    entries = as_entries(labels)
    if entries.ndim != 1 or len(entries) == 0:
        what = f"has shape {entries.shape}" if entries.ndim else f"is {labels!r}"
        raise ValueError(f"{name} {what}; give one label for each recording")
    if n is not None and len(entries) != n:
        raise ValueError(
            f"{name} holds {len(entries)} labels for {n} recordings; {remedy}"
        )
    may_be_missing = entries.dtype.kind not in "biuUS"
    for i, entry in enumerate(entries.tolist() if may_be_missing else ()):
        if not is_label(entry):
            raise ValueError(
                f"{name} has no label for recording {i} but {entry!r}; give it one, or "
                "leave the recording out"
            )
    try:
        distinct, codes = np.unique(entries, return_inverse=True)
    except TypeError:
        kinds = [type(entry) for entry in entries]
        other = next((i for i, kind in enumerate(kinds) if kind is not kinds[0]), 1)
        raise ValueError(
            f"{name} mixes kinds of labels: {entries[0]!r} for recording 0, "
            f"{entries[other]!r} for recording {other}; give names to all, or numbers"
        ) from None
    if len(distinct) < at_least:
        raise ValueError(
            f"{name} holds {distinct.item(0)!r} only; give recordings of {at_least} or "
            "more"
        )
    if not hasattr(labels, "dtype"):
        own_type = np.array(distinct.tolist())
        # An array of names drops a null character at a name's end; objects keep it.
        if own_type.tolist() == distinct.tolist():
            distinct = own_type
    return distinct, codes


def encode_given(labels, name, n):
    """Return the labels as `encode_labels` codes them; None if there are none."""
    return None if labels is None else encode_labels(labels, name, n)[1]


def encode_singers(y, n, *, at_least=2):
    """Encode the singers that a model learns to tell apart: names, or whole numbers.

    A column of shape (n_recordings, 1) is accepted, with scikit-learn's warning.
    """
    if as_entries(y).shape[1:] == (1,):
        from sklearn.utils.validation import column_or_1d  # a slow import

        y = column_or_1d(as_entries(y), warn=True)
    names, codes = encode_labels(y, "y", n, at_least=at_least)
    for code, name in enumerate(names.tolist()):
        if isinstance(name, float) and not name.is_integer():
            raise ValueError(
                f"Unknown label type: continuous; y has {name} for recording "
                f"{np.argmax(codes == code)}; give each recording the name of its "
                "singer, or a whole number"
            )
    return names, codes


def encode_groupings(
    groupings,
    n,
    name="exclude_groups",
    remedy="give one for each, or a table with a row for each",
):
    """Return the codes of `as_groupings` as an array of shape (n_groupings, n)."""
    each = as_groupings(groupings)
    codes = [encode_labels(labels, name, n, remedy=remedy)[1] for labels in each]
    return np.array(codes, dtype=np.intp).reshape(-1, n)


def as_groupings(groupings):
    """Return a list of groupings, given none, one, a list of them, or a table.

    A table is an array or a data frame of shape (n_recordings, n_groupings).
    """
    if groupings is None:
        return []
    if getattr(groupings, "ndim", 1) == 2:
        return list(np.asarray(groupings).T)
    nested = isinstance(groupings, (list, tuple)) and len(groupings)
    return groupings if nested and np.ndim(groupings[0]) else [groupings]


def as_entries(labels):
    """Return labels as an array; a list as one of objects, in which None stays None.

    Masked entries become None, too.
    """
    if np.ma.is_masked(labels):
        return np.where(labels.mask, None, labels.data.astype(object))
    return np.asarray(labels, dtype=None if hasattr(labels, "dtype") else object)


def is_label(entry):
    """True for a label; False for None, NaN, NaT, pandas' NA, and containers."""
    try:
        hash(entry)
        return entry is not None and bool(entry == entry)  # NaN is not itself
    except TypeError:  # lists have no hash, NA is neither true nor false
        return False


def listed(names, most=3):
    """Name the first few, and say how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more
