"""Runs an exported network along a video and prints scores: python run_onnx.py NETWORK.onnx VIDEO [SECONDS_BETWEEN_FRAMES]

Needs onnxruntime, PyAV and NumPy alone. All it has to know stands in the file of the network (`tools/export.py`).
"""

import itertools
import json
import sys

import av
import numpy as np
import onnxruntime


def pictures(path, seconds, short_side, side):
    """The square in the middle of a frame every so many seconds, uint8 (side, side, 3), RGB."""
    count = itertools.count()
    wanted, begin = next(count), None
    with av.open(path) as container:
        for frame in container.decode(video=0):
            begin = frame.time if begin is None else begin
            while frame.time - begin >= wanted * seconds - 1e-6:
                scale = short_side / min(frame.width, frame.height)
                size = (max(round(frame.width * scale), side), max(round(frame.height * scale), side))
                rgb = frame.reformat(*size, format="rgb24", interpolation="BILINEAR").to_ndarray()
                top, left = (size[1] - side) // 2, (size[0] - side) // 2
                yield rgb[top : top + side, left : left + side]
                wanted = next(count)


session = onnxruntime.InferenceSession(sys.argv[1])
program = json.loads(session.get_modelmeta().custom_metadata_map["program"])
_, length, side, _, _ = program["frames"]["shape"]
seconds = program["seconds_between_frames"] or float(sys.argv[3])
outputs = [program["scores"]["name"], *(entry["output"] for entry in program["memory"])]
memory = [np.zeros((1, *entry["shape"][1:]), entry["type"]) for entry in program["memory"]]
frames = pictures(sys.argv[2], seconds, program["short_side"], side)
for step in itertools.count():
    if not (clip := list(itertools.islice(frames, length))):
        break
    clip += clip[-1:] * (length - len(clip))  # the video ends within this step
    inputs = {program["frames"]["name"]: np.stack(clip)[None]}
    if memory:  # what is handed in at the first step is not read
        inputs |= {program["begins"]: np.array([step == 0])}
        inputs |= {entry["input"]: tensor for entry, tensor in zip(program["memory"], memory, strict=True)}
    scores, *memory = session.run(outputs, inputs)
    best = np.argsort(-scores[0])[:3]
    names = [f"{program['classes'][number] if program['classes'] else number} {scores[0][number]:.3f}" for number in best]
    print(f"{step * length * seconds:8.2f} s  {', '.join(names)}")
