"""Xml is read with its lines, and never with what makes it dangerous."""

from pathlib import Path

import pytest

from slowfast.annotations.errors import DatasetError
from slowfast.annotations.xml_reading import read_xml


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "a.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_elements_have_text_attributes_and_the_line_they_begin_on(tmp_path: Path) -> None:
    root = read_xml(write(tmp_path, '<a x="1">\n <b>one &amp;\n two</b>\n <c/><b>three</b></a>'), "xml")
    assert (root.name, root.attributes, root.row) == ("a", {"x": "1"}, 1)
    assert [(child.name, child.row) for child in root.children] == [("b", 2), ("c", 4), ("b", 4)]
    assert root.words("b") == "one &\n two"
    assert [found.text for found in root.all("b")] == ["one &\n two", "three"]
    assert root.first("none", "b") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_xml_knows_are_read(tmp_path: Path, encoding: str) -> None:
    assert read_xml(write(tmp_path, "<a>läuft 走る</a>".encode(encoding)), "xml").text == "läuft 走る"


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l11;</a>', id="a billion laughs"),
        pytest.param(f'<!DOCTYPE a [<!ENTITY x "{"y" * 10**5}">]><a>{"&x;" * 10**4}</a>', id="a long entity, often"),
        pytest.param('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', id="another file"),
        pytest.param('<!DOCTYPE a SYSTEM "http://localhost:9/a.dtd"><a/>', id="a definition elsewhere"),
    ],
)
def test_document_types_are_refused_before_anything_is_expanded(tmp_path: Path, content: str) -> None:
    with pytest.raises(DatasetError, match=r"row 1: a document type \(<!DOCTYPE \.\.\.>\); expected x, which has none"):
        read_xml(write(tmp_path, content), "x")


@pytest.mark.parametrize(
    "content", ["", "<a>", "<a><b></a></b>", "<a>&x;</a>", "a", '<?xml version="1.0" encoding="klingon"?><a/>']
)
def test_xml_that_is_not_whole_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DatasetError, match="this is not whole xml"):
        read_xml(write(tmp_path, content), "xml")


def test_deep_nesting_is_no_danger(tmp_path: Path) -> None:
    element = read_xml(write(tmp_path, "<a>" * 50_000 + "</a>" * 50_000), "xml")
    depth = 1
    while element.children:
        element, depth = element.children[0], depth + 1
    assert depth == 50_000


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.xml: there is no such file; expected xml"):
        read_xml(tmp_path / "gone.xml", "xml")


def test_a_message_is_one_line_of_some_length_whatever_a_field_holds() -> None:
    said = str(DatasetError(path="a.csv", row=2, found=f"times '{'9' * 5000}'\nand more", expected="seconds"))
    assert said.startswith("a.csv, row 2: times '999")
    assert said.endswith("and more; expected seconds")
    assert "\n" not in said
    assert len(said) < 1000
