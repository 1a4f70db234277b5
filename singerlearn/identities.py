"""Singers to tell apart in training whom nobody recorded: stretched, and synthetic."""

from dataclasses import replace
from numbers import Integral, Real

from singerlearn.synthesis import SyntheticSingers

AUTO = 1600  # synthetic singers


def check_stretches(stretches):
    """Refuse what is no factor on the Mel axis that makes another singer."""
    for i, factor in enumerate(stretches):
        fits = isinstance(factor, Real) and 0.5 <= factor <= 2 and factor != 1
        if not fits or factor in stretches[:i]:
            raise ValueError(
                f"stretches={stretches!r} holds {factor!r}; each is another factor on "
                "the Mel axis between 0.5 and 2, other than 1"
            )


def gather_crowd(synthetic_singers, front_end, chunk_frames, rng):
    """Return the synthetic singers, to be heard as the recordings were.

    Parameters
    ----------
    synthetic_singers : int, "auto" or SyntheticSingers
    front_end : dict or None
        Of the recordings' chunks.
    chunk_frames : int
    rng : RandomState
        Draws them, if it is but their number.

    Returns
    -------
    SyntheticSingers or None
        None if there shall be none.

    Raises
    ------
    ValueError
        If the recordings' chunks are not Mel spectrograms, or there is no synthetic
        singer, or only one song of each.
    """
    can_be_heard = (front_end or {}).get("spectrogram") == "mel"
    if isinstance(synthetic_singers, str):  # "auto"
        synthetic_singers = AUTO if can_be_heard else 0
    if synthetic_singers == 0:
        return None
    if isinstance(synthetic_singers, Integral):
        seed = rng.randint(2**31 - 1)
        synthetic_singers = SyntheticSingers(synthetic_singers, random_state=seed)
    if not can_be_heard:
        raise ValueError(
            "synthetic singers are heard as by MelChunker, but these chunks were made "
            f"otherwise ({front_end}); set synthetic_singers=0"
        )
    if synthetic_singers.n_singers < 1:
        raise ValueError(
            f"{synthetic_singers} have nobody who sings; give them one singer or more, "
            "or set synthetic_singers=0"
        )
    if synthetic_singers.n_songs < 2:
        raise ValueError(
            f"{synthetic_singers} have one song each, so that singer and song cannot "
            "be told apart; give them two or more"
        )
    parameters = {k: v for k, v in front_end.items() if k != "spectrogram"}
    return replace(synthetic_singers, n_frames=chunk_frames, front_end=parameters)


def add_identities(train, n_singers, stretches, crowd, share, most):
    """Add singers to a data set to train on.

    Parameters
    ----------
    train : ChunkDataset
    n_singers : int
        Singers in its targets.
    stretches : sequence of float
    crowd : SyntheticSingers or None
    share, most
        As for `ChunkDataset.joined`.

    Returns
    -------
    train : ChunkDataset
    n_identities : int
        Singers in its targets: those recorded, stretched, synthetic, in this order.
    """
    if stretches:
        train = train.stretched(stretches, n_singers)
    n_identities = n_singers * (1 + len(stretches))
    if crowd is not None:
        train = train.joined(crowd, n_identities, share, most)
        n_identities += crowd.n_singers
    return train, n_identities
