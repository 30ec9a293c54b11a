"""The way to a real Kafka: the one that is given, one in Docker, or one of our own."""

import gc
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import docker.errors
import requests
from testcontainers.core.container import DockerContainer

from tests.support.brokers import SETTINGS, KafkaProcess, RealKafka
from tests.support.java_parts import KAFKA_VERSION, PartsMissingError
from tests.support.programs import free_port

_ANSWER_SECONDS = 15.0


class KafkaMissingError(RuntimeError):
    """No real Kafka can be had; the message says what to do about it."""


@contextmanager
def real_kafka(folder: Path) -> Iterator[RealKafka]:
    """Give a real Kafka, by the first way that works; raise KafkaMissingError if none does.

    The broker that KAFKA_BOOTSTRAP_SERVERS names; one in Docker; a plain process in `folder`.
    """
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield _given(given)
        return
    container = _container()
    if container is not None:
        try:
            kafka = RealKafka(container.env["KAFKA_ADVERTISED_LISTENERS"].removeprefix("BROKER://"))
            kafka.wait_until_it_answers()
            yield kafka
        finally:
            container.stop()
        return
    try:
        process = KafkaProcess(folder)
    except PartsMissingError as error:
        message = (
            "no real Kafka can be had: set KAFKA_BOOTSTRAP_SERVERS to a running one, "
            f"or start Docker, or else: {error}"
        )
        raise KafkaMissingError(message) from None
    with process:
        yield process


def _given(bootstrap_servers: str) -> RealKafka:
    kafka = RealKafka(bootstrap_servers)
    try:
        kafka.wait_until_it_answers(within=_ANSWER_SECONDS)
    except TimeoutError as error:
        message = (
            f"KAFKA_BOOTSTRAP_SERVERS names {bootstrap_servers}, which does not answer: "
            "start it, or unset the variable to have one started"
        )
        raise KafkaMissingError(message) from error
    return kafka


def _container() -> DockerContainer | None:
    """Return a started broker in Docker, or None where Docker or its image cannot be had."""
    if not _docker_answers():
        return None
    port = free_port()
    container = DockerContainer(f"apache/kafka:{KAFKA_VERSION}").with_bind_ports(9092, port)
    properties = {
        **SETTINGS,
        "listeners": "BROKER://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"BROKER://{container.get_docker_client().host()}:{port}",
        "controller.quorum.voters": "1@localhost:9093",
    }
    for name, value in properties.items():
        container.with_env(f"KAFKA_{name.replace('.', '_').upper()}", value)
    try:
        return container.start()
    except (docker.errors.DockerException, requests.RequestException):
        # A daemon that can pull nothing is no daemon to us.
        container.stop()
        return None


def _docker_answers() -> bool:
    with warnings.catch_warnings():
        # Docker's client leaves its socket open when nobody answers.
        warnings.simplefilter("ignore", ResourceWarning)
        answers = _docker_pings()
        gc.collect()
    return answers


def _docker_pings() -> bool:
    with suppress(docker.errors.DockerException, requests.RequestException):
        client = docker.from_env(timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()
    return False
