"""Whether the structure of a file holds to its end.

Decoders read what there is of a file that was cut off, or skip what they cannot make sense of, and do not say so. Yet most
container formats consist of elements that state their sizes: whoever goes from one to the next finds out where the file ought
to end. Only the heads of elements are read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from enum import Enum
from typing import BinaryIO


class Flaw(Enum):
    """CUT_OFF: the file ends before its last element does. BROKEN: where an element should begin, none does."""

    CUT_OFF = "is cut off"
    BROKEN = "is damaged"


def find_flaw(path: str, container_format: str) -> Flaw | None:
    """What is wrong with the structure of a file, if anything is known to be. container_format: as FFmpeg names it."""
    walk = _WALKS.get(container_format.split(",", maxsplit=1)[0])
    if walk is None:
        return None
    with open(path, "rb") as file:  # noqa: PTH123 - twice as fast as Path
        return walk(file, os.fstat(file.fileno()).st_size)


def _mp4(file: BinaryIO, size: int) -> Flaw | None:
    """Boxes: size, type. Of plain files the sample table tells more, so this looks at files in fragments alone."""
    place, in_fragments, promised = 0, False, 0
    while place < size:
        head = _read(file, place, 16)
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head[:8])
        if kind not in _BOXES:  # rubbish behind the last box; players take no notice of it
            return Flaw.CUT_OFF if promised > size else None
        if length == 0:  # the last box, up to the end of the file
            return None
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack(">Q", head[8:])
        in_fragments = in_fragments or kind == b"moof"
        if kind == b"sidx":
            promised = max(promised, place + length + _indexed_bytes(_read(file, place, min(length, 1 << 16))))
        place += max(length, 8)
    return Flaw.CUT_OFF if max(place if in_fragments or promised else 0, promised) > size else None


def _indexed_bytes(sidx: bytes) -> int:
    """Bytes of the fragments that an index of them lists, from its own end on."""
    try:
        wide = sidx[8] > 0
        offset = int.from_bytes(sidx[28:36] if wide else sidx[24:28])
        entries = sidx[40 if wide else 32 :]
        count = int.from_bytes(sidx[38:40] if wide else sidx[30:32])
        return offset + sum(int.from_bytes(entries[12 * entry : 12 * entry + 4]) & 0x7FFFFFFF for entry in range(count))
    except IndexError:
        return 0


_BOXES = frozenset(
    b"ftyp styp moov moof mdat free skip wide udta uuid sidx ssix prft emsg mfra meta pnot pict PICT junk".split()
)


def _matroska(file: BinaryIO, size: int) -> Flaw | None:
    """Elements: number, size. Segment and clusters hold others, and may not know their own size."""
    place, end = 0, size
    while place < min(end, size):
        head = _read(file, place, 12)
        id_length = _vint_length(head[:1])
        length_length = _vint_length(head[id_length : id_length + 1])
        if not id_length or not length_length:
            return Flaw.CUT_OFF if place + 12 > size and any(head) else Flaw.BROKEN
        kind = head[:id_length]
        if len(head) < id_length + length_length:
            return Flaw.CUT_OFF
        if kind not in _ELEMENTS:
            return Flaw.BROKEN
        bits = 7 * length_length
        length = int.from_bytes(head[id_length : id_length + length_length]) & (1 << bits) - 1
        unknown = length == (1 << bits) - 1
        place += id_length + length_length
        if kind == _SEGMENT:
            end = size if unknown else place + length
        elif kind != _CLUSTER:
            place += length
    return Flaw.CUT_OFF if max(place, end) > size else None


def _vint_length(first: bytes) -> int:
    """Bytes of a number of variable length by its first byte; 0: this is none."""
    return 9 - first[0].bit_length() if first and first[0] else 0


_SEGMENT, _CLUSTER = bytes.fromhex("18538067"), bytes.fromhex("1f43b675")
_ANYWHERE = (b"\xec", b"\xbf")  # void, checksum
_IN_FILE = (bytes.fromhex("1a45dfa3"), _SEGMENT)
_IN_SEGMENT = tuple(map(bytes.fromhex, ("114d9b74", "1549a966", "1654ae6b", "1c53bb6b", "1941a469", "1043a770", "1254c367")))
_IN_CLUSTER = (b"\xe7", b"\x58\x54", b"\xa7", b"\xab", b"\xa3", b"\xa0", b"\xaf")
_ELEMENTS = frozenset((*_ANYWHERE, *_IN_FILE, *_IN_SEGMENT, _CLUSTER, *_IN_CLUSTER))


def _riff(file: BinaryIO, size: int) -> Flaw | None:
    """One or several RIFF chunks. Some programs leave a size of 0."""
    place = filling = 0
    while place + 12 <= size:
        kind, length = struct.unpack("<4sI", _read(file, place, 8))
        if kind != b"RIFF":
            return None
        if length in (0, 0xFFFFFFFF):
            return None
        filling = length % 2  # which may be missing at the end
        place += 8 + length + filling
    return Flaw.CUT_OFF if place > size + filling else None


def _transport_stream(file: BinaryIO, size: int) -> Flaw | None:
    """Packets of 188 bytes, in some files with 4 bytes before or 16 behind each."""
    head = _read(file, 0, 3 * 204 + 204)
    for length in (188, 192, 204):
        for start in range(min(length, len(head))):
            places = range(start, len(head), length)
            if len(places) > 2 and all(head[place] == 0x47 for place in places):
                return Flaw.CUT_OFF if (size - (start - 4 if length == 192 else start)) % length else None
    return None


def _program_stream(file: BinaryIO, size: int) -> Flaw | None:
    """Packs: start code, number of the stream, size. The last ones tell whether the file ends where one does."""
    tail = _read(file, max(size - (1 << 18), 0), 1 << 18)
    place = tail.find(_PACK)
    while 0 <= place < len(tail):
        head = tail[place : place + 14]
        if not any(head):  # zeros fill up the last sector
            return None
        if len(head) < 6:
            return Flaw.CUT_OFF
        if head[:3] != _PACK[:3]:  # what looked like a pack was none
            place = tail.find(_PACK, place)
        elif head[:4] == _PACK:
            place += 12 if head[4] >> 6 != 1 else 14 + (head[13] & 7 if len(head) > 13 else 0)
        elif head[3] == _END:
            place += 4
        else:
            place += 6 + int.from_bytes(head[4:6])
    return Flaw.CUT_OFF if place > len(tail) else None


_PACK, _END = b"\0\0\1\xba", 0xB9


def _flv(file: BinaryIO, size: int) -> Flaw | None:
    """Tags: kind, size; behind each, its size again. The first may state the size of the file."""
    begin = _read(file, 0, 4096)
    stated = begin.find(b"\0\x08filesize\0") + 11
    if stated > 10 and len(begin) >= stated + 8 and struct.unpack_from(">d", begin, stated)[0] > size:
        return Flaw.CUT_OFF
    place = int.from_bytes(_read(file, 5, 4)) + 4
    while place < size:
        head = _read(file, place, 11)
        if head[0] & 31 not in (8, 9, 18):
            return Flaw.BROKEN
        if len(head) < 11:
            return Flaw.CUT_OFF
        place += 11 + int.from_bytes(head[1:4]) + 4
    return Flaw.CUT_OFF if place > size else None


def _asf(file: BinaryIO, size: int) -> Flaw | None:
    """Objects: kind, size. Streams that went out live do not know the size of the largest."""
    place = 0
    while place + 24 <= size:
        head = _read(file, place, 24)
        length = int.from_bytes(head[16:24], "little")
        if length < 24:
            return None
        place += length
    return Flaw.CUT_OFF if place > size else None


def _ogg(file: BinaryIO, size: int) -> Flaw | None:
    """Pages, numbered for each stream. (Not all writers mark the last page of a stream.)"""
    place, numbers = 0, dict[bytes, int]()
    while place < size:
        head = _read(file, place, 27 + 255)
        if len(head) < 27:
            return Flaw.CUT_OFF
        if head[:4] != b"OggS":
            return Flaw.BROKEN
        serial, number, begins = head[14:18], int.from_bytes(head[18:22], "little"), head[5] & 2
        if not begins and number != numbers.get(serial, number - 1) + 1:
            return Flaw.BROKEN
        numbers[serial] = number
        place += 27 + head[26] + sum(head[27 : 27 + head[26]])
    return Flaw.CUT_OFF if place > size else None


def _gif(file: BinaryIO, size: int) -> Flaw | None:
    """Blocks, of parts of at most 255 bytes, and a last byte that ends the file."""
    head = _read(file, 0, 13)
    if len(head) < 13:
        return Flaw.CUT_OFF
    place = 13 + _gif_colours(head[10])
    while place < size:
        kind = _read(file, place, 10)
        if kind[:1] == b";":
            return None
        if kind[:1] == b"!":
            place += 2
        elif kind[:1] == b",":
            place += 11 + (_gif_colours(kind[9]) if len(kind) > 9 else 0)
        else:
            return Flaw.BROKEN
        while (length := _read(file, place, 1)) not in (b"\0", b""):
            place += 1 + length[0]
        place += 1
    return Flaw.CUT_OFF


def _gif_colours(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _mxf(file: BinaryIO, size: int) -> Flaw | None:
    """Items: key of 16 bytes, size, which is one byte or says how many bytes state it."""
    place = 0
    while place < size:
        head = _read(file, place, 25)
        if not head.startswith(b"\x06\x0e\x2b\x34"):
            return Flaw.BROKEN
        more = head[16] & 127 if len(head) > 16 and head[16] > 127 else 0
        length = int.from_bytes(head[17 : 17 + more]) if more else int.from_bytes(head[16:17])
        place += 17 + more + length
    return Flaw.CUT_OFF if place > size else None


def _read(file: BinaryIO, place: int, number: int) -> bytes:
    file.seek(place)
    return file.read(number)


_WALKS: dict[str, Callable[[BinaryIO, int], Flaw | None]] = {
    "mov": _mp4,
    "matroska": _matroska,
    "avi": _riff,
    "mpegts": _transport_stream,
    "mpeg": _program_stream,
    "flv": _flv,
    "asf": _asf,
    "ogg": _ogg,
    "gif": _gif,
    "mxf": _mxf,
}
"""By the first of the names that FFmpeg gives a format."""
