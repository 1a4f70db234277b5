r"""How far past the paper? Singers never heard before, and known ones in other songs.

    python benchmarks/past_the_paper.py --data <folder of RAVDESS song> \
        --seed 0 1 2 3 4 5
    python benchmarks/past_the_paper.py --data ravdess-song --root RAVDESS \
        --tables new-singers --rows frozen --seed 0 1 2 3 4 5

*New singers*: train on 15 singers of RAVDESS song, drawn again for each seed, and embed
the other 8. Among recordings that share neither lyric nor melody ("crossed"), the
nearest neighbour names the singer, and pairs are verified. *Known singers*: train on
one lyric and melody, and name the singers of the crossed one; both ways. With
--development, both use recordings that choices may be made on: a third of the 15
singers instead of the 8 new ones, and the other two quarters of RAVDESS song.

The following are compared on the same recordings:

- hand-crafted: mean and deviation of classical features of a clip;
- synthetic-lda: mean and deviation of a chunk's cepstra, projected by LDA that was
  fitted on 1,600 synthetic singers, and on no recording;
- resemblyzer: a speech encoder trained on thousands of real speakers, if it is
  installed (``pip install resemblyzer 'setuptools<81'``);
- paper: the paper's network, for --steps by the paper's recipe (new singers), or for 20
  epochs by the library's (known singers);
- library: everything that this library adds, for --steps of 32 chunks; then without one
  thing at a time, and with one replaced by another;
- margin-softmax, margin-softmax-stretches (new singers): the same network with the loss
  of a classifier, without singers beyond the data, or with stretched copies only;
- four rows use --encoder, by default the library's, or a folder that
  ``train_encoder.py`` wrote. encoder: as it is. side-by-side: the encoder and
  hand-crafted features of voices (without chroma, and with recordings brought to the
  same level), which is `VoiceFeatures` not whitened. voices: the same with the
  encoder's hidden layer, in the space that was learned from synthetic singers.
  fine-tuned: trained further, for new singers in the same way as the library's network,
  for known ones on their recordings alone.

Embeddings of new singers are compared in three ways: as they are (by the angle between
means; those with hand-crafted features are standardised by the training singers'
recordings); by the same scores relative to those with the training recordings (s-norm),
without using their labels; and by LDA and PLDA that learn from the training singers.
Known singers are named by the network itself or, if there are only embeddings, by a
classifier over the embeddings of chunks.

Fits are kept in --output: a run that is stopped continues where it was, and other rows
and more seeds add to what is there. Brackets hold 95 % intervals. For embeddings they
are over other singers, by a bootstrap: draws share singers, so an interval over draws
would be far too narrow. For networks that name known singers they are Student's
intervals of the mean over seeds. --against a row of embeddings tells how far other rows
are ahead of it by the same reading, which is more certain than comparing two intervals.
"""

import time
from argparse import Namespace
from functools import partial
from itertools import product

import collection
import machine
import numpy as np
import singer_classification
import singing_embedding
from command_line import make_parser
from frozen_embeddings import add_encoder, fingerprints, hear
from readings import (
    crossed,
    figures_of,
    interval_over_singers,
    name_singers,
    similarities,
)
from runs import Runs, interval_over_seeds, markdown
from steps import EFFORT, STEPS_OF, Steps, steps_taken

from singerlearn import SingerEmbedder, SingerNetClassifier
from singerlearn.chunks import by_recording

TABLES = {  # and their figures
    "new-singers": ("crossed 1-NN", "crossed EER"),
    "known-singers": ("chunks", "recordings"),
}
FROZEN = {
    "hand-crafted": "clips",
    "synthetic-lda": "cepstra",
    "resemblyzer": "resemblyzer",
    "encoder": "encoder",
    "side-by-side": "side-by-side",
    "voices": "voices",
}
ENCODED = ("encoder", "side-by-side", "voices", "fine-tuned")
NETWORK = dict(
    filters=(48, 96, 128),
    downsampling="stride",
    n_cepstra=40,
    aggregation="statistics",
    head_norm=True,
    lr=3e-3,
)
IDENTITIES = dict(stretches=(0.86, 0.93, 1.07, 1.15), synthetic_singers=1600)
LIBRARY = NETWORK | IDENTITIES | dict(augment=True)
EMBEDDING = dict(n_components=64, loss="supervised-contrastive")
VARIANTS = {
    "library": {},
    "without-stretches": dict(stretches=()),
    "without-synthetic-singers": dict(synthetic_singers=0),
    "without-identities": singing_embedding.AS_RECORDED,
    "without-augmentation": dict(augment=False),
    "without-masks": dict(augment=("crops", "channels")),
    "without-channels": dict(augment=("crops", "masks")),
    "without-all-three": singing_embedding.AS_RECORDED | dict(augment=False),
    "stretches-alone": dict(synthetic_singers=0, augment=False),
    "synthetic-singers-alone": dict(stretches=(), augment=False),
    "average": dict(aggregation="average"),
    "attention": dict(aggregation="attention"),
    "attentive-statistics": dict(aggregation="attentive-statistics"),
    "self-attention": dict(aggregation="self-attention"),
    "pools": dict(downsampling="max-pool"),
    "without-envelopes": dict(n_cepstra=None),
    "dense-head": dict(head_norm=False, dense=(1024, 1024, 1024)),
}
MARGIN = dict(loss="margin-softmax", synthetic_singers=0)
LOSSES = {  # of embedders; a classifier has its own
    "margin-softmax": MARGIN | dict(stretches=()),
    "margin-softmax-stretches": MARGIN,
}
DEFAULT = (
    "hand-crafted", "synthetic-lda", "encoder", "side-by-side", "voices", "paper",
    "library",
)  # fmt: skip


def sides(table, voices, seed, development=False):
    """Yield each fold of a table: its name, what is trained on, what is tested."""
    if table == "known-singers":
        kind = "development" if development else "crossed"
        yield from collection.crossed_directions(voices, kind)
        return
    (split,) = singing_embedding.new_singers(voices, 1, seed)
    train, test = split.train, split.test
    if development:
        (split,) = singing_embedding.new_singers(voices.take(train), 1, seed)
        train, test = train[split.train], train[split.test]
    yield "draw", train, test


def embeds(table, row):
    """Tell whether a row of a table is embeddings; else it names singers itself."""
    return table == "new-singers" or row in FROZEN


def build(table, row, seed, arguments):
    """Return an estimator, not fitted, that will be trained for --steps."""
    common = dict(device=arguments.device, random_state=seed)
    if row == "paper" and embeds(table, row):
        quick = Namespace(regime="quick", epochs=None, **vars(arguments))
        return singing_embedding.build(singing_embedding.RECIPE, seed, quick)
    if row == "paper":
        paper = singing_embedding.RECIPE
        return singer_classification.build(paper, "quick", validate=False, **common)
    common |= dict(verbose=0, n_jobs=-1, batch_size=singing_embedding.BATCH)
    common["callbacks"] = [Steps(arguments.steps)]
    if row == "fine-tuned" and embeds(table, row):
        return SingerEmbedder.from_pretrained(arguments.encoder, **IDENTITIES | common)
    if row == "fine-tuned":
        common |= dict(augment=True, synthetic_singers=0)
        return SingerNetClassifier.from_pretrained(arguments.encoder, **common)
    if embeds(table, row):
        changes = (VARIANTS | LOSSES)[row]
        return SingerEmbedder(**EMBEDDING | LIBRARY | changes | common)
    return SingerNetClassifier(**LIBRARY | VARIANTS[row] | common)


def run(table, row, train, test, heard, voices, arguments, seed):
    """Fit, and return where the chunks of both sides lie, or how many are named."""
    X = heard(FROZEN.get(row, "mel"))
    own = {"train": [X[i] for i in train], "test": [X[i] for i in test]}
    model = None if row in FROZEN else build(table, row, seed, arguments)
    if not embeds(table, row):
        fit = singer_classification.evaluate(
            model, partial(heard, "mel"), voices.singers, train, test
        )
        return fit | {"steps": steps_taken(model)}
    start = time.perf_counter()
    if model is not None:
        model.fit(own["train"], voices.singers[train])
        own = {side: model.transform_chunks(chunks) for side, chunks in own.items()}
    fit = {"seconds": time.perf_counter() - start, "steps": steps_taken(model)}
    for side, chunks in own.items():
        fit |= {side: np.concatenate(chunks), f"n_{side}": [len(c) for c in chunks]}
    return fit


def unpack(fit):
    """Return the embeddings of training and test side, one array a recording."""
    return [by_recording(fit[side], fit[f"n_{side}"]) for side in ("train", "test")]


def judge_embedding(row, fit, train, test, voices):
    """Yield readings of an embedding, with crossed neighbours and equal error rate."""
    for reading, alike in similarities(row, *unpack(fit), voices.singers[train]):
        outcome = crossed(alike, voices.take(test))
        yield {"read by": reading} | figures_of(outcome) | {"outcome": outcome}


def judge_names(row, fit, train, test, voices):
    """Yield who names the singers of the test side, and how often rightly."""
    if not embeds("known-singers", row):
        yield {
            "read by": "itself",
            "chunks": float(fit["test chunks"]),
            "recordings": float(fit["test recordings"]),
        }
        return
    yield from name_singers(
        row, *unpack(fit), *(voices.singers[i] for i in (train, test))
    )


def summarise(measured, figures, against=None):
    """Yield a line for each row and reading: means with intervals, steps, seconds."""
    outcomes = {}
    for fit in measured:
        if "outcome" in fit:
            outcomes.setdefault((fit["row"], fit["read by"]), []).append(fit["outcome"])
    for row, reading in dict.fromkeys((m["row"], m["read by"]) for m in measured):
        own = [m for m in measured if (m["row"], m["read by"]) == (row, reading)]
        line = {"row": row, "read by": reading, "fits": len(own)}
        here, others = (outcomes.get((r, reading)) for r in (row, against))
        for what in figures:
            line[what] = (
                str(interval_over_singers(here, what))
                if here
                else interval_over_seeds(own, what)
            )
        for what in figures if against else ():
            line[f"{what}, beyond {against}"] = ""
            if here and others and row != against:
                beyond = interval_over_singers(here, what, others=others)
                line[f"{what}, beyond {against}"] = "{:+.3f} [{:+.3f}, {:+.3f}]".format(
                    *beyond
                )
        effort = {w: f"{np.mean([m[w] for m in own]):.0f}" for w in EFFORT}
        yield line | effort


def parse():
    """Read the command line."""
    parser = make_parser(
        __doc__,
        (*FROZEN, "paper", *VARIANTS, *LOSSES, "fine-tuned"),
        {
            "frozen": [row for row in FROZEN if row not in ENCODED],
            "encoded": ENCODED,
            "trained": ("paper", *VARIANTS, *LOSSES),
            "variants": VARIANTS,
        },
        default=",".join(DEFAULT),
    )
    parser.add_argument(
        "--tables",
        nargs="+",
        choices=TABLES,
        default=[*TABLES],
        help="which tables to make",
    )
    parser.add_argument(
        "--steps",
        type=collection.positive,
        default=1000,
        help="training steps of 32 chunks",
    )
    parser.add_argument(
        "--development",
        action="store_true",
        help="use recordings that choices are made on, not those that are reported",
    )
    parser.add_argument(
        "--against",
        metavar="ROW",
        help="a row to subtract from the others, singer by singer",
    )
    add_encoder(parser)
    arguments = parser.parse_args()
    if arguments.against not in (None, *arguments.rows):
        parser.error(f"--against {arguments.against} is none of the --rows asked for")
    return arguments


def main():
    """Run what is asked for and missing, print and save."""
    arguments = parse()
    voices = collection.load(arguments, n_singers=12, n_songs=4, duration=8.0)
    settings = {name: getattr(arguments, name) for name in ("data", "steps")}
    settings |= {"development": arguments.development, "library": LIBRARY | EMBEDDING}
    settings |= {"encoder": fingerprints(arguments.encoder), "steps of": STEPS_OF}
    runs = Runs(arguments.output, settings | voices.identity)
    print(machine.describe(), voices, sep="\n")
    kept = collection.listen(voices.recordings, runs.folder / "spectrograms")
    heard = hear(voices.recordings, kept, arguments)

    about, fits = {}, {}
    for table, seed in product(arguments.tables, arguments.seed):
        folds = sides(table, voices, seed, arguments.development)
        rows = [r for r in arguments.rows if table == "new-singers" or r not in LOSSES]
        for (fold, train, test), row in product(folds, rows):
            drawn = table == "new-singers" or row not in FROZEN
            key = "_".join((table, fold, *[f"seed{seed}"] * drawn, row))
            about[key] = table, row, fold, seed if drawn else None, train, test
            fits[key] = partial(
                run, table, row, train, test, heard, voices, arguments, seed
            )
    runs.complete(fits)

    for wanted, figures in TABLES.items():
        measured = []
        judge = judge_names if wanted == "known-singers" else judge_embedding
        for key, (table, row, fold, seed, train, test) in about.items():
            if table == wanted:
                result = runs.read(key)
                fit = {"row": row, "fold": fold, "seed": seed}
                fit |= {what: round(float(result[what]), 1) for what in EFFORT}
                for judged in judge(row, result, train, test, voices):
                    measured.append(fit | judged)
        if not measured:
            continue
        table = list(summarise(measured, figures, arguments.against))
        print(f"\n{wanted}\n", markdown(table), sep="\n")
        caption = f"{wanted}: {voices}, {arguments.steps} steps of 32 chunks."
        for fit in measured:
            fit.pop("outcome", None)
        runs.write(table, measured, caption, prefix=f"{wanted}_")
    print(f"Written to {runs.folder.resolve()}")


if __name__ == "__main__":
    main()
