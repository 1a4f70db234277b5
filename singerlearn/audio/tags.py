"""Tags behind the samples of a file: ID3, APE, Lyrics3."""

import struct


def without_tags(data):
    """Cut off every tag that the data end with.

    Parameters
    ----------
    data : bytes
        The end of a file; the first tag may have begun before.

    Returns
    -------
    data : bytes
        What lies before the tags.
    """
    while size := _tag_size(data):
        data = data[: max(len(data) - size, 0)]
    return data


def _tag_size(data):
    """Bytes of the tag that the data end with, 0 if there is none."""
    if data[-32:-24] == b"APETAGEX":  # its footer; the header is not counted
        size, _, flags = struct.unpack("<3I", data[-20:-8])
        return size + 32 * (flags >> 31)
    if data[-9:] == b"LYRICS200" and data[-15:-9].isdigit():
        return int(data[-15:-9]) + 15
    if data[-9:] == b"LYRICSEND" and b"LYRICSBEGIN" in data:
        return len(data) - data.rindex(b"LYRICSBEGIN")
    if data[-10:-7] == b"3DI":
        return _id3_size(data[-10:]) + 20
    if data[-128:-125] == b"TAG":
        return 128
    if data[-227:-223] == b"TAG+":
        return 227
    start = len(data)  # ID3v2 without a footer: only its header tells where it ends
    while (start := data.rfind(b"ID3", 0, start)) >= 0:
        if start + 10 + _id3_size(data[start : start + 10]) == len(data):
            return len(data) - start
    return 0


def _id3_size(header):
    """Size in an ID3v2 header or footer: four bytes of 7 bits, without itself."""
    return sum(byte << 7 * place for place, byte in enumerate(header[:5:-1]))
