"""Opening a video file, and turning what the decoder complains about into DecodeError."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from slowfast.datasets.errors import DecodeError
from slowfast.datasets.time_limit import check_time

PROTOCOL = "file"
"""The only way in which FFmpeg may open anything. Without it, a video named tcp:x.mp4 would be an address."""

CONTAINER_FORMATS = (
    # What videos come in today, and what they came in.
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,live_flv,kux,asf,asf_o,ogg,gif,apng,nut,mxf,gxf,rm,wtv,dv,"
    "nsv,nuv,swf,ivf,ivr,amv,iv8,lxf,pva,ty,dhav,wc3movie,smk,bink,roq,flic,film_cpk,ipmovie,idcin,thp,xmv,vmd,4xm,ea,rl2,"
    # Streams without a container.
    "h261,h263,h264,hevc,vvc,evc,m4v,mpegvideo,mjpeg,mjpeg_2000,vc1,vc1test,av1,obu,avs,avs2,avs3,cavsvideo,dirac,dnxhd,ipu,"
    "yuv4mpegpipe,"
    # Sound, so that a sound file is said to hold no video.
    "mp3,mp2,wav,w64,flac,aac,ac3,eac3,aiff,amr,ape,caf,wv,tta,au"
)
"""Formats of files that are whole by themselves. Playlists, lists of parts (ffconcat) and numbered pictures are left out,
since they would open files, or addresses, that nobody has listed."""

MAX_PIXELS = 1 << 27
"""Of a picture, 16384 x 8192. What claims to be larger is damaged, and would ask for gigabytes."""


FEWEST_BYTES = 1 << 16
"""At the beginning of a file; a video has something else than zeros among them."""


@contextmanager
def open_video(path: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and its main video stream (never a cover picture), decoded by one thread; closed at the end.

    Whatever goes wrong while the file is open is raised as DecodeError. Nothing that reads from the container may leave the
    `with` block: a decoding generator that outlives its container crashes the process.
    """
    check_time(path)
    try:
        status = os.stat(path)  # noqa: PTH116 - twice as fast as Path
    except FileNotFoundError:
        raise DecodeError(path, "the file does not exist") from None
    except (OSError, ValueError) as error:  # a ValueError where the operating system has no such names
        raise DecodeError(path, f"the file cannot be opened ({getattr(error, 'strerror', error)})") from error
    # A pipe would keep whoever opens it waiting for a writer.
    if not stat.S_ISREG(status.st_mode):
        raise DecodeError(path, "this cannot be read as a video, it is no file")
    try:
        _refuse_zeros(path)
        with open_container(path) as container:
            yield container, main_stream(path, container)
    except FileNotFoundError:
        raise DecodeError(path, "the file does not exist") from None
    except MemoryError as error:
        raise DecodeError(path, "the file cannot be read as a video (it asks for more memory than there is)") from error
    except (av.FFmpegError, OSError) as error:
        raise DecodeError(path, describe(error)) from error


def _refuse_zeros(path: str) -> None:
    """Raises DecodeError for a file that was made but never filled. FFmpeg would look for a stream without a container in all
    of it, and keep what it has read."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - twice as fast as Path
        begin = file.read(FEWEST_BYTES)
    if len(begin) == FEWEST_BYTES and not begin.strip(b"\0"):
        raise DecodeError(path, f"its first {FEWEST_BYTES} bytes are zeros, as of a file that was never filled")


def open_container(path: str) -> InputContainer:
    """The file as a container of one of CONTAINER_FORMATS, whatever its name looks like. Raises DecodeError or FFmpegError."""
    options = {"protocol_whitelist": PROTOCOL, "format_whitelist": CONTAINER_FORMATS}
    try:
        # Texts in the header may be in any encoding, and none of them is read.
        return av.open(f"{PROTOCOL}:{path}", options=options, metadata_errors="ignore")
    except av.error.ArgumentError as error:
        raise DecodeError(path, "the file cannot be read as a video (it is in no container format of videos)") from error


def main_stream(path: str, container: InputContainer) -> VideoStream:
    """The stream that FFmpeg takes for the main one, if it is a video; else the first that is. Raises DecodeError."""
    videos = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not videos:
        raise DecodeError(path, "the file holds no video stream")
    # The stubs do not know it, but a stream whose codec FFmpeg does not have, has no context to decode in.
    videos = [stream for stream in videos if stream.codec_context is not None]
    if not videos:
        raise DecodeError(path, "the file cannot be read as a video (its codec is unknown)")
    best = container.streams.best("video")
    stream = next((stream for stream in videos if stream is best), videos[0])
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def describe(error: av.FFmpegError | OSError) -> str:
    """What the decoder said, without the path."""
    said = error.strerror or str(error)
    return f"the file cannot be read as a video ({said})"
