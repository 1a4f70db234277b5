"""How often the singer is named correctly: over recordings, and over chunks."""

import numpy as np

from singerlearn.labels import as_entries, encode_labels

# Kinds of labels by the letters of numpy's types; unknown for mixed objects.
_KINDS = dict.fromkeys("biuf", "numbers") | {"U": "names", "S": "bytes"}


def recording_accuracy(y_true, y_pred):
    """Share of the recordings whose singer is predicted correctly.

    Parameters
    ----------
    y_true : array-like of shape (n_recordings,)
        The singer of each recording.
    y_pred : array-like of shape (n_recordings,)
        The singer predicted for each, as ``predict`` returns them.

    Returns
    -------
    accuracy : float in [0, 1]

    Raises
    ------
    ValueError
        If there are no recordings, the lengths differ, or one holds names and the other
        numbers.

    See Also
    --------
    bootstrap_interval : Its interval, with ``groups=y_true``.

    Examples
    --------
    >>> from singerlearn.metrics import recording_accuracy
    >>> recording_accuracy(["Ann", "Bob"], ["Ann", "Ann"])
    0.5
    """
    y_true = _check_singers(y_true, y_pred, "y_pred")
    if as_entries(y_pred).ndim != 1:
        raise ValueError(
            f"y_pred has shape {np.shape(y_pred)} but holds one label a recording"
        )
    names, codes = encode_labels(y_pred, "y_pred")
    _check_kinds(y_true, names, "y_pred")
    return float(np.mean(y_true == names[codes]))


def chunk_accuracy(y_true, y_pred_chunks):
    """Share of all chunks whose predicted singer is that of their recording.

    Parameters
    ----------
    y_true : array-like of shape (n_recordings,)
        The singer of each recording.
    y_pred_chunks : list of n_recordings array-likes of shape (n_chunks,)
        The singer predicted for each chunk, as ``predict_chunks`` returns them.
        Recordings may differ in their number of chunks.

    Returns
    -------
    accuracy : float in [0, 1]

    Raises
    ------
    ValueError
        If there are no recordings, the lengths differ, a recording has no chunks, or
        one holds names and the other numbers.

    See Also
    --------
    bootstrap_interval : Its interval, with ``groups=y_true``.

    Examples
    --------
    >>> from singerlearn.metrics import chunk_accuracy
    >>> chunk_accuracy(["Ann", "Bob"], [["Ann", "Ann", "Bob"], ["Bob"]])
    0.75
    """
    y_true = _check_singers(y_true, y_pred_chunks, "y_pred_chunks")
    n_right = n_chunks = 0
    for i, labels in enumerate(map(as_entries, y_pred_chunks)):
        if labels.ndim != 1 or len(labels) == 0:
            raise ValueError(
                f"y_pred_chunks[{i}] has shape {labels.shape} but holds the labels of "
                "one or more chunks; pass what predict_chunks returns"
            )
        _check_kinds(y_true[[i]], labels, "y_pred_chunks")
        n_right += np.sum(labels == y_true[i])
        n_chunks += len(labels)
    return float(n_right / n_chunks)


def _check_singers(y_true, predictions, name):
    """Return `y_true` as an array with one entry per prediction, at least one."""
    entries = as_entries(y_true)
    if entries.ndim != 1 or len(entries) == 0:
        raise ValueError(
            f"y_true has shape {entries.shape} but holds the singer of each of one or "
            "more recordings"
        )
    if len(entries) != len(predictions):
        raise ValueError(
            f"y_true holds {len(entries)} recordings but {name} {len(predictions)}"
        )
    names, codes = encode_labels(y_true, "y_true")
    return names[codes]


def _check_kinds(y_true, y_pred, name):
    """Refuse to compare names with numbers, which would never match."""
    kinds = [
        _KINDS.get(np.array(labels.tolist()).dtype.kind) for labels in (y_true, y_pred)
    ]
    if None not in kinds and kinds[0] != kinds[1]:
        raise ValueError(
            f"y_true holds {kinds[0]} such as {y_true[0]!r}, {name} {kinds[1]} such as "
            f"{y_pred[0]!r}; give both of one kind"
        )
