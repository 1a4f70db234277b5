"""Rows of `speed.py` without a network: from audio to spectrograms and features."""

import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import librosa
import numpy as np
import soundfile as sf
from joblib import Parallel, cpu_count, delayed
from threadpoolctl import threadpool_limits
from timing import Row, in_turn, ratios, timed, typical

from singerlearn import HandcraftedFeatures, MelChunker
from singerlearn.audio import load
from singerlearn.chunks import Chunks
from singerlearn.datasets import make_singers
from singerlearn.features.frames import frame_features
from singerlearn.spectrogram import log_mel

RATE = 22050
FRAMES = {"n_fft": 2048, "hop_length": 512}


@contextmanager
def files(suffix, n_singers, n_songs, seconds):
    """Write synthetic singing at 44.1 kHz; yield the paths, and each one's singer."""
    made = make_singers(
        n_singers,
        n_songs,
        duration=seconds,
        sampling_rate=44100,
        n_jobs=-1,
        random_state=0,
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            Path(folder) / f"{singer}_{song}.{suffix}"
            for singer, song in zip(made.singers, made.songs, strict=True)
        ]
        for path, y in zip(paths, made.recordings, strict=True):
            with sf.SoundFile(path, "w", 44100, 1) as file:
                # libsndfile crashes on a minute of Vorbis that is written at once.
                for start in range(0, len(y), 44100):
                    file.write(y[start : start + 44100])
        yield paths, made.singers


def librosa_decibels(y):
    """Spectrogram as `log_mel` has it, by librosa."""
    power = librosa.feature.melspectrogram(y=y, sr=RATE, n_mels=96, **FRAMES)
    return librosa.power_to_db(power, ref=np.max, top_db=60.0) + 60


def log_mel_row(sizes):
    """Waveform to decibels, on one thread."""
    (y,) = make_singers(1, 1, duration=sizes.seconds, random_state=0).recordings
    with threadpool_limits(1):
        rounds = in_turn(
            {
                "ours": partial(timed, log_mel, y),
                "librosa": partial(timed, librosa_decibels, y),
            },
            sizes.repeats,
        )
    off = np.abs(rounds["ours"][0][1] - rounds["librosa"][0][1]).max()
    hour = 3600 / sizes.seconds * typical(rounds, "ours")
    yield Row(
        "waveform → log-Mel, one thread",
        "librosa's melspectrogram + power_to_db",
        "≥ 2.2 times, equal within 1e-3 dB",
        ratios(rounds, "librosa", "ours"),
        f"{hour:.2f} s per audio hour; largest difference {off:.1e} dB",
    )


def files_row(sizes):
    """Files to chunks, on all cores."""
    goals = {"flac": "≥ 2.5 times", "ogg": "–", "wav": "≥ 3 times"}
    for suffix, goal in goals.items():
        with files(suffix, sizes.n_files, 1, sizes.seconds) as (paths, _):
            rounds = in_turn(
                {
                    "ours": partial(timed, MelChunker(n_jobs=-1).transform, paths),
                    "one thread": partial(timed, MelChunker().transform, paths),
                    "librosa": partial(timed, librosa_chunks, paths),
                    "decoding": partial(timed, decode, paths),
                },
                sizes.repeats,
            )
        what = f"files → chunks, {cpu_count()} cores, {suffix} at 44.1 kHz"
        hour = 3600 / sizes.seconds / sizes.n_files * typical(rounds, "ours")
        yield Row(
            what,
            "librosa.load + melspectrogram in a loop",
            goal,
            ratios(rounds, "librosa", "ours"),
            f"{hour:.2f} s per audio hour; on one thread "
            f"{np.median(ratios(rounds, 'librosa', 'one thread')):.3g} times",
        )
        yield Row(
            what,
            "decoding and resampling alone, as many threads",
            "≤ 1.6 times the cost",
            ratios(rounds, "ours", "decoding"),
        )


def librosa_chunks(paths):
    """Load, transform and cut each file, one after the other."""
    return [Chunks(librosa_decibels(librosa.load(path)[0])) for path in paths]


def decode(paths):
    """Bring each file to one channel at the rate asked for, and no further."""
    return Parallel(n_jobs=-1, prefer="threads")(delayed(load)(path) for path in paths)


def features_row(sizes):
    """Features of a recording's frames, pooled over clips, or of clip after clip."""
    (y,) = make_singers(1, 1, duration=sizes.seconds, random_state=0).recordings
    rounds = in_turn(
        {
            "ours": partial(timed, HandcraftedFeatures().transform, [y]),
            "clips": partial(timed, clip_features, y),
            "tuned clips": partial(timed, clip_features, y, tuning=0.0),
        },
        sizes.repeats,
    )
    fixed = np.median(ratios(rounds, "tuned clips", "ours"))
    hour = 3600 / sizes.seconds * typical(rounds, "ours")
    yield Row(
        "hand-crafted features of a recording",
        "the same features by librosa, called per clip",
        "≥ 10 times, equal within 1e-5",
        ratios(rounds, "clips", "ours"),
        f"{hour:.1f} s per audio hour; {fixed:.3g} times if chroma's tuning is not "
        f"estimated per clip; same frames differ by {frame_difference(y):.1e} of the "
        "feature's largest value",
    )


def librosa_frames(y, tuning=None, floor=None):
    """Features of each frame by librosa's functions, as one calls them.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    tuning : float, default=None
        Of chroma, in fractions of a semitone; None has librosa estimate it.
    floor : float, default=None
        Least decibels under the MFCC; None stands for 80 dB under the maximum of `y`.
    """
    known = {"y": y, "sr": RATE, **FRAMES}
    mel = librosa.feature.melspectrogram(**known)
    decibels = librosa.power_to_db(mel, top_db=80.0 if floor is None else None)
    magnitude = np.abs(librosa.stft(y, **FRAMES))
    rise = np.diff(magnitude, axis=1, prepend=magnitude[:, :1]).clip(min=0)
    return np.vstack(
        [
            librosa.feature.chroma_stft(tuning=tuning, **known),
            librosa.feature.mfcc(S=np.maximum(decibels, floor or -np.inf), n_mfcc=13),
            librosa.feature.spectral_centroid(**known),
            librosa.feature.spectral_rolloff(**known),
            np.linalg.norm(rise, axis=0),
        ]
    )


def clip_waveforms(y, clip_frames=256, hop_frames=51):
    """Yield first frame and waveform of each clip of `HandcraftedFeatures`."""
    n_frames = 1 + len(y) // FRAMES["hop_length"]
    for first in range(0, n_frames - clip_frames + 1, hop_frames):
        start = first * FRAMES["hop_length"]
        yield first, y[start : start + (clip_frames - 1) * FRAMES["hop_length"]]


def clip_features(y, tuning=None):
    """Mean and deviation of each clip's features, every clip on its own."""
    frames = [librosa_frames(clip, tuning) for _, clip in clip_waveforms(y)]
    return np.stack([np.concatenate([f.mean(axis=1), f.std(axis=1)]) for f in frames])


def frame_difference(y):
    """Return how far the frames of clips lie from the same frames of the recording.

    Compared is what can be: frames whose window, and that of the frame before them,
    lies inside the clip (a clip on its own sees silence beyond its ends); chroma at a
    fixed tuning; MFCC over decibels with the floor of the recording. Largest over all,
    relative to each feature's largest value (MFCC cross zero).
    """
    frames = frame_features(y, sampling_rate=RATE, n_mfcc=13, **FRAMES)
    largest = np.abs(frames).max(axis=1, keepdims=True)
    mel = librosa.feature.melspectrogram(y=y, sr=RATE, **FRAMES)
    floor = librosa.power_to_db(mel).min()
    return max(
        (np.abs(of_clip - frames[:, first : first + of_clip.shape[1]]) / largest)[
            :, 3:-2
        ].max()
        for first, clip in clip_waveforms(y)
        for of_clip in [librosa_frames(clip, tuning=0.0, floor=floor)]
    )


def store_row(sizes):
    """Transform twice with a store: what is read was computed before."""
    with files("flac", sizes.n_files, 1, sizes.seconds) as (paths, _):
        time.sleep(3)  # what was written just now has its bytes read again
        waveforms = [load(path) for path in paths]
        for X, goal, what in (
            (paths, "≥ 20 times", "flac files at 44.1 kHz"),
            (waveforms, "–", "waveforms, which are hashed each time"),
        ):
            seconds = [transform_twice(X) for _ in range(sizes.repeats + 1)][1:]
            recordings = len(X) * sizes.seconds / 3600
            hour = np.median([second for _, second in seconds]) / recordings
            yield Row(
                f"second transform with a store, {what}",
                "the first",
                goal,
                [first / second for first, second in seconds],
                f"{hour:.2f} s per audio hour",
            )


def transform_twice(X):
    """Return the seconds of a transform with an empty store, and of one after it."""
    with tempfile.TemporaryDirectory() as folder:
        transform = MelChunker(store=folder).transform
        return timed(transform, X)[0], timed(transform, X)[0]
