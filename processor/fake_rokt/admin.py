"""The admin interface under `/_fake/`: rules, reservations, outages in; ledger and figures out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from processor.fake_rokt.desk import Desk
from processor.fake_rokt.outage import Outage
from processor.fake_rokt.reservations import Reservation
from processor.fake_rokt.rules import Rule

PREFIX: Final = "/_fake/"

_RULES: Final[TypeAdapter[Rule | tuple[Rule, ...]]] = TypeAdapter(Rule | tuple[Rule, ...])
_RESERVATIONS: Final[TypeAdapter[Reservation | tuple[Reservation, ...]]] = TypeAdapter(
    Reservation | tuple[Reservation, ...]
)


class _ApiKey(BaseModel):
    """The key from now on; null revokes it and puts none in its place."""

    model_config = ConfigDict(extra="forbid")

    api_key: str | None


class _Selection(BaseModel):
    """Which entries of the ledger are asked for; a `limit` of 0 leaves the aggregates only."""

    model_config = ConfigDict(extra="forbid")

    after: int = 0
    limit: Annotated[int, Field(ge=0)] | None = None
    cart_id: str | None = None
    order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """Answers requests to the admin interface. It asks for no key: keep it on the loopback."""

    desk: Desk
    go_down: Callable[[Outage], Awaitable[None]]
    come_up: Callable[[], Awaitable[None]]

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """Answer one request: 404 and 405 as usual, 400 with a text for what makes no sense."""
        name = request.path.removeprefix(PREFIX)
        methods = self._routes().get(name)
        if methods is None:
            return _reply(404, {"error": "there is no such page"})
        route = methods.get(request.method)
        if route is None:
            return _reply(405, {"error": f"only {', '.join(methods)}"})
        try:
            return _reply(200, await route(request))
        except ValidationError as error:
            return _reply(400, {"error": str(error)})

    def _routes(self) -> dict[str, dict[str, Callable[[web.BaseRequest], Awaitable[object]]]]:
        return {
            "rules": {"GET": self._rules, "POST": self._add_rules, "DELETE": self._clear_rules},
            "reservations": {"GET": self._reservations, "POST": self._seed},
            "ledger": {"GET": self._ledger, "DELETE": self._clear_ledger},
            "stats": {"GET": self._stats},
            "api-key": {"PUT": self._set_api_key},
            "down": {"PUT": self._go_down, "DELETE": self._come_up},
        }

    async def _rules(self, _request: web.BaseRequest) -> object:
        return {"rules": [rule.model_dump(mode="json") for rule in self.desk.rules.in_force]}

    async def _add_rules(self, request: web.BaseRequest) -> object:
        given = _RULES.validate_json(await request.content.read())
        self.desk.rules.add(given if isinstance(given, tuple) else (given,))
        return {"rules_in_force": len(self.desk.rules.in_force)}

    async def _clear_rules(self, _request: web.BaseRequest) -> object:
        self.desk.rules.clear()
        return {"rules_in_force": 0}

    async def _reservations(self, _request: web.BaseRequest) -> object:
        seeded = self.desk.reservations.seeded
        return {"reservations": [each.model_dump(mode="json") for each in seeded]}

    async def _seed(self, request: web.BaseRequest) -> object:
        given = _RESERVATIONS.validate_json(await request.content.read())
        self.desk.reservations.seed(given if isinstance(given, tuple) else (given,))
        return {"reservations_seeded": len(self.desk.reservations.seeded)}

    async def _ledger(self, request: web.BaseRequest) -> object:
        wanted = _Selection.model_validate(dict(request.query))
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
        self.desk.api_key = _ApiKey.model_validate_json(await request.content.read()).api_key
        return {"is_revoked": self.desk.api_key is None}

    async def _go_down(self, request: web.BaseRequest) -> object:
        outage = Outage.model_validate_json(await request.content.read())
        await self.go_down(outage)
        return {"is_down": True}

    async def _come_up(self, _request: web.BaseRequest) -> object:
        await self.come_up()
        return {"is_down": False}


def _reply(status: int, content: object) -> web.Response:
    body = orjson.dumps(content, default=_as_text, option=orjson.OPT_NON_STR_KEYS)
    return web.Response(status=status, body=body, content_type="application/json")


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise TypeError
