"""The command at work on streams."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from slowfast.commands import predict_stream as command
from slowfast.datasets import DecodeError
from slowfast.prediction import LoadedModel
from slowfast_tools.predict import main
from tests.commands.test_predict import ROOT, files_of, rows_of, stepping  # noqa: F401 - a fixture
from tests.prediction.streams.servers import Served, serving
from tests.prediction.streams.test_pipe import written

TOOL = [sys.executable, str(ROOT / "tools" / "predict.py")]
FILES = {"stdin/events.csv", "stdin/events.json", "stdin/scores.csv", "stdin/timeline.html"}


def test_a_piped_video_has_the_files_of_its_file_and_a_line_a_step(
    stepping: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    words = ["--weights", str(stepping), "--threshold", "0.3", "--classes", "run,bark", "--out"]
    content = written(tmp_path)
    assert main([*words, str(tmp_path / "file"), str(tmp_path / "ten seconds.mkv"), "--top", "1"]) == 0
    for _ in range(2):  # results of before are replaced
        done = subprocess.run(
            [*TOOL, *words, str(tmp_path / "pipe"), "-", "--top", "1"], input=content, capture_output=True, check=True
        )  # fmt: skip
    assert set(files_of(tmp_path / "pipe")) == FILES
    rows = rows_of(tmp_path / "pipe/stdin/scores.csv")
    assert rows == rows_of(tmp_path / "file/ten seconds/scores.csv")
    pairs = zip(rows_of(tmp_path / "pipe/stdin/events.csv"), rows_of(tmp_path / "file/ten seconds/events.csv"), strict=True)
    for (_, *found), (_, *wanted) in list(pairs)[1:]:
        assert found[2] == wanted[2]
        assert [float(found[place]) for place in (0, 1, 3)] == pytest.approx(
            [float(wanted[place]) for place in (0, 1, 3)], abs=2e-3
        )
    lines = [line for line in done.stdout.decode().splitlines() if line[0].isdigit()]
    assert len(lines) == len(rows) - 1
    for line, (second, name, score) in zip(lines, rows[1:], strict=True):
        assert re.fullmatch(rf"0:00:\d\d\.\d  {name} {float(score):.2f}", line)
        assert float(line[5:9]) == pytest.approx(float(second), abs=0.06)
    assert "There is no video file to play here" in (tmp_path / "pipe/stdin/timeline.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["-", "a.mp4"], "a stream is scored alone; right would be no other input"),
        (["-", "--resume"], "right would be no --resume"),
        (["-", "--video"], "right would be to keep the stream as a file"),
        (["-", "--batch", "2"], "a stream is scored alone; right would be nothing said"),
        (["-", "--fps", "25"], "right would be nothing said (- has --raw)"),
        (["-", "--raw", "640x360"], "right would be WIDTHxHEIGHT@FPS"),
        (["a.mp4", "--raw", "640x360@25"], "right would be the input -"),
        (["-", "--detector", "auto"], "persons in boxes are classified in files alone"),
        (["-", "--boxes", "boxes.csv"], "persons in boxes are classified in files alone"),
        (["-", "--start-second", "900"], "persons in boxes are classified in files alone"),
        (["-", "--every", "1"], "answer once a step"),
        (["-", "--classes", "meow"], "class 'meow'"),
    ],
)
def test_options_that_a_stream_cannot_have_are_one_line(
    words: list[str],
    right: str,
    stepping: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115
    assert main(["--weights", str(stepping), "--out", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err
    assert right in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_weights_that_classify_persons_are_refused(
    stepping: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115
    monkeypatch.setattr(LoadedModel, "classifies_persons", property(lambda loaded: True))
    assert main(["--weights", str(stepping), "--out", str(tmp_path / "out"), "-"]) == 2
    assert "of which a stream tells nothing; right would be to keep the stream as a file" in capsys.readouterr().err


def test_a_terminal_is_no_pipe(
    stepping: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert main(["--weights", str(stepping), "-"]) == 2
    assert "nothing is piped into this command" in capsys.readouterr().err


def test_what_came_before_a_break_is_written(
    stepping: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks_off(*given: object) -> object:
        for number, item in enumerate(watched(*given)):  # type: ignore[arg-type]
            if number == 3:
                raise DecodeError("stdin", "a cable is loose")
            yield item

    watched = command.watch
    monkeypatch.setattr(command, "watch", breaks_off)
    written(tmp_path)
    monkeypatch.setattr("sys.stdin", (tmp_path / "ten seconds.mkv").open())
    assert main(["--weights", str(stepping), "-", "--out", str(tmp_path / "out")]) == 2
    assert "a cable is loose; what came before is in" in capsys.readouterr().err
    assert set(files_of(tmp_path / "out")) == FILES
    assert len(rows_of(tmp_path / "out/stdin/scores.csv")) == 1 + 3 * 3


def test_a_signal_ends_it_with_all_files(stepping: Path, tmp_path: Path) -> None:  # noqa: F811
    content = written(tmp_path, "ts")
    words = [*TOOL, "--weights", str(stepping), "-", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    process.stdin.write(content)
    process.stdin.flush()  # and stays open: more may come
    lines = [process.stdout.readline() for _ in range(4)]
    assert all(re.match(rb"0:00:0\d\.\d  ", line) for line in lines)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    error = process.stderr.read().decode()
    assert process.wait(timeout=60) == 130, error
    assert set(files_of(tmp_path / "out")) == FILES
    process.stdin.close()


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.match(r"\d\d:\d\d:\d\d\.\d  ", line)]


def test_a_live_stream_is_followed_over_a_break_until_a_signal_comes(stepping: Path, tmp_path: Path) -> None:  # noqa: F811
    content = written(tmp_path, "ts")
    began = time.time()
    with serving([Served(content[: len(content) // 2]), Served(content, holds=True)]) as host:
        words = ["--weights", str(stepping), f"http://me:geheim@{host}/geheim?key=geheim", "--out", str(tmp_path / "out")]
        process = subprocess.Popen(
            [*TOOL, *words, "--top", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        said = []
        while not any("is back" in line for line in said) or len(lines_of("\n".join(said))) < 12:
            said.append(process.stdout.readline())
            assert said[-1], process.stderr.read()
        process.send_signal(signal.SIGINT)
        said += process.stdout.readlines()
        error = process.stderr.read()
    assert process.wait(timeout=60) == 130, error
    assert re.search(rf"\d\d:\d\d:\d\d  http://{host} broke off \(.*\); trying again in 1 s\n", "".join(said))
    assert "geheim" not in "".join(said) + error
    [folder] = (tmp_path / "out").iterdir()
    [part] = folder.iterdir()
    assert folder.name == f"http_{host.replace(':', '_')}"
    assert set(files_of(part)) == {name.removeprefix("stdin/") for name in FILES}
    assert not any("geheim" in path.read_text(encoding="utf-8") for path in part.iterdir())
    zero = datetime.strptime(part.name, "%Y-%m-%d %H.%M.%S %z").timestamp()
    assert began - 1 <= zero <= time.time()
    _, *rows = rows_of(part / "scores.csv")
    assert len(rows) == len(lines_of("".join(said)))
    seconds = [float(row[0]) for row in rows]
    apart = [after - before for before, after in itertools.pairwise(seconds)]
    assert sum(step > 0.8 for step in apart) <= 1
    assert min(apart) > 0.4
    for line, row in zip(lines_of("".join(said)), rows, strict=True):
        at = datetime.fromtimestamp(zero + float(row[0]))
        shown = datetime.strptime(line[:10], "%H:%M:%S.%f").replace(year=at.year, month=at.month, day=at.day)
        assert abs((at - shown).total_seconds()) < 0.11


def test_each_hour_of_a_live_stream_has_a_folder_and_no_step_is_lost(
    stepping: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "PART_SECONDS", 3.0)
    content = written(tmp_path, "ts")
    assert main(["--weights", str(stepping), str(tmp_path / "ten seconds.ts"), "--out", str(tmp_path / "file")]) == 0
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
    with serving([Served(content, head=head)]) as host:
        assert main(["--weights", str(stepping), f"http://{host}/x", "--out", str(tmp_path / "out"), "--no-timeline"]) == 0
    parts = sorted((tmp_path / "out" / f"http_{host.replace(':', '_')}").iterdir())
    assert len(parts) == 4
    rows = [row for part in parts for row in rows_of(part / "scores.csv")[1:]]
    assert [row[1:] for row in rows] == [row[1:] for row in rows_of(tmp_path / "file/ten seconds/scores.csv")[1:]]
    for part in parts:
        assert all(float(row[0]) < 4 for row in rows_of(part / "scores.csv")[1:])
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["rtsp://me:geheim@host/x", "--resume"], "right would be no --resume"),
        (["rtsp://me:geheim@host/x", "--video"], "right would be to keep the stream as a file"),
        (["rtsp://me:geheim@host/x", "a.mp4"], "rtsp://host: a stream is scored alone"),
        (["a.mp4", "http://me:geheim@host/x"], "http://host: a stream is scored alone"),
        (["http://me:geheim@host/x", "--raw", "4x4@1"], "right would be the input -"),
        (["987"], "there is neither a file of this name nor a camera /dev/video987"),
        (["http://me:geheim@127.0.0.1:9/geheim"], "http://127.0.0.1:9: Connection refused"),
        (["rtsp://me:geheim@127.0.0.1:9/geheim"], "rtsp://127.0.0.1:9: Connection refused"),
        (["http://"], "this address names no computer"),
        (["tcp://127.0.0.1:9"], "there is no such file"),
    ],
)
def test_live_streams_that_cannot_be_are_one_line_without_secrets(
    words: list[str],
    right: str,
    stepping: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--weights", str(stepping), "--out", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err
    assert right in error
    assert error.count("\n") == 1
    assert "geheim" not in error
    assert not (tmp_path / "out").exists()


def test_results_of_a_file_are_not_mixed_with_those_of_a_stream(
    stepping: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "http_host").mkdir()
    (tmp_path / "http_host" / "scores.csv").write_text("")
    assert main(["--weights", str(stepping), "--out", str(tmp_path), "http://host/x"]) == 2
    assert "holds the results of a file of this name" in capsys.readouterr().err
