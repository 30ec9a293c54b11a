"""The schemas that past records were written with, asked of the registry one by one.

A command may wait for an answer; the live fleet may not, which is why that has a cache of its own.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from processor.core.vocabulary import Reason
from processor.errors import RuntimeFailure
from processor.shell.clock import steady
from processor.shell.framing import SchemaKey
from processor.shell.registry import Registry, RegistryAway, UnknownSchema
from processor.shell.vetting import ReaderSchema, Refusal, VettedSchema, vet

_AGAIN_AFTER: Final = 0.5


class WritersSchemas:
    """What is known of each schema; whatever is not is asked when it is first met, and waited for.

    A schema that the registry does not know is refused as UNDECODABLE, for the length of this
    command.
    """

    def __init__(
        self,
        registry: Registry,
        readers: Mapping[str, ReaderSchema],
        *,
        patience: float,
        clock: Callable[[], float] = steady,
    ) -> None:
        """`patience`: how long (seconds) the registry may stay away before it is a failure."""
        self._registry = registry
        self._readers = readers
        self._patience = patience
        self._clock = clock
        self._known: dict[SchemaKey, VettedSchema | Refusal] = {}

    def __call__(self, schema: SchemaKey) -> VettedSchema | Refusal:
        """Return a schema; RuntimeFailure when the registry stays away."""
        if schema not in self._known:
            self._known[schema] = self._ask(schema)
        return self._known[schema]

    def _ask(self, schema: SchemaKey) -> VettedSchema | Refusal:
        deadline = self._clock() + self._patience
        while True:
            match self._registry.fetch(schema):
                case str(text):
                    return vet(text, self._readers)
                case Refusal() as refusal:
                    return refusal
                case UnknownSchema():
                    detail = f"The registry knows no schema {schema}."
                    return Refusal(reason=Reason.UNDECODABLE, detail=detail)
                case RegistryAway(detail=detail):
                    if self._clock() >= deadline:
                        raise RuntimeFailure(
                            f"The schema registry does not tell schema {schema}: {detail}. Check "
                            "PROCESSOR_SCHEMA_REGISTRY__URL and its credentials, and that it runs."
                        )
            time.sleep(_AGAIN_AFTER)
