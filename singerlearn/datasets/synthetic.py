"""Synthetic singers: recordings with known causes, made to order."""

from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils import Bunch, check_random_state, check_scalar

from singerlearn.synthesis import (
    draw_channel,
    draw_singer,
    draw_song,
    perform,
    render,
)
from singerlearn.synthesis.streams import stream

DESCR = """\
Synthetic singers
-----------------
Every singer sings every song once. A singer is a source (glottal pulses with jitter,
shimmer and breath, a spectral tilt, a chest and a head voice) and a filter (formants of
vowels, scaled by the length of a vocal tract, and a nose), with habits of pitch, onset
and vibrato; a song is a melody and its syllables, in one of six languages, moved to the
singer's range, or a text to be spoken; each recording has a room, a microphone, a
codec, a noise and a level of its own. No human voice was used, and no licence binds the
recordings.
"""


def make_singers(
    n_singers=8,
    n_songs=6,
    *,
    duration=10.0,
    singer_effect=1.0,
    song_effect=1.0,
    channel_effect=1.0,
    spoken=0.0,
    sampling_rate=22050,
    n_jobs=None,
    random_state=None,
    return_X_y=False,
):
    """Make recordings of synthetic singers: every singer sings every song once.

    Parameters
    ----------
    n_singers : int, default=8
        Women and men in turn.
    n_songs : int, default=6
        Number of songs, and so of recordings per singer.
    duration : float, default=10.0
        Length of a recording in seconds. Songs last 10 to 20 s and texts about 9 s;
        they are repeated as needed.
    singer_effect : float, default=1.0
        How far voices differ, up to 4; at 0 there are only two, the average woman and
        man.
    song_effect : float, default=1.0
        How far songs differ in vowels, register, key, tempo and brightness. At 0 they
        are different notes and words in the same style; from 1 on, features averaged
        over a recording tell its song more readily than its singer.
    channel_effect : float, default=1.0
        How far rooms and microphones differ; at 0 recordings are dry, quiet and even.
    spoken : float, default=0.0
        Share of the songs that are spoken texts instead, on average; `song_parameters`
        tells which. Changing it leaves the other songs the same.
    sampling_rate : int, default=22050
        In Hz, at least 8000. Formants end at 12 kHz; at higher rates there is next to
        nothing above that.
    n_jobs : int or None, default=None
        Recordings rendered at once, in threads. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same recordings, bit for bit, on every call (on the same
        machine, with the same libraries). A larger set holds the singers, songs and
        recordings of a smaller one.
    return_X_y : bool, default=False
        Return ``(recordings, singers)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        - recordings : list of ndarray of shape (n_samples,), float32
          Singer by singer.
        - singers, songs : ndarray of shape (n_recordings,)
          Such as ``"singer01"`` and ``"song01"``.
        - gender : ndarray of shape (n_recordings,)
          ``"female"`` or ``"male"``.
        - sampling_rate : int
        - singer_parameters : dict of str to Singer
        - song_parameters : dict of str to Song
        - channel_parameters : list of Channel
          One per recording.
        - DESCR : str
    (recordings, singers) : tuple if ``return_X_y=True``

    Examples
    --------
    >>> from singerlearn.datasets import make_singers
    >>> data = make_singers(n_singers=2, n_songs=3, duration=1.0, random_state=0)
    >>> len(data.recordings), data.recordings[0].shape
    (6, (22050,))
    >>> data.singers[:4].tolist()
    ['singer01', 'singer01', 'singer01', 'singer02']
    """
    check_scalar(n_singers, "n_singers", Integral, min_val=1)
    check_scalar(n_songs, "n_songs", Integral, min_val=1)
    check_scalar(sampling_rate, "sampling_rate", Integral, min_val=8000)
    for name, value, least, most in (
        ("duration", duration, 0.1, None),
        ("singer_effect", singer_effect, 0, 4),  # beyond, there are no such throats
        ("song_effect", song_effect, 0, None),
        ("channel_effect", channel_effect, 0, None),
        ("spoken", spoken, 0, 1),
    ):
        check_scalar(value, name, Real)
        if not np.isfinite(value):  # NaN is under no minimum
            raise ValueError(f"{name} == {value}, must be a finite number.")
        check_scalar(value, name, Real, min_val=least, max_val=most)

    seed = check_random_state(random_state).randint(2**31 - 1)
    singers = {
        f"singer{i + 1:02d}": draw_singer(
            stream(seed, 0, i), ("female", "male")[i % 2], effect=singer_effect
        )
        for i in range(n_singers)
    }
    songs = {
        f"song{j + 1:02d}": draw_song(
            stream(seed, 1, j),
            effect=song_effect,
            spoken=stream(seed, 3, j).uniform() < spoken,
        )
        for j in range(n_songs)
    }

    def record(singer, song, rng):
        channel = draw_channel(rng, effect=channel_effect)
        performance = perform(singer, song, duration=duration, rng=rng)
        waveform = render(
            singer,
            performance,
            channel,
            sampling_rate=sampling_rate,
            duration=duration,
            rng=rng,
        )
        return waveform, channel

    recorded = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(record)(singer, song, stream(seed, 2, i, j))
        for i, singer in enumerate(singers.values())
        for j, song in enumerate(songs.values())
    )
    recordings, channels = map(list, zip(*recorded, strict=True))
    labels = np.repeat(list(singers), n_songs)
    if return_X_y:
        return recordings, labels
    return Bunch(
        recordings=recordings,
        singers=labels,
        songs=np.tile(list(songs), n_singers),
        gender=np.repeat([singer.gender for singer in singers.values()], n_songs),
        sampling_rate=sampling_rate,
        singer_parameters=singers,
        song_parameters=songs,
        channel_parameters=channels,
        DESCR=DESCR,
    )
