"""What the header of an H.264 stream says about the coding of its pictures (ITU-T H.264, 7.3.2.1)."""

from __future__ import annotations

from collections.abc import Iterator

_SEQUENCE_HEADER = 7  # nal_unit_type

_WITH_CHROMA_FORMAT = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""profile_idc of profiles whose header tells the chroma format."""


def may_code_fields(extradata: bytes | None) -> bool:
    """Whether pictures of the stream may be coded as two fields, each in a packet of its own. Headers that cannot be read, or
    that stand elsewhere, leave the possibility open."""
    try:
        headers = list(_sequence_headers(extradata or b""))
        return not headers or not all(_frames_only(header) for header in headers)
    except IndexError:
        return True


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


def _frames_only(header: bytes) -> bool:
    """frame_mbs_only_flag. Raises IndexError where the header ends before it."""
    bits = _Bits(header.replace(b"\0\0\3", b"\0\0"))
    profile = bits.take(8)
    bits.take(16)
    bits.count()  # seq_parameter_set_id
    if profile in _WITH_CHROMA_FORMAT:
        chroma_format = bits.count()
        if chroma_format == 3:
            bits.take(1)
        bits.count(), bits.count(), bits.take(1)  # bit depths, lossless bypass
        if bits.take(1):
            for number in range(12 if chroma_format == 3 else 8):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if number < 6 else 64)
    bits.count()  # log2_max_frame_num_minus4
    order_type = bits.count()
    if order_type == 0:
        bits.count()
    elif order_type == 1:
        bits.take(1), bits.count(), bits.count()
        for _ in range(bits.count()):
            bits.count()
    bits.count(), bits.take(1), bits.count(), bits.count()  # reference frames, gaps, width, height
    return bool(bits.take(1))


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
        """An unsigned number of so many bits."""
        value = 0
        for place in range(self._place, self._place + number):
            value = value << 1 | self._content[place // 8] >> (7 - place % 8) & 1
        self._place += number
        return value

    def count(self) -> int:
        """An Exp-Golomb code, as it stands for unsigned numbers."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)
