"""Waveform to classical features of each frame, as librosa computes them."""

import numpy as np

from singerlearn.spectrogram import spectra


def frame_features(y, *, sampling_rate, n_fft, hop_length, n_mfcc, chroma=True):
    """Chroma, if wanted, MFCC, spectral centroid, roll-off and flux of each frame.

    Parameters
    ----------
    y : ndarray of shape (n_samples,), float32
        Waveform.
    sampling_rate : float
        Its rate, in Hz.
    n_fft, hop_length : int
        Samples in a frame, and between frames.
    n_mfcc : int
        Mel-frequency cepstral coefficients.
    chroma : bool, default=True
        Whether the 12 features of chroma come first.

    Returns
    -------
    features : ndarray of shape (12 + n_mfcc + 3, n_frames), or 12 fewer
        In this order, with centroid and roll-off in Hz; 0 where a frame is silent.
    """
    from librosa import power_to_db
    from librosa.feature import (
        chroma_stft,
        melspectrogram,
        mfcc,
        spectral_centroid,
        spectral_rolloff,
    )

    bins = {"sr": sampling_rate, "n_fft": n_fft}
    pitch_classes, mel, shape = [], [], []
    previous = None
    # Blocks keep hours in bounded memory; each is long enough to pay for its filters.
    for block in spectra(y, n_fft=n_fft, hop_length=hop_length, block_frames=1024):
        magnitude = np.abs(block).T  # (n_bins, n_frames)
        power = np.square(magnitude)
        if chroma:
            # Estimating the tuning would take most of the time, and the same note could
            # fall into another bin in the next recording.
            pitch_classes.append(chroma_stft(S=power, tuning=0.0, **bins))
        mel.append(melspectrogram(S=power, **bins))
        if previous is None:
            previous = magnitude[:, :1]  # nothing rises in the first frame
        rise = np.diff(magnitude, axis=1, prepend=previous).clip(min=0)
        previous = magnitude[:, -1:]
        shape.append(
            np.vstack(
                [
                    spectral_centroid(S=magnitude, **bins),
                    spectral_rolloff(S=magnitude, **bins),
                    np.linalg.norm(rise, axis=0),
                ]
            )
        )
    # For the whole recording at once: the floor lies 80 dB below the loudest frame.
    cepstrum = mfcc(S=power_to_db(np.hstack(mel)), n_mfcc=n_mfcc)
    parts = [cepstrum, np.hstack(shape)]
    if chroma:
        parts.insert(0, np.hstack(pitch_classes))
    return np.vstack(parts).astype(float)
