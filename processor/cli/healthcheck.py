"""`processor healthcheck`: ask the processor of this machine or container how it is."""

import http.client
import ipaddress
import ssl
from typing import Annotated, Final

import typer

from processor.cli import ConfigFile
from processor.errors import ConfigurationError

_MOST_SECONDS: Final = 60.0


def healthcheck(
    config: ConfigFile = None,
    *,
    ready: Annotated[
        bool, typer.Option("--ready", help="Ask whether it is ready, not only alive.")
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(min=0.1, max=_MOST_SECONDS, metavar="SECONDS", help="How long to wait."),
    ] = 3.0,
) -> None:
    """Exit with 0 if the processor that runs here is alive, with 1 if not; sends no secret."""
    from processor.shell.server_tls import probing_context  # noqa: PLC0415  so that the help comes at once
    from processor.shell.settings import load_server  # noqa: PLC0415  same

    server = load_server(config)
    if server.port == 0:
        raise ConfigurationError(
            "PROCESSOR_SERVER__PORT is 0, so nobody knows where the processor listens. "
            "Set it to a port of its own."
        )
    path = "/readyz" if ready else "/livez"
    secure = probing_context() if server.scheme == "https" else None
    answer = ask(near(server.host), server.port, path, timeout, secure)
    typer.echo(answer or f"{path} yes", err=answer is not None)
    raise typer.Exit(0 if answer is None else 1)


def near(host: str) -> str:
    """Return where to ask: a server that listens on all addresses is asked on the loopback one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004  IPv4, as people say it


def ask(
    host: str, port: int, path: str, timeout: float, secure: ssl.SSLContext | None = None
) -> str | None:
    """Ask a server; return None if it says yes, otherwise what is wrong."""
    # Not by the clients of calls: those know proxies, certificates and what else can be wrong.
    connection = (
        http.client.HTTPConnection(host, port, timeout=timeout)
        if secure is None
        else http.client.HTTPSConnection(host, port, timeout=timeout, context=secure)
    )
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except TimeoutError:
        return f"{path} was not answered within {timeout:g} s"
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return f"{path} cannot be asked on {host}, port {port}: {reason.lower()}"
    finally:
        connection.close()
    match status:
        case http.client.OK:
            return None
        case http.client.SERVICE_UNAVAILABLE:
            return f"{path} no"
        case _:
            return f"{path} was answered with {status}: is another program on port {port}?"
