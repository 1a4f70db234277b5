r"""Train an encoder of voices on synthetic singers alone.

    python benchmarks/train_encoder.py --output encoder
    python benchmarks/train_encoder.py --output encoder --data <RAVDESS song>
    python benchmarks/train_encoder.py --output encoder --data <RAVDESS song> --measure

Each singer sings twelve songs beforehand, in different moods and over different
channels: singing while the network trains would take longer than the training. The
songs of 12,000 singers need 14 GB of memory. A supervised contrastive loss compares 64
singers with four chunks each.

Then 500 further singers sing six songs each, as waveforms, from which the space that
`VoiceFeatures` maps voices into is learned.

If stopped from the keyboard, it keeps what has been learned so far. --output becomes a
folder that `SingerEmbedder.from_pretrained` reads: ``weights.safetensors``,
``space.safetensors``, and ``card.json`` with the parameters, this command and the
figures. These are for 40 further synthetic singers and, with --data, for RAVDESS song,
whose singers are all new to it, as ``past_the_paper.py`` measures them, beside those of
hand-crafted clips and, if it is installed, of Resemblyzer. An encoder trained on one
machine can be measured on another, with --measure.
"""

import shlex
import sys
import time
from argparse import Namespace
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import collection
import machine
import numpy as np
import past_the_paper
import singing_embedding
from command_line import bare_parser
from frozen_embeddings import ask, hear, sing
from readings import (
    crossed,
    interval_over_singers,
    name_singers,
    similarities,
)
from sklearn.preprocessing import Normalizer

from singerlearn import SingerEmbedder
from singerlearn.metrics import (
    equal_error_rate,
    leave_one_out_predict,
    make_trials,
)
from singerlearn.pretrained import NEEDED, read_card
from singerlearn.synthesis import SyntheticSingers
from singerlearn.voices import learn_space

N_NEW, N_SPACE = 40, 500  # singers to measure by, and to learn the space from
N_SONGS = 6  # of each of those
NEW_SINGERS = (
    "8 new singers of RAVDESS song, mean of six draws and 95 % interval over singers"
)
KNOWN_SINGERS = (
    "23 known singers of RAVDESS song in other songs, by LDA with shrunken "
    "covariances, mean of two directions and 95 % interval over singers"
)
# What is measured on RAVDESS song, by what the card calls it; for comparison, features
# that nobody trained, and an encoder of real speech where it is installed.
OTHERS = {"hand-crafted": "hand-crafted clips"}
if find_spec("resemblyzer"):
    OTHERS["resemblyzer"] = "Resemblyzer"
NEW_ROWS = {"encoder": "encoder", "voices": "voices"} | OTHERS
KNOWN_ROWS = {"encoder": "encoder", "side-by-side": "voices, not whitened"} | OTHERS
TRAINING = (  # parameters that the card tells beside those of the network
    "lr", "lr_schedule", "weight_decay", "augment", "batch_size",
    "chunks_per_recording",
)  # fmt: skip
READINGS = {
    "angle": "as it comes",
    "angle, s-norm": "s-norm by the other 15",
    "LDA": "LDA fitted on the other 15",
    "PLDA": "PLDA fitted on the other 15",
}
LIMITS = (
    "It was trained on no recorded voice: its singers, songs, rooms and microphones "
    "come from a model. It expects one voice at a time, without instruments, in chunks "
    "of 6 s. It compares voices and proves nobody's identity: measure it on recordings "
    "of your own kind. On speech over a telephone's band it is worse than hand-crafted "
    "clips. "
    "Its training was chosen on further synthetic singers and, draw by draw, on those "
    "singers of RAVDESS song that the draw does not test; draws share singers, and "
    "known ones were heard in other songs, so none of the 23 is new to it. "
    "The contents of the voice features were also chosen on recordings of all 23."
)


def build(arguments):
    """Return the encoder, not fitted."""
    return SingerEmbedder(
        **past_the_paper.EMBEDDING,
        **past_the_paper.NETWORK,
        **singing_embedding.AS_RECORDED,
        batch_size=arguments.batch_size,
        max_epochs=arguments.epochs,
        device=arguments.device,
        random_state=arguments.seed,
    )


def train(arguments):
    """Train, learn the space, and keep both with a card, which lacks the figures."""
    start = time.perf_counter()
    crowd = SyntheticSingers(
        arguments.singers, arguments.songs, random_state=arguments.seed
    )
    encoder = build(arguments).fit(*sing(crowd))
    encoder.save_pretrained(arguments.output)
    further = SyntheticSingers(N_SPACE, N_SONGS, random_state=arguments.seed + 2)
    space = ask(SyntheticSingers.record, further)
    learn_space(arguments.output, *space, device=arguments.device, n_jobs=-1)
    encoder.save_pretrained(
        arguments.output,
        trained_on=f"{arguments.singers} synthetic singers, no recording",
        space_learned_on=f"{N_SPACE} further synthetic singers, no recording",
        command=shlex.join(["python", "benchmarks/train_encoder.py", *sys.argv[1:]]),
        seed=arguments.seed,
        epochs=len(encoder.history_),
        training={name: getattr(encoder, name) for name in TRAINING}
        | {"songs": arguments.songs},
        minutes=round((time.perf_counter() - start) / 60, 1),
        machine=machine.describe(),
        limits=LIMITS,
        license="BSD-3-Clause",
    )


def judge_synthetic(encoder, seed):
    """Return figures of singers of another crowd, each in six songs."""
    chunks, singers = sing(SyntheticSingers(N_NEW, N_SONGS, random_state=seed + 1))
    embedded = Normalizer().transform(encoder.transform(chunks))
    trials = make_trials(singers)
    named = leave_one_out_predict(embedded, singers)
    return {
        "1-NN": round(float(np.mean(named == singers)), 3),
        "EER": round(equal_error_rate(trials.is_target, trials.scores(embedded)), 3),
    }


def load_ravdess(data):
    """Return the recordings to measure by, RAVDESS song."""
    voices = collection.of_folder(data)
    if len(voices.groupings) < 2:
        raise SystemExit(
            f"--data {data} is not RAVDESS song, by the names of its files"
        )
    return voices


def judge_ravdess(encoder, voices, device):
    """Return figures of RAVDESS song: those of new singers, those of known ones."""
    asked = Namespace(encoder=encoder, device=device)
    kept = collection.listen(voices.recordings, store=None)
    heard = hear(voices.recordings, kept, asked)
    new, known = {}, {}
    for (row, name), seed in product(NEW_ROWS.items(), range(6)):
        ((_, train, test),) = past_the_paper.sides("new-singers", voices, seed)
        features = heard(past_the_paper.FROZEN[row])
        own = [[features[i] for i in side] for side in (train, test)]
        for reading, alike in similarities(row, *own, voices.singers[train]):
            outcome = crossed(alike, voices.take(test))
            new.setdefault(f"{name}, {READINGS[reading]}", []).append(outcome)
    for row, name in KNOWN_ROWS.items():
        features = heard(past_the_paper.FROZEN[row])
        for _, train, test in past_the_paper.sides("known-singers", voices, 0):
            own = [[features[i] for i in side] for side in (train, test)]
            labels = [voices.singers[side] for side in (train, test)]
            for figures in name_singers(row, *own, *labels):
                if figures["read by"] == "LDA, shrunken":
                    known.setdefault(name, []).append(figures["outcome"])
    return {
        table: {
            name: {what: str(interval_over_singers(own, what)) for what in own[0]}
            for name, own in outcomes.items()
        }
        for table, outcomes in ((NEW_SINGERS, new), (KNOWN_SINGERS, known))
    }


def measure(arguments, voices):
    """Measure what lies in --output, and tell it on the card."""
    encoder = SingerEmbedder.from_pretrained(
        arguments.output, device=arguments.device, precision="float32"
    )
    card = read_card(arguments.output)
    seed = card.get("seed", arguments.seed)
    figures = {f"{N_NEW} new synthetic singers": judge_synthetic(encoder, seed)}
    if voices:
        figures |= judge_ravdess(arguments.output, voices, arguments.device)
    print(figures)
    itself = (*NEEDED, "singerlearn")  # what the card says of itself
    about = {k: told for k, told in card.items() if k not in itself}
    about["figures"] = card.get("figures", {}) | figures
    encoder.save_pretrained(arguments.output, **about)


def main():
    """Read the command line, train unless that is done, measure."""
    parser = bare_parser(__doc__)
    parser.add_argument(
        "--singers",
        type=collection.positive,
        default=12_000,
        help="synthetic singers to train on",
    )
    parser.add_argument(
        "--songs", type=collection.positive, default=12, help="songs of each singer"
    )
    parser.add_argument(
        "--batch-size", type=collection.positive, default=256, help="chunks in a step"
    )
    parser.add_argument(
        "--epochs",
        type=collection.positive,
        default=8,
        help="each of as many chunks as there are songs",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the singers and the training"
    )
    parser.add_argument(
        "--device", default="auto", help="where the network runs: cpu, cuda, ..."
    )
    parser.add_argument("--data", help="folder of RAVDESS song, to measure on")
    parser.add_argument(
        "--measure",
        action="store_true",
        help="measure the encoder in --output; train nothing",
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for the encoder"
    )
    arguments = parser.parse_args()
    voices = load_ravdess(arguments.data) if arguments.data else None
    print(machine.describe())
    if not arguments.measure:
        train(arguments)
    measure(arguments, voices)
    print(f"Written to {arguments.output.resolve()}")


if __name__ == "__main__":
    main()
