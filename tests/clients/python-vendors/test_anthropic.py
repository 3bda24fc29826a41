"""The anthropic SDK through Pointsman to upstreams of three dialects."""
import anthropic
import pytest
from suite import CASES, KEY, SUITE, URL, seen, wait_until

TEXT = CASES["text"]
ASK = [{"role": "user", "content": "When does the train leave?"}]
TOOLS = [{"name": name, "description": name, "input_schema": {"type": "object", "properties": {k: {"type": "string"} for k in keys}}}
         for name, keys in [("departures", ["station", "limit"]), ("platform", ["train"])]]
CLIENT = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=20)


def create(model, **options):
    return CLIENT.messages.create(model=model, max_tokens=256, messages=options.pop("messages", ASK), **options)


def check_usage(usage, name):
    want = CASES["usage"][name]
    read = usage.cache_read_input_tokens or 0
    assert (usage.input_tokens + read, usage.output_tokens) == (want["prompt"], want["completion"])
    assert read == want.get("cached", 0)


def test_plain(dialect):
    answer = create(f"{dialect}-plain", system="Be brief.")
    assert [b.text for b in answer.content] == [TEXT]
    assert (answer.type, answer.role, answer.stop_reason) == ("message", "assistant", "end_turn")
    check_usage(answer.usage, "plain")


def test_stream(dialect):
    with CLIENT.messages.stream(model=f"{dialect}-plain", max_tokens=256, messages=ASK) as stream:
        assert "".join(stream.text_stream) == TEXT
        answer = stream.get_final_message()
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens == CASES["usage"]["plain"]["completion"]


@pytest.mark.parametrize("stream", [False, True])
def test_tools(dialect, stream):
    if stream:
        with CLIENT.messages.stream(model=f"{dialect}-tools", max_tokens=256, messages=ASK, tools=TOOLS) as events:
            answer = events.get_final_message()
    else:
        answer = create(f"{dialect}-tools", tools=TOOLS)
    calls = [b for b in answer.content if b.type == "tool_use"]
    assert [{"name": b.name, "arguments": b.input} for b in calls] == CASES["tool_calls"]
    assert answer.stop_reason == "tool_use"
    assert len({b.id for b in calls}) == 2


def test_tool_results_go_back(dialect):
    first = create(f"{dialect}-tools", tools=TOOLS)
    results = [{"type": "tool_result", "tool_use_id": b.id, "content": f"result of {b.name}"} for b in first.content if b.type == "tool_use"]
    turn = [*ASK, {"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in first.content]}, {"role": "user", "content": results}]
    assert create(f"{dialect}-plain", messages=turn, tools=TOOLS).content[0].text == TEXT
    sent = str(seen("plain")["bodies"][-1])
    assert "result of departures" in sent and "result of platform" in sent


def test_image(dialect):
    source = {"type": "base64", "media_type": "image/png", "data": CASES["image"]}
    create(f"{dialect}-plain", messages=[{"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": "What?"}]}])
    assert CASES["image"] in str(seen("plain")["bodies"][-1])


def test_thinking(dialect):
    answer = create(f"{dialect}-thinking")
    assert [b.thinking for b in answer.content if b.type == "thinking"] == [CASES["thinking"]]
    assert [b.text for b in answer.content if b.type == "text"] == [TEXT]


ERRORS = [
    ("fault-400", anthropic.BadRequestError, 400),
    ("fault-401", anthropic.InternalServerError, 502),
    ("fault-404", anthropic.NotFoundError, 404),
    ("fault-429", anthropic.RateLimitError, 429),
    ("fault-500", anthropic.InternalServerError, 502),
    ("fault-malformed", anthropic.InternalServerError, 502),
    ("fault-hang", anthropic.APIStatusError, 504),
]


@pytest.mark.parametrize("fault,kind,status", ERRORS, ids=[e[0] for e in ERRORS])
def test_upstream_errors(dialect, fault, kind, status):
    with pytest.raises(kind) as caught:
        create(f"{dialect}-{fault}")
    assert caught.value.status_code == status
    assert caught.value.body["type"] == "error"
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("fault", ["fault-cut", "fault-stream-error"])
def test_broken_stream_raises(dialect, fault):
    with pytest.raises(anthropic.APIError), CLIENT.messages.stream(model=f"{dialect}-{fault}", max_tokens=9, messages=ASK) as stream:
        assert "".join(stream.text_stream) != TEXT


def test_wrong_key():
    with pytest.raises(anthropic.AuthenticationError):
        CLIENT.with_options(api_key="pm-wrong").messages.create(model="openai-plain", max_tokens=9, messages=ASK)


def test_unknown_model():
    with pytest.raises(anthropic.NotFoundError):
        create("no-such-model")


def test_sdk_retries_429(dialect):
    answer = CLIENT.with_options(max_retries=2).messages.create(model=f"{dialect}-flaky-429-{SUITE}", max_tokens=9, messages=ASK)
    assert answer.content[0].text == TEXT


def test_client_time_out(dialect):
    with pytest.raises(anthropic.APITimeoutError):
        CLIENT.with_options(timeout=0.1).messages.create(model=f"{dialect}-fault-hang", max_tokens=9, messages=ASK)


def test_cancel_in_mid_stream(dialect):
    before = seen(f"slow-{SUITE}")["left"]
    with CLIENT.messages.stream(model=f"{dialect}-slow-{SUITE}", max_tokens=9, messages=ASK) as stream:
        next(iter(stream.text_stream))
    assert wait_until(lambda: seen(f"slow-{SUITE}")["left"] == before + 1)
