"""Draw trials that are as hard as they should be."""

import itertools
from numbers import Integral

import numpy as np

from singerlearn.labels import encode_groupings, encode_labels
from singerlearn.metrics.trials import Trials, check_gender, identities
from singerlearn.metrics.validation import check_both_kinds


def make_trials(
    singers,
    *,
    songs=None,
    gender=None,
    recordings=None,
    exclude_groups=None,
    n_targets=None,
    n_nontargets=None,
    target_same_song=None,
    nontarget_same_song=None,
    nontarget_same_gender=None,
    random_state=None,
):
    """Pair recordings by the same singer (targets) and by two singers (non-targets).

    By default, every pair of two different recordings is one trial. How easy the trials
    are is up to the caller: non-targets of two genders, or of two songs, can be told
    apart without knowing the voices, and targets of the same song can be matched
    without knowing the voice.

    Parameters
    ----------
    singers : array-like of shape (n_recordings,)
        The singer of each recording.
    songs, gender : array-like of shape (n_recordings,), default=None
        Counted in the audit, and needed for the shares below.
    recordings : sequence of length n_recordings, default=None
        Paths, waveforms, or fingerprints from `singerlearn.audio.survey`. Two copies of
        a recording are not paired. No path is opened: only fingerprints reveal that two
        files hold the same audio. An entry of None is unknown and matches no other.
    exclude_groups : array-like, default=None
        As in `leave_one_out_knn`: pairs that share a group in any of the groupings are
        left out. ``[lyrics, melodies]`` gives crossed trials; if each row is a chunk,
        pass the chunks' recordings.
    n_targets, n_nontargets : int, default=None
        How many to draw, without replacement; None means as many as there are.
    target_same_song, nontarget_same_song : float in [0, 1], default=None
        Share of the targets, and of the non-targets, whose two recordings are of the
        same song; None leaves it as it is. A share of 0 or 1 keeps all pairs that
        qualify, other shares as many as they allow.
    nontarget_same_gender : float in [0, 1], default=None
        Share of the non-targets whose two singers have the same gender. It is kept both
        among pairs of the same song and among pairs of two songs.
    random_state : int, RandomState instance or None, default=None
        Seeds the draw, where there is a choice of trials.

    Returns
    -------
    Trials
        Sorted by the position of their recordings.

    Raises
    ------
    ValueError
        If there are no targets (every singer has one recording, or all targets are left
        out), no non-targets (a single singer), fewer pairs than asked for, or if
        lengths or shares are wrong.

    Examples
    --------
    Non-targets of the same song, and targets of two songs:

    >>> from singerlearn.metrics import equal_error_rate, make_trials
    >>> singers = ["Ann", "Ann", "Bob", "Bob", "Cid", "Cid"]
    >>> songs = ["x", "y", "x", "y", "x", "y"]
    >>> trials = make_trials(
    ...     singers, songs=songs, target_same_song=0.0, nontarget_same_song=1.0
    ... )
    >>> print(trials)
    9 trials of 6 recordings by 3 singers, 0 repeated
      3 targets: 0% same song
      6 non-targets: 100% same song
    >>> Z = [[0.0], [0.4], [1.0], [1.5], [0.1], [2.0]]
    >>> round(equal_error_rate(trials.is_target, trials.scores(Z)), 3)
    0.333
    """
    from sklearn.utils import check_random_state  # a slow import

    labels, singer = encode_labels(singers, "singers")
    n_recordings = len(singer)
    groupings = encode_groupings(exclude_groups, n_recordings)
    if recordings is not None:
        groupings = np.vstack([groupings, identities(recordings, n_recordings)])
    song_codes = gender_codes = np.zeros(n_recordings, dtype=np.intp)
    if songs is not None:
        _, song_codes = encode_labels(songs, "songs", n_recordings)
    if gender is not None:
        gender_codes = check_gender(gender, labels, singer)
    song_shares = nontarget_same_song, target_same_song
    gender_shares = nontarget_same_gender, None  # a singer has one gender
    _check_shares("same_song", song_shares, "songs", songs)
    _check_shares("same_gender", gender_shares, "gender", gender)
    rng = check_random_state(random_state)

    # A stratum is a kind of pair whose number is to be chosen: 4 for a target, plus 2
    # for one song, plus 1 for one gender, where shares of these are asked for.
    merge = np.array([
        4 * target
        + 2 * (one_song and song_shares[target] is not None)
        + (one_gender and gender_shares[target] is not None)
        for target, one_song, one_gender in itertools.product((0, 1), repeat=3)
    ])  # fmt: skip

    # A row at a time, twice: the pairs of a large collection do not fit in memory.
    def strata(i):
        """Return the stratum of i with each later recording, 8 if they are no trial."""
        stratum = merge[
            4 * (singer[i + 1 :] == singer[i])
            + 2 * (song_codes[i + 1 :] == song_codes[i])
            + (gender_codes[i + 1 :] == gender_codes[i])
        ]
        stratum[(groupings[:, i + 1 :] == groupings[:, [i]]).any(axis=0)] = 8
        return stratum

    counts = np.array(
        [np.bincount(strata(i), minlength=9)[:8] for i in range(n_recordings)]
    )
    others, targets = counts.sum(axis=0).reshape(2, 4)
    check_both_kinds(targets.sum(), others.sum())
    quota = np.concatenate([
        _quota("nontargets", others, song_shares[0], gender_shares[0], n_nontargets),
        _quota("targets", targets, song_shares[1], gender_shares[1], n_targets),
    ])  # fmt: skip
    return Trials(
        _draw(strata, counts, quota, rng),
        singers,
        songs=songs,
        gender=gender,
        recordings=recordings,
    )


def _quota(kind, available, song_share, gender_share, n):
    """Return how many pairs to draw of each of a kind's four strata."""
    song, gender = (
        (1.0, 0.0) if share is None else (1.0 - share, float(share))
        for share in (song_share, gender_share)
    )
    shares = np.outer(song, gender).ravel()
    most = np.full(4, np.inf)
    np.divide(available, shares, out=most, where=shares > 0)
    scarcest = most.argmin()
    if n is None:
        n = int(most[scarcest] + 1e-9)  # a share such as 0.1 is not exact
        quota = np.minimum(_split(n, shares), available)
    elif isinstance(n, Integral) and n >= 1:
        quota = _split(n, shares)
    else:
        raise ValueError(f"n_{kind}={n} must be a whole number of at least 1")
    if not n or (quota > available).any():
        what = [kind]
        if song_share is not None:
            what.append("of one song" if scarcest & 2 else "of two songs")
        if gender_share is not None:
            what.append("of one gender" if scarcest & 1 else "of two genders")
        raise ValueError(
            f"there are {available[scarcest]} {' '.join(what)}, too few for the number "
            "and the shares asked for"
        )
    return quota


def _split(n, shares):
    """Split n by shares into whole numbers that add up to n."""
    return np.diff(np.round(np.cumsum(shares) * n), prepend=0).astype(int)


def _draw(strata, counts, quota, rng):
    """Draw `quota` pairs of each stratum, from the pairs that `counts` has by row."""
    from sklearn.utils.random import sample_without_replacement  # a slow import

    ends = counts.cumsum(axis=0)
    starts = ends - counts
    drawn = [
        np.sort(sample_without_replacement(total, n, random_state=rng))
        if n < total
        else np.arange(total)
        for total, n in zip(ends[-1], quota, strict=True)
    ]
    pairs = []
    for i in np.flatnonzero(counts.sum(axis=1)):
        stratum = strata(i)
        later = []
        for s, ranks in enumerate(drawn):
            first, last = np.searchsorted(ranks, [starts[i, s], ends[i, s]])
            later.append(np.flatnonzero(stratum == s)[ranks[first:last] - starts[i, s]])
        second = i + 1 + np.sort(np.concatenate(later))
        pairs.append(np.column_stack([np.full(len(second), i), second]))
    return np.concatenate(pairs)


def _check_shares(name, shares, needs, labels):
    for kind, share in zip(("nontarget", "target"), shares, strict=True):
        if share is None:
            continue
        if labels is None:
            raise ValueError(f"{kind}_{name}={share} needs {needs}")
        if not 0 <= share <= 1:
            raise ValueError(f"{kind}_{name}={share} must lie in [0, 1]")
