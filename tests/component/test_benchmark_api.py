"""The benchmark's API: it answers as Rokt would, when Rokt would, and tells how late it was."""

import os
import time
from pathlib import Path

import httpx2 as httpx

from processor.core.calls import CallShape, confirm_call
from processor.core.replies import Kind, Response
from processor.core.verdicts import classify
from processor.core.vocabulary import Effect
from tests.benchmarks.api import measure_limit, serving
from tests.support.codec import PAID

_LATENCY = 0.1


def test_a_call_is_confirmed_after_the_time_that_the_api_takes(tmp_path: Path) -> None:
    call = confirm_call(PAID, CallShape(tag_id="tag"))

    with serving(_LATENCY, tmp_path, os.environ) as api, httpx.Client(base_url=api.url) as client:
        begun = time.monotonic()
        # In two pieces, as a head and its body may come; and twice on one connection.
        for _ in range(2):
            answer = client.post(
                call.path,
                content=iter((call.body[:9], call.body[9:])),
                headers={"content-length": str(len(call.body))},
            )
        took = time.monotonic() - begun
        late, later = api.late(), api.late()

    reply = Response(status=answer.status_code, headers={}, body=answer.content)
    verdict = classify(reply, call, is_proven=True, wall=0.0)
    assert (verdict.kind, verdict.effect) == (Kind.SUCCEEDED, Effect.APPLIED)
    assert took >= 2 * _LATENCY
    assert 0 < late < took
    assert later == 0


def test_its_limit_can_be_measured(tmp_path: Path) -> None:
    limit = measure_limit(tmp_path, os.environ, 4, 0.3)

    assert limit.rate > 0
    assert limit.per_cpu_second > 0
