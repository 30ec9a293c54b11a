"""The admin interface under `/_fake/`: rules, reservations, outages in; ledger and figures out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from processor.fake_rokt.desk import Desk
from processor.fake_rokt.outage import Outage
from processor.fake_rokt.reading import UnusableError, check, read, read_some
from processor.fake_rokt.reservations import Reservation
from processor.fake_rokt.rules import Rule

PREFIX: Final = "/_fake/"

_TITLE: Final = "A scriptable Rokt: what can be asked of it, and changed, while it runs."
_NARROW: Final = "?order_id= ?cart_id= ?after= ?limit="
_MORE: Final = "All of it is explained by `processor fake-rokt --guide`."


class ApiKey(BaseModel):
    """The key from now on; null revokes it and puts none in its place."""

    model_config = ConfigDict(extra="forbid")

    api_key: str | None


class Selection(BaseModel):
    """Which entries of the ledger are asked for; a `limit` of 0 leaves the aggregates only."""

    model_config = ConfigDict(extra="forbid")

    after: int = 0
    limit: Annotated[int, Field(ge=0)] | None = None
    cart_id: str | None = None
    order_id: str | None = None


class _Page(NamedTuple):
    """A page for one method; `what` says what it does, `serve` does it."""

    method: str
    name: str
    what: str
    serve: Callable[[web.BaseRequest], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """Answers requests to the admin interface. It asks for no key: keep it on the loopback."""

    desk: Desk
    go_down: Callable[[Outage], Awaitable[None]]
    come_up: Callable[[], Awaitable[None]]

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """Answer one request: 404 and 405 as usual, 400 with a text for what makes no sense."""
        name = f"{request.path}/".removeprefix(PREFIX).rstrip("/")
        pages = [page for page in self._pages() if page.name == name]
        if not pages:
            return _reply(404, {"error": f"there is no such page; {PREFIX} lists those there are"})
        for page in pages:
            if page.method == request.method:
                return await _answer(page, request)
        return _reply(405, {"error": f"only {', '.join(page.method for page in pages)}"})

    def _pages(self) -> tuple[_Page, ...]:
        return (
            _Page("GET", "", "this list", self._index),
            _Page("GET", "ledger", f"what arrived, and what came of it; {_NARROW}", self._ledger),
            _Page("DELETE", "ledger", "forget all that", self._clear_ledger),
            _Page("GET", "stats", "the totals alone", self._stats),
            _Page("GET", "rules", "the rules in force, with the times left", self._rules),
            _Page("POST", "rules", "add a rule, or a list of them, at the end", self._add_rules),
            _Page("DELETE", "rules", "forget all rules", self._clear_rules),
            _Page("GET", "reservations", "those seeded, as they are now", self._reservations),
            _Page("POST", "reservations", "seed one, or a list of them", self._seed),
            _Page("PUT", "api-key", 'another key: {"api_key": "new"}, or null', self._set_api_key),
            _Page("PUT", "down", 'an outage: {"mode": "port", "seconds": 5}', self._go_down),
            _Page("DELETE", "down", "end it", self._come_up),
        )

    async def _index(self, _request: web.BaseRequest) -> object:
        lines = (f"{page.method:<8}{PREFIX}{page.name:<14}{page.what}" for page in self._pages())
        return "\n".join((_TITLE, "", *lines, "", _MORE, ""))

    async def _rules(self, _request: web.BaseRequest) -> object:
        return {"rules": [rule.model_dump(mode="json") for rule in self.desk.rules.in_force]}

    async def _add_rules(self, request: web.BaseRequest) -> object:
        self.desk.rules.add(read_some(Rule, await request.content.read()))
        return {"rules_in_force": len(self.desk.rules.in_force)}

    async def _clear_rules(self, _request: web.BaseRequest) -> object:
        self.desk.rules.clear()
        return {"rules_in_force": 0}

    async def _reservations(self, _request: web.BaseRequest) -> object:
        seeded = self.desk.reservations.seeded
        return {"reservations": [each.model_dump(mode="json") for each in seeded]}

    async def _seed(self, request: web.BaseRequest) -> object:
        self.desk.reservations.seed(read_some(Reservation, await request.content.read()))
        return {"reservations_seeded": len(self.desk.reservations.seeded)}

    async def _ledger(self, request: web.BaseRequest) -> object:
        wanted = check(Selection, dict(request.query))
        ledger = self.desk.ledger
        entries = [
            entry
            for entry in ledger.entries
            if entry.sequence > wanted.after
            and wanted.cart_id in {None, entry.cart_id}
            and wanted.order_id in {None, entry.order_id}
        ]
        return {
            "entries": entries[: wanted.limit],
            "orders": ledger.orders,
            "releases": ledger.releases,
            "overlaps": ledger.overlaps,
            "totals": ledger.totals,
        }

    async def _clear_ledger(self, _request: web.BaseRequest) -> object:
        self.desk.ledger.clear()
        return {"entries": 0}

    async def _stats(self, _request: web.BaseRequest) -> object:
        ledger = self.desk.ledger
        return {
            "totals": ledger.totals,
            "entries_kept": len(ledger.entries),
            "most_calls_of_one_cart_at_once": max(ledger.overlaps.values(), default=1),
            "rules_in_force": len(self.desk.rules.in_force),
            "is_down": self.desk.outage is not None,
        }

    async def _set_api_key(self, request: web.BaseRequest) -> object:
        self.desk.api_key = read(ApiKey, await request.content.read()).api_key
        return {"is_revoked": self.desk.api_key is None}

    async def _go_down(self, request: web.BaseRequest) -> object:
        outage = read(Outage, await request.content.read())
        await self.go_down(outage)
        return {"is_down": True}

    async def _come_up(self, _request: web.BaseRequest) -> object:
        await self.come_up()
        return {"is_down": False}


async def _answer(page: _Page, request: web.BaseRequest) -> web.Response:
    try:
        content = await page.serve(request)
    except UnusableError as error:
        return _reply(400, {"error": "; ".join(error.problems)})
    return web.Response(text=content) if isinstance(content, str) else _reply(200, content)


def _reply(status: int, content: object) -> web.Response:
    body = orjson.dumps(content, default=_as_text, option=orjson.OPT_NON_STR_KEYS)
    return web.Response(status=status, body=body, content_type="application/json")


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise TypeError
