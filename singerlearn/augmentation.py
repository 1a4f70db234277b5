"""Chunks heard otherwise than they were sung: other channels, gaps, other throats.

Torch only; everything is drawn and done on the chunks' own device.
"""

import torch
from torch.nn.functional import interpolate

AUGMENTATIONS = ("crops", "channels", "masks")


def choose_augmentations(augment, among_synthetic=False):
    """Return the names of what shall be done to chunks.

    Parameters
    ----------
    augment : "auto", bool or sequence of {"crops", "channels", "masks"}
    among_synthetic : bool, default=False
        Whether synthetic singers sing, too, by which "auto" goes.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    if augment == "auto":
        augment = not among_synthetic
    if not isinstance(augment, tuple | list):
        return AUGMENTATIONS if augment else ()
    for name in augment:
        if name not in AUGMENTATIONS:
            raise ValueError(
                f"augment={augment!r} holds {name!r}, which is not one of "
                f"{', '.join(AUGMENTATIONS)}; True stands for all, False for none"
            )
    return tuple(augment)


def change_channels(chunks, generator):
    """Hear each chunk through another microphone, in another room, from elsewhere.

    Together they are a level and a smooth curve over the bands, in decibels.

    Parameters
    ----------
    chunks : Tensor of shape (batch, n_bands, n_frames)
        Spectrograms in dB, where 0 is silence.
    generator : torch.Generator
        Draws the curves; on the device of the chunks.

    Returns
    -------
    Tensor of shape (batch, n_bands, n_frames)
        In dB; nothing lies under 0.
    """
    n, n_bands, _ = chunks.shape
    options = dict(generator=generator, device=chunks.device, dtype=chunks.dtype)
    # Level and six points of the curve, with deviations of 2 and 2.4 dB.
    points = 2 * torch.randn(n, 1, 1, **options) + 2.4 * torch.randn(n, 1, 6, **options)
    curve = interpolate(points, size=n_bands, mode="linear")
    return (chunks + curve.mT).clamp(min=0)


def mask(chunks, generator):
    """Silence parts of each chunk: two runs of bands and one of frames.

    After SpecAugment (D. S. Park et al., Interspeech 2019), which puts the mean there:
    at most an eighth of the bands at a time, and a sixth of the frames.

    Parameters
    ----------
    chunks : Tensor of shape (batch, n_bands, n_frames)
    generator : torch.Generator
        Draws the runs; on the device of the chunks.

    Returns
    -------
    Tensor of shape (batch, n_bands, n_frames)
    """
    n, n_bands, n_frames = chunks.shape
    hidden = (
        draw_masks(n, n_bands, n_bands // 8, generator)[:, :, None]
        | draw_masks(n, n_bands, n_bands // 8, generator)[:, :, None]
        | draw_masks(n, n_frames, n_frames // 6, generator)[:, None, :]
    )
    return chunks.masked_fill(hidden, 0)


def draw_masks(n, length, widest, generator):
    """Draw one run of True, of 0 to `widest`, for each of `n` rows of `length`."""
    options = dict(generator=generator, device=generator.device)
    width = torch.randint(widest + 1, (n, 1), **options)
    first = (torch.rand(n, 1, **options) * (length - width + 1)).long()
    position = torch.arange(length, device=generator.device)
    return (first <= position) & (position < first + width)


def stretch_bands(chunks, factors):
    """Move what chunks hold up or down the bands, as another throat would have it.

    A shorter vocal tract has its formants higher: along the Mel axis that is a stretch
    by about the same factor under 1 kHz (vocal tract length perturbation, N. Jaitly and
    G. Hinton, 2013). Above, a throat would move them less than the bands move here: at
    3.5 kHz by 1.15, not by 1.4. Training on what a throat would do was no better
    (docs/results.md). On another axis than Mel it is another change.

    Parameters
    ----------
    chunks : Tensor of shape (batch, n_bands, n_frames)
    factors : Tensor of shape (batch,)
        What is at band b goes to band ``factor * b``; 1 leaves a chunk as it is.

    Returns
    -------
    Tensor of shape (batch, n_bands, n_frames)
        Linear between bands; above the highest, the highest is repeated.
    """
    n_bands = chunks.shape[1]
    bands = torch.arange(n_bands, device=chunks.device, dtype=chunks.dtype)
    place = (bands / factors[:, None]).clamp(max=n_bands - 1)  # (batch, n_bands)
    below = place.floor().long()
    above = (below + 1).clamp(max=n_bands - 1)
    rows = torch.arange(len(chunks), device=chunks.device)[:, None]
    return torch.lerp(
        chunks[rows, below], chunks[rows, above], (place - below)[:, :, None]
    )
