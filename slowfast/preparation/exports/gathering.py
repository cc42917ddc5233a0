"""All that exports say, made into one inventory: videos that are there, and what is seen in them, in seconds."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slowfast.annotations.errors import DatasetError, raise_first
from slowfast.annotations.times import Time, clock_text
from slowfast.datasets.found_files import SUFFIXES, files_below
from slowfast.datasets.same_file import file_key
from slowfast.preparation.exports.export import Event, Export, Place, Track
from slowfast.preparation.exports.label_tables import again
from slowfast.preparation.exports.matching import VideoFinder
from slowfast.preparation.probing import Probe
from slowfast.preparation.videos import Inventory, LabelledVideo, Span, check_class_names

UNDERSTOOD = ("format", "files", "videos", "found", "classes", "events", "boxes", "from", "to")
"""Columns of the table of what was understood."""

_SAME_RATE = 0.01
"""Rates that differ by no more than this share are those of one video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How exports are read. fps: the rate at which they counted frames; None: as they say, or else that of each video.
    point_sec: how long a moment lasts, half of it before and half behind."""

    fps: float | None = None
    point_sec: float = 0.0

    def check(self) -> None:
        """Raises DatasetError for numbers that cannot be."""
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise DatasetError(path="--fps", found=f"{self.fps:g}", expected="frames a second, above 0 and up to 1000")
        if not 0 <= self.point_sec < float("inf"):
            raise DatasetError(path="--point-seconds", found=f"{self.point_sec:g}", expected="seconds, 0 or more")


AS_WRITTEN = Reading()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Exports whose videos have been looked for. paths: where each video lies, relative to `root` or absolute, by the number of
    the export and the name there. notes: sentences so far."""

    root: Path
    exports: tuple[Export, ...]
    paths: Mapping[tuple[int, str], str]
    notes: tuple[str, ...]

    def video_paths(self) -> list[str]:
        """Each video once, in the order of first mention."""
        return list(dict.fromkeys(self.paths.values()))

    def first_places(self) -> dict[str, Place]:
        """Where each video is named first, by its path."""
        first: dict[str, Place] = {}
        for number, export in enumerate(self.exports):
            for name, place in export.videos.items():
                first.setdefault(self.paths[number, name], place)
        return first

    def inventory(self, probes: Mapping[str, Probe], reading: Reading = AS_WRITTEN) -> Inventory:
        """Videos with their spans in seconds. probes: by the paths of `video_paths`. Raises DatasetError."""
        spans: dict[str, list[Span]] = {path: [] for path in self.video_paths()}
        for number, export in enumerate(self.exports):
            for event in export.events:
                path = self.paths[number, event.video]
                spans[path].append(_span(event, probes[path], _rate(export, event.video, probes[path], reading), reading))
        first = self.first_places()
        videos = [
            LabelledVideo(path=path, source=str(first[path]), spans=tuple(dict.fromkeys(found)))
            for path, found in spans.items()
        ]
        check_class_names(self.exports[0].path, videos)
        doubled = sum(map(len, spans.values())) - sum(len(video.spans) for video in videos)
        notes = [*self.notes, *self._rates(probes, reading), *_points(videos, reading), *_overlaps(videos)]
        if doubled:
            notes.append(f"events that stand twice, and count once: {doubled}")
        notes += _unlisted(self.exports, self.root, videos)
        return Inventory(
            videos=tuple(videos),
            multi_label=any(export.several or not export.whole for export in self.exports),
            notes=tuple(notes),
            understood=tuple(self.understood(probes, reading)),
        )

    def understood(self, probes: Mapping[str, Probe], reading: Reading = AS_WRITTEN) -> Iterator[tuple[str | int, ...]]:
        """Rows of the table UNDERSTOOD, one a format."""
        for kind in dict.fromkeys(export.format for export in self.exports):
            numbers = [number for number, export in enumerate(self.exports) if export.format == kind]
            exports = [self.exports[number] for number in numbers]
            paths = {self.paths[number, name] for number in numbers for name in self.exports[number].videos}
            times = [
                time.at(_rate(export, event.video, probes[self.paths[number, event.video]], reading))
                for number, export in zip(numbers, exports, strict=True)
                for event in export.events
                for time in (event.start, event.end)
                if time is not None
            ]
            classes = {event.label for export in exports for event in export.events}
            classes |= {label for export in exports for track in export.tracks for key in track.keys for label in key.labels}
            yield (
                kind,
                len({export.path for export in exports}),
                len(paths),
                sum(not probes[path].problem for path in paths),
                len(classes),
                sum(len(export.events) for export in exports),
                sum(len(export.tracks) for export in exports),
                clock_text(min(times)) if times else "",
                clock_text(max(times)) if times else "",
            )

    def _rates(self, probes: Mapping[str, Probe], reading: Reading) -> Iterator[str]:
        """Videos whose exports counted frames at another rate than that of the file."""
        for number, export in enumerate(self.exports):
            for name, fps in export.fps.items():
                probe = probes[self.paths[number, name]]
                if reading.fps is None and not probe.problem and abs(fps - probe.fps) > _SAME_RATE * probe.fps:
                    yield f"{export.path} counts frames of {name!r} at {fps:g} a second; the file has {probe.fps:g}"


def gather(exports: Sequence[Export], root: Path, strange: Sequence[str] = ()) -> Gathered:
    """Looks for the videos of exports below `root`. strange: sentences on files that are none. Raises DatasetError for all that
    readers found wrong, for names that several videos may have, and for one video under two names in one file."""
    faults = [fault for export in exports for fault in export.faults]
    if not faults and not any(export.videos for export in exports):
        what = "no video" if len(exports) == 1 else f"no video in {len(exports)} files"
        raise DatasetError(
            path=str(exports[0].path), found=what, expected="a row for each video below the header, or events of one"
        )
    wholes = [export for export in exports if export.whole]
    if wholes and len(wholes) < len(exports):
        timed = next(export for export in exports if not export.whole)
        raise DatasetError(
            path=str(wholes[0].path),
            found=f"labels of whole videos, and {timed.path} has times",
            expected="one of the two kinds",
        )
    finder = VideoFinder(root)
    paths: dict[tuple[int, str], str] = {}
    seen: dict[Hashable, tuple[int, str, str, Place]] = {}
    for number, export in enumerate(exports):
        for name, place in export.videos.items():
            try:
                path = finder.find(name, place)
            except DatasetError as fault:
                faults.append(fault)
                continue
            key = file_key(str(root / path))
            first_number, known_name, known, first = seen.setdefault(key, (number, name, path, place))
            paths[number, name] = known
            if first is not place and export.whole:
                faults.append(again(place, name, known_name, first))
            elif first_number == number and known != path:
                faults.append(
                    place.fault(f"{name!r}, which {first.part or f'row {first.row}'} calls {known_name!r}", "one spelling")
                )
    order = {str(export.path): number for number, export in enumerate(exports)}
    raise_first(sorted(faults, key=lambda fault: (order.get(fault.path, 0), fault.row or 0)))
    return Gathered(root=root, exports=tuple(exports), paths=paths, notes=tuple(_notes(exports, finder, strange)))


def _notes(exports: Sequence[Export], finder: VideoFinder, strange: Sequence[str]) -> Iterator[str]:
    """How exports were understood, and what of them was left out; what several files have in common once."""
    notes: Counter[str] = Counter()
    first: dict[str, Path] = {}
    left_out: Counter[str] = Counter()
    for export in exports:
        for note in export.notes:
            notes[note] += 1
            first.setdefault(note, export.path)
        left_out.update(export.left_out)
    for note, count in notes.items():
        others = f" and {count - 1} more" if count > 1 else ""
        yield f"{first[note].name}{others}: {note}"
    for reason, count in left_out.items():
        yield f"left out: {reason}" if reason.startswith("columns") else f"left out: {reason}: {count}"
    if finder.by_name:
        yield f"videos that do not lie where they are named, and were found by their names: {finder.by_name}"
    if strange:
        yield f"files that are no exports: {len(strange)}, such as {strange[0]}"


def _rate(export: Export, name: str, probe: Probe, reading: Reading) -> float:
    """Frames a second of a video in an export; 1 where nobody knows, as of videos that cannot be read."""
    return reading.fps or export.fps.get(name) or probe.fps or 1.0


def _span(event: Event, probe: Probe, fps: float, reading: Reading) -> Span:
    if event.start is None or event.end is None:
        return Span(event.label, row=event.place.row, source=event.place.source)
    start, end = event.start.at(fps), event.end.at(fps)
    if end < start:
        raise event.place.fault(f"an end, {end:g} s, before the start, {start:g} s", "start <= end")
    if start == end and reading.point_sec:
        start, end = max(start - reading.point_sec / 2, 0.0), end + reading.point_sec / 2
        if not probe.problem:
            end = min(end, probe.duration_sec)
    return Span(event.label, start, end, event.place.row, event.place.source)


def _points(videos: Sequence[LabelledVideo], reading: Reading) -> Iterator[str]:
    if reading.point_sec:
        yield f"moments last {reading.point_sec:g} s, half of it before them (--point-seconds)"


def _overlaps(videos: Sequence[LabelledVideo]) -> Iterator[str]:
    """Events of one class that overlap in one video."""
    found = []
    for video in videos:
        last: dict[str, float] = {}
        for span in sorted(
            (span for span in video.spans if span.start_sec is not None), key=lambda span: span.start_sec or 0.0
        ):
            if (span.start_sec or 0.0) < last.get(span.name, -1.0):
                found.append(span)
            last[span.name] = max(last.get(span.name, -1.0), span.end_sec or 0.0)
    if found:
        where = found[0].source if found[0].row is None else f"{found[0].source}, row {found[0].row}"
        yield f"events that overlap another one of their class, as one long event would: {len(found)}, the first in {where}"


def _unlisted(exports: Sequence[Export], root: Path, videos: Sequence[LabelledVideo]) -> Iterator[str]:
    """What nobody would notice: videos that no file names, and those that are named without a class."""
    if root.is_dir():
        listed = {file_key(str(root / video.path)) for video in videos}
        others = [
            other
            for other in sorted(files_below(root))
            if other.suffix.lower() in SUFFIXES and file_key(str(other)) not in listed
        ]
        if others:
            what = f"{exports[0].path.name} does" if len(exports) == 1 else "the exports do"
            yield f"videos in {root} that {what} not name, which are not used: {len(others)}, such as {others[0]}"
    unlabelled = [video for video in videos if not video.spans]
    if unlabelled:
        yield (
            f"videos without a label, which count as videos in which none of the classes is seen: {len(unlabelled)}, the first "
            f"in {unlabelled[0].source}"
        )


def events_of_tracks(export: Export) -> Export:
    """The same export, with an event for each time that a track shows a class, where it has no events; boxes of single frames
    make none. Raises DatasetError where nothing is left."""
    if export.events or not export.tracks:
        if export.tracks:
            export.left_out["boxes, beside events (prepare_data.py ava reads boxes)"] += len(export.tracks)
        return replace(export, tracks=[])
    shown = replace(export, events=[], tracks=[])
    for track in export.tracks:
        if track.moments:
            shown.left_out["boxes of single frames (prepare_data.py ava reads them)"] += 1
            continue
        shown.events += _events(track)
    if not shown.events:
        raise DatasetError(
            path=str(export.path),
            found="boxes, and no events",
            expected="`prepare_data.py ava`, which reads boxes, or an export of events",
        )
    shown.notes.append("each time that boxes of a class are shown without a break is an event of it")
    return shown


def _events(track: Track) -> Iterator[Event]:
    running: dict[str, Time] = {}
    for key in track.keys:
        labels = () if key.hidden else key.labels
        for label in [label for label in running if label not in labels]:
            yield Event(video=track.video, label=label, start=running.pop(label), end=key.time, place=track.place)
        for label in labels:
            running.setdefault(label, key.time)


def absolute(root: Path, path: str) -> str:
    return os.path.abspath(root / path)  # noqa: PTH100 - as probes name them
