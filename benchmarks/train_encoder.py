r"""Train an encoder of voices on synthetic singers alone.

    python benchmarks/train_encoder.py --output encoder
    python benchmarks/train_encoder.py --output encoder --data <RAVDESS song>

All but 32 of the singers sing while the network trains, another take over another
channel every time; a margin softmax tells all of them apart. The same seed, epochs,
versions and kind of machine give the same weights.

Stopped from the keyboard, it keeps what has been learnt so far. --output becomes what
`SingerEmbedder.from_pretrained` reads: ``weights.safetensors``, and ``card.json`` with
the parameters, this command and the figures: of 40 further synthetic singers and, with
--data, of RAVDESS song, whose singers are all new to it. They are measured by
``past_the_paper.py``, and nothing was chosen by them.
"""

import argparse
import shlex
import sys
import time
from argparse import Namespace
from pathlib import Path

import collection
import machine
import numpy as np
import past_the_paper
from frozen_embeddings import sing
from sklearn.preprocessing import Normalizer

from singerlearn import SingerEmbedder
from singerlearn.metrics import (
    equal_error_rate,
    leave_one_out_predict,
    make_trials,
)
from singerlearn.synthesis import SyntheticSingers

N_STANDING = 32  # singers whose takes are made once, as recordings are; 4 of each
N_NEW = 40  # singers to measure by
SHARE = 0.95  # of the chunks, sung by all others, anew each time
LIMITS = (
    "No recorded voice was heard in training: singers, songs, rooms and microphones "
    "are a model's. One voice at a time, without instruments; 6 s chunks. It compares "
    "voices and proves nobody's identity: measure it on recordings of your own kind."
)


def build(arguments):
    """Return the encoder, not fitted."""
    crowd = SyntheticSingers(arguments.singers, random_state=arguments.seed)
    return SingerEmbedder(
        **past_the_paper.EMBEDDING,
        **past_the_paper.NETWORK,
        batch_size=32,
        synthetic_singers=crowd,
        synthetic_share=SHARE,
        max_epochs=arguments.epochs,
        device=arguments.device,
        n_jobs=-1,
        random_state=arguments.seed,
    )


def judge_synthetic(encoder, seed):
    """Return figures of singers of another crowd, each in six songs."""
    chunks, singers = sing(N_NEW, 6, seed + 2)
    embedded = Normalizer().transform(encoder.transform(chunks))
    trials = make_trials(singers)
    named = leave_one_out_predict(embedded, singers)
    return {
        "1-NN": round(float(np.mean(named == singers)), 3),
        "EER": round(equal_error_rate(trials.is_target, trials.scores(embedded)), 3),
    }


def judge_ravdess(encoder, data):
    """Return figures of RAVDESS song: the mean over six draws of eight singers."""
    nothing = dict(root=None, singers=None, recordings=None, duration=None)
    voices = collection.load(Namespace(data=data, **nothing))
    embedded = Normalizer().transform(encoder.transform(voices.recordings))
    measured = [
        past_the_paper.crossed_figures(embedded[test] @ embedded[test].T, voices, test)
        for seed in range(6)
        for _, _, test in past_the_paper.sides("new-singers", voices, seed)
    ]
    return {
        name: round(float(np.mean([m[name] for m in measured])), 3)
        for name in measured[0]
    }


def main():
    """Read the command line, train, measure, and keep what was learnt."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--singers", type=collection.positive, default=4000)
    parser.add_argument(
        "--epochs", type=collection.positive, default=30, help="of 80 steps"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", help="folder of RAVDESS song, to measure by")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    print(machine.describe())
    start = time.perf_counter()
    encoder = build(arguments).fit(*sing(N_STANDING, 4, arguments.seed + 1))
    minutes = (time.perf_counter() - start) / 60
    synthetic = judge_synthetic(encoder, arguments.seed)
    figures = {f"{N_NEW} new synthetic singers": synthetic}
    if arguments.data:
        ravdess = judge_ravdess(encoder, arguments.data)
        figures["new singers of RAVDESS song, mean of six draws of eight"] = ravdess
    print(figures)
    encoder.save_pretrained(
        arguments.output,
        trained_on=f"{arguments.singers + N_STANDING} synthetic singers, no recording",
        command=shlex.join(["python", *sys.argv]),
        seed=arguments.seed,
        epochs=len(encoder.history_),
        minutes=round(minutes, 1),
        machine=machine.describe(),
        figures=figures,
        limits=LIMITS,
        license="BSD-3-Clause",
    )
    print(f"Written to {arguments.output.resolve()}")


if __name__ == "__main__":
    main()
