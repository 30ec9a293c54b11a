"""The properties of Kafka's client that the READMEs show are taken, as they stand."""

import json
import re
from pathlib import Path
from typing import Final

import pytest
import trustme

from processor.shell.settings import load_connections

RUNBOOK: Final = Path(__file__).parents[2].joinpath("deploy", "README.md").read_text("utf-8")
SHOWN: Final = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", RUNBOOK, re.DOTALL)]


def test_both_ways_to_sign_in_are_shown() -> None:
    assert [each["security.protocol"] for each in SHOWN] == ["SASL_SSL", "SSL"]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown["security.protocol"])
def test_what_is_shown_is_taken(shown: dict[str, str], tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("processor@example.com")
    there = {
        "ssl.ca.location": authority.cert_pem.bytes(),
        "ssl.certificate.location": issued.cert_chain_pems[0].bytes(),
        "ssl.key.location": issued.private_key_pem.bytes(),
    }
    for name in shown.keys() & there.keys():
        file = tmp_path / Path(shown[name]).name
        file.write_bytes(there[name])
        shown = shown | {name: str(file)}
    given = {
        "PROCESSOR_KAFKA__BOOTSTRAP_SERVERS": "broker:9093",
        "PROCESSOR_KAFKA__PROPERTIES": json.dumps(shown),
        "PROCESSOR_SCHEMA_REGISTRY__URL": "https://registry",
    }
    assert load_connections(None, given).kafka.client_properties() == shown
