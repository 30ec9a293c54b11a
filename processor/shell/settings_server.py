"""Settings of the server for metrics, health and status."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from processor.shell.secrets import Credential
from processor.shell.settings_kinds import Certificates, Group, Text
from processor.shell.settings_values import READABLE_FILE, TEXT, TEXT_SECRET, whole_number


class Server(Group):
    """Where metrics, health and status are served, and to whom."""

    host: Text = Field(default="127.0.0.1", description="address to listen on")
    port: Annotated[int, whole_number(0, 65_535)] = Field(
        default=9464, description="port to listen on; 0 takes any free one"
    )
    certificate_file: Certificates = Field(
        default=None, description="certificate to show, PEM, with those between; then it is https"
    )
    key_file: Annotated[Path | None, READABLE_FILE] = Field(
        default=None, description="the key of that certificate, PEM"
    )
    username: Annotated[str | None, TEXT] = Field(
        default=None, description="user that is asked for, but by `/livez` and `/readyz`"
    )
    password: Annotated[Credential | None, TEXT_SECRET] = Field(
        default=None, description="password of that user"
    )

    @property
    def scheme(self) -> str:
        """`https` where a certificate is shown, `http` otherwise."""
        return "http" if self.certificate_file is None else "https"
