"""What every Python suite needs (a pytest plugin): where the gateway is, what the upstream saw, what the fixtures say."""
import json
import os
import time
import urllib.request
from pathlib import Path

import pytest

CASES = json.loads((Path(__file__).resolve().parent / "cases.json").read_text())
DIALECTS = CASES["dialects"]
URL, KEY = os.environ["POINTSMAN_URL"], os.environ["POINTSMAN_KEY"]
SUITE = os.environ["POINTSMAN_SUITE"]


def seen(model):
    """What the upstream was asked of `model`: bodies, and streams left early."""
    with urllib.request.urlopen(f"{os.environ['POINTSMAN_UPSTREAM']}/seen/{model}", timeout=5) as answer:
        return json.load(answer)


def wait_until(what, seconds=5):
    """Polls until `what()` is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(params=DIALECTS)
def dialect(request):
    return request.param
