"""Damage to the bytes of any file, and to the words of texts."""

import random
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]


def cut_off(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 8, 100])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(content: bytes, rng: random.Random) -> bytes:
    begin, length = rng.randrange(len(content)), rng.choice([1, 8, 200])
    filling = rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length)])
    return content[:begin] + filling + content[begin + length :]


def leave_out(content: bytes, rng: random.Random) -> bytes:
    begin = rng.randrange(len(content))
    return content[:begin] + content[begin + rng.choice([1, 2, 8, 500]) :]


def insert_rubbish(content: bytes, rng: random.Random) -> bytes:
    place = rng.choice([0, len(content), rng.randrange(len(content))])
    return content[:place] + rng.randbytes(rng.choice([1, 4, 300])) + content[place:]


def swap_halves(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content))
    return content[place:] + content[:place]


def something_else(content: bytes, rng: random.Random) -> bytes:
    """A file of another kind under this name."""
    return rng.choice([
        b"", b"\0", b"\n", b"text\n", b"<html><body>404 Not Found</body></html>", b"{}", b"[]", b"null", rng.randbytes(500),
        b"\x89PNG\r\n\x1a\n" + rng.randbytes(100), b"PK\x05\x06" + bytes(18), b"\x80\x04N.", b"version https://git-lfs.github.com/",
        b"\x1f\x8b\x08" + rng.randbytes(60), content * 2,
    ])  # fmt: skip


BYTES: tuple[Mutation, ...] = (cut_off, flip_bits, flip_bits, overwrite, leave_out, insert_rubbish, swap_halves, something_else)


def change_field(content: bytes, rng: random.Random) -> bytes:
    """One word or number of a text becomes another."""
    words = [
        b"", b"-1", b"0", b"1e400", b"nan", b"inf", b"-inf", b"9" * 20, b"1.5", b"1,5", b"1_000", b"\xd9\xa3", b"00:00:99",
        b"text", b'"', b"'", b"\xff", b"\0", b"ab\xc3\xa4", b"null", b"true", b"[]", b"{}", b"../../x", b"=1+1", b"<b>x</b>",
        b"," * 9, b"x" * 5000, b"[" * 3000, b"9" * 5000,
    ]  # fmt: skip
    places = _words(content)
    if not places:
        return content
    begin, end = rng.choice(places)
    return content[:begin] + rng.choice(words) + content[end:]


def swap_words(content: bytes, rng: random.Random) -> bytes:
    places = _words(content)
    if len(places) < 2:
        return content
    (a, b), (c, d) = sorted(rng.sample(places, 2))
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def double_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    return b"".join([*lines[:place], lines[place], *lines[place:]])


def drop_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    return b"".join(lines)


def change_separator(content: bytes, rng: random.Random) -> bytes:
    old = rng.choice([mark for mark in (b",", b";", b"\t", b" ", b":", b'"') if mark in content] or [b"x"])
    return content.replace(old, rng.choice([b",", b";", b"\t", b" ", b"|", b"", b",,"]), rng.choice([1, 3, -1]))


def other_encoding(content: bytes, rng: random.Random) -> bytes:
    text = content.decode()
    return rng.choice([
        b"\xef\xbb\xbf" + content, text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-32"),
        content.replace(b"\n", b"\r\n"), content.replace(b"\n", b"\r"), content + b"\xe9\n", content.replace(b"\n", b"\n\n"),
    ])  # fmt: skip


TEXTS: tuple[Mutation, ...] = (
    *(change_field, change_field, change_field, swap_words, double_line, drop_line, change_separator, other_encoding),
    *(cut_off, flip_bits, something_else),
)


def _words(content: bytes) -> list[tuple[int, int]]:
    """Where words begin and end."""
    places, begin = [], None
    for place, byte in enumerate(content + b" "):
        if byte in b" ,;:\t\r\n\"[]{}<>='" and begin is not None:
            places.append((begin, place))
            begin = None
        elif byte not in b" ,;:\t\r\n\"[]{}<>='" and begin is None:
            begin = place
    return places


def damaged(content: bytes, mutations: tuple[Mutation, ...], rng: random.Random) -> tuple[bytes, str]:
    """(the content after one or two mutations, their names)"""
    done = []
    for _ in range(rng.choice([1, 1, 2])):
        mutation = rng.choice(mutations)
        if content and not (mutation is other_encoding and done):
            content = mutation(content, rng)
            done.append(mutation.__name__)
    return content, ", ".join(done)
