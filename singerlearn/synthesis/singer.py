"""A voice as plain numbers: what stays when the song changes.

Conventions, here and in `song` and `channel`: pitches are MIDI note numbers (69 =
440 Hz), intervals semitones or cents, gains decibels; formants run from the first up,
notes through time. An *effect* is how far a draw strays from the average: 0 gives the
average itself, 1 what is heard between real people, songs and rooms.
"""

from dataclasses import dataclass, replace

import numpy as np

from singerlearn.synthesis.phonemes import VOWELS

SPEED_OF_SOUND = 35_000  # cm/s, warm and moist air
REFERENCE_TRACT = 17.0  # cm; the men whose vowels `phonemes` lists
N_FORMANTS = 12  # enough for the shortest tract to fill 11 kHz
MOVING = 3  # formants that vowels move


@dataclass(frozen=True, eq=False)
class Singer:
    """A voice.

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
    nasality : float
        How much the nose sounds along with every vowel, in [0, 1].
    nasal_pole : float
        Resonance of the nose, Hz.
    tilt : float
        Slope of the harmonics as they leave the glottis, in dB per octave.
    fading : float
        What a held note adds to that slope as it goes on, in dB per octave and second.
    first_harmonic : float
        How far the first harmonic stands above that slope, in dB: an open glottis.
    breath, breath_slope : float
        Noise in a harmonic's width relative to the first harmonic, in dB, and its slope
        in dB per octave about 2 kHz.
    breath_drift : float
        How far the breath comes and goes, in dB.
    passaggio : float
        Pitch at which the chest voice turns into the head voice.
    head_tilt, head_first_harmonic, head_breath : float
        What the head voice adds to tilt, first harmonic and breath.
    ring, ring_frequency : float
        Height of the singer's formant in dB and its centre in Hz.
    dip, dip_frequency : float
        Depth of the notch left by the side cavities in dB and its centre in Hz.
    pitch : float
        Middle of the range.
    vibrato_rate, vibrato_extent, vibrato_onset : float
        In Hz, in cents to either side, and in seconds after a note's start.
    jitter, shimmer : float
        Deviation from one glottal cycle to the next, of frequency in cents and of
        amplitude in dB.
    creak : float
        How far the voice breaks into single pulses as a phrase ends, in [0, 1].
    drift : float
        Slow wandering of the intonation, in cents.
    glide : float
        Time from one note's pitch to the next, in seconds.
    scoop : float
        How far below its pitch a note begins, in semitones, on average.
    attack, release : float
        Time in which the voice comes and goes at the borders of a phrase, in seconds.
    legato : float
        Part of a note that sounds, in (0, 1].
    """

    gender: str
    tract_length: float
    formant_offsets: np.ndarray
    vowel_offsets: np.ndarray
    bandwidths: np.ndarray
    nasality: float
    nasal_pole: float
    tilt: float
    fading: float
    first_harmonic: float
    breath: float
    breath_slope: float
    breath_drift: float
    passaggio: float
    head_tilt: float
    head_first_harmonic: float
    head_breath: float
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
    creak: float
    drift: float
    glide: float
    scoop: float
    attack: float
    release: float
    legato: float

    def scaled(self, formants):
        """Scale three formants of the men of `VOWELS` to this vocal tract, in Hz."""
        scale = REFERENCE_TRACT / self.tract_length
        return formants * scale * self.formant_offsets[:MOVING]

    def formants(self, vowels):
        """First three formants of rows of `VOWELS`, Hz, shape (..., 3)."""
        return self.scaled(VOWELS[vowels] * self.vowel_offsets[vowels])

    @property
    def upper_formants(self):
        """The other formants, Hz, shape (9,): those of a tube closed at one end."""
        odd = 2 * np.arange(MOVING, N_FORMANTS) + 1
        tube = odd * SPEED_OF_SOUND / 4 / self.tract_length
        return tube * self.formant_offsets[MOVING:]


def draw_singer(rng, gender, *, effect=1.0):
    """Draw a `Singer`.

    Parameters
    ----------
    rng : RandomState
    gender : {"female", "male"}
    effect : float, default=1.0
        How far singers differ from the average woman or man; these differ anyway.

    Returns
    -------
    Singer
    """
    # Length of the tract, middle of the range, passaggio, singer's formant.
    tract_length, pitch, passaggio, ring_frequency = {
        "female": (14.7, 62.0, 66.0, 3100.0),
        "male": (17.0, 51.0, 62.0, 2850.0),
    }[gender]

    def around(mean, deviation, size=None):
        return mean + effect * deviation * rng.standard_normal(size)

    def times(deviation, size=None):
        return np.exp(around(0, deviation, size))

    return Singer(
        gender=gender,
        tract_length=tract_length * times(0.05),
        formant_offsets=times(0.05, N_FORMANTS),
        vowel_offsets=times(0.03, VOWELS.shape),
        bandwidths=times(0.2) * times(0.1, N_FORMANTS),
        nasality=np.clip(around(0.1, 0.15), 0, 1),
        nasal_pole=280 * times(0.12),
        tilt=min(around(-6.5, 2), -2),
        fading=around(-0.5, 0.7),
        first_harmonic=around(1, 3),
        breath=min(around(-42, 7), -20),
        breath_slope=around(-3, 1.5),
        breath_drift=2 * times(0.4),
        passaggio=around(passaggio, 2),
        head_tilt=around(-3, 1.5),
        head_first_harmonic=around(4, 2),
        head_breath=around(3, 3),
        ring=max(around(4, 5), 0),
        ring_frequency=around(ring_frequency, 120),
        dip=max(around(8, 4), 0),
        dip_frequency=70_000 / tract_length * times(0.08),
        pitch=around(pitch, 1.5),
        vibrato_rate=5.5 * times(0.1),
        vibrato_extent=35 * times(0.5),
        vibrato_onset=0.25 * times(0.4),
        jitter=5 * times(0.4),
        shimmer=0.25 * times(0.4),
        creak=np.clip(around(0.15, 0.2), 0, 1),
        drift=8 * times(0.4),
        glide=0.06 * times(0.4),
        scoop=0.4 * times(0.6),
        attack=0.05 * times(0.4),
        release=0.09 * times(0.4),
        legato=min(0.9 * times(0.06), 1.0),
    )


def in_mood(singer, rng, *, effect=1.0):
    """Return a singer as heard in one recording: calm or roused, smiling or hoarse.

    Effort flattens the spectrum, presses the glottis and raises the pitch. Throat and
    lips are never quite the same either, but move far less than from singer to singer.

    Parameters
    ----------
    singer : Singer
    rng : RandomState
    effect : float, default=1.0
        How far moods differ.

    Returns
    -------
    Singer
    """
    effort = effect * 0.6 * rng.standard_normal()

    def by(deviation):
        return effect * deviation * rng.standard_normal()

    def times(deviation, size=None):
        return np.exp(effect * deviation * rng.standard_normal(size))

    lips, throat = times(0.02, MOVING), times(0.01, N_FORMANTS - MOVING)
    return replace(
        singer,
        tract_length=singer.tract_length * times(0.01),
        formant_offsets=singer.formant_offsets * np.append(lips, throat),
        bandwidths=singer.bandwidths * times(0.06),
        nasality=np.clip(singer.nasality + by(0.05), 0, 1),
        tilt=min(singer.tilt + 1.5 * effort + by(0.6), -1.5),
        first_harmonic=singer.first_harmonic - 1.5 * effort + by(0.6),
        breath=min(singer.breath - 2 * effort + by(2.4), -18),
        ring=max(singer.ring + 2 * effort + by(0.6), 0),
        dip=max(singer.dip + by(1.2), 0),
        pitch=singer.pitch + effort + by(0.9),
        vibrato_rate=singer.vibrato_rate * times(0.04),
        vibrato_extent=singer.vibrato_extent * times(0.3),
        jitter=singer.jitter * times(0.2),
        shimmer=singer.shimmer * times(0.2),
        creak=np.clip(singer.creak + by(0.1), 0, 1),
        glide=singer.glide * times(0.25),
        scoop=singer.scoop * times(0.25),
        attack=singer.attack * times(0.25),
        release=singer.release * times(0.25),
    )
