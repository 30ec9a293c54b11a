"""Outages: ways in which the whole of a fake Rokt can be away."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Mode(StrEnum):
    """What a caller meets."""

    STATUS = "status"  # every request is answered with one status, and nothing is checked
    RESET = "reset"  # every new connection is reset
    PORT = "port"  # the port is closed for real: connections end, new ones are refused


class Outage(BaseModel):
    """An outage; it ends by itself after `seconds` (None: when told)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = Mode.STATUS
    status: Annotated[int, Field(ge=200, le=999)] = 503
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""
    seconds: Annotated[float, Field(gt=0)] | None = None
