"""Writes small real video files whose pictures say which frame they are.

Frame i shows i as 10 bits: a row of black and white bars, the lowest bit on the left, each BAR pixels wide. Read them back
with `read_numbers`. Everything else in the picture is noise, so that encoders have something to do.
"""

from fractions import Fraction

import av
import numpy as np

BITS, BAR, HEIGHT = 10, 8, 48
WIDTH = BITS * BAR


def picture(number, height=HEIGHT, width=WIDTH):
    """RGB picture number `number`, (height, width, 3)."""
    rng = np.random.default_rng(number)
    image = rng.integers(96, 160, (height, width, 3), dtype=np.uint8)
    for bit in range(BITS):
        image[: height // 2, bit * BAR : (bit + 1) * BAR] = 255 if number >> bit & 1 else 0
    return image


def read_numbers(frames):
    """The numbers that frames (T, H, W, 3) show."""
    top = np.asarray(frames)[:, 2 : HEIGHT // 2 - 2].astype(float).mean(axis=(1, 3))
    bits = top[:, BAR // 2 : WIDTH : BAR] > 128
    return (bits << np.arange(BITS)).sum(axis=1).tolist()


def write_video(
    path,
    num_frames,
    *,
    fps=30,
    codec="libx264",
    gop=12,
    b_frames=2,
    options=None,
    pts=None,
    rotation=0,
    height=HEIGHT,
    container_options=None,
    pix_fmt="yuv420p",
):
    """Writes frames 0 .. num_frames - 1; `pts` gives time stamps in units of 1/1000 s for a variable frame rate."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, height, pix_fmt
        stream.gop_size = gop
        if codec != "libvpx-vp9":
            stream.max_b_frames = b_frames
        if rotation:
            stream.set_display_rotation(rotation)
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(picture(number, height), format="rgb24")
            if pts is not None:
                frame.pts, frame.time_base = pts[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return str(path)


def write_audio(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return str(path)


def decode_all(path):
    """Every frame of a file, plainly: the reference for anything cleverer."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
