"""Results as a table of text."""

from collections.abc import Sequence

Cell = str | int | float | None


def format_table(header: Sequence[str], rows: Sequence[Sequence[Cell]], *, decimals: int = 2) -> str:
    """The rows below the header, as lines that read well on a console and are a Markdown table too.

    Columns of numbers are aligned on the right, others on the left. Floats get `decimals`; what is undefined (None or NaN)
    is a dash. A bar inside a text is escaped. Raises ValueError for a row that is not as long as the header.
    """
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} cells; right would be {len(header)}, as the header has")
    is_number = [all(not isinstance(row[column], str) for row in rows) for column in range(len(header))]
    table = [[_text(cell, decimals) for cell in line] for line in (header, *rows)]
    widths = [max(3, *(len(line[column]) for line in table)) for column in range(len(header))]
    rule = ["-" * (width - 1) + ":" if right else "-" * width for width, right in zip(widths, is_number, strict=True)]
    return "\n".join(_line(line, widths, is_number) for line in (table[0], rule, *table[1:]))


def format_spread(values: Sequence[float | None], *, decimals: int = 2) -> Cell:
    """A figure that was measured several times, as a cell: "mean (smallest–largest)"; a single one stays a number.

    None where one of them is undefined (None or NaN), as their mean is.
    """
    known = [float(value) for value in values if value is not None and value == value]
    if len(known) < len(values) or not known:
        return None
    if len(known) == 1:
        return known[0]
    mean, smallest, largest = sum(known) / len(known), min(known), max(known)
    return f"{mean:.{decimals}f} ({smallest:.{decimals}f}–{largest:.{decimals}f})"


def _line(cells: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> str:
    padded = (
        cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(cells, widths, is_number, strict=True)
    )
    return f"| {' | '.join(padded)} |"


def _text(cell: Cell, decimals: int) -> str:
    if cell is None or cell != cell:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.{decimals}f}"
    return str(cell).replace("|", "\\|")
