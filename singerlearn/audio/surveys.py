"""What a recording holds, found in one pass without keeping any samples."""

import hashlib
from dataclasses import dataclass

import numpy as np

from singerlearn.audio.loading import is_silent, mono_blocks
from singerlearn.audio.recordings import naming_path

# Where converters clip: full scale, or below it by a rounding or a dither.
_FULL_SCALE = 0.999


@dataclass(frozen=True)
class Survey:
    """What one pass over a recording finds, at its own rate, with channels averaged.

    Attributes
    ----------
    sampling_rate : float
        In Hz.
    n_samples, n_clipped : int
        All samples, and those at or beyond full scale once the channels are averaged.
        Clipping in only one of two channels is not counted; nor is clipping in A-law,
        u-law and, above zero, in 8 bits, whose largest codes lie below full scale.
    peak : float
        The largest magnitude; full scale is 1.
    offset, deviation : float
        Mean of the samples, and their standard deviation.
    is_silent : bool
        Whether there is nothing to hear, so that `load` refuses the recording.
    fingerprint : str
        The identity of the audio: equal for equal samples at equal rates, whatever
        file, lossless format or array they are in.
    """

    sampling_rate: float
    n_samples: int
    n_clipped: int
    peak: float
    offset: float
    deviation: float
    is_silent: bool
    fingerprint: str

    @property
    def duration(self):
        """Length in seconds."""
        return self.n_samples / self.sampling_rate


def survey(recording, sampling_rate=22050):
    """Read a recording to its end and report what it holds, keeping no samples.

    Parameters
    ----------
    recording : str, Path, ndarray or tuple
        As for `load`.
    sampling_rate : float, default=22050
        Rate of a waveform that comes without one, in Hz.

    Returns
    -------
    Survey

    Raises
    ------
    FileNotFoundError, ValueError
        As for `load`, except that silent recordings are accepted.

    Examples
    --------
    >>> import numpy as np
    >>> from singerlearn.audio import survey
    >>> pcm = np.array([0, 16384, -32768], dtype=np.int16)
    >>> found = survey((pcm, 8000))
    >>> found.n_samples, found.peak, found.n_clipped
    (3, 1.0, 1)
    >>> found.fingerprint == survey((pcm / 32768, 8000)).fingerprint
    True
    """
    with naming_path(recording):
        digest = hashlib.sha256()
        n_samples = n_clipped = 0
        extremes = []
        total = energy = 0.0
        for block, rate in mono_blocks(recording, sampling_rate):
            digest.update(block + 0.0)  # -0.0 becomes 0.0, which has other bytes
            n_samples += len(block)
            n_clipped += int(np.count_nonzero(np.abs(block) >= _FULL_SCALE))
            extremes += [block.min(), block.max()]
            with np.errstate(invalid="ignore"):  # `is_silent` refuses what is infinite
                total += block.sum(dtype=float)
                energy += np.square(block, dtype=float).sum()
            own_rate = float(rate)
        silent = is_silent(extremes)  # and refuses what has no mean
        offset = float(total / n_samples)
        return Survey(
            is_silent=silent,
            sampling_rate=own_rate,
            n_samples=n_samples,
            n_clipped=n_clipped,
            peak=float(np.max(np.abs(extremes))),
            offset=offset,
            deviation=float(max(energy / n_samples - offset**2, 0.0) ** 0.5),
            fingerprint=f"{own_rate} {digest.hexdigest()}",
        )
