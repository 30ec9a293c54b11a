"""Strangers' texts on a terminal."""

import pytest

from processor.cli.texts import lines, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("c-1", "c-1"),
        ("Ünïcödé 漢字 🙂", "Ünïcödé 漢字 🙂"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\r\nb\tc\0", r"a\r\nb\tc\x00"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff", r"\udcff"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_text_is_cut_where_it_grows_too_long() -> None:
    assert visible("x" * 11, 10) == "x" * 9 + "…"
    assert visible("x" * 10, 10) == "x" * 10


def test_lines_hold_no_markup_and_nothing_empty() -> None:
    told = lines("[bold]c-1[/]", None, "", "a\nb")
    assert (told.plain, told.spans) == ("[bold]c-1[/]\n" + r"a\nb", [])
