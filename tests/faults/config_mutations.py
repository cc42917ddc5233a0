"""Config files as nobody should write them, made from those that come with the library."""

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.faults.byte_mutations import double_line, drop_line

VALUES: tuple[Any, ...] = (
    *(None, "", "text", -1, 0, 1, 3, 0.5, -0.5, math.nan, math.inf, -math.inf, 10**30, -(10**30), 10**400, 1e-320, 1e308),
    *([], {}, [[]], [None], [1, "two"], [[1], 2], True, False, "True", "1e-4", "0x10", "1_000", "[1, 2", "None", "nan"),
    *({"ENABLE": True}, {"A": {"B": {"C": 1}}}, "../../etc/passwd", "/dev/null", "~", "${HOME}", "a\nb", "\t", "ü" * 300),
    *("x" * 5000, list(range(2000)), [[[[[[1]]]]]], [-1, -1], [0, 0, 0], [2**31], [1.5], b"bytes", "http://127.0.0.1:9/x"),
)


def change_value(tree: dict[str, Any], rng: random.Random) -> str:
    holder, key = _leaf(tree, rng)
    value = rng.choice(VALUES)
    holder[key] = value
    return f"{key} = {str(value)[:40]!r}"


def change_number(tree: dict[str, Any], rng: random.Random) -> str:
    """A factor that makes a number too small, too large, or none of its kind."""
    holder, key = _leaf(tree, rng, numbers=True)
    factor = rng.choice([-1, 0, 0.5, 1.5, 3, 7, 1000, 10**6, 1e-9])

    def scaled(value: Any) -> Any:
        if isinstance(value, list):
            return [scaled(one) for one in value]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return (
            value * factor
            if is_number and not (isinstance(value, int) and value * factor % 1 == 0)
            else (int(value * factor) if is_number else value)
        )

    holder[key] = scaled(holder[key])
    return f"{key} x {factor}"


def change_length(tree: dict[str, Any], rng: random.Random) -> str:
    holder, key = _leaf(tree, rng)
    value = holder[key] if isinstance(holder[key], list) else [holder[key]]
    holder[key] = rng.choice([value[:-1], value + value, [value], [*value, None], value * 50])
    return f"{key} has another length"


def misspell(tree: dict[str, Any], rng: random.Random) -> str:
    holder, key = rng.choice([(tree, rng.choice(list(tree))), _leaf(tree, rng)])
    place = rng.randrange(len(str(key)) + 1)
    name = rng.choice(
        [key[:place] + key[place + 1 :], key[:place] + "X" + key[place:], key.lower(), key[::-1], f" {key}", f"{key}."]
    )
    holder[name] = holder.pop(key)
    return f"{key} misspelt {name!r}"


def move(tree: dict[str, Any], rng: random.Random) -> str:
    """An option in a section that is not its own, or a whole section inside another one."""
    holder, key = rng.choice([(tree, rng.choice(list(tree))), _leaf(tree, rng)])
    value = holder.pop(key)
    others = [section for section in tree.values() if isinstance(section, dict)]
    rng.choice([tree, *others])[key] = value
    return f"{key} moved"


def strange_key(tree: dict[str, Any], rng: random.Random) -> str:
    holder = rng.choice([tree, *(section for section in tree.values() if isinstance(section, dict))])
    key = rng.choice([1, None, True, 1.5, "", ".", "A.B.C.D", "__class__", "ü", "a b", "TRAIN", "_BASE_", "NUM_GPUS"])
    holder[key] = rng.choice(VALUES)
    return f"another key {key!r}"


def _leaf(tree: dict[str, Any], rng: random.Random, *, numbers: bool = False) -> tuple[dict[str, Any], Any]:
    leaves = [(section, key) for section in tree.values() if isinstance(section, dict) for key in section]
    leaves += [(tree, key) for key, value in tree.items() if not isinstance(value, dict)]
    if numbers:
        leaves = [(holder, key) for holder, key in leaves if isinstance(holder[key], int | float | list)] or leaves
    return rng.choice(leaves) if leaves else (tree, "ADDED")


TREE_MUTATIONS = (change_value, change_value, change_number, change_number, change_length, misspell, move, strange_key)


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 3, 20])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def insert(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    pieces = [
        b"\0", b"\t", b"\xff", b"---\n", b"...\n", b"%YAML 9.9\n", b"&a ", b"*a ", b"? ", b"- ", b": ", b"{", b"]", b"\xe9",
        b"!!binary ", b"!!set ", b"!!timestamp ", b"<<: ", b"| ", b"'", b'"', b"#", b"@", b"`", b"\x85", b"\xe2\x80\xa8",
    ]  # fmt: skip
    return content[:place] + rng.choice(pieces) + content[place:]


def indent_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    lines[place] = rng.choice([b" ", b"\t", b"      "]) + lines[place]
    return b"".join(lines)


def tag_a_value(content: bytes, rng: random.Random) -> bytes:
    tags = [
        b"!!python/object/apply:os.system ['touch CANARY']", b"!!python/name:os.system", b"!!python/module:os",
        b"!!python/object/new:subprocess.Popen [['touch', 'CANARY']]", b"!unknown 1", b"!!float x", b"!!int 1.5",
    ]  # fmt: skip
    return _value_of_a_line(content, rng, rng.choice(tags))


def bomb(content: bytes, rng: random.Random) -> bytes:
    """A billion laughs: each anchor repeats the one before it."""
    depth = rng.choice([4, 9, 40])
    lines = [b"L0: &l0 [1, 1]", *(f"L{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]".encode() for n in range(1, depth))]
    return rng.choice([b"\n".join(lines) + b"\n" + content, b"DATA:\n  MEAN: " + _nest(depth), content + b"\n".join(lines)])


def _nest(depth: int) -> bytes:
    """[&l1 [&l0 [1], *l0, ...], *l1, ...]: a bomb in one value."""
    value = "&l0 [1]"
    for number in range(1, depth):
        value = f"&l{number} [{value}, {', '.join([f'*l{number - 1}'] * 8)}]"
    return value.encode()


def other_encoding(content: bytes, rng: random.Random) -> bytes:
    text = content.decode()
    return rng.choice([
        b"\xef\xbb\xbf" + content, text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-32"),
        content + b"# \xe9\n", content.replace(b"\n", b"\r\n"), content.replace(b"\n", b"\r"), content.replace(b"  ", b"\t"),
    ])  # fmt: skip


def something_else(content: bytes, rng: random.Random) -> bytes:
    return rng.choice([
        b"", b"\n\n", b"# only a comment\n", b"text", b"1", b"[]", b"- a\n- b\n", b"null", b"---\n---\n", b"{}", b"[" * 3000,
        b"{" * 3000, b"a: " * 3000, rng.randbytes(300), b"\x89PNG\r\n\x1a\n" + rng.randbytes(50),
        b"PK\x03\x04" + rng.randbytes(99),
        b"<html><body>404</body></html>", b'{"TRAIN": {"BATCH_SIZE": 8}}', b"!!python/object/apply:os.system ['touch CANARY']",
        content * 2, b"x" * 100_000, b"- " * 2000, b"? " * 2000,
    ])  # fmt: skip


def _value_of_a_line(content: bytes, rng: random.Random, value: bytes) -> bytes:
    lines = content.splitlines()
    place = rng.choice([number for number, line in enumerate(lines) if b": " in line] or [0])
    lines[place] = lines[place].partition(b": ")[0] + b": " + value
    return b"\n".join(lines) + b"\n"


TEXT_MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(cut, flip, flip, insert, insert, double_line, drop_line, indent_line, tag_a_value, bomb, other_encoding, something_else),
)


def write_base_trouble(path: Path, rng: random.Random) -> str:
    """Files that name each other as base, and bases that are none."""
    kind = rng.choice(
        ["itself", "a loop", "missing", "a number", "a folder", "an address", "a mapping", "a chain", "a tree", "nul"]
    )
    others = [path.with_name(f"base{number}.yaml") for number in range(400)]
    bases: dict[str, Any] = {
        "itself": path.name, "a loop": "base0.yaml", "missing": ["base0.yaml", "nowhere.yaml"], "a number": 3, "a folder": ".",
        "an address": "http://127.0.0.1:9/base.yaml", "a mapping": {"a": 1}, "a chain": "base0.yaml", "a tree": "base0.yaml",
        "nul": "a\0b",
    }  # fmt: skip
    path.write_text(yaml.safe_dump({"_BASE_": bases[kind], "TRAIN": {"BATCH_SIZE": 2}}))
    for number, other in enumerate(others):
        follower = {"a loop": path.name if number == 2 else f"base{number + 1}.yaml"}.get(kind)
        if kind == "a chain" and number < len(others) - 1:
            follower = f"base{number + 1}.yaml"
        if kind == "a tree" and number < 30:  # each base twice: two to the thirtieth files, were they all read
            other.write_text(yaml.safe_dump({"_BASE_": [f"base{number + 1}.yaml"] * 2}))
        else:
            other.write_text(yaml.safe_dump({"_BASE_": follower} if follower else {}))
    return f"_BASE_ is {kind}"


def write_mutated(path: Path, source: Path, canary: Path, rng: random.Random) -> str:
    """Writes a config to `path`; returns what was done to `source`."""
    what = f"{source.parent.name}/{source.name}"
    if rng.random() < 0.07:
        return write_base_trouble(path, rng)
    if rng.random() < 0.55:
        tree = yaml.safe_load(source.read_text())
        base = tree.pop("_BASE_", None)
        done = [rng.choice(TREE_MUTATIONS)(tree, rng) for _ in range(rng.choice([1, 1, 2]))]
        text = yaml.safe_dump(tree, sort_keys=False).encode()
    else:
        text = source.read_bytes()
        base = yaml.safe_load(text).get("_BASE_")
        text = b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(b"_BASE_"))
        mutation = rng.choice(TEXT_MUTATIONS)
        text, done = mutation(text, rng), [mutation.__name__]
    if base:  # bases stay what they are, wherever this file lies
        names = [base] if isinstance(base, str) else base
        text += f"\n_BASE_: [{', '.join(str(source.parent / name) for name in names)}]\n".encode()
    path.write_bytes(text.replace(b"CANARY", str(canary).encode()))
    return f"{what}: {', '.join(done)}"
