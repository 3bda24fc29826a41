"""The google-genai SDK through Pointsman to upstreams of three dialects."""
import pytest
from google import genai
from google.genai import errors, types
from suite import CASES, KEY, SUITE, URL, seen, wait_until

CLIENT = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL, timeout=20_000))
QUESTION = "When does the train leave?"
TOOLS = [types.Tool(function_declarations=[
    types.FunctionDeclaration(name=name, description=name, parameters_json_schema={"type": "object", "properties": {k: {"type": "string"} for k in keys}})
    for name, keys in [("departures", ["station", "limit"]), ("platform", ["train"])]])]


def generate(model, **config):
    return CLIENT.models.generate_content(model=model, contents=QUESTION, config=types.GenerateContentConfig(**config) if config else None)


def test_plain(dialect):
    answer = generate(f"{dialect}-plain", system_instruction="Be brief.")
    assert answer.text == CASES["text"]
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert (answer.usage_metadata.prompt_token_count, answer.usage_metadata.candidates_token_count) == (21, 18)


def test_stream(dialect):
    chunks = list(CLIENT.models.generate_content_stream(model=f"{dialect}-plain", contents=QUESTION))
    assert "".join(c.text or "" for c in chunks) == CASES["text"]


def test_tools(dialect):
    answer = generate(f"{dialect}-tools", tools=TOOLS, automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))
    assert [{"name": c.name, "arguments": c.args} for c in answer.function_calls] == CASES["tool_calls"]


def test_structured(dialect):
    answer = generate(f"{dialect}-structured", response_mime_type="application/json",
                      response_json_schema={"type": "object", "properties": {"train": {"type": "string"}}})
    assert answer.parsed == CASES["structured"]


@pytest.mark.parametrize("fault,kind,status", [("fault-400", errors.ClientError, 400), ("fault-404", errors.ClientError, 404),
                                               ("fault-429", errors.ClientError, 429), ("fault-500", errors.ServerError, 502)])
def test_errors(dialect, fault, kind, status):
    with pytest.raises(kind) as caught:
        generate(f"{dialect}-{fault}")
    assert caught.value.code == status


def client(**options):
    return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL, **options))


def test_sdk_retries_429(dialect):
    patient = client(timeout=20_000, retry_options=types.HttpRetryOptions(attempts=3, initial_delay=0.01, http_status_codes=[429]))
    answer = patient.models.generate_content(model=f"{dialect}-flaky-429-{SUITE}-google", contents=QUESTION)
    assert answer.text == CASES["text"]


def test_client_time_out(dialect):
    hasty = client(timeout=100)
    with pytest.raises(Exception) as caught:
        hasty.models.generate_content(model=f"{dialect}-fault-hang", contents=QUESTION)
    assert "timeout" in type(caught.value).__name__.lower(), repr(caught.value)


def test_cancel_in_mid_stream(dialect):
    before = seen(f"slow-{SUITE}")["left"]
    stream = CLIENT.models.generate_content_stream(model=f"{dialect}-slow-{SUITE}", contents=QUESTION)
    assert next(chunk.text for chunk in stream if chunk.text)
    stream.close()
    assert wait_until(lambda: seen(f"slow-{SUITE}")["left"] == before + 1)


def test_count_tokens(dialect):
    assert CLIENT.models.count_tokens(model=f"{dialect}-plain", contents=QUESTION).total_tokens > 0
