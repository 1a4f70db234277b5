"""Embeddings of chunks that are not trained on the recordings they are tested on."""

from argparse import ArgumentTypeError
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
from joblib import Parallel, delayed
from scipy.fft import dct
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from singerlearn import MelChunker, SingerEmbedder, VoiceFeatures
from singerlearn.audio import load
from singerlearn.chunks import Chunks
from singerlearn.device import check_device
from singerlearn.pretrained import ENCODERS, SHIPPED, SPACE, WEIGHTS, read_card
from singerlearn.synthesis import SyntheticSingers

N_SYNTHETIC = 1600


def hear(recordings, heard, arguments):
    """Return a function that gives what a front end makes of all recordings, once.

    Parameters
    ----------
    recordings : list
    heard : callable
        As `collection.listen` returns it.
    arguments : argparse.Namespace

    Returns
    -------
    hear : callable
        Takes ``"cepstra"``, ``"resemblyzer"``, ``"encoder"``, ``"side-by-side"`` and
        ``"voices"``, too.
    """

    @cache
    def hear(front_end):
        if front_end == "cepstra":
            crowd = SyntheticSingers(N_SYNTHETIC)
            project = fit_on_synthetic_singers(crowd).transform
            return [project(cepstral_statistics(chunks)) for chunks in heard("mel")]
        if front_end == "resemblyzer":
            return list(embed_speech(recordings, arguments.device))
        # In one precision, whatever the machine, lest its figures be its own.
        how = dict(device=arguments.device, precision="float32")
        if front_end == "encoder":
            encoder = SingerEmbedder.from_pretrained(arguments.encoder, **how)
            return encoder.transform_chunks(heard("mel"))
        if front_end in ("side-by-side", "voices"):
            features = VoiceFeatures(
                arguments.encoder,
                whiten=front_end == "voices",
                n_jobs=-1,
                **how,
            )
            return features.transform(recordings)
        return heard(front_end)

    return hear


def add_encoder(parser):
    """Let a command line say which pretrained network is asked."""

    def pretrained(text):
        try:
            read_card(Path(text))
        except (FileNotFoundError, ValueError) as error:
            raise ArgumentTypeError(str(error)) from error
        return Path(text)

    parser.add_argument(
        "--encoder",
        type=pretrained,
        default=ENCODERS[SHIPPED],
        help="folder of a pretrained network",
    )


def fingerprints(encoder):
    """Return numbers that tell an encoder, and the space beside it, from others."""
    files = (encoder / name for name in (WEIGHTS, SPACE))
    return [crc32(file.read_bytes()) for file in files if file.is_file()]


def sing(crowd):
    """Return chunks of synthetic singers, one of each song, and who sings in each."""
    spectrograms, singers = ask(SyntheticSingers.render, crowd)
    front_end = MelChunker().front_end
    return [Chunks(x, front_end=front_end) for x in spectrograms], singers


def ask(how, crowd):
    """Return what synthetic singers give, once for each of their songs, and who."""
    singers = np.repeat(np.arange(crowd.n_singers), crowd.n_songs)
    songs = np.tile(np.arange(crowd.n_songs), crowd.n_singers)
    answers = Parallel(n_jobs=-1, batch_size=16)(
        delayed(how)(crowd, *asked)
        for asked in zip(singers.tolist(), songs.tolist(), strict=True)
    )
    return answers, singers


def cepstral_statistics(chunks):
    """Return mean and deviation of 40 cepstral coefficients, (n_chunks, 80)."""
    cepstra = dct(np.asarray(chunks), axis=1, norm="ortho")[:, :40]
    return np.hstack([cepstra.mean(axis=2), cepstra.std(axis=2)])


def fit_on_synthetic_singers(crowd):
    """Return a projection of cepstral statistics, fitted on synthetic singers alone.

    It has the dimensions, of 20, 40 and 79, in which 40 further synthetic singers were
    told apart best.
    """
    chunks, singers = sing(crowd)
    statistics = np.concatenate([cepstral_statistics(c) for c in chunks])
    analysis = LinearDiscriminantAnalysis(
        solver="eigen", shrinkage=0.1, n_components=min(20, crowd.n_singers - 1)
    )
    return make_pipeline(StandardScaler(), analysis).fit(statistics, singers)


def embed_speech(recordings, device):
    """Yield Resemblyzer's embeddings of each recording, of 1.6 s each.

    As it is meant to be used: what is no speech is cut out, and levels are evened.
    """
    try:
        from resemblyzer import VoiceEncoder, preprocess_wav
    except ImportError as error:
        raise SystemExit(
            f"the row resemblyzer needs the package of this name ({error}); pip "
            "install resemblyzer 'setuptools<81', or leave the row out"
        ) from error
    encoder = VoiceEncoder(check_device(device), verbose=False)
    for recording in tqdm(recordings, desc="resemblyzer", unit="recording"):
        heard = (load(recording), 22_050)  # a bare waveform has the library's rate
        speech = preprocess_wav(load(heard, 16_000), source_sr=16_000)
        yield encoder.embed_utterance(speech, return_partials=True)[1]
