"""Singers to tell apart in training whom nobody recorded: stretched, and synthetic."""

from dataclasses import replace
from numbers import Integral

from singerlearn.synthesis import SyntheticSingers


def check_stretches(stretches):
    """Refuse what is no factor on the Mel axis that makes another singer."""
    for factor in stretches:
        if not 0.5 <= factor <= 2 or factor == 1:
            raise ValueError(
                f"stretches={stretches!r} holds {factor!r}; each is a factor on the "
                "Mel axis between 0.5 and 2, other than 1"
            )


def count_identities(n_singers, stretches, synthetic_singers=0):
    """Return how many singers there are to tell apart.

    Parameters
    ----------
    n_singers : int
        Who were recorded.
    stretches : sequence of float
    synthetic_singers : int or SyntheticSingers, default=0
    """
    n_synthetic = getattr(synthetic_singers, "n_singers", synthetic_singers)
    return n_singers * (1 + len(stretches)) + n_synthetic


def gather_crowd(synthetic_singers, front_end, chunk_frames, rng):
    """Return the synthetic singers, to be heard as the recordings were.

    Parameters
    ----------
    synthetic_singers : int or SyntheticSingers
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
        If the recordings' chunks are not Mel spectrograms, or a synthetic singer has
        one song only.
    """
    if synthetic_singers == 0:
        return None
    if isinstance(synthetic_singers, Integral):
        seed = rng.randint(2**31 - 1)
        synthetic_singers = SyntheticSingers(synthetic_singers, random_state=seed)
    parameters = dict(front_end or {})
    if parameters.pop("spectrogram", None) != "mel":
        raise ValueError(
            "synthetic singers are heard as by MelChunker, but these chunks were made "
            f"otherwise ({front_end}); set synthetic_singers=0"
        )
    if synthetic_singers.n_songs < 2:
        raise ValueError(
            f"{synthetic_singers} have one song each, which is not to be told from its "
            "singer; give them two or more"
        )
    return replace(synthetic_singers, n_frames=chunk_frames, front_end=parameters)
