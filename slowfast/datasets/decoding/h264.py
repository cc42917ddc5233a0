"""What the header of an H.264 stream says about the coding of its pictures (ITU-T H.264, 7.3.2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_SEQUENCE_HEADER, _SLICES = 7, (1, 2, 5)  # nal_unit_type

_WITH_CHROMA_FORMAT = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""profile_idc of profiles whose header tells the chroma format."""


@dataclass(frozen=True, slots=True)
class FieldCoding:
    """How to tell fields from frames in the packets of a stream whose pictures may be either.

    length_bytes: of the length before each unit of a packet; 0: start codes stand there instead. planes_bits, frame_bits: of
    what precedes the field's mark in the header of a slice.
    """

    length_bytes: int
    planes_bits: int
    frame_bits: int

    def field(self, packet: bytes) -> tuple[int, int] | None:
        """(frame, whether it is the bottom one) of the field that a packet begins with; None where it begins with a frame.
        Raises IndexError or ValueError where this cannot be read."""
        bits = _Bits(self._slice(packet).replace(b"\0\0\3", b"\0\0"))
        bits.count(), bits.count(), bits.count()  # place, kind, picture header
        bits.take(self.planes_bits)
        frame = bits.take(self.frame_bits)
        return (frame, bits.take(1)) if bits.take(1) else None

    def _slice(self, packet: bytes) -> bytes:
        """The beginning of the first slice."""
        place = 0
        while True:
            if self.length_bytes:
                unit = place + self.length_bytes
                following = unit + int.from_bytes(packet[place:unit])
            else:
                unit = packet.index(b"\0\0\1", place) + 3
                following = unit
            if packet[unit] & 31 in _SLICES:
                return packet[unit + 1 : unit + 33]
            place = following


class FieldPairs:
    """Finds the packets that hold the second field of a frame, told one packet after the other."""

    def __init__(self, coding: FieldCoding) -> None:
        self._coding = coding
        self._first: tuple[int, int] | None = None

    def is_second(self, packet: bytes) -> bool:
        """Raises IndexError or ValueError where this cannot be read."""
        field = self._coding.field(packet)
        first, self._first = self._first, field
        if first is None or field is None or first[0] != field[0] or first[1] == field[1]:
            return False
        self._first = None
        return True


def field_coding(extradata: bytes | None) -> FieldCoding | None:
    """None where all pictures are frames. Raises ValueError where the header cannot be read, or is elsewhere."""
    extradata = extradata or b""
    try:
        headers = {_read_header(header) for header in _sequence_headers(extradata)}
        if len(headers) != 1:
            raise ValueError(f"{len(headers)} different headers")
        (header,) = headers
        if header.frames_only:
            return None
        length_bytes = extradata[4] % 4 + 1 if extradata[0] == 1 else 0
    except IndexError as error:
        raise ValueError("a header is cut off") from error
    return FieldCoding(length_bytes, header.planes_bits, header.frame_bits)


class _Header(NamedTuple):
    frames_only: bool
    planes_bits: int
    frame_bits: int


def _sequence_headers(extradata: bytes) -> Iterator[bytes]:
    """Contents of the sequence headers, in an avcC box or behind start codes."""
    if extradata[:1] != b"\1":
        for unit in extradata.split(b"\0\0\1")[1:]:
            if unit[:1] and unit[0] & 31 == _SEQUENCE_HEADER:
                yield unit[1:]
        return
    place = 6
    for _ in range(extradata[5] & 31):
        size = extradata[place] << 8 | extradata[place + 1]
        yield extradata[place + 3 : place + 2 + size]
        place += 2 + size


def _read_header(header: bytes) -> _Header:
    """Raises IndexError where the header ends too early."""
    planes_bits = 0
    bits = _Bits(header.replace(b"\0\0\3", b"\0\0"))
    profile = bits.take(8)
    bits.take(16)
    bits.count()  # seq_parameter_set_id
    if profile in _WITH_CHROMA_FORMAT:
        chroma_format = bits.count()
        if chroma_format == 3:
            planes_bits = 2 * bits.take(1)
        bits.count(), bits.count(), bits.take(1)  # bit depths, lossless bypass
        if bits.take(1):
            for number in range(12 if chroma_format == 3 else 8):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if number < 6 else 64)
    frame_bits = bits.count() + 4
    order_type = bits.count()
    if order_type == 0:
        bits.count()
    elif order_type == 1:
        bits.take(1), bits.count(), bits.count()
        for _ in range(bits.count()):
            bits.count()
    bits.count(), bits.take(1), bits.count(), bits.count()  # reference frames, gaps, width, height
    return _Header(bool(bits.take(1)), planes_bits, frame_bits)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            code = bits.count()
            following = (last + (code // 2 + 1 if code % 2 else -(code // 2))) % 256
        last = following or last


class _Bits:
    """Reads a header bit by bit."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def take(self, number: int) -> int:
        """An unsigned number of that many bits."""
        value = 0
        for place in range(self._place, self._place + number):
            value = value << 1 | self._content[place // 8] >> (7 - place % 8) & 1
        self._place += number
        return value

    def count(self) -> int:
        """The Exp-Golomb code of an unsigned number."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)
