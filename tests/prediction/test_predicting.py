"""Scores along videos: the same however the work is cut up."""

import dataclasses
import shutil
import threading
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

import slowfast
from slowfast.datasets import DecodeError
from slowfast.engine.contract import Frames, read_contract
from slowfast.engine.steps import HasMemory
from slowfast.prediction import Prediction, PredictionError, find_inputs, load_model, predict
from slowfast.prediction.predicting import Predictor
from slowfast.prediction.results import rule_of
from tests.datasets.videos import write_video
from tests.prediction.conftest import CLIPS, STEPS, TINY, weights_of


def same(found: list[Prediction], wanted: list[Prediction], *, tolerance: float = 0.0) -> None:
    assert [each.name for each in found] == [each.name for each in wanted]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one.seconds, other.seconds)
        np.testing.assert_allclose(one.scores, other.scores, rtol=tolerance, atol=tolerance)
        assert one.duration == other.duration


def test_every_input_has_scores_from_its_first_second_to_its_last(weights: Path, videos: Path) -> None:
    found = predict(weights, videos)
    assert [each.name for each in found] == ["a", "b", "d", "day two/c"]
    assert [each.duration for each in found] == pytest.approx([7.3, 3.0, 0.5, 5.0], abs=1 / 24)
    for each in found:
        assert each.seconds[0, 0] == 0
        assert each.seconds[-1, 1] == pytest.approx(each.duration, abs=1e-4)
        np.testing.assert_array_equal(each.seconds[1:, 0], each.seconds[:-1, 1])
        assert each.scores.shape == (len(each.seconds), 3)
        assert len(each.to_pandas()) == len(each.seconds)
    assert found[0].scores.std() > 0.01, "these scores would not tell one frame from another"


@pytest.mark.parametrize("lanes", [2, 3, 9])
def test_inputs_side_by_side_have_the_scores_of_one_after_the_other(weights: Path, videos: Path, lanes: int) -> None:
    same(predict(weights, videos, batch=lanes), predict(weights, videos), tolerance=1e-5)


def test_a_step_remembers_what_came_before_and_nothing_of_another_video(stepping: Path, videos: Path) -> None:
    alone, again = predict(stepping, videos / "b.mkv")[0], predict(stepping, [videos / "a.mp4", videos / "b.mkv"])[1]
    np.testing.assert_array_equal(alone.scores, again.scores)
    loaded = load_model(stepping)
    assert loaded.remembers
    assert isinstance(loaded.step, HasMemory)
    without = dataclasses.replace(loaded, contract=loaded.contract)
    inputs = find_inputs([videos / "a.mp4"])
    predictor = Predictor(without, inputs)
    rows = []
    for advance in predictor.run():
        without.step.load_memory({})  # type: ignore[attr-defined]
        rows += [prediction for _, prediction in advance.done]
    whole = predict(stepping, videos / "a.mp4")[0]
    np.testing.assert_array_equal(rows[0].scores[0], whole.scores[0])
    assert np.abs(rows[0].scores[1:] - whole.scores[1:]).max() > 1e-4


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("stop", [1, 2, 4, 5, 7])
def test_a_run_that_was_left_goes_on_to_the_same_bits(weights: Path, videos: Path, lanes: int, stop: int) -> None:
    inputs = find_inputs([videos])
    loaded = load_model(weights)
    wanted = {number: each for advance in Predictor(loaded, inputs, lanes=lanes).run() for number, each in advance.done}
    first = Predictor(loaded, inputs, lanes=lanes)
    found = {}
    rounds = first.run()
    for _ in range(stop):
        found |= dict(next(rounds).done)
    state = first.state()
    rounds.close()  # type: ignore[attr-defined]
    if isinstance(loaded.step, HasMemory):
        loaded.step.load_memory({})
    second = Predictor(load_model(weights), inputs, lanes=lanes)
    second.load_state(state)
    for advance in second.run():
        found |= dict(advance.done)
    same([found[number] for number in sorted(found)], [wanted[number] for number in sorted(wanted)])


def test_no_thread_is_left_behind(stepping: Path, videos: Path) -> None:
    rounds = Predictor(load_model(stepping), find_inputs([videos])).run()
    next(rounds)
    rounds.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread is not threading.main_thread() and "read" in thread.name]


def test_pictures_of_a_video_have_the_scores_of_the_video(weights: Path, tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.mkv", 100, fps=24, codec="ffv1", b_frames=0, pix_fmt="bgr0")
    folder = tmp_path / "pictures"
    folder.mkdir()
    with av.open(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            Image.fromarray(frame.to_ndarray(format="rgb24")).save(folder / f"frame {number}.png")
    (folder / "notes.txt").write_text("not a picture")
    video, pictures = predict(weights, path)[0], predict(weights, folder, fps=24)[0]
    assert pictures.name == "pictures"
    np.testing.assert_allclose(pictures.scores, video.scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(pictures.seconds, video.seconds)


def test_answers_of_clips_come_as_often_as_asked(clipping: Path, videos: Path) -> None:
    each = predict(clipping, videos / "a.mp4", every=0.25)[0]
    np.testing.assert_allclose(np.diff(each.seconds[1:-1, 0]), 0.25, atol=2e-4)
    usual = predict(clipping, videos / "a.mp4")[0]
    np.testing.assert_allclose(np.diff(usual.seconds[1:-1, 0]), 0.5, atol=2e-4)


@pytest.mark.parametrize(
    ("every", "right"), [(0.0, "from 0.25 s"), (-1.0, "from 0.25 s"), (1.2, "to 1 s, a clip"), (float("nan"), "from")]
)
def test_answers_no_clip_can_give_are_refused(clipping: Path, videos: Path, every: float, right: str) -> None:
    with pytest.raises(PredictionError, match=right):
        predict(clipping, videos / "a.mp4", every=every)


def test_networks_with_a_memory_answer_once_a_step(stepping: Path, videos: Path) -> None:
    with pytest.raises(PredictionError, match="answer once a step"):
        predict(stepping, videos / "a.mp4", every=0.5)
    each = predict(stepping, videos / "a.mp4")[0]
    np.testing.assert_allclose(np.diff(each.seconds[:-1, 0]), 0.75, atol=2e-4)  # three new frames of four


def test_events_are_where_scores_are_high_enough(stepping: Path, videos: Path) -> None:
    usual = predict(stepping, videos / "a.mp4", threshold=0.5)[0]
    for event in usual.events:
        rows = (usual.seconds[:, 0] >= event.start - 1e-6) & (usual.seconds[:, 1] <= event.end + 1e-6)
        assert (usual.scores[rows, usual.classes.index(event.label)] >= 0.5).all()
    assert predict(stepping, videos / "a.mp4", threshold=2.0)[0].events == ()
    everything = predict(stepping, videos / "a.mp4", threshold=0.0)[0]
    assert [(event.start, event.end) for event in everything.events] == [(0, everything.seconds[-1, 1])] * 3


def test_thresholds_of_a_test_are_used(tmp_path: Path, videos: Path) -> None:
    row = {"threshold": 0.0, "max_gap": 0.0, "min_length": 0.0}
    rule = {"classes": {"bark": row, "jump": {**row, "threshold": 2.0}, "run": {**row, "min_length": 1000.0}}}
    path = weights_of(tmp_path, STEPS, event_rule=rule)
    assert {event.label for event in predict(path, videos / "a.mp4")[0].events} == {"bark"}


def test_a_rule_for_other_classes_is_refused(tmp_path: Path) -> None:
    contract = read_contract(weights_of(tmp_path, CLIPS))
    assert contract is not None
    for rule in ({"classes": {"cat": {}}}, {"classes": {name: {"threshold": "x"} for name in contract.classes}}, {"a": 1}):
        with pytest.raises(PredictionError, match="--threshold"):
            rule_of(dataclasses.replace(contract, event_rule=rule))


@pytest.mark.parametrize("weights", ["steps", "clips"], indirect=True)
def test_the_package_itself_predicts(weights: Path, videos: Path) -> None:
    same(slowfast.predict(weights, videos / "d.mp4"), predict(weights, videos / "d.mp4"))


BAD = {
    "no such file": ("nothing.mp4", "there is no such file"),
    "no match": ("*.webm", "nothing has such a name"),
    "empty folder": ("empty", "holds no video and no pictures"),
    "pictures without a rate": ("pictures", "--fps N"),
    "a text": ("notes.txt", "cannot be read as a video"),
    "half a video": ("half.mp4", "half.mp4"),
    "nothing in it": ("zero.mp4", "zero.mp4"),
    "sound": ("sound.mp4", "no video stream"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_what_is_no_video_is_told_with_its_name(case: str, stepping: Path, videos: Path, tmp_path: Path) -> None:
    from tests.datasets.videos import write_audio

    (tmp_path / "empty").mkdir()
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "pictures" / "1.png")
    (tmp_path / "notes.txt").write_text("no video")
    (tmp_path / "half.mp4").write_bytes((videos / "a.mp4").read_bytes()[:20000])
    (tmp_path / "zero.mp4").write_bytes(b"")
    write_audio(tmp_path / "sound.mp4")
    name, text = BAD[case]
    with pytest.raises((PredictionError, DecodeError), match=text):
        predict(stepping, tmp_path / name)


def test_two_inputs_of_one_name_are_refused(stepping: Path, videos: Path, tmp_path: Path) -> None:
    shutil.copy(videos / "b.mkv", tmp_path / "a.mkv")
    with pytest.raises(PredictionError, match="would lie in the folder a"):
        predict(stepping, [videos / "a.mp4", tmp_path / "a.mkv"])
    (tmp_path / "a").mkdir()
    shutil.copy(videos / "b.mkv", tmp_path / "a" / "deep.mkv")
    with pytest.raises(PredictionError, match="inside those of the other"):
        predict(stepping, tmp_path)
    assert len(find_inputs([videos / "a.mp4", videos / "a.mp4", str(videos / "*.mp4")])) == 2  # each once


def test_weights_that_say_nothing_or_cannot_be_used_are_refused(tmp_path: Path, videos: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "bare.pth")
    with pytest.raises(PredictionError, match="says nothing of its use"):
        load_model(tmp_path / "bare.pth")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PredictionError, match=r"neither model\.safetensors nor checkpoints"):
        load_model(tmp_path / "empty")
    spread = Frames(seconds_apart=None, grid_fps=None, short_side=36, crop=32, mean=(0.45,) * 3, std=(0.225,) * 3)
    with pytest.raises(PredictionError, match="spread over a whole short video"):
        load_model(weights_of(tmp_path, TINY, frames=spread))
    with pytest.raises(PredictionError, match="right would be auto, cpu or cuda"):
        load_model(weights_of(tmp_path, CLIPS), device="tpu")


@pytest.mark.parametrize(
    "name",
    [
        "my video .mp4",
        " lead.mp4",
        "tab\there.mp4",
        "..mp4",
        "...mp4",
        "né 跳.mp4",
        "a.b.mp4",
        "[1].mp4",
        "-.mp4",
        "\udcff.mp4",
    ],
)
def test_any_name_of_a_file_gives_a_folder_inside_the_results_and_a_name_for_events(
    name: str, stepping: Path, videos: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(videos / "d.mp4", tmp_path / "in" / name)
    for given in (tmp_path / "in" / name, *([] if name.startswith(".") else [tmp_path / "in"])):  # hidden ones are left out
        [each] = find_inputs([given])
        inside = (tmp_path / "out" / each.name).resolve()
        assert inside.parent == (tmp_path / "out").resolve()
        assert inside != tmp_path / "out"
    [found] = predict(stepping, tmp_path / "in" / name)
    assert found.listed.videos == (found.name,)


def test_the_number_of_threads_stays_what_it_was(stepping: Path, videos: Path) -> None:
    before = torch.get_num_threads()
    predict(stepping, videos / "d.mp4")
    assert torch.get_num_threads() == before
