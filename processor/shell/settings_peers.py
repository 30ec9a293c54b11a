"""The settings of the HTTP peers: how calls are made, and how the schema registry is reached."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from processor.shell.secrets import Credential
from processor.shell.settings_addresses import NETWORKS, REGISTRY_URL
from processor.shell.settings_kinds import Certificates, Group, Timeout
from processor.shell.settings_values import (
    BOOLEAN,
    READABLE_FILE,
    TEXT,
    TEXT_SECRET,
    one_of,
    whole_number,
)


class SchemaRegistry(Group):
    """How the Confluent-compatible schema registry is reached."""

    url: Annotated[str, REGISTRY_URL] = Field(
        description="Confluent-compatible; subjects are `<topic>-value`",
        examples=["https://registry:8081"],
    )
    username: Annotated[str | None, TEXT] = Field(
        default=None, description="user of basic authentication"
    )
    password: Annotated[Credential | None, TEXT_SECRET] = Field(
        default=None, description="password of basic authentication"
    )
    ca_file: Certificates = Field(
        default=None, description="certificates to trust instead of the system's, PEM"
    )
    client_certificate_file: Certificates = Field(default=None, description="our certificate, PEM")
    client_key_file: Annotated[Path | None, READABLE_FILE] = Field(
        default=None, description="the key of our certificate, PEM"
    )
    auto_register: Annotated[bool, BOOLEAN] = Field(
        default=False, description="whether `run` registers the schemas of its outputs"
    )


class HttpClient(Group):
    """How calls are made."""

    engine: Annotated[Literal["fast", "httpx"], one_of("fast", "httpx")] = Field(
        default="fast", description="`httpx` trades speed for its well-known connection pool"
    )
    connect_timeout: Timeout = Field(default=3.0, description="for a connection, TLS included")
    confirm_read_timeout: Timeout = Field(
        default=25.0, description="for a confirm's reply to begin or go on"
    )
    release_read_timeout: Timeout = Field(
        default=10.0, description="for a release's reply to begin or go on"
    )
    confirm_deadline: Timeout = Field(default=30.0, description="for a confirm in all")
    release_deadline: Timeout = Field(default=15.0, description="for a release in all")
    reply_limit: Annotated[int, whole_number(1_024, 67_108_864)] = Field(
        default=1_048_576, description="bytes of a reply's body that are read"
    )
    allowed_addresses: Annotated[str | None, NETWORKS] = Field(
        default=None,
        description="the only addresses and networks that calls go to, with commas; metadata "
        "services, link-local addresses and, unless the base URL names it, this machine are "
        "refused in any case",
    )
    ca_file: Certificates = Field(
        default=None, description="certificates to trust beside the system's, PEM"
    )
    client_certificate_file: Certificates = Field(default=None, description="our certificate, PEM")
    client_key_file: Annotated[Path | None, READABLE_FILE] = Field(
        default=None, description="the key of our certificate, PEM"
    )
