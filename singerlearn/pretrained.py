"""Pretrained networks: weights in a file, and a card that describes them.

A pretrained network is a folder with ``weights.safetensors`` and ``card.json``. The
card holds what the weights do not: the estimator's parameters, how recordings become
chunks, and, for people, who trained it on what and how well it does. The folder may
also hold ``space.safetensors``, the space that `VoiceFeatures` maps voices into. One
such network comes with the library.
"""

import json
import os
from pathlib import Path
from zlib import crc32

import numpy as np
from sklearn.utils.validation import check_is_fitted

import singerlearn
from singerlearn.features import CQTChunker, MelChunker

WEIGHTS, CARD, SPACE = "weights.safetensors", "card.json", "space.safetensors"
# What comes with the library has a name; everything else is a folder.
SHIPPED = "synthetic-singers"
ENCODERS = {SHIPPED: Path(__file__).resolve().parent / "encoders" / SHIPPED}
CHUNKERS = {"mel": MelChunker, "cqt": CQTChunker}
# Parameters of the network's body, which a card keeps with whatever else the weights
# depend on.
BODY = (
    "block", "cardinality", "filters", "downsampling", "n_cepstra",
    "aggregation", "head_norm", "dense", "dropout",
)  # fmt: skip
# What every card must have.
NEEDED = {
    "parameters": dict,
    "front_end": (dict, type(None)),
    "shape": list,
    "hop_frames": int,
}


class TransferMixin:
    """Estimators whose network can start from pretrained weights."""

    _kept = BODY

    @classmethod
    def from_pretrained(cls, pretrained=SHIPPED, **parameters):
        """Return an estimator whose network was pretrained on other singers.

        An embedder can embed recordings right away, and `fit` trains it further on your
        own singers; a classifier has to learn in `fit` who they are. Clones, for
        example in cross-validation, start from the same weights.

        Parameters
        ----------
        pretrained : str or Path, default="synthetic-singers"
            A folder that :meth:`SingerEmbedder.save_pretrained` wrote, or the name of
            the encoder that comes with the library and was trained on synthetic singers
            alone (for a folder of this name, give a `Path`). Its card, ``read_card()``,
            says how it was trained, and how well it does.
        **parameters
            Parameters to change, such as those of the training, or the device.

        Returns
        -------
        SingerEmbedder or SingerNetClassifier
            An embedder is already fitted.

        Raises
        ------
        FileNotFoundError
            If there is no such network.
        ValueError
            If its files cannot be read, or if parameters build another network than the
            one that was trained.
        """
        card = read_card(pretrained)
        known = {k: v for k, v in card["parameters"].items() if k in cls._kept}
        front_end = dict(card["front_end"] or {})
        if (kind := front_end.pop("spectrogram", None)) in CHUNKERS:
            known["chunker"] = CHUNKERS[kind](
                chunk_frames=card["shape"][1],
                hop_frames=card["hop_frames"],
                **front_end,
            )
        estimator = cls(**(known | {"pretrained": pretrained} | parameters))
        estimator._restore(card)
        return estimator

    def _restore(self, card):
        """Set what `fit` would set for a pretrained network, if that needs no data."""


class PretrainedMixin(TransferMixin):
    """Estimators that can be loaded already fitted, and saved for others."""

    _kept = (*BODY, "n_components", "loss", "margin", "loss_params")

    def save_pretrained(self, folder, **about):
        """Save the fitted network for `from_pretrained`: its weights, and a card.

        Parameters
        ----------
        folder : str or Path
            Created if needed.
        **about
            What else to put on the card, in numbers, words and lists: for example, whom
            it was trained on and how well it does.

        Raises
        ------
        TypeError, ValueError
            If the card cannot be written, or `about` has a name that the card uses
            itself; nothing is written then.
        """
        check_is_fitted(self, "net_")
        card = {
            "parameters": self._kept_parameters,
            "front_end": self.front_end_,
            "shape": [self.n_features_in_, self.chunk_frames_],
            "hop_frames": self.hop_frames_,
            "singerlearn": singerlearn.__version__,
        }
        if taken := card.keys() & about.keys():
            raise ValueError(f"the card says {min(taken)!r} itself: give another name")
        save(self.net_.module_, card | about, folder)


def read_card(pretrained=SHIPPED):
    """Return the card of a pretrained network.

    Parameters
    ----------
    pretrained : str or Path, default="synthetic-singers"
        Its folder, or its name if it comes with the library.

    Returns
    -------
    dict
        With ``parameters``, ``front_end``, ``shape`` and ``hop_frames`` at least.

    Raises
    ------
    FileNotFoundError
        If there is no such network.
    ValueError
        If the card cannot be read, lacks something, or describes chunks that this
        version of the library does not know.
    """
    path = locate(pretrained) / CARD
    if not path.is_file():
        raise FileNotFoundError(
            f"no pretrained network {str(pretrained)!r} (looked from {os.getcwd()!r}): "
            f"a folder with {CARD} is needed, as save_pretrained writes it, or the "
            f"name {SHIPPED!r}"
        )
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        missing = [k for k, kind in NEEDED.items() if not isinstance(card[k], kind)]
        missing += [name for name in BODY if name not in card["parameters"]]
    except (ValueError, TypeError, KeyError) as error:  # no JSON, no dict, no such key
        raise ValueError(f"{path} is no card of a network: {error!r}") from error
    if missing:
        raise ValueError(f"{path} is no card of a network: it lacks {missing[0]!r}")
    if fault := _fault(card["shape"], card["hop_frames"], card["front_end"]):
        raise ValueError(f"{path} is no card of a network: {fault}")
    kind = (card["front_end"] or {}).get("spectrogram")
    if kind in CHUNKERS:  # an older card lacks newer parameters
        card["front_end"] = CHUNKERS[kind]().front_end | card["front_end"]
    return card


def _fault(shape, hop_frames, front_end):
    """Return what is wrong with the chunks that a card describes, or None."""
    if len(shape) != 2 or not all(isinstance(n, int) and n > 0 for n in shape):
        return f"its shape {shape} is not a number of bands and one of frames"
    if hop_frames < 1:
        return f"its chunks lie {hop_frames} frames apart, which must be at least 1"
    kind = (front_end or {}).get("spectrogram", "")
    if not isinstance(kind, str):
        return f"its front end has no spectrogram {kind!r}"
    if kind not in CHUNKERS:  # a user's own front end, used with ready-made chunks
        return None
    if unknown := front_end.keys() - CHUNKERS[kind]().front_end.keys():
        return (
            f"{min(unknown)!r} of its front end is unknown to singerlearn "
            f"{singerlearn.__version__}"
        )
    return None


def locate(pretrained):
    """Return the folder of a pretrained network."""
    return ENCODERS.get(pretrained) or Path(pretrained).expanduser()


def load_weights(module, pretrained, *, output=True):
    """Put the weights of a pretrained network into a `SingerNet`.

    Parameters
    ----------
    module : SingerNet
    pretrained : str or Path
        As for `read_card`.
    output : bool, default=True
        Whether to load the output layer's, too; otherwise that layer stays as it is.

    Raises
    ------
    ValueError
        If the weights cannot be read, or belong to a network of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = locate(pretrained) / WEIGHTS
    try:
        weights = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    own = module.state_dict()
    if not output:
        body = {k: v for k, v in weights.items() if not k.startswith("output.")}
        weights = body | {k: v for k, v in own.items() if k.startswith("output.")}
    differ = [
        name
        for name in own.keys() | weights.keys()
        if name not in weights
        or name not in own
        or own[name].shape != weights[name].shape
    ]
    # Its input, and some ways to aggregate frames, have no weights.
    trained = read_card(pretrained)["parameters"]
    weightless = "n_cepstra", "aggregation"
    differ += [name for name in weightless if getattr(module, name) != trained[name]]
    if differ:
        raise ValueError(
            f"the network is built otherwise than pretrained={str(pretrained)!r} "
            f"({sorted(differ)[0]} differs); leave its parameters as from_pretrained "
            "has them"
        )
    module.load_state_dict(weights)


def save(module, card, folder):
    """Write a network's weights and its card into a folder, created if needed."""
    from safetensors.torch import save as as_bytes

    folder = Path(folder).expanduser()
    text = json.dumps(card, indent=1, ensure_ascii=False, default=_plain).encode()
    weights = {name: value.contiguous() for name, value in module.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    # Both are complete before either takes its place, so that new and old do not mix.
    unfinished = {name: folder / f"{name}.unfinished" for name in (WEIGHTS, CARD)}
    _write(unfinished[WEIGHTS], as_bytes(weights))
    _write(unfinished[CARD], text + b"\n")
    for name, path in unfinished.items():
        path.replace(folder / name)


def _write(path, content):
    # Not written by safetensors, whose files only their owner may read.
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error}") from error


def _plain(value):
    """Turn numpy's values into plain Python ones, for a card."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"a card holds numbers, words and lists, not {value!r}")


def save_space(pretrained, scalings, offset):
    """Store, beside a pretrained network, the space that features are mapped into.

    Parameters
    ----------
    pretrained : str or Path
        As for `read_card`.
    scalings : ndarray of shape (n_features, n_dimensions)
    offset : ndarray of shape (n_dimensions,)
    """
    from safetensors.numpy import save as as_bytes

    space = {"scalings": scalings, "offset": offset}
    space = {k: np.ascontiguousarray(v, np.float32) for k, v in space.items()}
    space["weights"] = fingerprint(pretrained)
    _write(locate(pretrained) / SPACE, as_bytes(space))


def load_space(pretrained):
    """Return the scalings and offset that `save_space` stored, in double precision.

    Raises
    ------
    FileNotFoundError
        If there are none.
    ValueError
        If the file cannot be read, or belongs to other weights.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = locate(pretrained) / SPACE
    if not path.is_file():
        raise FileNotFoundError(
            f"no {SPACE} beside the pretrained network {str(pretrained)!r}; let "
            "singerlearn.voices.learn_space make one, or set whiten=False"
        )
    try:
        space = load(path.read_bytes())
        scalings, offset = space["scalings"], space["offset"]
        belongs = space["weights"] == fingerprint(pretrained)
    except (OSError, SafetensorError, KeyError) as error:
        raise ValueError(f"{path} cannot be read: {error!r}") from error
    if not belongs:
        raise ValueError(
            f"{path} was learned with other weights than those beside it; learn it "
            "again with singerlearn.voices.learn_space"
        )
    return scalings.astype(float), offset.astype(float)


def fingerprint(pretrained):
    """Return a checksum of a network's weights, shape (1,)."""
    weights = (locate(pretrained) / WEIGHTS).read_bytes()
    return np.array([crc32(weights)], np.uint32)
