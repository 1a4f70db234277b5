"""The sounds that words are made of, as a man of average size makes them.

Formants are in Hz, from the first up. A vowel's last number is its nasality, from 0 for
the mouth alone to 1 for the nose as well. Sources: Peterson and Barney (1952) for the
ten American vowels, textbook means for men for the others.
"""

import numpy as np

_VOWELS = np.array(
    [
        (270, 2290, 3010, 0),  # i, beat
        (390, 1990, 2550, 0),  # ɪ, bit
        (530, 1840, 2480, 0),  # ɛ, bet
        (660, 1720, 2410, 0),  # æ, bat
        (730, 1090, 2440, 0),  # ɑ, father
        (570, 840, 2410, 0),  # ɔ, bought
        (440, 1020, 2240, 0),  # ʊ, book
        (300, 870, 2240, 0),  # u, boot
        (640, 1190, 2390, 0),  # ʌ, but
        (490, 1350, 1690, 0),  # ɝ, bird
        (390, 2200, 2750, 0),  # e, French été
        (720, 1360, 2500, 0),  # a, Italian pasta
        (400, 780, 2400, 0),  # o, German Boot
        (500, 1500, 2500, 0),  # ə, the ends of words
        (260, 1780, 2150, 0),  # y, German süß
        (380, 1480, 2250, 0),  # ø, French deux
        (530, 1420, 2300, 0),  # œ, French neuf
        (310, 1550, 2330, 0),  # ɨ, Russian сын
        (330, 1250, 2300, 0),  # ɯ, Japanese sushi
        (650, 1000, 2450, 1),  # ɑ̃, French sans
        (600, 1700, 2500, 1),  # ɛ̃, French vin
        (450, 800, 2450, 1),  # ɔ̃, French bon
    ]
)
VOWELS, VOWEL_NASALITY = _VOWELS[:, :3], _VOWELS[:, 3]

# Rows of `VOWELS` that words of a language are made of.
LANGUAGES = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13),  # English
    (0, 2, 7, 10, 11, 5, 12, 13, 14, 15, 16, 19, 20, 21),  # French
    (0, 1, 2, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16),  # German
    (0, 2, 5, 7, 10, 11, 12),  # Italian and Spanish
    (0, 2, 7, 11, 12, 17),  # Russian
    (0, 10, 11, 12, 18),  # Japanese
)

# How a note may begin. The mouth is closed for `closure` seconds and then hisses for
# `length`: `voice` and `hiss` are the levels of the voice throughout and of the hiss
# after the closure, in dB; the hiss is a bell about `centre` Hz of `width` octaves.
# Formants come from `locus`, or stay the vowel's where it is 0. The last is none.
_OWN = (0, 0, 0)
_LIPS, _TEETH, _PALATE = (300, 950, 2200), (300, 1750, 2600), (300, 2000, 2450)
CONSONANTS = np.array(
    [
        (0, 0.11, -60, -7, 6500, 0.6, 0, _TEETH),  # s
        (0, 0.11, -60, -5, 3200, 0.7, 0, _PALATE),  # ʃ
        (0, 0.09, -60, -18, 5000, 2.0, 0, _LIPS),  # f
        (0, 0.09, -60, -20, 6000, 1.5, 0, _TEETH),  # θ
        (0, 0.09, -60, -14, 1600, 0.9, 0, _PALATE),  # x
        (0, 0.06, -25, -16, 1500, 1.5, 0, _OWN),  # h
        (0.06, 0.02, -60, -14, 900, 1.2, 0, _LIPS),  # p
        (0.06, 0.03, -60, -10, 4200, 1.0, 0, _TEETH),  # t
        (0.06, 0.04, -60, -10, 1700, 0.6, 0, _PALATE),  # k
        (0.05, 0.01, -20, -18, 900, 1.2, 0, _LIPS),  # b
        (0.05, 0.012, -20, -15, 3800, 1.0, 0, _TEETH),  # d
        (0.05, 0.015, -20, -15, 1800, 0.7, 0, _PALATE),  # g
        (0.05, 0.08, -60, -7, 6500, 0.6, 0, _TEETH),  # ts
        (0.05, 0.08, -60, -6, 3400, 0.7, 0, _PALATE),  # tʃ
        (0.04, 0.06, -15, -12, 3200, 0.7, 0, _PALATE),  # dʒ
        (0, 0.07, -9, -26, 4500, 2.0, 0, _LIPS),  # v
        (0, 0.08, -10, -20, 5500, 0.7, 0, _TEETH),  # z
        (0, 0.08, -10, -16, 3000, 0.7, 0, _PALATE),  # ʒ
        (0, 0.08, -12, -90, 1000, 1.0, 1, (250, 1000, 2200)),  # m
        (0, 0.08, -12, -90, 1000, 1.0, 1, (250, 1600, 2600)),  # n
        (0, 0.06, -7, -90, 1000, 1.0, 0, (360, 1100, 2700)),  # l
        (0, 0.06, -7, -90, 1000, 1.0, 0, (400, 1200, 1600)),  # r
        (0, 0.05, -6, -90, 1000, 1.0, 0, (300, 650, 2200)),  # w
        (0, 0.05, -5, -90, 1000, 1.0, 0, (270, 2290, 3010)),  # j
        (0, 0.01, 0, -90, 1000, 1.0, 0, _OWN),  # none
    ],
    dtype=[
        *((name, float) for name in ("closure", "length", "voice", "hiss")),
        *((name, float) for name in ("centre", "width", "nasality")),
        ("locus", float, 3),
    ],
)
