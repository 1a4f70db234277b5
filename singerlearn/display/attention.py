"""Where attention lies: over a chunk, and over frequency."""

import numpy as np

from singerlearn.display.axes import COLORS, given_or_new
from singerlearn.display.networks import network_with


class AttentionDisplay:
    """A chunk's spectrogram, and above it how much attention each moment gets.

    Make one with `from_estimator`.

    Parameters
    ----------
    chunk : ndarray of shape (n_bands, chunk_frames)
        Spectrogram in dB above the floor.
    weights : ndarray of shape (n_weights,)
        Attention over time; each weight is for all the frames that the network pools
        into one. They sum to 1.
    start_frame : int, default=0
        Frame of the recording where the chunk starts.
    front_end : dict, default=None
        How the spectrogram was made (``Chunks.front_end``), to label the axes in
        seconds and Hz. None labels them in frames and bands.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The spectrogram.
    ax_weights_ : matplotlib.axes.Axes
        The weights above it, over the same time.
    figure_ : matplotlib.figure.Figure
        The figure around both.
    image_ : matplotlib.image.AxesImage
        The spectrogram.
    steps_ : matplotlib.patches.StepPatch
        The weights in multiples of their mean.
    """

    def __init__(self, *, chunk, weights, start_frame=0, front_end=None):
        self.chunk = chunk
        self.weights = weights
        self.start_frame = start_frame
        self.front_end = front_end

    @classmethod
    def from_estimator(cls, estimator, chunks, *, index=0):
        """Ask a fitted estimator where its attention lies in a chunk.

        Parameters
        ----------
        estimator : SingerNetClassifier, SingerEmbedder, Pipeline or search
            Fitted with attention.
        chunks : Chunks
            One recording, chunked: ``MelChunker().transform([recording])[0]``.
        index : int, default=0
            Which of its chunks, heard alone; negative ones count from the end.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        ValueError
            If the estimator has no attention, or `chunks` is not a chunked recording.
        IndexError
            If the recording has no such chunk.
        """
        if not hasattr(chunks, "starts"):
            raise ValueError(
                f"chunks is a {type(chunks).__name__}, not one chunked recording; pass "
                "MelChunker().transform([recording])[0]"
            )
        if not -len(chunks) <= index < len(chunks):
            raise IndexError(
                f"index={index}, but the recording has {len(chunks)} chunks"
            )
        estimator = network_with(estimator, "attention_weights")
        one = type(chunks)(
            chunks[index], chunks.chunk_frames, chunks.hop_frames, chunks.front_end
        )
        return cls(
            chunk=np.asarray(chunks[index]),
            weights=estimator.attention_weights([one])[0][0],
            start_frame=chunks.starts[index],
            front_end=chunks.front_end,
        )

    def plot(self, ax=None):
        """Draw the spectrogram, and above it the weights in multiples of their mean.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw both; a colour bar is put beside it. None makes a new figure.

        Returns
        -------
        self : AttentionDisplay
        """
        ax = given_or_new(ax, figsize=(8, 4.5))
        n_bands, chunk_frames = self.chunk.shape
        timed = {"hop_length", "sampling_rate"} <= (self.front_end or {}).keys()
        seconds = 1.0  # one frame is the unit, where nothing is known about time
        if timed:
            seconds = self.front_end["hop_length"] / self.front_end["sampling_rate"]
        start, end = np.array([0, chunk_frames]) + self.start_frame
        self.image_ = ax.imshow(
            self.chunk,
            origin="lower",
            aspect="auto",
            cmap="magma",
            interpolation="nearest",
            extent=(start * seconds, end * seconds, -0.5, n_bands - 0.5),
        )
        ax.set_title("A chunk and the attention over its time")
        ax.set_xlabel("time (s)" if timed else "frame")
        # The spectrogram fills the lower part of the axes and the weights the rest, so
        # that a layout sees only one.
        lower = 0.7
        ax.set_ylim(-0.5, n_bands / lower - 0.5)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines["left"].set_bounds(-0.5, n_bands - 0.5)
        _label_bands(ax, n_bands, self.front_end, y=lower / 2)
        ax.figure.colorbar(
            self.image_, ax=ax, label="level (dB)", shrink=lower, anchor=(0, 0)
        )

        # Pools halve the frames and round down, so the last few may have no weight.
        n_weights = len(self.weights)
        frames_each = 2 ** int(np.log2(chunk_frames / n_weights))
        edges = (start + frames_each * np.arange(n_weights + 1)) * seconds
        relative = np.asarray(self.weights) * n_weights
        above = ax.inset_axes((0, lower + 0.03, 1, 1 - lower - 0.03), sharex=ax)
        self.steps_ = above.stairs(relative, edges, fill=True, color=COLORS[0])
        above.axhline(1, color="0.3", lw=1, ls="--")
        above.tick_params(labelbottom=False)
        above.spines[["top", "right"]].set_visible(False)
        above.set(ylim=(0, 1.1 * relative.max()), ylabel="attention\n(mean 1)")
        self.ax_, self.ax_weights_, self.figure_ = ax, above, ax.figure
        return self


class FrequencyTemplateDisplay:
    """What attention listens for: its weights w, one frequency template per channel.

    A frame's score is the inner product of w with what the convolutions make of the
    frame (equation 2). A weight above 0 thus makes a frame count more if that channel
    is strong in that band. Make one with `from_estimator`.

    Parameters
    ----------
    template : ndarray of shape (n_channels, n_pooled_bands)
        w, lowest band first.
    bands_each : int, default=1
        How many bands of the spectrogram are pooled into one.
    front_end : dict, default=None
        How the spectrograms were made, to label the axis in Hz. None labels it in
        bands.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        What it was drawn into.
    figure_ : matplotlib.figure.Figure
        The figure around it.
    image_ : matplotlib.image.AxesImage
        The template, bands by channels.
    order_ : ndarray of shape (n_channels,)
        The channels from left to right.
    """

    def __init__(self, template, *, bands_each=1, front_end=None):
        self.template = template
        self.bands_each = bands_each
        self.front_end = front_end

    @classmethod
    def from_estimator(cls, estimator):
        """Take the template of a fitted estimator.

        Parameters
        ----------
        estimator : SingerNetClassifier, SingerEmbedder, Pipeline or search
            Fitted with ``aggregation="attention"`` or ``"attentive-statistics"``.

        Returns
        -------
        display : FrequencyTemplateDisplay

        Raises
        ------
        ValueError
            If the estimator has no such attention.
        """
        estimator = network_with(estimator, "net_")
        net = estimator.net_
        w = getattr(net.module_.aggregate, "w", None)
        if w is None:
            raise ValueError(
                "only a network with aggregation='attention' or "
                "'attentive-statistics' has a frequency template; this one has "
                f"{net.module__aggregation!r}"
            )
        template = w.detach().cpu().numpy().reshape(net.module__filters[-1], -1)
        return cls(
            template,
            bands_each=net.module_.n_pooled,  # a pool halves bands as it does frames
            front_end=estimator.front_end_,
        )

    def plot(self, ax=None):
        """Draw the template, the channels that raise the score most on the left.

        Channels have no order of their own; they are sorted by their mean weight.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a colour bar is put beside it. None makes a new figure.

        Returns
        -------
        self : FrequencyTemplateDisplay
        """
        ax = given_or_new(ax, figsize=(8, 4))
        n_channels, n_bands = self.template.shape
        self.order_ = np.argsort(-self.template.mean(axis=1), kind="stable")
        limit = np.abs(self.template).max()
        self.image_ = ax.imshow(
            self.template[self.order_].T,
            origin="lower",
            aspect="auto",
            cmap="PuOr_r",  # told apart with any kind of colour vision, white at 0
            interpolation="nearest",
            vmin=-limit,
            vmax=limit,
            extent=(0.5, n_channels + 0.5, -0.5, n_bands - 0.5),
        )
        _label_bands(ax, n_bands, self.front_end, bands_each=self.bands_each)
        ax.set(
            title="What attention listens for: one frequency template per channel",
            xlabel="channel, by mean weight",
        )
        ax.figure.colorbar(self.image_, ax=ax, label="weight in the frame's score")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _label_bands(ax, n_rows, front_end, *, bands_each=1, y=0.5):
    """Label the vertical axis by octaves; a row of it is `bands_each` bands."""
    frequencies = _band_frequencies(front_end)
    if frequencies is None:
        ax.set_yticks([0, n_rows - 1])
        ax.set_ylabel("band", y=y)
        return
    octaves = 62.5 * 2.0 ** np.arange(9)
    octaves = octaves[(octaves > frequencies[0]) & (octaves < frequencies[-1])]
    rows = np.interp(octaves, frequencies, np.arange(len(frequencies)))
    rows = (rows + 0.5) / bands_each - 0.5
    apart = np.diff(rows, append=np.inf) > n_rows / 16
    labels = [f"{octave:g}" for octave in octaves[apart]]
    ax.set_yticks(rows[apart], labels)
    ax.set_ylabel("frequency (Hz)", y=y)


def _band_frequencies(front_end):
    """Return the centres of the bands in Hz, rising, or None if they are not known."""
    kind = (front_end or {}).get("spectrogram")
    if kind == "mel":
        from librosa import mel_frequencies

        n_mels, fmin = front_end["n_mels"], front_end.get("fmin", 0.0)
        fmax = front_end.get("fmax") or front_end["sampling_rate"] / 2
        return mel_frequencies(n_mels + 2, fmin=fmin, fmax=fmax)[1:-1]
    if kind == "cqt":
        octaves = np.arange(front_end["n_bins"]) / front_end["bins_per_octave"]
        return front_end["fmin"] * 2.0**octaves
    return None
