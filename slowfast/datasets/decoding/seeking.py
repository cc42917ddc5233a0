"""Packets of an open file, from its beginning or from a key packet on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TypeAlias

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from slowfast.datasets.decoding.index import VideoIndex

Packet: TypeAlias = "av.Packet[VideoStream]"

MAX_SEEKS = 8
"""Seeks that are tried before giving up."""


def all_packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet]:
    """The packets that follow, without those that hold nothing: the last one, which tells decoders to finish, and those that
    stand for a repeated picture in AVI."""
    while True:
        try:
            yield from (packet for packet in container.demux(stream) if packet.size > 0)
        except IndexError:
            continue  # PyAV stumbles over the first packet of a stream that begins in the middle of the file; not of ours
        return


def packets_from(
    container: InputContainer, stream: VideoStream, index: VideoIndex, key: int | None
) -> Iterator[tuple[int, Packet]]:
    """(packet number, packet) from key packet `key` or an earlier one on, from the start if there is none; nothing if no seek
    leads there.

    Where a seek lands is for the container format to decide: mp4 compares dts, Matroska pts, transport streams guess. So the
    first packet that comes is looked up among the key packets, and as long as it is not known or too late, the next attempt
    aims farther back.
    """
    if key is None or index.key_packets[key] == 0:
        yield from enumerate(all_packets(container, stream))
        return
    by_pts = index.stamps == "pts"
    known = index.key_pts if by_pts else index.key_dts
    number_of = dict(zip(known.tolist(), index.key_packets.tolist(), strict=True))
    targets = (stamps[earlier] for earlier in range(key, -1, -1) for stamps in (known, index.key_dts))
    for target in itertools.islice(targets, MAX_SEEKS):
        container.seek(int(target), stream=stream)
        packets = all_packets(container, stream)
        first = next(packets, None)
        stamp = None if first is None else first.pts if by_pts else first.dts
        start = None if stamp is None else number_of.get(stamp)
        if first is not None and start is not None and start <= index.key_packets[key]:
            yield from enumerate(itertools.chain([first], packets), start)
            return
