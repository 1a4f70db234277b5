"""What goes into a store, and what is found in its folder."""

import numpy as np

PARAMETERS = {"spectrogram": "mel", "sampling_rate": 22050, "top_db": 60.0}


class Counted:
    """A way to compute that counts how often it is gone."""

    def __init__(self, spectrogram):
        self.spectrogram = spectrogram
        self.times = 0

    def __call__(self):
        self.times += 1
        return self.spectrogram


def tone(pitch=220, seconds=2.0):
    return np.sin(2 * np.pi * pitch / 22050 * np.arange(int(22050 * seconds)))


def entries(folder):
    return sorted(p for p in folder.glob("*dtype=uint*/*") if not p.suffix)


def unfinished(folder):
    return [p for p in folder.glob("*/*") if p.suffix]
