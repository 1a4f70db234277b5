"""Losses that draw the chunks of a singer together and part singers.

Each is called with the embeddings of a batch, (batch, n_components), and the code of
the singer in each, (batch,), and returns one number. Where `on_sphere` is true only the
directions of embeddings count for it: they are to be brought to length 1 before they
are compared. `compares` says what chunks meet in a batch: "pairs", several of each of
several "singers", or, where it is None, any. A parameter with which the loss means
nothing raises ValueError.
"""

import inspect
import math
from functools import partial
from numbers import Real

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

__all__ = [
    "LOSSES",
    "Contrastive",
    "MarginSoftmax",
    "SupervisedContrastive",
    "Triplet",
]


class Contrastive(nn.Module):
    """Contrastive loss over pairs, on squared distances (equations 4 and 5).

    With D the squared Euclidean distance a pair costs D / 2 if the singer is the same,
    else max(0, margin - D) / 2. The members of a pair lie side by side in the batch,
    as `PairBatches` has them.

    Parameters
    ----------
    margin : float, default=1.0
        Squared distance from which on different singers are far enough apart.
    """

    on_sphere = False
    compares = "pairs"

    def __init__(self, margin=1.0):
        super().__init__()
        self.margin = above_zero("margin", margin)

    def forward(self, embeddings, singers):
        """Mean over the pairs of a batch of 2 * n_pairs chunks."""
        distances = (embeddings[0::2] - embeddings[1::2]).square().sum(dim=1)
        same = singers[0::2] == singers[1::2]
        return torch.where(same, distances, (self.margin - distances).relu()).mean() / 2


class Triplet(nn.Module):
    """Triplet loss over all triplets of a batch, on squared distances.

    A chunk, one of the same singer at squared distance P and one of another singer at
    N cost max(0, P - N + margin).

    Parameters
    ----------
    margin : float, default=1.0
        Squared distance by which the other singer must be further away.

    References
    ----------
    K. Q. Weinberger and L. K. Saul, "Distance metric learning for large margin nearest
    neighbor classification", JMLR 10, 2009. All triplets of batches of P singers with K
    chunks: A. Hermans et al., "In defense of the triplet loss", arXiv:1703.07737.
    """

    on_sphere = False
    compares = "singers"

    def __init__(self, margin=1.0):
        super().__init__()
        self.margin = above_zero("margin", margin)

    def forward(self, embeddings, singers):
        """Mean over all triplets, those without cost included."""
        # Not by a matrix product, which would lose the small distances to rounding.
        distances = (embeddings[:, None] - embeddings).square().sum(dim=2)
        same, itself = compare(singers)
        costs = (distances[:, :, None] - distances[:, None, :] + self.margin).relu()
        triplets = (same & ~itself)[:, :, None] & ~same[:, None, :]
        return (costs * triplets).sum() / triplets.sum().clamp(min=1)


class SupervisedContrastive(nn.Module):
    """Supervised contrastive loss, on cosines.

    A chunk costs the mean, over the others of its singer, of the cross entropy of
    picking them among all others of the batch by the softmax of cosine / temperature.

    Parameters
    ----------
    temperature : float, default=0.1
        The lower, the more the nearest chunks count.

    References
    ----------
    P. Khosla et al., "Supervised contrastive learning", arXiv:2004.11362, equation 2.
    """

    on_sphere = True
    compares = "singers"

    def __init__(self, temperature=0.1):
        super().__init__()
        self.temperature = above_zero("temperature", temperature)

    def forward(self, embeddings, singers):
        """Mean over the chunks whose singer has another one in the batch."""
        directions = normalize(embeddings)
        same, itself = compare(singers)
        logits = directions @ directions.T / self.temperature
        logits = logits.masked_fill(itself, -math.inf)
        costs = logits.logsumexp(dim=1, keepdim=True) - logits
        partners = same & ~itself
        n_partners = partners.sum(dim=1)
        means = costs.where(partners, 0).sum(dim=1) / n_partners.clamp(min=1)
        return means.sum() / (n_partners > 0).sum().clamp(min=1)


class MarginSoftmax(nn.Module):
    """Softmax over the training singers with an additive angular margin.

    Every singer has a direction, which is learnt. The logits are scaled cosines between
    them and an embedding, the angle to its own singer being made larger by the margin.

    Parameters
    ----------
    n_components, n_singers : int
        Shape of the directions.
    angle : float, default=0.2
        The margin, in radians; this and the scale are usual where voices are told
        apart (J. S. Chung et al., "In defence of metric learning for speaker
        recognition", arXiv:2003.11982).
    scale : float, default=30.0
        What cosines are multiplied by.

    References
    ----------
    J. Deng et al., "ArcFace: Additive angular margin loss for deep face recognition",
    arXiv:1801.07698.
    """

    on_sphere = True
    compares = None

    def __init__(self, n_components, n_singers, angle=0.2, scale=30.0):
        super().__init__()
        if not 0 <= angle < math.pi / 2:
            raise ValueError(
                f"angle={angle} must lie between 0 and a right angle, in radians"
            )
        self.angle = angle
        self.scale = above_zero("scale", scale)
        # Of length 1: the shorter they are, the further a step of Adam turns them, and
        # a singer among thousands is met once in many steps.
        start = torch.randn(n_singers, n_components) * n_components**-0.5
        self.directions = nn.Parameter(start)

    def forward(self, embeddings, singers):
        """Mean over the chunks of a batch."""
        cosines = normalize(embeddings) @ normalize(self.directions).T
        own = cosines.gather(1, singers[:, None])
        # The slope of the arc cosine is infinite at an angle of 0: stay clear of it.
        angles = own.clamp(-1 + 1e-6, 1 - 1e-6).acos() + self.angle
        # Past pi the cosine would rise again; a line goes on falling instead.
        beyond = own - self.angle * math.sin(self.angle)
        moved = torch.where(angles < math.pi, angles.cos(), beyond)
        return cross_entropy(
            self.scale * cosines.scatter(1, singers[:, None], moved), singers
        )


def above_zero(name, value):
    """Return the parameter of a loss, refused where it makes the loss mean nothing."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name}={value} must be above 0, and finite")
    return value


def compare(singers):
    """Tell of all pairs of a batch whether they have one singer, and are one chunk.

    Parameters
    ----------
    singers : Tensor of shape (batch,)

    Returns
    -------
    same, itself : Tensor of shape (batch, batch), dtype bool
    """
    same = singers[:, None] == singers
    return same, torch.eye(len(same), dtype=torch.bool, device=same.device)


LOSSES = {
    "contrastive": Contrastive,
    "triplet": Triplet,
    "margin-softmax": MarginSoftmax,
    "supervised-contrastive": SupervisedContrastive,
}


def what_meets(loss):
    """Return what chunks a loss compares in a batch, as `compares` says.

    Raises
    ------
    ValueError
        If there is no such loss, or one of the user's own does not say.
    """
    _check_name(loss)
    if not hasattr(LOSSES[loss], "compares"):
        raise ValueError(
            f"LOSSES[{loss!r}] does not say what it compares; a loss is a torch Module "
            "with compares = 'pairs', 'singers' or None, and on_sphere = True or False"
        )
    return LOSSES[loss].compares


def _check_name(loss):
    if loss not in LOSSES:
        raise ValueError(f"loss={loss!r} is not one of {', '.join(LOSSES)}")


def criterion(loss, loss_params, **known):
    """Return what makes a loss of its name, when the net is made.

    Parameters
    ----------
    loss : str
        One of `LOSSES`.
    loss_params : dict of str to float
        What the user gives: parameters that have a default.
    **known
        What else is known, ``margin``, ``n_components`` and ``n_singers``; a loss gets
        what it takes of it.

    Returns
    -------
    callable that returns a torch.nn.Module

    Raises
    ------
    ValueError
        If there is no such loss, it has no such parameter, or its value is no number.
    """
    _check_name(loss)
    parameters = inspect.signature(LOSSES[loss]).parameters
    # The shape, which has no default, is not for the user to give.
    takes = [name for name, p in parameters.items() if p.default is not p.empty]
    unknown = [repr(name) for name in loss_params if name not in takes]
    if unknown:
        raise ValueError(
            f"loss_params has {', '.join(unknown)}, but loss={loss!r} takes "
            + " and ".join(map(repr, takes))
        )
    for name, value in loss_params.items():
        if not isinstance(value, Real):
            raise ValueError(f"loss_params has {name}={value!r}, which is no number")
    known = {name: value for name, value in known.items() if name in parameters}
    return partial(LOSSES[loss], **known | loss_params)
