"""What the throat does to a spectrum, without what the melody does."""

import math

import torch
from torch import nn


class SpectralEnvelope(nn.Module):
    """Smooths spectra over the bands, to what few cepstral coefficients can hold.

    The coefficients are those of the discrete cosine transform over decibels, as in
    MFCC. Low ones hold the resonances of the vocal tract, the singer's; the harmonics
    of a note, which the lower Mel bands resolve, need higher ones.

    Parameters
    ----------
    n_bands : int
    n_cepstra : int
        Coefficients to keep, from the lowest on, at most `n_bands`.

    Attributes
    ----------
    smoother : torch.Tensor of shape (n_bands, n_bands)
        The projection onto the first cosines; not among the weights.

    Raises
    ------
    ValueError
        If there are not so many coefficients.
    """

    def __init__(self, n_bands, n_cepstra):
        super().__init__()
        if not 1 <= n_cepstra <= n_bands:
            raise ValueError(
                f"n_cepstra={n_cepstra} must lie between 1 and the number of bands, "
                f"{n_bands}; None keeps spectra as they are"
            )
        place = (torch.arange(n_bands) + 0.5) / n_bands
        cosines = torch.cos(math.pi * torch.arange(n_cepstra)[:, None] * place)
        cosines *= math.sqrt(2 / n_bands)
        cosines[0] *= math.sqrt(0.5)
        self.register_buffer("smoother", cosines.mT @ cosines, persistent=False)

    def forward(self, chunks):
        """(batch, n_bands, n_frames) in dB to the same, some dB beyond the floor."""
        return self.smoother @ chunks
