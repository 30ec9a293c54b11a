"""Escapes: what does not print, as text that does, so that strangers' words only say something.

On a terminal control characters move the cursor, colour lines or hide them, and other marks turn
the direction of writing; none of them prints.
"""

import json


def escaped(text: str) -> str:
    """Return a text with all that does not print written as Python would: one line."""
    return text if text.isprintable() else "".join(map(_escape, text))


def escaped_lines(text: str) -> str:
    """Return the same of each line of a text."""
    return "\n".join(map(escaped, text.split("\n")))


def escaped_json(document: str) -> str:
    """Return a JSON document that means the same and prints, but for the ends of its lines."""
    return "\n".join(map(_escaped_json, document.split("\n")))


def _escape(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()


def _escaped_json(line: str) -> str:
    # Outside of its strings JSON prints, so what does not is in one.
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in line)
