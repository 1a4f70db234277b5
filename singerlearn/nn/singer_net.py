"""The network of the paper: convolutions, aggregation over time, dense head, output."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import batch_norm

from singerlearn.nn.aggregation import AGGREGATIONS
from singerlearn.nn.blocks import BLOCKS, PairwiseMaxPool2d, convolution
from singerlearn.nn.body import check_body, stages_of, strides_of
from singerlearn.nn.envelope import SpectralEnvelope
from singerlearn.nn.overlap import share, span, worth_sharing

__all__ = ["ParameterCount", "SingerNet"]

# The spectrograms lie in [0, 60] dB. Divided by 60 they lie in [0, 1], for which the
# initial weights and the learning rate are made. A constant, so that loudness within
# a recording keeps its meaning and a model needs no statistics of its training set.
DB_RANGE = 60.0


class ParameterCount(NamedTuple):
    """Size of a network as the paper counts it: 4 numbers a batch-norm channel.

    The scale, the shift and the running mean and variance of a channel are all
    counted, as the paper's framework does.

    Attributes
    ----------
    convolution : int
        The convolutions and their batch norms ("conv" in Tables 1 and 2).
    output : int
        The output layer.
    total : int
        Everything ("total" in Table 2; Table 1 leaves the output layer out, that is
        total - output).
    """

    convolution: int
    output: int
    total: int


class SingerNet(nn.Module):
    """Convolutional network that hears one chunk (section 2, Figures 1 and 6).

    A 10 x 10 convolution, then stages of blocks; a 2 x 2 max pool after the first and
    after each stage, a stage being a run of blocks with equal filters. Channels and
    bands are then laid side by side, the frames aggregated, and dense layers with ReLU
    and dropout lead to a linear output. Any pool may be a strided convolution instead.

    Fastest with ``net.to(memory_format=torch.channels_last)``.

    Parameters
    ----------
    n_bands, chunk_frames : int
        Shape of a chunk. Every pool halves both, rounding down.
    n_outputs : int
        Number of singers, or dimensions of an embedding.
    block : {"vanilla", "resnet", "resnext"}, default="resnext"
        Kind of the blocks: two 5 x 5 convolutions, a bottleneck with a shortcut, or
        the same with a grouped convolution.
    cardinality : int, default=4
        Groups of a resnext block; the other kinds have none.
    filters : sequence of int, default=(64, 128)
        Channels as the paper's tables list them: of the convolution layer, then of
        each block. The paper's shallow networks have one block, its deep ones six,
        such as (32, 64, 64, 64, 128, 128, 128).
    downsampling : {"max-pool", "stride"} or sequence of them, default="max-pool"
        How bands and frames are halved: by a pool as in the paper, or by a stride of 2
        in the convolution before it (of a resnet or resnext block, the 5 x 5). One name
        for all, or one for the convolution layer and one for each stage: ("stride",
        "max-pool") leaves out three quarters of the costly 10 x 10 alone.
    n_cepstra : int or None, default=None
        If given, the network hears the `SpectralEnvelope` of so many coefficients
        instead of the spectrogram.
    aggregation : str, default="average"
        How the frames become one vector: "none", "max", "average" or "attention" as in
        the paper; their mean and standard deviation ("statistics"), weighted by
        attention or not ("attentive-statistics"); or "self-attention", for which their
        order counts.
    head_norm : bool, default=False
        Whether a batch norm follows the aggregation and brings its features, means and
        deviations say, to one size.
    dense : sequence of int, default=(1024, 1024, 1024)
        Units of the dense layers; () for none.
    dropout : float, default=0.1
        Share of a dense layer's output that is dropped in training.
    precision : {"float32", "bfloat16"}, default="float32"
        What the convolutions compute in; may be changed at any time. All that comes
        after them is float32, and so are the weights.

    Attributes
    ----------
    compiled : bool
        Whether the convolutions run as torch compiles them, False at first; may be
        changed at any time. The first call takes tens of seconds, for which a C++
        compiler is needed; later ones, of any number and length of chunks, are faster.
    n_pooled : int
        Frames of the spectrogram in one frame after the pools.
    reach : int
        Frames of the spectrogram, on either side, beyond which nothing matters to a
        frame after the pools.

    Raises
    ------
    ValueError
        If nothing of the chunk is left after the pools, a name is unknown, or filters
        and downsampling do not fit the block or each other.

    Examples
    --------
    >>> import torch
    >>> from singerlearn.nn import SingerNet
    >>> net = SingerNet(96, 256, n_outputs=46, filters=(8, 16), dense=(32,)).eval()
    >>> net(torch.zeros(2, 96, 256)).shape
    torch.Size([2, 46])
    >>> net.embed(torch.zeros(2, 96, 256)).shape
    torch.Size([2, 32])
    """

    def __init__(
        self,
        n_bands,
        chunk_frames,
        n_outputs,
        *,
        block="resnext",
        cardinality=4,
        filters=(64, 128),
        downsampling="max-pool",
        n_cepstra=None,
        aggregation="average",
        head_norm=False,
        dense=(1024, 1024, 1024),
        dropout=0.1,
        precision="float32",
    ):
        super().__init__()
        self.precision = precision
        self.compiled = False
        self.n_cepstra, self.aggregation = n_cepstra, aggregation
        check_body(
            block=block,
            cardinality=cardinality,
            filters=filters,
            downsampling=downsampling,
            aggregation=aggregation,
            dense=dense,
        )
        make_block = BLOCKS[block]
        options = {"cardinality": cardinality} if block == "resnext" else {}

        channels, stages = filters[0], stages_of(filters)
        halvings = 1 + len(stages)
        stride, *strides = strides_of(downsampling, halvings)
        layers = [convolution(1, channels, 10, stride=stride), *_pool(stride)]
        for stage, stride in zip(stages, strides, strict=True):
            within = [1] * (len(stage) - 1)
            for out_channels, own in zip(stage, [*within, stride], strict=True):
                layers.append(make_block(channels, out_channels, stride=own, **options))
                channels = out_channels
            layers += _pool(stride)
        bands, frames = n_bands // 2**halvings, chunk_frames // 2**halvings
        if bands < 1 or frames < 1:
            raise ValueError(
                f"filters={filters!r} halves a chunk {halvings} times, and nothing is "
                f"left of {n_bands} bands x {chunk_frames} frames: needs at least "
                f"{2**halvings} x {2**halvings}"
            )
        self.smooth = (
            nn.Identity() if n_cepstra is None else SpectralEnvelope(n_bands, n_cepstra)
        )
        self.convolutions = nn.Sequential(*layers)
        self.n_pooled, _, self.reach = span(self.convolutions)
        self.aggregate = AGGREGATIONS[aggregation](channels * bands, frames)

        width = self.aggregate.out_features
        layers = [HeadNorm(width)] if head_norm else []
        for units in dense:
            layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(dropout)]
            width = units
        self.dense = nn.Sequential(*layers)
        self.output = nn.Linear(width, n_outputs)

        self.convolutions.apply(_draw_weights)
        self.dense.apply(_draw_weights)

    def forward(self, chunks):
        """Raw output: logits of the singers, or the embedding.

        Parameters
        ----------
        chunks : torch.Tensor of shape (batch, n_bands, chunk_frames)
            Spectrograms in dB, in [0, 60].

        Returns
        -------
        outputs : torch.Tensor of shape (batch, n_outputs)
        """
        return self.read(self.frames(chunks))

    def embed(self, chunks):
        """Output of the last dense layer.

        Parameters
        ----------
        chunks : torch.Tensor of shape (batch, n_bands, chunk_frames)
            Spectrograms in dB, in [0, 60].

        Returns
        -------
        embeddings : torch.Tensor of shape (batch, dense[-1])
            Without dense layers it is the aggregation's output, normalised if
            ``head_norm``.
        """
        return self.read(self.frames(chunks), "embeddings")

    def frames(self, chunks):
        """What the convolutions make of each frame, before the aggregation.

        Parameters
        ----------
        chunks : torch.Tensor of shape (batch, n_bands, n_frames)
            Spectrograms in dB, in [0, 60]; of any length.

        Returns
        -------
        frames : torch.Tensor of shape (batch, channels * bands, frames)
            Bands and frames as the pools leave them.
        """
        image = self._image(chunks)  # in float32, whatever the convolutions compute in
        with self._arithmetic(image.device):
            h = self._run(self.convolutions, image)
        return self._laid_side_by_side(h)

    def frames_of_chunks(self, spectrogram, starts, chunk_frames):
        """What `frames` makes of chunks that are cut from one spectrogram.

        Where they overlap, the first layers hear their frames once, and only the ends,
        which lie beside zeros, for each chunk alone: the same numbers but for rounding,
        in less time. Layers that halve by a stride hear chunks one by one, as do all in
        training, where batch norm learns from whole chunks. What is shared is not
        compiled.

        Parameters
        ----------
        spectrogram : torch.Tensor of shape (n_bands, n_frames)
            In dB, in [0, 60].
        starts : sequence of int
            The first frame of each chunk.
        chunk_frames : int
            Length of a chunk.

        Returns
        -------
        frames : torch.Tensor of shape (batch, channels * bands, frames)
            As of `frames`.
        """
        shared = worth_sharing(
            self.convolutions, spectrogram.shape[1], starts, chunk_frames
        )
        if self.training or len(shared) == 0:
            return self.frames(
                torch.stack([spectrogram[:, s : s + chunk_frames] for s in starts])
            )
        image = self._image(spectrogram[None])
        with self._arithmetic(image.device):
            h = share(shared, image, starts, chunk_frames)
            if len(shared) < len(self.convolutions):
                h = self._run(self.convolutions[len(shared) :], h)
        return self._laid_side_by_side(h)

    def _image(self, chunks):
        """Spectrograms as images of one channel, in the range that weights expect."""
        return self.smooth(chunks).unsqueeze(1) / DB_RANGE

    def _arithmetic(self, device):
        """Context in which the convolutions compute in `precision`."""
        fast = self.precision == "bfloat16"
        return torch.autocast(device.type, torch.bfloat16, enabled=fast)

    def _run(self, layers, h):
        """Run layers, as torch compiles them if it shall."""
        return (_compiled(layers.forward) if self.compiled else layers)(h)

    def _laid_side_by_side(self, h):
        """(batch, channels, bands, frames) to (batch, channels * bands, frames)."""
        if h.requires_grad and h.is_contiguous(memory_format=torch.channels_last):
            # The gradient comes back channels-first, on which the last pool's backward
            # would take several times as long.
            h.register_hook(
                lambda grad: grad.contiguous(memory_format=torch.channels_last)
            )
        return h.flatten(1, 2).to(self.output.weight.dtype)

    def read(self, frames, reading="outputs"):
        """What the network says of frames that `frames` gave.

        Parameters
        ----------
        frames : torch.Tensor of shape (batch, channels * bands, frames)
            As many frames as a chunk has after the pools.
        reading : {"outputs", "embeddings", "attention"}, default="outputs"
            What `forward`, `embed` and `attention_weights` return of chunks.

        Returns
        -------
        readings : torch.Tensor of shape (batch, width)
        """
        if reading == "attention":
            if not hasattr(self.aggregate, "weights"):
                raise ValueError(
                    "only a network with attention, aggregation='attention' say, has "
                    f"attention weights; this one has {type(self.aggregate).__name__}"
                )
            return self.aggregate.weights(frames)
        embeddings = self.dense(self.aggregate(frames))
        return self.output(embeddings) if reading == "outputs" else embeddings

    def attention_weights(self, chunks):
        """Weight that attention gives to each frame.

        Parameters
        ----------
        chunks : torch.Tensor of shape (batch, n_bands, chunk_frames)
            Spectrograms in dB, in [0, 60].

        Returns
        -------
        weights : torch.Tensor of shape (batch, frames after the pools)
            Positive; each row sums to 1.

        Raises
        ------
        ValueError
            If the network aggregates without attention.
        """
        return self.read(self.frames(chunks), "attention")

    def count_parameters(self):
        """Size of the network as the paper counts it.

        Returns
        -------
        count : ParameterCount
            Named tuple of `convolution`, `output` and `total`.
        """
        return ParameterCount(
            convolution=_count(self.convolutions),
            output=_count(self.output),
            total=_count(self),
        )


class HeadNorm(nn.BatchNorm1d):
    """Batch norm that takes a batch of one by its running statistics.

    The last batch of an epoch may have one chunk, which has no deviation of its own.
    """

    def forward(self, features):
        """(batch, n_features) to the same."""
        if self.training and len(features) == 1:
            return batch_norm(
                features, self.running_mean, self.running_var, self.weight, self.bias
            )
        return super().forward(features)


def _compiled(function):
    """Return a function as torch compiles it: once, whatever the size of its input."""
    compiled = torch.compile(function, dynamic=True)

    def run(h):
        from torch._dynamo import config
        from torch._dynamo.exc import BackendCompilerFailed

        try:
            # To torch all networks are one function, of which it compiles no more than
            # eight kinds: further networks would run as they are, unnoticed.
            with config.patch(cache_size_limit=256):
                return compiled(h)
        except BackendCompilerFailed as error:
            reason = str(error.inner_exception).partition("\n")[0]
            raise ValueError(
                f"torch cannot compile the network here ({reason}); a C++ compiler is "
                "needed, such as g++; install one, or set compile=False"
            ) from error

    return run


def _pool(stride):
    """Layers that halve bands and frames where no stride has."""
    return [PairwiseMaxPool2d()] if stride == 1 else []


def _draw_weights(layer):
    """Start a layer that leads to a ReLU as He et al. (arXiv:1502.01852) do.

    The signal then keeps its size through the dense layers; torch's own start shrinks
    it to a fifteenth there. The paper does not say how its weights start. On the
    crossed RAVDESS split (kids x major against dogs x minor, small networks) this
    start reached a chunk accuracy of 0.47 instead of 0.28 after 12 epochs and of 0.63
    instead of 0.53 after 30.
    """
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)


def _count(module):
    """Numbers in the parameters and running statistics of a module."""
    # Integers are torch's own: batch norm counts the batches it has seen.
    state = module.state_dict().values()
    return sum(values.numel() for values in state if values.is_floating_point())
