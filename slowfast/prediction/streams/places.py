"""Where live pictures come from: addresses and cameras."""

from __future__ import annotations

import contextlib
import errno
import functools
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import cv2
import numpy as np

from slowfast.datasets import DecodeError
from slowfast.datasets.decoding.opening import CONTAINER_FORMATS
from slowfast.prediction.errors import PredictionError
from slowfast.prediction.inputs import Picture
from slowfast.prediction.streams.decoding import Damage, pictures_of
from slowfast.prediction.streams.live import Connection, Place
from slowfast.prediction.streams.sampling import Shown

SCHEMES = ("rtsp", "rtsps", "http", "https")
PROTOCOLS = "http,https,httpproxy,tcp,tls,udp,rtp,crypto"
"""What an address may lead to. Files are none of it, so that no playlist of a server reads what lies here."""

FORMATS = f"{CONTAINER_FORMATS},rtsp,sdp,rtp,hls,mpjpeg"
PATIENCE = 10.0
"""Seconds without a byte after which a connection has broken off."""


def place_of(text: str) -> Place | None:
    """The address or camera that somebody typed; None: it is neither. A file of a camera's number comes first. Raises
    PredictionError."""
    scheme, separator, _ = text.partition("://")
    if separator and scheme.lower() in SCHEMES:
        return Address.of(text)
    if re.fullmatch(r"\d{1,3}", text, re.ASCII) and not Path(text).exists():
        return _camera(int(text))
    return None


@dataclass(frozen=True, slots=True)
class Address:
    """url: with its name and password, if it has some; these, and what follows the host, which may be a key as well, are never
    shown."""

    url: str = field(repr=False)
    name: str
    label: str

    @classmethod
    def of(cls, url: str) -> Address:
        scheme = url.partition("://")[0].lower()
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host:
            raise PredictionError(f"{scheme}://...: this address names no computer; right would be {scheme}://HOST/PATH")
        shown = f"[{host}]" if ":" in host else host
        name = re.sub(r"[^\w.-]", "_", host if port is None else f"{host}_{port}")
        return cls(url, f"{scheme}_{name}", f"{scheme}://{shown}" + ("" if port is None else f":{port}"))

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        options = {"protocol_whitelist": PROTOCOLS, "format_whitelist": FORMATS, "rtsp_transport": "tcp"}
        try:
            with av.open(self.url, "r", options=options, metadata_errors="ignore", timeout=PATIENCE) as container:
                damage = Damage()
                shown = pictures_of(container, self.label, damage)
                if container.format.name == "mpjpeg":  # its stamps are made up
                    shown = as_they_come(draw for _, draw in shown)
                is_file = container.size > 0
                ends = is_file or container.format.name == "hls"
                yield Connection(shown, ends=ends, is_file=is_file, damage=damage)
        except av.error.ExitError:
            raise DecodeError(self.label, f"nothing came for {PATIENCE:g} seconds") from None
        except (av.FFmpegError, OSError) as error:
            raise DecodeError(self.label, _what(error)) from None


def _what(error: av.FFmpegError | OSError) -> str:
    """Without the address, which the text of an error holds."""
    return "the connection ended" if error.errno == errno.EIO else error.strerror or type(error).__name__


@dataclass(frozen=True, slots=True)
class Camera:
    """number: by which OpenCV knows it; N of /dev/videoN."""

    number: int

    @property
    def name(self) -> str:
        return f"camera_{self.number}"

    @property
    def label(self) -> str:
        return f"camera {self.number}"

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        capture = cv2.VideoCapture(self.number)
        try:
            if not capture.isOpened():
                raise DecodeError(self.label, "it cannot be opened, as where another program uses it")
            yield Connection(as_they_come(self._pictures(capture)))
        finally:
            capture.release()

    def _pictures(self, capture: cv2.VideoCapture) -> Iterator[functools.partial[Picture]]:
        while True:
            there, image = capture.read()
            if not there:
                raise DecodeError(self.label, "it gives no more pictures")
            yield functools.partial(_rgb, image)


def _camera(number: int) -> Camera:
    if sys.platform == "linux" and not camera_device(number).exists():
        there = sorted(int(path.name.removeprefix("video")) for path in Path("/dev").glob("video[0-9]*"))
        right = f"one of {', '.join(map(str, there))}" if there else "the number of a camera that is plugged in, and none is"
        raise PredictionError(
            f"{number}: there is neither a file of this name nor a camera {camera_device(number)}; right would be {right}"
        )
    return Camera(number)


def camera_device(number: int) -> Path:
    return Path(f"/dev/video{number}")


def _rgb(image: Any) -> Picture:
    picture: Picture = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
    return picture


def as_they_come(draws: Iterable[Callable[[], Picture]]) -> Iterator[Shown]:
    """Pictures at the moments at which they arrive."""
    first: float | None = None
    for draw in draws:
        now = time.monotonic()
        first = now if first is None else first
        yield now - first, draw
