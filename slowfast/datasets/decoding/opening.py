"""Opening a video file, and turning what the decoder complains about into DecodeError."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from slowfast.datasets.errors import DecodeError
from slowfast.datasets.time_limit import check_time


@contextmanager
def open_video(path: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and its main video stream (never a cover picture), decoded by one thread; closed at the end.

    Whatever goes wrong while the file is open is raised as DecodeError. Nothing that reads from the container may leave the
    `with` block: a decoding generator that outlives its container crashes the process.
    """
    check_time(path)
    try:
        # A pipe would keep whoever opens it waiting for a writer.
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - twice as fast as Path
            raise DecodeError(path, "this cannot be read as a video, it is no file")
        # Texts in the header may be in any encoding, and none of them is read.
        with av.open(path, metadata_errors="ignore") as container:
            stream = container.streams.best("video")
            if stream is None:
                raise DecodeError(path, "the file holds no video stream")
            assert isinstance(stream, VideoStream)
            stream.codec_context.thread_count = 1
            yield container, stream
    except FileNotFoundError:
        raise DecodeError(path, "the file does not exist") from None
    except (av.FFmpegError, OSError) as error:
        raise DecodeError(path, describe(error)) from error


def describe(error: av.FFmpegError | OSError) -> str:
    """What the decoder said, without the path."""
    said = error.strerror or str(error)
    return f"the file cannot be read as a video ({said})"
