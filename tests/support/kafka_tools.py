"""Kafka's own command-line tools, as people have them: scripts that a shell finds."""

import os
import shlex
import subprocess
from pathlib import Path

from tests.support.java_parts import java, kafka_jars, kafka_tools

_MAINS = {
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-reassign-partitions.sh": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
}
_WITHIN = 120


def run_script(script: str, folder: Path) -> str:
    """Run lines in a shell that finds the tools; return what they print, fail when one fails.

    The tools are put into `folder`.
    """
    classes = f"{kafka_jars()}/*:{kafka_tools()}/*"
    for name, main in _MAINS.items():
        tool = folder / name
        command = shlex.join(map(str, java("-cp", classes, main)))
        tool.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        tool.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euc", script],  # noqa: S607  a shell as people have it
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=_WITHIN,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
