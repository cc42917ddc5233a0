"""Makes the index of a video file."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, TypeGuard

import av
import numpy as np
from av.codec.codec import Properties
from av.container import InputContainer
from av.video.stream import VideoStream

from slowfast.datasets.decoding.decoder import NumberedDecoder
from slowfast.datasets.decoding.h264 import FieldPairs, field_coding
from slowfast.datasets.decoding.index import Stamps, VideoIndex, lateness
from slowfast.datasets.decoding.opening import open_video
from slowfast.datasets.decoding.seeking import Packet, all_packets
from slowfast.datasets.decoding.structure import Flaw, find_flaw
from slowfast.datasets.errors import DecodeError
from slowfast.datasets.time_limit import check_time

GUESSED_FPS = 25
"""Frame rate of streams that carry no time stamps and state no rate, as FFmpeg guesses it."""

LONGEST_HOURS = 30 * 24
"""A video that claims to last longer has damaged time stamps."""

LONGEST_HOLE_SEC = 10
"""A longer pause between two frames is taken for the seam of two recordings."""

ONLY_DTS = frozenset({"avi", "asf", "asf_o"})
"""Container formats that store when a packet is decoded and not when its frame is shown. FFmpeg guesses, and not well."""

_REORDER: Any = Properties.REORDER.value  # its stubs are wrong


class _Packet(NamedTuple):
    """What a packet says of itself. is_shown: not if an edit list hides its frame, or if it is there for others to refer to.
    is_second_field: of a frame that began in an earlier packet; then it is neither shown nor a key. is_damaged: marked by the
    container."""

    pts: int | None
    dts: int | None
    duration: int
    is_key: bool
    is_shown: bool
    is_second_field: bool
    is_damaged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    """What one pass over the packets of a file shows.

    container: the format, as FFmpeg names it. may_reorder, says_it_reorders: whether the codec can code frames in another order
    than they are shown, and whether this stream does. fields_known: whether it is certain which packets hold second fields.
    stated_frames, stated_sec: what the header promises; listed_frames: packets that the file has if it is whole, where that
    can be relied on; 0: nothing is known.
    """

    packets: list[_Packet]
    time_base: Fraction | None
    rate: Fraction | None
    container: str
    may_reorder: bool
    says_it_reorders: bool
    fields_known: bool
    stated_frames: int
    listed_frames: int
    stated_sec: float

    @property
    def ends_in_packet(self) -> bool:
        """Whether the last packet lacks its end."""
        return bool(self.packets) and self.packets[-1].is_damaged


def read_index(path: str) -> VideoIndex:
    """Indexes a file. Raises DecodeError when it is missing, cut off or no video, or when it holds no frame."""
    with open_video(path) as (container, stream):
        contents = _scan(path, container, stream)
    shown = [number for number, packet in enumerate(contents.packets) if packet.is_shown]
    _refuse_flaws(path, contents, len(shown))
    if not shown:
        raise DecodeError(path, "the file holds no frame")
    stamps = _sorting_stamps(contents, shown)
    if stamps is None:
        return _index_by_decoder(path, contents)
    order = sorted(zip(stamps, shown, strict=True))
    keys = [number for number, packet in enumerate(contents.packets) if packet.is_key]
    return _index(path, contents, "pts", [number for _, number in order], [pts for pts, _ in order], keys)


def _scan(path: str, container: InputContainer, stream: VideoStream) -> _Contents:
    packets = []
    codec = stream.codec_context
    hides = _is_hidden_vp8 if codec.name == "vp8" else _is_hidden
    fields_known = True
    try:
        coding = field_coding(codec.extradata) if codec.name == "h264" else None
        pairs = None if coding is None else FieldPairs(coding)
    except ValueError:
        fields_known, pairs = False, None
    for packet in all_packets(container, stream):
        check_time(path)
        second = False
        if pairs is not None:
            try:
                second = pairs.is_second(bytes(packet))
            except (IndexError, ValueError):
                fields_known = False
        own = _Packet(
            packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe and not second, not second and not hides(packet),
            second, packet.is_corrupt,
        )  # fmt: skip
        packets.append(own)
    return _Contents(
        packets=packets,
        time_base=stream.time_base,
        rate=stream.average_rate,
        container=container.format.name,
        may_reorder=bool(codec.codec.properties & _REORDER),
        says_it_reorders=bool(codec.has_b_frames),
        fields_known=fields_known,
        stated_frames=stream.frames,
        listed_frames=_listed_frames(container, stream, packets),
        stated_sec=(container.duration or 0) / av.time_base,
    )


def _listed_frames(container: InputContainer, stream: VideoStream, packets: list[_Packet]) -> int:
    """Packets that the file has if it is whole, where that can be relied on; else 0."""
    kind, found, listed = container.format.name, len(packets), 0
    if kind.startswith(("mov,", "avi")) and len(stream.index_entries) > found:
        listed = sum(entry.size > 0 for entry in stream.index_entries)  # empty ones stand for repeated pictures
    if kind == "avi" and stream.frames > found:
        # Counts repeated pictures as well, and may be wrong by some.
        repeated = (
            max((packet.dts + max(packet.duration, 1) for packet in packets if packet.dts is not None), default=found) - found
        )
        listed = max(listed, stream.frames - repeated - max(stream.frames // 20, 2))
    return stream.frames if kind == "ivf" else listed


def _is_hidden(packet: Packet) -> bool:
    return packet.is_discard


def _is_hidden_vp8(packet: Packet) -> bool:
    """VP8 sends frames that are never shown, for others to refer to."""
    return packet.is_discard or not memoryview(packet)[0] & 0x10


def _refuse_flaws(path: str, contents: _Contents, num_frames: int) -> None:
    """Raises DecodeError for a file that is not whole, and says how much of it is there."""
    flaw = Flaw.CUT_OFF if contents.ends_in_packet else find_flaw(path, contents.container)
    found, stated = len(contents.packets), contents.stated_frames
    if contents.container == "avi" and found >= stated > 0 and not contents.ends_in_packet:
        flaw = None  # what is missing is not the video
    if found < contents.listed_frames:
        flaw = Flaw.BROKEN if contents.container == "avi" and flaw is None else Flaw.CUT_OFF
    if flaw is None and _has_holes(contents):
        flaw = Flaw.BROKEN
    if flaw is None:
        return
    pts = [packet.pts for packet in contents.packets if packet.pts is not None]
    last_sec = float((max(pts) - min(pts)) * contents.time_base) if pts and contents.time_base else 0.0
    much = f"{num_frames} frames"
    if found < stated:
        much = f"{num_frames} of {stated} frames"
    elif last_sec + 0.5 < contents.stated_sec:
        much = f"{num_frames} frames, {last_sec:.1f} of {contents.stated_sec:.1f} s"
    raise DecodeError(path, f"the file {flaw.value}, {much} can be found in it")


def _has_holes(contents: _Contents) -> bool:
    """Whether packets are marked as damaged, and frames are missing between others. Where streams were merely joined, packets
    are marked, too, but stamps jump back, or far."""
    if contents.time_base is None or not any(packet.is_damaged for packet in contents.packets):
        return False
    steps = np.diff(np.unique([packet.pts for packet in contents.packets if packet.pts is not None]).astype(np.float64))
    if len(steps) == 0:
        return False
    return bool(((steps > 1.5 * np.median(steps)) & (steps < float(LONGEST_HOLE_SEC / contents.time_base))).any())


def _sorting_stamps(contents: _Contents, shown: list[int]) -> list[int] | None:
    """The pts of packets `shown`, if it is certain, without decoding, that each of them is a frame and is shown then."""
    packets = contents.packets
    if contents.time_base is None or not contents.fields_known or (contents.container in ONLY_DTS and contents.may_reorder):
        return None
    pts = [packets[number].pts for number in shown]
    dts = [packet.dts for packet in packets if packet.dts is not None]
    if not _all_known(pts) or len(set(pts)) < len(pts) or any(later < before for before, later in itertools.pairwise(dts)):
        return None
    if contents.says_it_reorders and _rise(pts):
        return None  # either the stream makes no use of it, or the stamps are those of decoding
    # Frames before the first key may or may not come out of a decoder.
    first = packets[0]
    return pts if first.is_key and first.pts is not None and first.pts <= min(pts) else None


class _Decoded(NamedTuple):
    """A frame as it came out of the decoder. packet: the number of that which it came in."""

    packet: int | None
    is_key: bool
    is_corrupt: bool


def _decoding_order(path: str) -> list[_Decoded]:
    """All frames of a file in the order in which they are shown, which is for the decoder to say."""
    frames: list[_Decoded] = []
    with open_video(path) as (container, stream):
        decoder = NumberedDecoder(stream)
        for number, packet in enumerate(all_packets(container, stream)):
            check_time(path)
            try:
                decoded = decoder.decode(number, packet)
            except av.FFmpegError as error:
                if frames:
                    raise DecodeError(path, f"the file is damaged behind frame {len(frames) - 1} ({error.strerror})") from error
                continue  # a recording may begin in the middle of a group of pictures
            frames += [_Decoded(frame.pts, frame.key_frame, frame.is_corrupt) for frame in decoded]
        frames += [_Decoded(frame.pts, frame.key_frame, frame.is_corrupt) for frame in decoder.drain()]
    return frames


def _index_by_decoder(path: str, contents: _Contents) -> VideoIndex:
    """Index of a file whose stamps do not tell the order of its frames. Raises DecodeError."""
    decoded = _decoding_order(path)
    first_key = next((number for number, frame in enumerate(decoded) if frame.is_key), 0)
    # What refers to pictures before the beginning of the file was never whole.
    decoded = [frame for number, frame in enumerate(decoded) if number >= first_key or not frame.is_corrupt]
    frames = [frame.packet for frame in decoded]
    if not frames:
        raise DecodeError(path, "no frame can be decoded")
    if not _all_known(frames) or len(set(frames)) < len(frames) or max(frames) >= len(contents.packets):
        raise DecodeError(path, "the decoder does not tell which packet a frame comes from")
    keys = [packet for packet, frame in zip(frames, decoded, strict=True) if frame.is_key and contents.packets[packet].is_key]
    stamps, pts = _stamps(contents, frames)
    return _index(path, contents, stamps, frames, pts, keys)


def _stamps(contents: _Contents, frames: list[int]) -> tuple[Stamps, list[int]]:
    """When frames are shown that are in their packets `frames`, in this order, and what tells it."""
    if contents.time_base is not None:
        pts = [contents.packets[packet].pts for packet in frames]
        if contents.container not in ONLY_DTS and _all_known(pts) and _rise(pts):
            return "pts", pts
        dts = [contents.packets[packet].dts for packet in frames]
        if _all_known(dts) and _rise(sorted(dts)):
            return "dts", sorted(dts)
    return "count", list(range(len(frames)))


def _all_known(stamps: list[int | None]) -> TypeGuard[list[int]]:
    return None not in stamps


def _rise(stamps: list[int]) -> bool:
    return all(later > before for before, later in itertools.pairwise(stamps))


def _index(path: str, contents: _Contents, stamps: Stamps, packets: list[int], pts: list[int], keys: list[int]) -> VideoIndex:
    """packets, pts: of all frames, in the order in which they are shown. keys: packets that decoding can begin at."""
    rate, time_base = contents.rate or None, contents.time_base
    if stamps == "count" or time_base is None:
        rate = Fraction(rate or GUESSED_FPS)
        time_base = 1 / rate
    end = pts[-1] + _last_duration(contents, packets, pts, time_base)
    hours = (end - pts[0]) * time_base / 3600
    if hours > LONGEST_HOURS:
        raise DecodeError(path, f"its time stamps are damaged, it would last {float(hours):.0f} hours")
    shown = np.array(pts, np.int64)
    bears_out = rate and np.abs(lateness(shown, rate * time_base)).max() <= rate * time_base
    pts_of = dict(zip(packets, pts, strict=True))
    rows = []
    for key in keys:
        packet = contents.packets[key]
        stamp = pts_of.get(key, packet.pts)
        if stamp is not None:
            rows.append((stamp, stamp if packet.dts is None else packet.dts, key))
    key_pts, key_dts, key_packets = np.array(sorted(rows), np.int64).reshape(-1, 3).T
    return VideoIndex(
        stamps=stamps,
        time_base=time_base,
        pts=shown,
        end=end,
        packets=np.array(packets, np.int64),
        num_packets=len(contents.packets),
        key_pts=key_pts,
        key_dts=key_dts,
        key_packets=key_packets,
        stated_rate=rate if bears_out else None,
    )


def _last_duration(contents: _Contents, packets: list[int], pts: list[int], time_base: Fraction) -> int:
    """How long the last frame is shown, in units of the time base."""
    last = packets[-1]
    following = min((packet for packet in packets if packet > last), default=len(contents.packets))
    stated = sum(packet.duration for packet in contents.packets[last:following] if packet.is_shown or packet.is_second_field)
    if stated > 0 and time_base == contents.time_base:
        return stated
    if len(pts) > 1:
        return int(np.median(np.diff(pts)))
    return max(round(1 / (Fraction(contents.rate or GUESSED_FPS) * time_base)), 1)
