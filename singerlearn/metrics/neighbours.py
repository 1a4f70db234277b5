"""Leave-one-out nearest neighbours (the paper's Figure 5)."""

import numpy as np

from singerlearn.labels import encode_groupings, encode_labels
from singerlearn.metrics.validation import check_embeddings, is_count

BLOCK = 256  # queries whose distances are held at once


def leave_one_out_knn(Z, y, *, n_neighbors=(1, 3, 5, 7), exclude_groups=None):
    """Share of the samples whose label is named by their nearest neighbours.

    Every sample is the query once (section 3.5). The docstring of `singerlearn.metrics`
    says how ties, and queries with few or no neighbours left, are decided.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_components)
        Embeddings.
    y : array-like of shape (n_samples,)
        The labels to find: singers, or songs.
    n_neighbors : int or sequence of int, default=(1, 3, 5, 7)
        How many neighbours vote.
    exclude_groups : array-like, default=None
        One grouping, of shape (n_samples,), or several: a list of such arrays, or an
        array or data frame of shape (n_samples, n_groupings). Samples that share the
        query's group in any of them are not its neighbours: ``songs`` looks for the
        singer among other songs, ``[lyrics, melodies]`` among recordings that share
        neither with the query.

    Returns
    -------
    accuracy : float in [0, 1], or dict of int to float
        A dict by number of neighbours, if `n_neighbors` is a sequence.

    Raises
    ------
    ValueError
        If Z holds NaN, lengths differ, y holds only one label, there are not more
        samples than neighbours, a sample is left without any neighbour, or no sample
        has a neighbour with its own label.

    See Also
    --------
    leave_one_out_predict : The labels that the neighbours name.
    song_effect_report : Singers and songs, against chance.

    Examples
    --------
    Two singers; the second and the third performance are of the same song:

    >>> from singerlearn.metrics import leave_one_out_knn
    >>> Z, y = [[0.0], [1.0], [1.1], [3.0]], ["Ann", "Ann", "Bob", "Bob"]
    >>> leave_one_out_knn(Z, y, n_neighbors=(1, 3))
    {1: 0.5, 3: 0.0}
    >>> leave_one_out_knn(Z, y, n_neighbors=1, exclude_groups=["a", "b", "b", "c"])
    0.75
    """
    one = np.ndim(n_neighbors) == 0
    counts = [n_neighbors] if one else list(n_neighbors)
    _, codes, neighbours = _search(Z, y, counts, exclude_groups)
    accuracy = [float(np.mean(vote(codes, neighbours[:, :k]) == codes)) for k in counts]
    return accuracy[0] if one else dict(zip(map(int, counts), accuracy, strict=True))


def leave_one_out_predict(Z, y, *, n_neighbors=1, exclude_groups=None):
    """Predict each sample's label by its nearest neighbours.

    Use it for intervals and comparisons: resample *after* the neighbours have voted,
    since a sample drawn twice would be its own neighbour.

    Parameters
    ----------
    Z, y, exclude_groups
        As in `leave_one_out_knn`.
    n_neighbors : int, default=1
        How many neighbours vote.

    Returns
    -------
    y_pred : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        As for `leave_one_out_knn`.

    Examples
    --------
    >>> from singerlearn.metrics import bootstrap_interval, leave_one_out_predict
    >>> from singerlearn.metrics import recording_accuracy
    >>> Z = [[0.0], [0.1], [2.0], [1.0], [5.0], [5.1]]
    >>> y = ["Ann", "Ann", "Bob", "Bob", "Cid", "Cid"]
    >>> y_pred = leave_one_out_predict(Z, y)
    >>> y_pred.tolist()
    ['Ann', 'Ann', 'Bob', 'Ann', 'Cid', 'Cid']
    >>> sure = bootstrap_interval(
    ...     recording_accuracy, y, y_pred, groups=y, random_state=0
    ... )
    >>> print(sure)
    0.833 [0.500, 1.000]
    """
    labels, codes, neighbours = _search(Z, y, [n_neighbors], exclude_groups)
    return labels[vote(codes, neighbours)]


def _search(Z, y, counts, exclude_groups):
    """Check everything; return labels, codes and the neighbours of every sample."""
    Z = check_embeddings(Z)
    labels, codes = encode_labels(y, "y", len(Z), at_least=2)
    k = check_n_neighbors(counts, len(Z))
    groupings = encode_groupings(exclude_groups, len(Z))
    chance_accuracy(codes, groupings)  # refuses what nobody could answer
    return labels, codes, nearest(Z, k, groupings)


def check_n_neighbors(counts, n_samples):
    """Return the largest of the numbers of neighbours asked for."""
    if not counts or not all(is_count(k, 1) for k in counts):
        raise ValueError(f"n_neighbors={counts} must be whole numbers of at least 1")
    if max(counts) >= n_samples:
        raise ValueError(
            f"n_neighbors={max(counts)} is too many: a query among {n_samples} samples "
            f"has {n_samples - 1} neighbours"
        )
    return max(counts)


def nearest(Z, k, groupings):
    """Return each sample's k nearest neighbours, nearest first.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_components)
    k : int
    groupings : ndarray of shape (n_groupings, n_samples), int
        As `encode_groupings` returns them.

    Returns
    -------
    neighbours : ndarray of shape (n_samples, k), int
        Filled up with -1 where fewer than k are left.
    """
    from scipy.spatial.distance import cdist  # a slow import

    # Scaled by a power of two, exactly: absurdly large or small squares do not fit.
    Z = np.ldexp(Z, -np.frexp(np.abs(Z).max())[1])
    neighbours = np.full((len(Z), k), -1)
    for queries, allowed in _blocks(groupings):
        # From differences, not norms and products: equal distances come out equal.
        distances = cdist(Z[queries], Z, "sqeuclidean")
        distances[~allowed] = np.inf
        furthest = np.partition(distances, k - 1, axis=1)[:, k - 1]
        for query, d, limit in zip(queries, distances, furthest, strict=True):
            # All that tie with the k-th are in; a stable sort keeps the first of them.
            near = np.flatnonzero((d <= limit) & (d < np.inf))
            near = near[np.argsort(d[near], kind="stable")][:k]
            neighbours[query, : len(near)] = near
    alone = np.flatnonzero(neighbours[:, 0] < 0)
    if len(alone):
        raise ValueError(
            f"{len(alone)} of {len(Z)} samples have no neighbour outside their own "
            f"groups, the first of them sample {alone[0]}; leave such samples out of Z"
        )
    return neighbours


def vote(codes, neighbours):
    """Return the most frequent code among the neighbours; the nearest wins a tie.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,), int
        The samples' labels.
    neighbours : ndarray of shape (n_samples, k), int
        Nearest first, as `nearest` returns them.
    """
    labels = np.where(neighbours < 0, -1, codes[neighbours])
    votes = np.stack([(labels == own[:, None]).sum(axis=1) for own in labels.T], axis=1)
    votes[labels < 0] = 0
    winner = votes.argmax(axis=1)  # the first, hence nearest, of the most voted for
    return labels[np.arange(len(labels)), winner]


def chance_accuracy(codes, groupings):
    """Return the accuracy of one neighbour drawn at random, above 0."""
    shares = []
    for queries, allowed in _blocks(groupings):
        same = allowed & (codes[queries, None] == codes)
        shares.append(same.sum(axis=1) / np.maximum(allowed.sum(axis=1), 1))
    chance = float(np.mean(np.concatenate(shares)))
    if chance == 0:
        raise ValueError(
            "no sample has a neighbour of its own label: each label occurs once, or "
            "the groups to leave out hold all of them"
        )
    return chance


def _blocks(groupings):
    """Yield queries, and for each of them which samples may be its neighbours."""
    samples = np.arange(groupings.shape[1])
    for start in range(0, len(samples), BLOCK):
        queries = samples[start : start + BLOCK]
        allowed = queries[:, None] != samples
        for codes in groupings:
            allowed &= codes[queries, None] != codes
        yield queries, allowed
