"""What makes a synthetic recording: a singer, a song and a channel, as plain numbers.

Nothing here knows about audio. A renderer, whatever it renders to, reads these numbers;
`draw_singer`, `draw_song` and `draw_channel` draw them at random.

Conventions: pitches are MIDI note numbers (69 = 440 Hz), intervals semitones or cents,
gains decibels; formants run from the first up, notes through time.
An *effect* is how far a draw strays from the average: 0 gives the average itself, 1
what is heard between real people, songs and rooms.
"""

from dataclasses import dataclass

import numpy as np

SPEED_OF_SOUND = 35_000  # cm/s, warm and moist air
REFERENCE_TRACT = 17.0  # cm; the men whose vowels follow
VOWELS = np.array(
    [  # first three formants, Hz: means of the men in Peterson and Barney (1952)
        (270, 2290, 3010),  # beat
        (390, 1990, 2550),  # bit
        (530, 1840, 2480),  # bet
        (660, 1720, 2410),  # bat
        (730, 1090, 2440),  # father
        (570, 840, 2410),  # bought
        (440, 1020, 2240),  # book
        (300, 870, 2240),  # boot
        (640, 1190, 2390),  # but
        (490, 1350, 1690),  # bird
    ]
)
N_FORMANTS = 12  # enough for the shortest tract to fill 11 kHz

# How a note may begin: dip of the voice and strength of the hiss in dB, centre of the
# hiss in Hz and its width in octaves, duration in seconds. The last is no consonant.
CONSONANTS = np.array(
    [
        (-60, -7, 6500, 0.6, 0.11),  # s
        (-60, -5, 3200, 0.7, 0.11),  # sh
        (-60, -18, 5000, 2.0, 0.09),  # f
        (-60, -10, 4200, 1.0, 0.03),  # t
        (-60, -10, 1700, 0.6, 0.04),  # k
        (-12, -90, 1000, 1.0, 0.08),  # m, n
        (-7, -90, 1000, 1.0, 0.06),  # l, r
        (-10, -20, 5500, 0.7, 0.08),  # z
        (0, -90, 1000, 1.0, 0.01),  # none
    ]
)
EQ_FREQUENCIES = np.geomspace(60, 11_025, 8)  # Hz, where a channel's gains are given

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


@dataclass(frozen=True, eq=False)
class Singer:
    """A voice: what stays when the song changes.

    Attributes
    ----------
    gender : {"female", "male"}
    tract_length : float
        Vocal tract, from the glottis to the lips, in cm; formants scale with its
        inverse.
    formant_offsets : ndarray of shape (12,)
        Factors on the formants: the proportions of throat and mouth.
    vowel_offsets : ndarray of shape (n_vowels, 3)
        Factors on the first three formants of each vowel: the accent.
    bandwidths : ndarray of shape (12,)
        Factors on the formants' bandwidths.
    tilt : float
        Slope of the harmonics as they leave the glottis, dB an octave.
    first_harmonic : float
        How far the first harmonic stands above that slope, dB: an open glottis.
    breath, breath_slope : float
        Noise in a harmonic's width against the first harmonic, in dB, and its slope
        in dB an octave about 2 kHz.
    ring, ring_frequency : float
        Height of the singer's formant in dB and its centre in Hz.
    dip, dip_frequency : float
        Depth of the notch left by the side cavities in dB and its centre in Hz.
    pitch : float
        Middle of the range, MIDI.
    vibrato_rate, vibrato_extent, vibrato_onset : float
        In Hz, in cents to either side, and in seconds after a note's start.
    jitter, shimmer : float
        Deviation from one glottal cycle to the next, of frequency in cents and of
        amplitude in dB.
    drift : float
        Slow wandering of the intonation, in cents.
    glide : float
        Time from one note's pitch to the next, in seconds.
    legato : float
        Part of a note that sounds, in (0, 1].
    """

    gender: str
    tract_length: float
    formant_offsets: np.ndarray
    vowel_offsets: np.ndarray
    bandwidths: np.ndarray
    tilt: float
    first_harmonic: float
    breath: float
    breath_slope: float
    ring: float
    ring_frequency: float
    dip: float
    dip_frequency: float
    pitch: float
    vibrato_rate: float
    vibrato_extent: float
    vibrato_onset: float
    jitter: float
    shimmer: float
    drift: float
    glide: float
    legato: float

    def formants(self, vowel):
        """Formants of one of `VOWELS`, Hz, shape (12,).

        Those above the third are the resonances of a tube closed at one end.
        """
        tube = (2 * np.arange(N_FORMANTS) + 1) * SPEED_OF_SOUND / 4 / self.tract_length
        tube[:3] = VOWELS[vowel] * REFERENCE_TRACT / self.tract_length
        tube[:3] *= self.vowel_offsets[vowel]
        return tube * self.formant_offsets


@dataclass(frozen=True, eq=False)
class Song:
    """A melody with its words: what stays when the singer changes.

    Attributes
    ----------
    tonic : float
        MIDI note of the key.
    intervals : ndarray of shape (n_notes,)
        Notes, in semitones above the tonic.
    durations, rests : ndarray of shape (n_notes,)
        Length of each note and of the silence after it, in seconds.
    accents : ndarray of shape (n_notes,)
        Level of each note, dB.
    vowels, consonants : ndarray of shape (n_notes,)
        Rows of `VOWELS` and `CONSONANTS`: a note is a consonant and a vowel.
    register : float
        How far above the middle of a singer's range the song lies, in semitones.
    key_held : float in [0, 1]
        How far singers hold on to the song's key: at 0 everybody sings it at
        `register`, at 1 only octaves apart.
    brightness : float
        Added to the tilt of every singer, dB an octave: a song to shout or to whisper.
    """

    tonic: float
    intervals: np.ndarray
    durations: np.ndarray
    rests: np.ndarray
    accents: np.ndarray
    vowels: np.ndarray
    consonants: np.ndarray
    register: float
    key_held: float
    brightness: float

    def notes_of(self, singer):
        """MIDI notes as `singer` sings them, shape (n_notes,): moved by semitones."""
        middle = self.tonic + np.average(self.intervals, weights=self.durations)
        shift = singer.pitch + self.register - middle
        octaves = 12 * round(shift / 12)
        return (
            self.tonic
            + self.intervals
            + round(shift + self.key_held * (octaves - shift))
        )


@dataclass(frozen=True, eq=False)
class Channel:
    """A room, a microphone and a level: what a recording adds to the voice.

    Attributes
    ----------
    eq : ndarray of shape (8,)
        Gain of the microphone at `EQ_FREQUENCIES`, dB.
    reverberation, wet : float
        Time in which the room's echo falls by 60 dB, in seconds, and its level, dB.
    noise, noise_slope : float
        Level of the background against the voice's, in dB, and its slope, dB an octave.
    level : float
        Peak of the recording, dB below full scale.
    """

    eq: np.ndarray
    reverberation: float
    wet: float
    noise: float
    noise_slope: float
    level: float


def draw_singer(rng, gender, *, effect=1.0):
    """Draw a `Singer`.

    Parameters
    ----------
    rng : RandomState
    gender : {"female", "male"}
    effect : float, default=1.0
        How far singers differ from the average woman or man, who differ by themselves.
    """
    tract_length, pitch = {"female": (14.7, 62.0), "male": (17.0, 51.0)}[gender]

    def around(mean, deviation, size=None):
        return mean + effect * deviation * rng.standard_normal(size)

    def times(deviation, size=None):
        return np.exp(around(0, deviation, size))

    return Singer(
        gender=gender,
        tract_length=tract_length * times(0.05),
        formant_offsets=times(0.05, N_FORMANTS),
        vowel_offsets=times(0.03, (len(VOWELS), 3)),
        bandwidths=times(0.15) * times(0.1, N_FORMANTS),
        tilt=min(around(-9, 2), -3),
        first_harmonic=around(2, 3),
        breath=min(around(-42, 7), -20),
        breath_slope=around(-3, 1.5),
        ring=max(around(4, 5), 0),
        ring_frequency=around(3100 if gender == "female" else 2850, 120),
        dip=max(around(8, 4), 0),
        dip_frequency=70_000 / tract_length * times(0.08),
        pitch=around(pitch, 1.5),
        vibrato_rate=5.5 * times(0.1),
        vibrato_extent=35 * times(0.5),
        vibrato_onset=0.25 * times(0.4),
        jitter=5 * times(0.4),
        shimmer=0.25 * times(0.4),
        drift=8 * times(0.4),
        glide=0.06 * times(0.4),
        legato=min(0.9 * times(0.06), 1.0),
    )


def draw_song(rng, *, effect=1.0):
    """Draw a `Song`.

    Parameters
    ----------
    rng : RandomState
    effect : float, default=1.0
        How far songs differ. At 0 they are other notes and words in the same style; the
        larger it is the more a song prefers some vowels and degrees, a register, a
        tempo and a brightness of its own. From 1 on singers keep its key.
    """

    def around(mean, deviation):
        return mean + effect * deviation * rng.standard_normal()

    scale = np.array((MAJOR, MINOR)[rng.randint(2)])
    n_notes = rng.randint(16, 29)
    # A melody steps up or down by a degree or two, and turns back at its borders.
    degrees = np.cumsum(rng.choice((-2, -1, -1, 0, 1, 1, 2), n_notes)) + 3
    degrees = np.abs((degrees + 8) % 16 - 8)  # a fold into 0 .. 8
    beat = 0.6 * np.exp(around(0, 0.15))  # seconds
    phrase_ends = rng.uniform(size=n_notes) < 0.15

    return Song(
        tonic=60.0 + rng.randint(12),
        intervals=scale[degrees % 7] + 12 * (degrees // 7),
        durations=beat * rng.choice((0.5, 0.5, 1, 1, 1, 1.5, 2), n_notes),
        rests=beat * np.where(phrase_ends, rng.choice((0.5, 1.0), n_notes), 0.0),
        accents=rng.normal(0, 2, n_notes),
        vowels=_choose(rng, len(VOWELS), n_notes, strength=0.6 * effect),
        consonants=_choose(rng, len(CONSONANTS), n_notes, strength=0.4 * effect),
        register=around(0, 1.5),
        key_held=min(effect, 1.0),
        brightness=around(0, 0.5),
    )


def draw_channel(rng, *, effect=1.0):
    """Draw a `Channel`.

    Parameters
    ----------
    rng : RandomState
    effect : float, default=1.0
        How far channels differ from a dry, quiet and even one.
    """
    return Channel(
        eq=effect * rng.normal(0, 2, len(EQ_FREQUENCIES)),
        reverberation=rng.uniform(0.2, 0.8),
        wet=min(-60 + effect * rng.uniform(20, 42), -6),
        noise=min(-80 + effect * rng.uniform(10, 40), -10),
        noise_slope=-3 + effect * rng.normal(0, 1.5),
        level=max(-1 - effect * rng.uniform(0, 15), -40),
    )


def _choose(rng, n_kinds, size, *, strength):
    """Draw `size` of `n_kinds`, some likelier than others as `strength` grows."""
    odds = np.exp(strength * rng.standard_normal(n_kinds))
    return rng.choice(n_kinds, size, p=odds / odds.sum())
