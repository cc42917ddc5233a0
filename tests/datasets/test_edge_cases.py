"""Data as people really have them: one test for each thing that is known to go wrong, named after it."""

import logging
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from videos import read_numbers, write_audio, write_video

from slowfast.config import load_config
from slowfast.datasets import DatasetError, DecodeError, SampleKey, build_dataset
from slowfast.datasets.decoding import read_index
from slowfast.datasets.frame_lists import HEADER, read_frame_list
from slowfast.datasets.kinetics_lists import read_list
from slowfast.errors import UserError


def videos_of(tmp_path, content, *, separator=" ", num_classes=4):
    """(path as listed, label) of each video of a Kinetics list."""
    path = tmp_path / "train.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    records = read_list(path, separator=separator, num_classes=num_classes, prefix="")
    return [(record.video_id, record.label) for record in records]


@pytest.mark.parametrize(
    ("content", "separator", "message"),
    [
        pytest.param("", " ", r"train\.csv: no video; expected a line for each", id="list file empty"),
        pytest.param("\n \n\r\n", " ", r"train\.csv: no video", id="list file with blank lines only"),
        pytest.param("a.mp4 1\nb.mp4\n", " ", r"row 2: no label in 'b\.mp4'", id="line without label"),
        pytest.param("a.mp4 1\nb c.mp4\n", " ", r"row 2: label 'c\.mp4' in 'b c\.mp4'", id="path with a blank without label"),
        pytest.param("path label\na.mp4 1\n", " ", r"row 1: 'path label', which looks like a header", id="header line"),
        pytest.param("label,youtube_id,split\n", ",", r"row 1: .*looks like a header", id="header line of the original csv"),
        pytest.param("a b.mp4\t1\n", " ", r"here it is a tab \(DATA\.PATH_LABEL_SEPARATOR '\\t'\)", id="wrong separator, tab"),
        pytest.param("a b.mp4,1\n", " ", r"here it is a comma \(DATA\.PATH_LABEL_SEPARATOR ','\)", id="wrong separator, comma"),
        pytest.param(
            "a.mp4 1\n", ",", r"expected a comma before the class number; here it is a blank", id="wrong separator, blank"
        ),
        pytest.param("a.mp4 3\na.mp4 4\n", " ", r"row 2: class 4 in .*one of 0 \.\. 3", id="class number above the classes"),
        pytest.param("a.mp4 -1\n", " ", r"row 1: class -1 in .*one of 0 \.\. 3", id="class number below 0"),
        pytest.param("a.mp4 1\na.mp4 3.0\n", " ", r"row 2: label '3\.0'", id="label not a whole number, 3.0"),
        pytest.param("a.mp4 1\na.mp4 c012\n", " ", r"row 2: label 'c012'", id="label not a whole number, c012"),
        pytest.param(b"a\xff.mp4 1\n", " ", r"row 1: this is not UTF-8", id="list in another encoding"),
        pytest.param("a.mp4 1\n".encode("utf-16-le"), " ", r"row 1: a NUL character", id="UTF-16 without a mark"),
        pytest.param("a.mp4 1\nb.mp4 1\na.mp4 2\n", " ", r"row 3: .* class 2 after class 1 in row 1", id="two classes"),
        pytest.param("a.mp4 1\n./a.mp4 2\n", " ", r"row 2: .*\(there 'a\.mp4'\)", id="two classes, two spellings"),
        pytest.param("x/a.mp4 1\nx//y/../a.mp4 2\n", " ", r"row 2: .* class 2 after class 1", id="two classes, .."),
        pytest.param("http://h/a.mp4 1\nhttp://h/./a.mp4 2\n", " ", r"class 2 after class 1", id="two classes, remote"),
        pytest.param("\u00e9.mp4 1\ne\u0301.mp4 2\n", " ", r"class 2 after class 1", id="two classes, composed letters"),
        pytest.param('"a b.mp4" 3\n', " ", r"""row 1: the path "a b\.mp4" in quotes; .* 'a b\.mp4'""", id="quotes"),
        pytest.param("'a b.mp4',3\n", ",", r"row 1: the path 'a b\.mp4' in quotes", id="single quotes, commas"),
        pytest.param('"a b.mp4 3"\n', " ", r"""row 1: label '3"'""", id="quotes around the line"),
        pytest.param("a/clip 120 3\n", " ", r"row 1: .*looks like a folder, its number of pictures", id="frame folders"),
        pytest.param("clip,120,3\n", ",", r"row 1: .*looks like a folder, its number of pictures", id="frame folders, commas"),
        pytest.param("a.mp4 " + "9" * 5000 + "\n", " ", r"row 1: label '9999", id="class number of 5000 digits"),
        pytest.param("a.mp4 \uff13\n", " ", r"row 1: label", id="full-width class number"),
        pytest.param("a.mp4 1_0\n", " ", r"row 1: label '1_0'", id="underscore in a class number"),
    ],
)
def test_kinetics_lists_that_are_wrong(tmp_path, content, separator, message):
    with pytest.raises(DatasetError, match=message):
        videos_of(tmp_path, content, separator=separator)


def test_kinetics_list_file_missing(tmp_path):
    with pytest.raises(DatasetError, match=r"val\.csv: there is no such file"):
        read_list(tmp_path / "val.csv", separator=" ", num_classes=4, prefix="")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("a.mp4 1\n\n  \nb c.mp4 2\n", id="blank line in a list"),
        pytest.param("a.mp4 1\r\nb c.mp4 2\r\n", id="Windows line ends"),
        pytest.param("\ufeffa.mp4 1\nb c.mp4 2\n", id="byte-order mark"),
        pytest.param("a.mp4 1\nb c.mp4 2", id="no line end at the end"),
        pytest.param("a.mp4 1\rb c.mp4 2\r", id="line ends of old Macs"),
        pytest.param("a.mp4 1\nb c.mp4 2\n".encode("utf-16"), id="UTF-16 with a mark"),
        pytest.param("a.mp4 1 \n  b c.mp4\u00a0 2\n", id="outer blanks"),
        pytest.param("a.mp4 +1\nb c.mp4 02\n", id="signs and zeros"),
    ],
)
def test_kinetics_lists_that_are_fine(tmp_path, content):
    assert videos_of(tmp_path, content) == [("a.mp4", 1), ("b c.mp4", 2)]


def test_a_video_listed_again_with_its_class_is_read_again_and_told(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        assert videos_of(tmp_path, "a.mp4 1\nb.mp4 2\n./a.mp4 1\na.mp4 1\n") == [
            ("a.mp4", 1), ("b.mp4", 2), ("./a.mp4", 1), ("a.mp4", 1),
        ]  # fmt: skip
    assert "2 rows name a video again, with the same class, and are read again (row 3 after row 1" in caplog.text


def test_dots_behind_a_link_may_lead_elsewhere(tmp_path):
    (tmp_path / "store" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("store/deep")
    for path in ("a.mp4", "store/a.mp4"):
        (tmp_path / path).touch()
    path = tmp_path / "train.csv"
    path.write_text("a.mp4 1\nlink/../a.mp4 2\n")
    assert len(read_list(path, separator=" ", num_classes=4, prefix=str(tmp_path))) == 2


@pytest.mark.parametrize(
    ("listed", "there", "message"),
    [
        ("video", "video.mp4", "video: the file does not exist, but 'video.mp4' does); right would be"),
        ("VIDEO.mp4", "video.MP4", "the file does not exist, but 'video.MP4' does"),
        ("vid\u00e9o.mp4", "vide\u0301o.mp4", "the file does not exist, but 'vid"),
        ("video.mp4", "video.mp4 ", "the file does not exist, but 'video.mp4 ' does"),
        ("video.mp4", "video.mp4/000001.jpg", "video.mp4: this is a folder"),
        ("video.mp4", "._video.mp4", "video.mp4: the file does not exist)"),
    ],
)
def test_a_list_of_which_nothing_is_there_is_told_with_what_may_be_meant(tmp_path, caplog, listed, there, message):
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.csv").write_text(f"{listed} 0\n")
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).touch()
    options = ["TRAIN.DATASET", "kinetics", "DATA.PATH_TO_DATA_DIR", str(tmp_path), "MODEL.ARCH", "slow"]
    with caplog.at_level(logging.WARNING):
        build_dataset(load_config(overrides=[*options, "DATA.NUM_FRAMES", 4]), "train")
    assert "train.csv: none of 1 videos that were looked for is there" in caplog.text
    assert message in caplog.text


@pytest.mark.parametrize("name", ["'a b.mp4'", "clip 12"])
def test_odd_names_of_files_that_are_there_are_taken_as_they_are(tmp_path, name):
    (tmp_path / name).touch()
    path = tmp_path / "train.csv"
    path.write_text(f"{name} 1\n")
    assert read_list(path, separator=" ", num_classes=4, prefix=str(tmp_path))[0].video_id == name


def frame_list(tmp_path, content):
    path = tmp_path / "train.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_frame_list(path, 157)


ROW = 'AAAAA 0 0 AAAAA/AAAAA-000001.jpg "3"\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", r"row 1: the first line is ''", id="list file empty"),
        pytest.param(HEADER + "\n", r"train\.csv: no frame", id="header alone"),
        pytest.param(ROW, r"row 1: the first line is 'AAAAA 0 0.*expected the header 'original_vido_id", id="header missing"),
        pytest.param(HEADER.replace(" ", ",") + "\n", r"with blanks between them, not commas", id="comma-separated header"),
        pytest.param(f"{HEADER}\n{ROW.replace(' ', ',')}", r"row 2: 1 column .*separated by commas", id="comma-separated row"),
        pytest.param(f"{HEADER}\n{ROW[:-6]}\n", r"row 2: 4 columns", id="row without labels"),
        pytest.param(f"{HEADER}\n" + ROW.replace('"3"', '"157"'), r"row 2: class 157 .*\.\. 156", id="class number too high"),
        pytest.param(f"{HEADER}\n" + ROW.replace('"3"', '"c012"'), r'row 2: labels "c012"', id="label not whole, c012"),
        pytest.param(f"{HEADER}\n" + ROW.replace('"3"', '"3.0"'), r'row 2: labels "3\.0"', id="label not a whole number, 3.0"),
        pytest.param(f"{HEADER}\n" + ROW.replace('"3"', '"3'), r'row 2: labels "3', id="quote never closed"),
        pytest.param(f"{HEADER}\n" + ROW.replace('"3"', "'3'"), r"row 2: labels '3'", id="single quotes"),
        pytest.param(f"{HEADER}\n" + ROW.replace('"3"', '"3, 4"'), r"row 2: 6 columns", id="blank between labels"),
        pytest.param(f"{HEADER}\n" + ROW.replace('"3"', '"3;4"'), r'row 2: labels "3;4"', id="semicolon between labels"),
        pytest.param(f"{HEADER}\n" + ROW.replace('"3"', f'"{"9" * 5000}"'), r'row 2: labels "99', id="label of 5000 digits"),
        pytest.param(f"{HEADER}\n" + ROW.replace("AAAAA/AAAAA-000001.jpg", '"A/1.jpg"'), r"quotes around", id="quoted path"),
        pytest.param(f"{HEADER}\n" + ROW.replace("AAAAA/AAAAA", "AA AA/AAAAA"), r"row 2: 6 columns", id="blank in a path"),
        pytest.param((HEADER + "\n").encode() + b"\xe9" + ROW.encode(), r"row 2: this is not UTF-8", id="other encoding"),
    ],
)  # fmt: skip
def test_frame_lists_that_are_wrong(tmp_path, content, message):
    with pytest.raises(DatasetError, match=message):
        frame_list(tmp_path, content)


def test_frame_list_file_missing(tmp_path):
    with pytest.raises(DatasetError, match=r"val\.csv: there is no such file"):
        read_frame_list(tmp_path / "val.csv", 157)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("\n", "\n\n"), id="blank line in a list"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(lambda text: "\ufeff" + text, id="byte-order mark"),
        pytest.param(lambda text: text.replace(" ", "\t"), id="tabs instead of blanks"),
        pytest.param(lambda text: text.replace("vido", "video"), id="header spelt right"),
        pytest.param(lambda text: text.replace("\n", "\r"), id="line ends of old Macs"),
        pytest.param(lambda text: text.encode("utf-16"), id="UTF-16 with a mark"),
    ],
)
def test_frame_lists_that_are_fine(tmp_path, change):
    text = f"{HEADER}\n{ROW}" + ROW.replace("000001", "000002").replace('"3"', '""')
    (video,) = frame_list(tmp_path, change(text)).values()
    assert list(video.paths) == ["AAAAA/AAAAA-000001.jpg", "AAAAA/AAAAA-000002.jpg"]
    assert [(action.label, action.start_sec, action.end_sec) for action in video.actions(24)] == [(3, 0, 0)]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["第１张.jpg", "第２张.jpg", "第１０张.jpg"], id="full-width digits"),
        pytest.param(["٣.jpg", "٤.jpg"], id="Arabic digits"),
        pytest.param(["9.JPG", "10.JPG", "011.jpg"], id="no leading zeros"),
        pytest.param(["a" + "1" * 40 + ".jpg", "a" + "1" * 39 + "2.jpg"], id="long numbers"),
        pytest.param(["²a.jpg", "³a.jpg", "x.jpg"], id="no digits"),
    ],
)
def test_names_of_pictures_come_back_as_they_were_listed(tmp_path, names):
    text = "".join(ROW.replace("AAAAA/AAAAA-000001.jpg", f"A/{name}") for name in names)
    (video,) = frame_list(tmp_path, f"{HEADER}\n{text}").values()
    assert list(video.paths) == [f"A/{name}" for name in names]


def test_pictures_sorted_as_texts_are_warned_about(tmp_path, caplog):
    rows = [ROW.replace("000001", str(number)) for number in (1, 10, 11, 2, 3)]
    with caplog.at_level(logging.WARNING):
        frame_list(tmp_path, HEADER + "\n" + "".join(rows))
    assert "1 rows go back, the first in row 5: AAAAA/AAAAA-2.jpg after AAAAA/AAAAA-11.jpg" in caplog.text


def test_charades_frame_without_label_and_video_without_any_label(tmp_path):
    videos = frame_list(
        tmp_path, f"{HEADER}\n" + ROW.replace('"3"', '""') + ROW + ROW.replace("AAAAA", "B").replace('"3"', '""')
    )
    assert [action.label for action in videos["AAAAA"].actions(24)] == [3]
    assert videos["B"].actions(24) == ()


def test_rows_of_a_video_not_contiguous_in_a_frame_list(tmp_path):
    rows = [ROW.replace("AAAAA", name).replace("000001", f"{i + 1:06d}") for i, name in enumerate("ABBABA")]
    videos = frame_list(tmp_path, HEADER + "\n" + "".join(rows))
    assert list(videos) == ["A", "B"]
    assert [path[-5] for path in videos["A"].paths] == ["1", "4", "6"]
    assert [path[-5] for path in videos["B"].paths] == ["2", "3", "5"]


def test_charades_interval_with_its_end_before_its_start_is_an_error_and_beyond_the_video_is_cut(
    make_cfg, charades_folder, tmp_path
):
    shutil.copytree(charades_folder, tmp_path / "copy")
    path = tmp_path / "copy/Charades_v1_test.csv"
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path / "copy"))
    # XXXXX lasts 2 s; its class 2 is on from second 5 to second 6.
    assert build_dataset(cfg, "val")[SampleKey(0, 4)].label.tolist() == [0, 1, 0, 0]
    path.write_text(path.read_text().replace("c001 0.00 2.00", "c001 0.00 99.0"))
    clip = build_dataset(cfg, "val")[SampleKey(0, 4)]
    assert clip.frame_labels[:, 1].all()
    path.write_text(path.read_text().replace("c001 0.00 99.0", "c001 2.00 1.0"))
    with pytest.raises(DatasetError, match=r"row 6: an end before the start in 'c001 2\.00 1\.0'"):
        build_dataset(cfg, "val")


@pytest.fixture
def one_video(tmp_path):
    """A data set of one video, to be written to `path`: a function that returns its clip in a split."""

    def read(split="test", **options):
        for name in ("train", "val", "test"):
            (tmp_path / f"{name}.csv").write_text("video.mp4 0\n")
        settings = {
            "TRAIN.DATASET": "kinetics", "TEST.DATASET": "kinetics", "DATA.PATH_TO_DATA_DIR": str(tmp_path),
            "DATA.NUM_FRAMES": 4, "DATA.SAMPLING_RATE": 5, "DATA.TRAIN_JITTER_SCALES": [80, 80], "DATA.TRAIN_CROP_SIZE": 80,
            "DATA.TEST_CROP_SIZE": 80, "DATA.RANDOM_FLIP": False, "TEST.NUM_ENSEMBLE_VIEWS": 1, "TEST.NUM_SPATIAL_CROPS": 1,
            "MODEL.NUM_CLASSES": 4, "MODEL.ARCH": "slow",
        } | options  # fmt: skip
        cfg = load_config(overrides=[item for pair in settings.items() for item in pair])
        return build_dataset(cfg, split)[SampleKey(0, 0)]

    read.path = tmp_path / "video.mp4"
    return read


def shown(clip):
    return read_numbers(clip.frames.permute(1, 2, 3, 0).numpy())


def cut_at(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda path: None, "the file does not exist", id="video missing"),
        pytest.param(lambda path: path.write_bytes(b""), "cannot be read as a video", id="zero bytes"),
        pytest.param(write_audio, "holds no video stream", id="no video stream"),
        pytest.param(lambda path: path.write_bytes(b"\0" * 5000), "cannot be read as a video", id="no video at all"),
        pytest.param(lambda path: cut_at(Path(write_video(path, 30)), 0.7), "cannot be read", id="cut before its table"),
    ],
)
def test_unreadable_videos_stop_evaluation_and_all_of_them_training(one_video, make, reason):
    make(one_video.path)
    with pytest.raises(DecodeError, match=reason):
        one_video("test")
    with pytest.raises(DecodeError, match=reason):
        one_video("val")
    with pytest.raises(Exception, match=r"11 videos drawn one after the other cannot be read"):
        one_video("train")


def test_video_or_frame_missing_is_found_when_the_data_set_is_built_if_asked_for(one_video, make_cfg, frames_folder, tmp_path):
    with pytest.raises(
        DatasetError, match=r"test\.csv, row 1: .*video\.mp4 does not exist; 1 files are missing, of 1 of 1 videos"
    ):
        one_video("test", **{"DATA.CHECK_FILES": True})
    shutil.copytree(frames_folder, tmp_path / "copy")
    (tmp_path / "copy/BBBBB/BBBBB-000007.png").unlink()
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path / "copy"), "DATA.CHECK_FILES", True)
    with pytest.raises(DatasetError, match=r"BBBBB-000007\.png does not exist; 1 files are missing, of 1 of 5 videos"):
        build_dataset(cfg, "train")
    assert len(build_dataset(cfg, "val").records) == 3


def test_frame_missing_stops_evaluation_and_is_replaced_in_training(make_cfg, frames_folder, tmp_path):
    shutil.copytree(frames_folder, tmp_path / "copy")
    cfg = make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path / "copy"))
    for name in ("BBBBB", "VVVVV"):
        for path in list((tmp_path / "copy" / name).iterdir())[::2]:
            path.unlink()
    with pytest.raises(DecodeError, match=r"VVVVV-0000\d\d\.png: the file does not exist"):
        build_dataset(cfg, "val")[SampleKey(0, 0)]
    clip = build_dataset(cfg, "train")[SampleKey(0, 1)]
    assert "BBBBB" in clip.replaced[0]
    assert clip.name != "BBBBB"


def test_corrupt_video_keeps_what_comes_before_the_damage(one_video):
    write_video(one_video.path, 60, height=80, b_frames=0, gop=60, container_options={"movflags": "faststart"})
    with av.open(str(one_video.path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][40]
        place, size = packet.pos, packet.size
    content = bytearray(one_video.path.read_bytes())
    content[place : place + size] = b"\xff" * size
    one_video.path.write_bytes(content)
    assert shown(one_video(**{"TEST.NUM_ENSEMBLE_VIEWS": 2})) == [0, 6, 12, 19]
    with pytest.raises(DecodeError, match="is damaged"):
        one_video(**{"DATA.USE_OFFSET_SAMPLING": True, "DATA.NUM_FRAMES": 12})


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_video_cut_off_behind_its_header(one_video, split):
    write_video(one_video.path, 60, height=80, b_frames=0, container_options={"movflags": "faststart"})
    cut_at(one_video.path, 0.6)
    with pytest.raises(UserError, match=r"video\.mp4: the file is cut off, 3\d of 60 frames can be found in it"):
        one_video(split)


def test_variable_frame_rate_is_sampled_by_time_stamp(one_video):
    # Forty frames at 40 a second, then twenty at 10: after 1 s every frame is shown four times as long.
    stamps = [number * 25 for number in range(40)] + [1000 + number * 100 for number in range(20)]
    write_video(one_video.path.with_suffix(".mkv"), 60, height=80, pts=stamps)
    shutil.move(one_video.path.with_suffix(".mkv"), one_video.path)
    clip = one_video(**{"DATA.NUM_FRAMES": 6, "DATA.SAMPLING_RATE": 15})
    rate = read_index(str(one_video.path)).fps
    moments = [1000 * min(int(j * (90 * rate / 30 - 1) / 5), 59) / rate for j in range(6)]
    assert shown(clip) == [max(i for i, stamp in enumerate(stamps) if stamp <= moment + 0.5) for moment in moments]
    assert len(set(np.diff(shown(clip)))) > 2


def test_rotation_flag_is_applied(one_video):
    write_video(one_video.path, 20, height=80, rotation=180)
    turned = one_video().frames
    write_video(one_video.path, 20, height=80)
    assert (turned.flip(2, 3).int() - one_video().frames.int()).abs().float().mean() < 1


@pytest.mark.parametrize(
    ("num_frames", "expected"),
    [pytest.param(10, [0, 6, 9, 9], id="shorter than the clip"), pytest.param(1, [0, 0, 0, 0], id="one single frame")],
)
def test_short_videos_repeat_their_last_frame(one_video, caplog, num_frames, expected):
    write_video(one_video.path, num_frames, height=80)
    with caplog.at_level(logging.WARNING):
        for split in ("train", "val", "test"):
            assert shown(one_video(split)) == expected
    assert not caplog.records


@pytest.mark.parametrize(
    ("change", "warned"),
    [
        pytest.param(lambda image: cv2.resize(image, (40, 40)), True, id="frames of one folder differ in size"),
        pytest.param(lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), False, id="grey picture"),
        pytest.param(lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), False, id="alpha picture"),
    ],
)
def test_odd_pictures_are_made_like_the_others(make_cfg, frames_folder, tmp_path, caplog, change, warned):
    shutil.copytree(frames_folder, tmp_path / "copy")
    for path in sorted((tmp_path / "copy/VVVVV").iterdir())[5:]:
        cv2.imwrite(str(path), change(cv2.imread(str(path))))
    with caplog.at_level(logging.WARNING):
        clip = build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path / "copy")), "val")[SampleKey(0, 0)]
    whole = build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(frames_folder)), "val")[SampleKey(0, 0)]
    assert clip.frames.shape == whole.frames.shape
    assert (clip.frames.float().mean((0, 2, 3)) - whole.frames.float().mean((0, 2, 3))).abs().max() < 8
    assert ("is scaled to their size" in caplog.text) == warned


def test_damaged_jpg_counts_as_missing_after_three_tries(make_cfg, frames_folder, tmp_path):
    shutil.copytree(frames_folder, tmp_path / "copy")
    for path in (tmp_path / "copy/VVVVV").iterdir():
        image = cv2.imencode(".jpg", cv2.imread(str(path)))[1].tobytes()
        path.write_bytes(image[: len(image) // 2])
    with pytest.raises(DecodeError, match=r"VVVVV-000001\.png: the picture is damaged"):
        build_dataset(make_cfg("DATA.PATH_TO_DATA_DIR", str(tmp_path / "copy")), "val")[SampleKey(0, 0)]
