"""Decode files of any format into blocks of samples, and refuse damaged ones."""

import os
import re
from functools import partial
from itertools import chain

import numpy as np
import soundfile as sf

from singerlearn.audio.tags import without_tags

_UNRECOGNISED = 1  # libsndfile's error code for formats that it does not know

# Containers without a header, whose length FFmpeg guesses from the first bit rate.
_HEADERLESS = ("aac", "amr")

# Samples decoded, mixed down and resampled at a time: hours of stereo are never in
# memory at their original rate, and threads over files rarely wait for each other, as
# they would with shorter blocks.
_BLOCK = 2**18

# Samples that a codec may announce beyond those it holds: two MP3 frames of padding or
# delay.
_SLACK = 2304

_PCM_16 = np.float32(2**-15)  # a step of 16 bits, in [-1, 1)

# Bytes that may follow the samples, besides tags: a last frame of padding.
_TRAILER = 2**12


def decode(path):
    """Iterate over a file, a block at a time.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    blocks : iterator of pairs of an ndarray and a number
        Channels of shape (n_channels, n_samples), float32, and their rate in Hz.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be decoded at all, or not to its end.
    """
    _check_file(path)
    # Opened here: soundfile cannot encode a name whose bytes are not text, FFmpeg takes
    # a name with a colon for a URL, and the open file tells how much is left unread.
    with open(path, "rb", buffering=0) as raw:
        raw.name = "recording"  # both libraries would believe a suffix, right or wrong
        try:
            file = _open(raw)
        except sf.LibsndfileError as error:
            raw.seek(0)
            yield from _pyav_blocks(raw, error)
        else:
            with file:
                yield from _soundfile_blocks(file, raw)


def _check_file(path):
    if not os.path.exists(path):
        raise FileNotFoundError(f"no such file (looked from {os.getcwd()!r})")
    if os.path.isdir(path):
        raise ValueError("is a folder, not a recording; list the files in it")
    if not os.access(path, os.R_OK):
        raise ValueError("cannot be read: permission denied")
    if os.path.getsize(path) == 0:
        raise ValueError("the file is empty (0 bytes)")


class _StreamedFile(sf.SoundFile):
    """A sound file that is read once, from start to end.

    After every read of a seekable file, soundfile seeks to the current position. That
    leaves a gap in an mp3, and fails at the end of a FLAC of unknown length (from a
    pipe).
    """

    def seekable(self):
        return False


def _open(raw):
    # On Windows, libraries may not share file descriptors.
    return _StreamedFile(raw if os.name == "nt" else raw.fileno(), closefd=False)


def _soundfile_blocks(file, raw):
    decoded = 0
    rate, announced = file.samplerate, _announced_frames(file)
    # libsndfile takes twice as long to scale 16-bit WAV samples as to read them.
    dtype = "int16" if file.subtype == "PCM_16" else "float32"
    # Asked for more frames than it believes there are, it would read and drop them.
    read = partial(file.read, dtype=dtype, always_2d=True)
    try:
        while len(block := read(min(_BLOCK, file.frames - decoded))):
            decoded += len(block)
            if dtype == "int16":
                block = block.astype(np.float32)  # faster than a product of both
                block *= _PCM_16
            yield block.T, rate
    except sf.LibsndfileError as error:
        raise _undecodable(error) from error
    if file.format in ("FLAC", "MP3", "OGG"):
        _check_exhausted(raw)
    coded = file.subtype.startswith("MPEG")
    _check_whole(decoded / rate, announced / rate, _SLACK / rate if coded else 0)


def _check_exhausted(raw):
    """Refuse a file of which libsndfile has left audio unread.

    It trusts the header, or what it guesses from the first frames.
    """
    left = without_tags(raw.read()).strip(b"\0")
    if len(left) > max(_TRAILER, 0.01 * raw.tell()):
        raise ValueError(
            f"{len(left) / raw.tell():.0%} of the file would be left unread: it is "
            "several files joined, its header is damaged, or it is of a variable bit "
            "rate that no header tells; convert it, to WAV say"
        )


def _announced_frames(file):
    """Return the number of frames that the header announces, 0 if it does not."""
    if file.frames > 2**62:
        return 0
    # For a truncated WAV or AIFF, libsndfile counts the frames that are there.
    sizes = re.search(
        r"(?:data|SSND) *: (\d+) \(should be ([1-9]\d*)\)", file.extra_info
    )
    # Writers to a pipe announce about 2 or 4 GiB, whatever follows.
    if sizes is None or int(sizes[1]) > 2**31 - 2**16:
        return file.frames
    return file.frames * int(sizes[1]) / int(sizes[2])


def _pyav_blocks(raw, refused):
    """Decode with PyAV what libsndfile refused; `refused` is its error."""
    known = refused.code != _UNRECOGNISED
    try:
        import av
    except ImportError as error:
        raise ValueError(
            f"cannot be decoded{f' ({refused.error_string})' if known else ''}; it is "
            "damaged, no audio file, or of a kind that needs PyAV, such as m4a, "
            "whatever its suffix: pip install 'singerlearn[m4a]'"
        ) from error

    decoded, kinds = 0.0, set()
    try:
        # A playlist among the recordings must not open other files or URLs.
        with av.open(raw, options={"protocol_whitelist": "none"}) as container:
            if not container.streams.audio:
                raise ValueError("the file has no audio stream")
            stream = container.streams.audio[0]
            announced = float((stream.duration or 0) * stream.time_base)
            if stream.duration is None:  # Matroska: that of all streams, with padding
                announced = (container.duration or 0) / av.time_base - 0.1
            if container.format.name in _HEADERLESS:
                announced = 0.0
            # Channels first, whatever the format, and blocks instead of short frames.
            planar = av.AudioResampler(format="fltp", frame_size=_BLOCK)
            for frame in chain(container.decode(stream), [None]):
                if frame:
                    kinds.add((frame.rate, frame.layout.name))
                if len(kinds) > 1:
                    raise ValueError(
                        "its rate or its channels change on the way; convert it, to "
                        "WAV say"
                    )
                for part in planar.resample(frame):
                    decoded += part.samples / part.sample_rate
                    yield part.to_ndarray(), part.sample_rate
    except av.FFmpegError as error:
        raise _undecodable(refused if known else error) from error
    _check_whole(decoded, announced, _SLACK / stream.rate)


def _undecodable(error):
    reason = getattr(error, "error_string", error)  # soundfile's, without the file
    return ValueError(
        f"cannot be decoded ({reason}); it is damaged, cut off, or no audio file"
    )


def _check_whole(decoded, announced, slack):
    """Compare the seconds decoded with those of the header, which may be a little off.

    An Ogg stream announces nothing: it is whole wherever it ends.
    """
    if decoded < 0.99 * announced - slack:
        raise ValueError(
            f"the file is cut off: its header announces {announced:.2f} s, and only "
            f"{decoded:.2f} s are there; get it again, or convert what there is to WAV"
        )
