"""The schema registry, reached through Confluent's client.

All methods block for a bounded time: an event loop calls them in a thread. `mock://name` is a
registry in memory, one for each name in this process; it knows no compatibility levels.
"""

import time
from base64 import b64encode
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

import httpx2 as httpx
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

from processor.core.vocabulary import Reason
from processor.errors import ConfigurationError, RuntimeFailure
from processor.shell.framing import SchemaKey
from processor.shell.registry_transport import ANSWER_LIMIT, RegistryTransport, TooLargeError
from processor.shell.secrets import Credential
from processor.shell.tls import Tls, TlsFileError, TlsFiles
from processor.shell.vetting import Refusal

if TYPE_CHECKING:
    from processor.shell.settings import SchemaRegistry

COMPATIBILITY: Final = "FULL_TRANSITIVE"

_TIMEOUT: Final = 10.0
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_REDIRECTS: Final = range(300, 400)
_CLIENT_ERRORS: Final = range(400, 500)
_OF_ALL_QUESTIONS: Final = frozenset({401, 407, 408, 425, 429})  # credentials, time and pace
_MOCK: Final = "mock://"
_NO_FILES: Final = TlsFiles()
# A 404 without a code of the registry's own comes from something else at that address.
_NO_CODE: Final = (None, SchemaRegistryError.UNKNOWN)
_NO_REGISTRY: Final = (
    "The address in PROCESSOR_SCHEMA_REGISTRY__URL answers, but not as a schema registry does"
    " (status 404). Set it to the registry's own URL, with the path that it may have."
)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownSchema:
    """The registry answered, and has no such schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAway:
    """The registry gave no answer that can be relied on; `detail` says what happened.

    `is_refusal`: it may be that of this schema alone it says nothing.
    """

    detail: str
    is_refusal: bool = False


class IncompatibleError(RuntimeFailure):
    """The registry refuses a schema because of those that the subject already has."""


class Registry:
    """One schema registry. Its own caches are never relied on where a fresh answer matters."""

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: Credential | None = None,
        tls: TlsFiles = _NO_FILES,
        timeout: float = _TIMEOUT,
    ) -> None:
        """Prepare to reach the registry; nothing is sent yet.

        `timeout` seconds hold for each request as a whole. ConfigurationError says which file of
        `tls` cannot be used.
        """
        self.is_mock = url.startswith(_MOCK)
        if self.is_mock:
            self._client = _mock_client(url)
            return
        self._client = SchemaRegistryClient({"url": url, "max.retries": 0})
        # The client offers no way to bound answers, to leave the environment's proxies alone, nor
        # to follow passwords and certificates that change; so it gets a session of our making.
        rest = self._client._rest_client  # noqa: SLF001
        rest.session.close()
        rest.session = httpx.Client(
            transport=RegistryTransport(_tls(tls), timeout),
            auth=None if username is None else _Basic(username, password),
            follow_redirects=False,
            trust_env=False,
        )

    @classmethod
    def of(cls, settings: "SchemaRegistry") -> "Registry":
        """Prepare to reach the registry that the settings name."""
        return cls(
            settings.url,
            username=settings.username,
            password=settings.password,
            tls=tls_files(settings),
        )

    def close(self) -> None:
        """Close the connections."""
        if not self.is_mock:
            self._client.close()

    def fetch(self, schema: SchemaKey) -> str | Refusal | UnknownSchema | RegistryAway:
        """Return the text of a schema; only a 404 says that there is none."""
        self._forget()
        try:
            found = (
                self._client.get_schema(schema)
                if isinstance(schema, int)
                else self._client.get_schema_by_guid(schema)
            )
        except SchemaRegistryError as error:
            if _is_unknown(error):
                return UnknownSchema()
            return RegistryAway(detail=_explain(error), is_refusal=_is_refusal(error))
        except TooLargeError:
            # Not an outage: whoever registers such a schema must not be able to feign one.
            return _refusal(f"The registry's answer is larger than {ANSWER_LIMIT} bytes.")
        except Exception as error:  # noqa: BLE001  no answer, whatever the client makes of it
            return RegistryAway(detail=_explain(error))
        if found.schema_type not in (None, "AVRO"):
            return _refusal("The schema is not an Avro schema.")
        if found.references:
            return _refusal("The schema refers to others; it has to stand alone.")
        if not isinstance(found.schema_str, str):
            return RegistryAway(detail="the registry's answer holds no schema")
        return found.schema_str

    def knows_another(self, subject: str, known: Iterable[SchemaKey] = ()) -> bool:
        """Tell whether the registry, asked anew, has the subject or one of the known schemas.

        False as well when it does not answer: then nothing is proven.
        """
        try:
            has_subject = bool(self._client.get_versions(subject))
        except Exception:  # noqa: BLE001  no answer, whatever the client makes of it
            has_subject = False
        return has_subject or any(isinstance(self.fetch(schema), str) for schema in known)

    def has_subject(self, subject: str) -> bool:
        """Tell whether anything is registered under a subject."""
        return bool(self._ask(lambda: self._client.get_versions(subject)))

    def lookup(self, subject: str, text: str) -> int | None:
        """Return the id of this very schema under a subject, None when it is not registered."""
        self._forget()
        found = self._ask(
            lambda: self._client.lookup_schema(subject, Schema(text), normalize_schemas=True)
        )
        return None if found is None else found.schema_id

    def register(self, subject: str, text: str, compatibility: str = COMPATIBILITY) -> int:
        """Register a schema, and the compatibility that its subject has to keep; return its id."""
        self._forget()
        is_level_set = self._set_compatibility(subject, compatibility)
        schema_id = self._ask(
            lambda: self._client.register_schema(subject, Schema(text), normalize_schemas=True)
        )
        if schema_id is None:
            raise ConfigurationError(_NO_REGISTRY)
        if not is_level_set:
            # Some registries take a level only for a subject that exists.
            self._set_compatibility(subject, compatibility)
        return schema_id

    def compatibility(self, subject: str) -> str | None:
        """Return the compatibility level of a subject itself, None when it has none."""
        if self.is_mock:
            return COMPATIBILITY
        return self._ask(lambda: self._client.get_compatibility(subject))

    def check_compatibility(self, subject: str, text: str) -> bool:
        """Tell whether a schema may be registered beside those that the subject has."""
        if self.is_mock:
            return True
        is_compatible = self._ask(
            lambda: self._client.test_compatibility_all_versions(subject, Schema(text))
        )
        return is_compatible is not False

    def _set_compatibility(self, subject: str, level: str) -> bool:
        if self.is_mock:
            return True
        return bool(self._ask(lambda: self._client.set_compatibility(subject, level)))

    def _forget(self) -> None:
        """Drop what the client remembers, so that the next answer is the registry's own."""
        self._client.clear_caches()

    def _ask(self, question: Callable[[], Answer]) -> Answer | None:
        """Return the registry's answer, None on a 404; raise RuntimeFailure if there is none.

        ConfigurationError says that something else answers.
        """
        try:
            return question()
        except SchemaRegistryError as error:
            if _is_unknown(error):
                if error.error_code in _NO_CODE:
                    raise ConfigurationError(_NO_REGISTRY) from None
                return None
            if error.http_status_code == _CONFLICT:
                raise IncompatibleError(
                    "The registry refuses the schema: it is not compatible with those that the"
                    " subject has. Look at `processor schemas show` and the subject's versions."
                ) from None
            raise self._failure(error) from None
        except Exception as error:  # noqa: BLE001  no answer, whatever the client makes of it
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> RuntimeFailure:
        return RuntimeFailure(
            f"The schema registry gave no usable answer ({_explain(error)})."
            " Check PROCESSOR_SCHEMA_REGISTRY__URL and its credentials, and that it runs."
        )


def tls_files(settings: "SchemaRegistry") -> TlsFiles:
    """Return whom to trust at the registry, and what to show it."""
    return TlsFiles(
        ca_file=settings.ca_file,
        certificate_file=settings.client_certificate_file,
        key_file=settings.client_key_file,
        trusts_no_other=True,
    )


def _tls(files: TlsFiles) -> Tls:
    try:
        return Tls(files)
    except TlsFileError as error:
        raise ConfigurationError(
            f"The schema registry cannot be reached: {error}. Check the files that "
            "PROCESSOR_SCHEMA_REGISTRY__… names."
        ) from None


class _Basic(httpx.Auth):
    """Basic authentication with the password as it is now."""

    def __init__(self, username: str, password: Credential | None) -> None:
        self._username = username
        self._password = password

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        password = self._password.current(time.monotonic()).reveal() if self._password else ""
        token = b64encode(f"{self._username}:{password}".encode()).decode()
        request.headers["Authorization"] = f"Basic {token}"
        yield request


@cache
def _mock_client(url: str) -> SchemaRegistryClient:
    """Return the registry in memory of that name; two clients would share nothing."""
    return SchemaRegistryClient.new_client({"url": url})


def _is_unknown(error: SchemaRegistryError) -> bool:
    # The sub-codes differ from registry to registry, the status does not.
    return error.http_status_code == _NOT_FOUND


def _is_refusal(error: SchemaRegistryError) -> bool:
    status = error.http_status_code
    return status in _CLIENT_ERRORS and status not in _OF_ALL_QUESTIONS


def _explain(error: Exception) -> str:
    """Say what went wrong without quoting an answer, which may hold anything."""
    if isinstance(error, SchemaRegistryError):
        is_redirect = error.http_status_code in _REDIRECTS
        why = ", a redirect, which is never followed" if is_redirect else ""
        return f"status {error.http_status_code}{why}"
    # Before a request has left, and where the words are ours, nothing of the peer is in them.
    if isinstance(error, httpx.ConnectError | httpx.TimeoutException | TooLargeError):
        return f"{type(error).__name__}: {error}"
    return type(error).__name__


def _refusal(detail: str) -> Refusal:
    return Refusal(reason=Reason.SCHEMA_REFUSED, detail=detail)
