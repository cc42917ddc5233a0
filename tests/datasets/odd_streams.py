"""Writes streams that no encoder at hand makes: MPEG-4 as DivX packs it, H.264 in fields, VP8 with frames that are not shown.

Pictures of `videos.write_video` are reused where packets can be; fields are plain grey.
"""

import itertools
from fractions import Fraction

import av
from videos import write_video

VOP = b"\0\0\1\xb6"  # start code of a picture of MPEG-4; the two bits behind it say which kind
PACKED = b"\0\0\1\xb2DivX503b1393p"  # what DivX writes into streams whose pictures are packed


def packets_of(path):
    """[(bytes, whether it is a key packet)] of the video stream."""
    with av.open(str(path)) as container:
        return [(bytes(packet), packet.is_keyframe) for packet in container.demux(video=0) if packet.size]


def mux(path, like, packets, *, stamps=None, time_base=Fraction(1, 30)):
    """Writes packets [(bytes, is_key)] to a stream like that of the file `like`; `stamps`: (pts, dts) of each, else counted."""
    decoded = [dts for _, dts in stamps] if stamps else list(range(len(packets)))
    steps = [later - dts for dts, later in itertools.pairwise(decoded)] or [1]
    with av.open(str(like)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, (content, is_key) in enumerate(packets):
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.is_keyframe = stream, time_base, is_key
            packet.pts, packet.dts = stamps[number] if stamps else (number, number)
            packet.duration = steps[min(number, len(steps) - 1)]  # what PyAV puts in by itself depends on its version
            target.mux(packet)
    return str(path)


def write_packed_avi(path, num_frames, *, gop=12, b_frames=2):
    """MPEG-4 in AVI: a picture that others refer to shares its packet with the first of those that are shown before it; to make
    up for it, a packet with an empty picture follows them."""
    plain = write_video(path.with_name("plain_of_" + path.name), num_frames, codec="mpeg4", gop=gop, b_frames=b_frames)
    pictures = packets_of(plain)
    is_b = [content[content.index(VOP) + 4] >> 6 == 2 for content, _ in pictures]
    # Kind P, no second has passed, marker, time (5 bits at 30 a second), marker, not coded, filling.
    empty = VOP + int("0101000001001111", 2).to_bytes(2, "big")
    packed = []
    for number, (content, is_key) in enumerate(pictures):
        begins_run = number + 1 < len(pictures) and not is_b[number] and is_b[number + 1]
        if begins_run:
            packed.append((content + pictures[number + 1][0], is_key))
        elif not is_b[number] or is_b[number - 1]:
            packed.append((content, is_key))
        if is_b[number] and (number + 1 == len(pictures) or not is_b[number + 1]):
            packed.append((empty, False))
    content, is_key = packed[0]
    place = content.index(VOP)
    packed[0] = (content[:place] + PACKED + content[place:], is_key)
    return mux(path, plain, packed)


class Bits:
    """A header in the making."""

    def __init__(self):
        self.text = ""

    def number(self, value, length):
        self.text += f"{value:0{length}b}"

    def count(self, *values):
        """Exp-Golomb codes."""
        for value in values:
            self.text += "0" * ((value + 1).bit_length() - 1) + f"{value + 1:b}"

    def align(self, filling="0"):
        self.text += filling * (-len(self.text) % 8)

    def content(self):
        self.text += "1"
        self.align()
        return int(self.text, 2).to_bytes(len(self.text) // 8, "big")


def unit(importance, kind, content):
    """A NAL unit behind its start code; three bytes that would look like one are kept apart."""
    escaped = bytearray()
    for byte in content:
        if escaped[-2:] == b"\0\0" and byte <= 3:
            escaped.append(3)
        escaped.append(byte)
    return b"\0\0\0\1" + bytes([importance << 5 | kind]) + bytes(escaped)


DELIMITER = unit(0, 9, b"\xf0")


def stream_headers():
    """32 x 64 pixels, pictures may be fields, 50 fields a second."""
    sequence = Bits()
    sequence.number(77, 8), sequence.number(0, 8), sequence.number(30, 8)  # Main profile, level 3
    sequence.count(0, 4, 0, 4, 1)
    sequence.number(0, 1)
    sequence.count(1, 1)  # 2 x 2 macroblocks a field
    for flag in (0, 0, 1, 0, 1):  # not frames only, no pairs, direct 8 x 8, no cropping, more information
        sequence.number(flag, 1)
    sequence.number(0, 4)
    sequence.number(1, 1), sequence.number(1, 32), sequence.number(50, 32), sequence.number(1, 1)
    sequence.number(0, 4)
    picture = Bits()
    picture.count(0, 0)
    picture.number(0, 2)
    picture.count(0, 0, 0)
    picture.number(0, 3)
    picture.count(0, 0, 0)
    picture.number(0, 3)
    return unit(3, 7, sequence.content()) + unit(3, 8, picture.content())


def field(frame, bottom, luma):
    """One field of a frame, all grey, its samples as they are (I_PCM)."""
    first = frame == 0 and not bottom
    bits = Bits()
    bits.count(0, 7, 0)
    bits.number(frame % 256, 8), bits.number(1, 1), bits.number(bottom, 1)
    if first:
        bits.count(0)
    bits.number((2 * frame + bottom) % 256, 8)
    bits.number(0, 2 if first else 1)
    bits.count(0)
    for _ in range(4):
        bits.count(25)
        bits.align()
        bits.text += f"{luma:08b}" * 256 + f"{128:08b}" * 128
    return unit(3, 5 if first else 1, bits.content())


def luma_of(frame):
    return 20 + 5 * frame


def write_fields(path, num_frames, *, packets_a_frame=2, stamps_a_frame=1):
    """H.264 whose frame k is luma_of(k), in two fields, 25 frames a second. One packet a field or a frame; one stamp a frame,
    as camcorders write it in transport streams, or a packet."""
    stream = path.with_suffix(".h264")
    fields = [
        (DELIMITER + (stream_headers() if frame == bottom == 0 else b"") + field(frame, bottom, luma_of(frame)), frame == 0)
        for frame in range(num_frames)
        for bottom in (0, 1)
    ]
    if packets_a_frame == 1:
        fields = [(first + second, is_key) for (first, is_key), (second, _) in zip(fields[::2], fields[1::2], strict=True)]
    stream.write_bytes(b"".join(content for content, _ in fields))
    if path == stream:
        return str(path)
    if stamps_a_frame == 1 and packets_a_frame == 2:  # the demuxer cuts frames into fields, and the second has no stamp
        fields = [(first + second, is_key) for (first, is_key), (second, _) in zip(fields[::2], fields[1::2], strict=True)]
    steps = 90000 // 25 * num_frames // len(fields)
    stamps = [(126000 + steps * number,) * 2 for number in range(len(fields))]
    return mux(path, stream, fields, stamps=stamps, time_base=Fraction(1, 90000))
