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


def count_identities(n_singers, stretches, synthetic_singers=0, front_end=None):
    """Return how many singers there are to tell apart.

    Parameters
    ----------
    n_singers : int
        Who were recorded.
    stretches : sequence of float
    synthetic_singers : int, "auto" or SyntheticSingers, default=0
    front_end : dict or None, default=None
        Of the recordings' chunks, by which "auto" goes.
    """
    wanted = wanted_singers(synthetic_singers, front_end)
    n_synthetic = getattr(wanted, "n_singers", wanted)
    return n_singers * (1 + len(stretches)) + n_synthetic


def wanted_singers(synthetic_singers, front_end):
    """Return how many synthetic singers, or who, once "auto" has been decided."""
    if not isinstance(synthetic_singers, str):
        return synthetic_singers
    return AUTO if can_be_heard(front_end) else 0


def can_be_heard(front_end):
    """Tell whether synthetic singers can be heard as these recordings are."""
    return (front_end or {}).get("spectrogram") == "mel"


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
    synthetic_singers = wanted_singers(synthetic_singers, front_end)
    if synthetic_singers == 0:
        return None
    if isinstance(synthetic_singers, Integral):
        seed = rng.randint(2**31 - 1)
        synthetic_singers = SyntheticSingers(synthetic_singers, random_state=seed)
    if not can_be_heard(front_end):
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
            f"{synthetic_singers} have one song each, which is not to be told from its "
            "singer; give them two or more"
        )
    parameters = {k: v for k, v in front_end.items() if k != "spectrogram"}
    return replace(synthetic_singers, n_frames=chunk_frames, front_end=parameters)
