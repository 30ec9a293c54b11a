"""The kinds of settings: what several of them have in common, and what a group of them is."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from processor.shell.settings_addresses import PATH, TOPIC
from processor.shell.settings_values import CERTIFICATES, HEADER, TEXT, duration, whole_number

Text = Annotated[str, TEXT]
Header = Annotated[str, HEADER]
Topic = Annotated[str, TOPIC]
Path_ = Annotated[str, PATH]
Timeout = Annotated[float, duration(0.001, 600)]
Wait = Annotated[float, duration(0.001, 86_400)]
Pause = Annotated[float, duration(0, 86_400)]
Attempts = Annotated[int, whole_number(1, 100)]
Count = Annotated[int, whole_number(1, 10_000_000)]
Certificates = Annotated[Path | None, CERTIFICATES]


def computed(default: str) -> dict[str, Any]:
    """Describe, for the documents, a default that is worked out or chosen at run time."""
    return {"default_text": default}


class Group(BaseModel):
    """Settings that belong together: frozen values, none beside those that are named."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Access(BaseSettings):
    """The settings that a command needs; more of them may be set."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the hook has it
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing from the surroundings unasked: `load` brings its own source."""
        return (init_settings,)
