"""Getting to a key packet of an open file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from slowfast.datasets.decoding.index import VideoIndex

MAX_SEEKS = 8
"""Seeks that are tried before giving up."""


def packets_from(
    container: InputContainer, stream: VideoStream, index: VideoIndex, key: int
) -> Iterator[tuple[int, av.Packet[VideoStream]]]:
    """(packet number, packet) from key packet `key` or an earlier one on; nothing if no seek leads there.

    Where a seek lands is for the container format to decide: mp4 compares dts, Matroska pts, transport streams guess. So the
    first packet that comes is looked up among the key packets, and as long as it is not known or too late, the next attempt
    aims farther back.
    """
    if index.key_packets[key] == 0:
        yield from enumerate(container.demux(stream))
        return
    number_of = dict(zip(index.key_pts.tolist(), index.key_packets.tolist(), strict=True))
    targets = (stamps[earlier] for earlier in range(key, -1, -1) for stamps in (index.key_pts, index.key_dts))
    for target in itertools.islice(targets, MAX_SEEKS):
        container.seek(int(target), stream=stream)
        packets = container.demux(stream)
        first = next(packets, None)
        start = None if first is None or first.pts is None else number_of.get(first.pts)
        if first is not None and start is not None and start <= index.key_packets[key]:
            yield from enumerate(itertools.chain([first], packets), start)
            return
