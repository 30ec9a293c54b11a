"""A real Kafka that asks who you are (SCRAM over TLS) and lets you do only what you may (ACLs).

The tests' own tools go by the door that stays open, on which everybody may do everything; the
processor is sent to the other one.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path

import trustme
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.brokers import KafkaProcess
from tests.support.programs import free_port
from tests.support.world import World

USER = "rokt-cart-processor"
_HOST = "127.0.0.1"
_ANSWER_WITHIN = 20.0
_JAAS = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class SecuredKafka(KafkaProcess):
    """A broker of our own with a second door, at `guarded`: host:port.

    `not_after` is when its certificate ends; `settings` go over those that make the door.
    """

    def __init__(
        self,
        folder: Path,
        *,
        not_after: datetime | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        authority = trustme.CA()
        self.authority_file = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority_file))
        keystore = folder / "keystore.pem"
        keystore.write_bytes(_keystore(authority.issue_cert(_HOST, not_after=not_after)))
        super().__init__(
            folder,
            {
                "listener.security.protocol.map": (
                    "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_SSL"
                ),
                "listener.name.guarded.sasl.enabled.mechanisms": "SCRAM-SHA-512",
                "listener.name.guarded.scram-sha-512.sasl.jaas.config": _JAAS,
                "listener.name.guarded.ssl.keystore.type": "PEM",
                "listener.name.guarded.ssl.keystore.location": str(keystore),
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS",
                **(settings or {}),
            },
        )

    def properties(self, password: str, user: str = USER) -> dict[str, str]:
        """Return what a client needs to come in as a user."""
        return {
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.authority_file),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
        }

    def give_password(self, password: str, user: str = USER) -> None:
        """Let a user in with this password, and with no other."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        self._alter(UserScramCredentialUpsertion(user, info, password.encode()))

    def delete_user(self) -> None:
        """Let USER in no more; connections that are open stay so."""
        self._alter(UserScramCredentialDeletion(USER, ScramMechanism.SCRAM_SHA_512))

    def allow(self, rights: Collection[AclBinding]) -> None:
        """Let users do something."""
        for answer in self._admin.create_acls([*rights]).values():
            answer.result(_ANSWER_WITHIN)

    def forbid(self, rights: Collection[AclBinding]) -> None:
        """Take rights away again; fails when there is nothing to take."""
        wanted = [_the_same(right) for right in rights]
        for answer in self._admin.delete_acls(wanted).values():
            assert len(answer.result(_ANSWER_WITHIN)) == 1, "there was no such right"

    @cached_property
    def _admin(self) -> AdminClient:
        return self.admin()

    def _alter(
        self, alteration: UserScramCredentialDeletion | UserScramCredentialUpsertion
    ) -> None:
        (answer,) = self._admin.alter_user_scram_credentials([alteration]).values()
        answer.result(_ANSWER_WITHIN)

    def _configure(self) -> None:
        self.guarded = f"{_HOST}:{free_port()}"
        node = self._node
        doors = f"BROKER://{node.address},GUARDED://{self.guarded}"
        self._settings |= {
            "listeners": f"{doors},CONTROLLER://{node.controller}",
            "advertised.listeners": doors,
        }
        super()._configure()


def rights(world: World) -> list[AclBinding]:
    """Return all that a processor has to be allowed."""
    topics = world.topics
    read = (topics.order_paid, topics.cart_abandoned, topics.results, topics.replay)
    written = (topics.results, topics.dead_letters)
    return [*map(reading, read), *map(writing, written), using(world.group)]


def reading(topic: str) -> AclBinding:
    """Return the right to read a topic."""
    return _right(ResourceType.TOPIC, topic, AclOperation.READ)


def writing(topic: str) -> AclBinding:
    """Return the right to write to a topic."""
    return _right(ResourceType.TOPIC, topic, AclOperation.WRITE)


def using(group: str) -> AclBinding:
    """Return the right to be a member of a group, and to keep its offsets."""
    return _right(ResourceType.GROUP, group, AclOperation.READ)


def _right(kind: ResourceType, name: str, operation: AclOperation) -> AclBinding:
    literal, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    return AclBinding(kind, name, literal, f"User:{USER}", "*", operation, allow)


def _the_same(right: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        right.restype,
        right.name,
        right.resource_pattern_type,
        right.principal,
        right.host,
        right.operation,
        right.permission_type,
    )


def _keystore(issued: trustme.LeafCert) -> bytes:
    """Return key and certificates in one text, the key in the form that Kafka reads (PKCS#8)."""
    key = load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return own + b"".join(each.bytes() for each in issued.cert_chain_pems)
