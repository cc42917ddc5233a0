"""Files named like videos that would have a player open other files or hosts, never end, or claim to be huge."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

ENDINGS = ("mp4", "mkv", "avi", "mov", "ts", "m3u8", "txt")

SCRIPTS = {
    "ffconcat": "ffconcat version 1.0\nfile good.mp4\n",
    "ffconcat of an address": "ffconcat version 1.0\nfile 'http://127.0.0.1:PORT/a.mp4'\n",
    "ffconcat of a protocol": "ffconcat version 1.0\nfile 'concat:good.mp4|good.mp4'\n",
    "ffconcat of an absolute path": "ffconcat version 1.0\nfile 'file:FOLDER/good.mp4'\n",
    "playlist of a file": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\ngood.mp4\n#EXT-X-ENDLIST\n",
    "playlist of a path": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://FOLDER/good.mp4\n#EXT-X-ENDLIST\n",
    "playlist of an address": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:PORT/a.ts\n#EXT-X-ENDLIST\n",
    "playlist with a key": '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:PORT/k"\n#EXTINF:9,\n'
    "good.mp4\n#EXT-X-ENDLIST\n",
    "playlist with a map": '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-MAP:URI="http://127.0.0.1:PORT/i"\n#EXTINF:9,\ngood.mp4\n',
    "playlist of subfile": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsubfile,,start,0,end,9,,:FOLDER/good.mp4\n",
    "playlist of concat": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nconcat:http://127.0.0.1:PORT/a|FOLDER/good.mp4\n",
    "main playlist": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1:PORT/a.m3u8\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-main:2011">'
    "<BaseURL>http://127.0.0.1:PORT/</BaseURL></MPD>",
    "smooth streaming": '<?xml version="1.0"?><SmoothStreamingMedia MajorVersion="2" Duration="1"><StreamIndex Type="video" '
    'Url="http://127.0.0.1:PORT/q"/></SmoothStreamingMedia>',
    "session": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video PORT RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "pls": "[playlist]\nFile1=http://127.0.0.1:PORT/a.mp4\nNumberOfEntries=1\n",
    "asx": '<asx version="3.0"><entry><ref href="http://127.0.0.1:PORT/a.mp4"/></entry></asx>',
    "asf reference": "[Reference]\nRef1=http://127.0.0.1:PORT/a.mp4?MSWMExt=.asf\n",
    "xspf": '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track><location>'
    "http://127.0.0.1:PORT/a.mp4</location></track></trackList></playlist>",
    "filter graph": "movie=FOLDER/good.mp4[out0]",
    "AviSynth script": 'DirectShowSource("FOLDER/good.mp4")\n',
    "VapourSynth script": "import os\nos.system('touch FOLDER/canary')\n",
    "composition list": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"/>',
    "metadata": ";FFMETADATA1\ntitle=concat:good.mp4\n",
    "numbered pictures": "%03d.png\n",
    "shell": "#!/bin/sh\ntouch FOLDER/canary\n",
}


def scripts(folder: Path, port: int) -> Iterator[tuple[str, Path]]:
    for number, (what, text) in enumerate(SCRIPTS.items()):
        for ending in ENDINGS:
            path = folder / f"script{number}.{ending}"
            path.write_text(text.replace("PORT", str(port)).replace("FOLDER", str(folder)))
            yield f"{what}, named .{ending}", path


def box(kind: bytes, *content: bytes) -> bytes:
    inner = b"".join(content)
    return struct.pack(">I", 8 + len(inner)) + kind + inner


def with_reference(content: bytes, location: bytes, kind: bytes) -> bytes:
    """An mp4 whose table of contents, at its end, says that the pictures lie elsewhere."""
    old = box(b"dref", struct.pack(">II", 0, 1), box(b"url ", struct.pack(">I", 1)))
    assert content.count(old) == 1
    place = content.index(old)
    reference = struct.pack(">I", 0) + location + b"\0" * (kind == b"url ")
    new = box(b"dref", struct.pack(">II", 0, 1), box(kind, reference))
    changed = bytearray(content[:place] + new + content[place + len(old) :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        begin = content.rindex(name, 0, place) - 4
        (size,) = struct.unpack_from(">I", changed, begin)
        struct.pack_into(">I", changed, begin, size + len(new) - len(old))
    return bytes(changed)


def references(folder: Path, port: int) -> Iterator[tuple[str, Path]]:
    good = (folder / "good.mp4").read_bytes()
    alias = bytes(6) + b"alis" + bytes(140) + struct.pack(">hH", 2, 8) + b"good.mp4" + struct.pack(">hH", -1, 0)
    for number, (kind, location) in enumerate(
        [
            (b"url ", b"http://127.0.0.1:%d/a.mp4" % port), (b"url ", b"file://%s/good.mp4" % os.fsencode(folder)),
            (b"url ", b"other.mp4"), (b"alis", alias), (b"rsrc", alias), (b"urn ", b"a\0http://127.0.0.1:%d/\0" % port),
        ]
    ):  # fmt: skip
        path = folder / f"reference{number}.mp4"
        path.write_bytes(with_reference(good, location, kind))
        yield f"mp4 whose pictures lie elsewhere ({kind.decode()})", path
    movie = box(b"rdrf", bytes(4), b"url ", struct.pack(">I", 40), b"http://127.0.0.1:%d/a.mov".ljust(40) % port)
    path = folder / "reference.mov"
    path.write_bytes(box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", box(b"rmra", box(b"rmda", movie))))
    yield "QuickTime reference movie", path


def giants(folder: Path) -> Iterator[tuple[str, Path]]:
    good = (folder / "good.mp4").read_bytes()
    fields = {b"mvhd": (16, 12), b"mdhd": (16, 12), b"tkhd": (24, 76, 80), b"stts": (8, 12), b"stsz": (12, 8), b"stco": (8, 12)}
    fields |= {
        b"stsc": (8, 16),
        b"ctts": (8,),
        b"elst": (8, 12),
        b"avc1": (28,),
        b"mdat": (-4,),
        b"moov": (-4,),
        b"ftyp": (-4,),
    }
    for name, places in fields.items():
        for place in places:
            for value in (0xFFFFFFFF, 0x7FFFFFFF, 0, 1):
                begin = good.find(name)
                if begin < 0:
                    continue
                changed = bytearray(good)
                struct.pack_into(">I", changed, begin + 4 + place - 4 if place < 0 else begin + place, value)
                path = folder / "giant.mp4"
                path.write_bytes(changed)
                yield f"mp4 whose {name.decode()} says {value} at {place}", path
    path = folder / "deep.mp4"
    deep = b""
    for _ in range(2000):
        deep = box(b"moov", deep)
    path.write_bytes(good[:32] + deep)
    yield "mp4 of two thousand boxes in boxes", path


def odd_files(folder: Path) -> Iterator[tuple[str, Path]]:
    def link(name: str, target: str) -> Path:
        (folder / name).symlink_to(target)
        return folder / name

    yield "link to /dev/zero", link("zero.mp4", "/dev/zero")
    yield "link to /dev/urandom", link("random.mp4", "/dev/urandom")
    yield "link to /dev/stdin", link("stdin.mp4", "/dev/stdin")
    yield "link to /proc/self/mem", link("mem.mp4", "/proc/self/mem")
    yield "link to itself", link("itself.mp4", "itself.mp4")
    yield "link to nothing", link("nothing.mp4", "nowhere.mp4")
    yield "link to /etc/passwd", link("passwd.mp4", "/etc/passwd")
    os.mkfifo(folder / "pipe.mp4")
    yield "pipe without a writer", folder / "pipe.mp4"
    (folder / "folder.mp4").mkdir()
    yield "folder", folder / "folder.mp4"
    (folder / "empty.mp4").touch()
    yield "empty", folder / "empty.mp4"
    for ending in ("mp4", "ts", "mkv", "mpg", "h264", "mp3"):
        path = folder / f"sparse.{ending}"
        bare = ending in ("h264", "mp3")  # without a container, all of it may be a stream: the limit on time has to end that
        with path.open("wb") as file:
            file.truncate(1 << (37 if bare else 40))
        yield f"{'128 gigabytes' if bare else 'a terabyte'} of zeros, .{ending}", path
        path.unlink()
    good = (folder / "good.mp4").read_bytes()
    path = folder / "tail.mp4"
    path.write_bytes(good)
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    yield "a video, and behind it a terabyte of zeros", path
