"""litellm as an SDK through Pointsman to upstreams of three dialects."""
import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # the suite asks nothing of the internet

import litellm
import pytest
from suite import CASES, KEY, SUITE, URL

litellm.suppress_debug_info = True
ASK = [{"role": "user", "content": "When does the train leave?"}]
TOOLS = [{"type": "function", "function": {"name": name, "description": name, "parameters": {
    "type": "object", "properties": {k: {"type": "string"} for k in keys}}}}
    for name, keys in [("departures", ["station", "limit"]), ("platform", ["train"])]]


def complete(model, **options):
    return litellm.completion(model=f"openai/{model}", api_base=f"{URL}/v1", api_key=KEY, messages=ASK, max_retries=0, timeout=20, **options)


def test_plain(dialect):
    answer = complete(f"{dialect}-plain")
    assert answer.choices[0].message.content == CASES["text"]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (21, 18)


def test_stream(dialect):
    chunks = list(complete(f"{dialect}-plain", stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == CASES["text"]


def test_tools(dialect):
    calls = complete(f"{dialect}-tools", tools=TOOLS).choices[0].message.tool_calls
    assert [{"name": c.function.name, "arguments": json.loads(c.function.arguments)} for c in calls] == CASES["tool_calls"]


@pytest.mark.parametrize("fault,kind", [("fault-400", litellm.BadRequestError), ("fault-404", litellm.NotFoundError),
                                        ("fault-429", litellm.RateLimitError)])
def test_errors(dialect, fault, kind):
    with pytest.raises(kind):
        complete(f"{dialect}-{fault}")


def test_retries_429_and_times_out(dialect):
    answer = litellm.completion(model=f"openai/{dialect}-flaky-429-{SUITE}", api_base=f"{URL}/v1", api_key=KEY, messages=ASK, max_retries=2, timeout=20)
    assert answer.choices[0].message.content == CASES["text"]
    with pytest.raises(litellm.Timeout):
        litellm.completion(model=f"openai/{dialect}-fault-hang", api_base=f"{URL}/v1", api_key=KEY, messages=ASK, max_retries=0, timeout=0.1)


def test_anthropic_form(dialect):
    answer = litellm.completion(model=f"anthropic/{dialect}-plain", api_base=URL, api_key=KEY, messages=ASK, timeout=20)
    assert answer.choices[0].message.content == CASES["text"]


def test_passages():
    options = {"model": "openai/openai-plain", "api_base": f"{URL}/v1", "api_key": KEY}
    vectors = litellm.embedding(input=["a", "b"], encoding_format="float", **options)
    assert [d["embedding"] for d in vectors.data] == [[0.5, -0.25, 0.125], [1.0, 0.0, -1.0]]
    assert litellm.image_generation(prompt="A train", **options).data[0].b64_json == CASES["image"]
    assert litellm.transcription(file=("a.wav", b"RIFF", "audio/wav"), **options).text == CASES["text"]
    assert len(litellm.speech(input="All aboard", voice="alloy", **options).content) == 256 * 64
