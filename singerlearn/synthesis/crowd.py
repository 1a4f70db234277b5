"""Any number of singers, for training: spectrograms that are sung on request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from singerlearn.synthesis.channel import draw_channel
from singerlearn.synthesis.mel import render_mel
from singerlearn.synthesis.performance import perform
from singerlearn.synthesis.singer import draw_singer, in_mood
from singerlearn.synthesis.song import draw_song
from singerlearn.synthesis.streams import stream
from singerlearn.synthesis.waveform import render as render_waveform

# Decibels by which a part of a recording lies below the whole's maximum, on average.
QUIETER = 3.0


@dataclass(frozen=True)
class SyntheticSingers:
    """A crowd of singers, each with a few songs, heard over a new channel every time.

    Nothing is drawn before it is requested and nothing is kept: a crowd of any size is
    just a few numbers to store and to send, and many threads and processes may use it
    at once. The same request always gives the same result.

    Parameters
    ----------
    n_singers : int
        Women and men in turn.
    n_songs : int, default=6
        Songs per singer; each singer has songs of their own.
    n_frames : int, default=256
        Length of a spectrogram.
    spoken : float, default=0.25
        Share of the songs that are spoken texts.
    singer_effect, song_effect, mood_effect, channel_effect : float, default=1.0
        How far singers, songs, moods and channels stray from the average.
    random_state : int, default=0
        Seed of the crowd. A larger crowd with the same seed holds the smaller one.
    front_end : mapping, default={}
        Parameters of `log_mel` that are not its defaults.

    Examples
    --------
    >>> from singerlearn.synthesis import SyntheticSingers
    >>> crowd = SyntheticSingers(n_singers=1000)
    >>> spectrogram = crowd.render(singer=7, take=0)
    >>> spectrogram.shape, spectrogram.dtype
    ((96, 256), dtype('float32'))
    """

    n_singers: int
    n_songs: int = 6
    n_frames: int = 256
    spoken: float = 0.25
    singer_effect: float = 1.0
    song_effect: float = 1.0
    mood_effect: float = 1.0
    channel_effect: float = 1.0
    random_state: int = 0
    front_end: Mapping = field(default_factory=dict, hash=False)

    def render(self, singer, take):
        """Sing a part of one of a singer's songs.

        Parameters
        ----------
        singer : int
            From 0 to `n_singers` - 1.
        take : int
            Not negative. Takes go through the songs in turn; each has a part of the
            song, a mood, a delivery and a channel of its own.

        Returns
        -------
        ndarray of shape (n_mels, n_frames), float32
            Cut from what `log_mel` would make of a longer sound, whose loudest moment
            is often outside this part.

        Raises
        ------
        IndexError
            If there is no such singer or take.
        """
        front_end, margin, duration = self._timing()
        voice, performance, channel, rng = self._perform(singer, take, duration)
        n_frames = self.n_frames + 2 * margin
        spectrogram = render_mel(
            voice, performance, channel, n_frames=n_frames, rng=rng, **front_end
        )
        spectrogram -= rng.exponential(self.channel_effect * QUIETER)
        return spectrogram[:, margin : margin + self.n_frames].clip(min=0)

    def record(self, singer, take):
        """Sing the same as a waveform, which takes several times as long.

        Parameters
        ----------
        singer, take : int
            As for `render`.

        Returns
        -------
        ndarray of shape (n_samples,), float32
            At the front end's sampling rate; `log_mel` makes `n_frames` frames of it.

        Raises
        ------
        IndexError
            If there is no such singer or take.
        """
        front_end, margin, duration = self._timing()
        voice, performance, channel, rng = self._perform(singer, take, duration)
        rate, hop_length = front_end["sampling_rate"], front_end["hop_length"]
        waveform = render_waveform(
            voice, performance, channel, sampling_rate=rate, duration=duration, rng=rng
        )
        first = margin * hop_length
        # Half a window lies around the first sample, which is rounded down if odd.
        n_samples = (self.n_frames - 1) * hop_length + front_end["n_fft"] % 2
        return waveform[first : first + max(n_samples, 1)]

    def _timing(self):
        """Return the front end, the extra frames at each end, and seconds in all."""
        front_end = {"sampling_rate": 22050, "n_fft": 2048, "hop_length": 512}
        front_end |= self.front_end
        hop_length = front_end["hop_length"]
        # Half a window more at each end: a part of a song does not start from nothing.
        margin = ceil(front_end["n_fft"] / 2 / hop_length)
        n_hops = self.n_frames + 2 * margin - 1
        return front_end, margin, n_hops * hop_length / front_end["sampling_rate"]

    def _perform(self, singer, take, duration):
        """Draw voice, performance and channel; return them and the generator."""
        if not 0 <= singer < self.n_singers:
            raise IndexError(
                f"there is no singer {singer} among {self.n_singers}; they count from 0"
            )
        if take < 0:
            raise IndexError(f"there is no take {take}; they count from 0")
        rng = stream(self.random_state, 2, singer, take)
        voice = in_mood(self.singer(singer), rng, effect=self.mood_effect)
        song = self.song(singer, take % self.n_songs)
        start = rng.uniform(0, song.duration)
        performance = perform(voice, song, duration=duration, start=start, rng=rng)
        return voice, performance, draw_channel(rng, effect=self.channel_effect), rng

    def singer(self, singer):
        """Draw the `Singer` with this number."""
        rng = stream(self.random_state, 0, singer)
        gender = ("female", "male")[singer % 2]
        return draw_singer(rng, gender, effect=self.singer_effect)

    def song(self, singer, song):
        """Draw a `Song` by the numbers of its singer and itself, below `n_songs`."""
        rng = stream(self.random_state, 1, singer, song)
        spoken = rng.uniform() < self.spoken
        return draw_song(rng, effect=self.song_effect, spoken=spoken)
