"""A decoder whose frames say which packet they came in."""

from __future__ import annotations

from collections.abc import Container, Sequence

from av.bitstream import BitStreamFilterContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from slowfast.datasets.decoding.seeking import Packet

SKIPS_SAFELY = frozenset({"h264", "mpeg4"})
"""Codecs whose pictures marked as "no reference" are needed by no other picture. (In HEVC a higher temporal layer may.)"""


class NumberedDecoder:
    """Decodes the packets of one stream. The pts of a frame is the number of its packet, whatever stamps the file has."""

    def __init__(self, stream: VideoStream) -> None:
        self._decoder = stream.codec_context
        # DivX and XviD in AVI pack two pictures into one packet, and send an empty one later to make up for it.
        packs = self._decoder.name == "mpeg4"
        self._unpack = BitStreamFilterContext("mpeg4_unpack_bframes", stream) if packs else None

    @property
    def skips_safely(self) -> bool:
        return self._decoder.name in SKIPS_SAFELY

    @property
    def marks_damage(self) -> bool:
        """Whether the decoder can tell a damaged frame. Containers mark the packets of streams that were merely joined, too."""
        return self._decoder.name == "h264"

    def decode(self, number: int, packet: Packet, wanted: Container[int] | None = None) -> Sequence[VideoFrame]:
        """Frames that come out when a packet goes in. With `wanted`, frames of other packets need not come if no other frame
        refers to them. Raises FFmpegError."""
        packet.pts = packet.dts = number
        frames: list[VideoFrame] = []
        for unpacked in (packet,) if self._unpack is None else self._unpack.filter(packet):
            if wanted is not None:
                self._decoder.skip_frame = "DEFAULT" if unpacked.pts in wanted else "NONREF"
            frames += self._decoder.decode(unpacked)
        return frames

    def drain(self) -> Sequence[VideoFrame]:
        """The frames that are held back to put them in order. Raises FFmpegError."""
        return self._decoder.decode(None)

    def restart(self) -> None:
        """Makes ready for a key packet after draining."""
        self._decoder.flush_buffers()
        if self._unpack is not None:
            self._unpack.flush()
