"""The openai SDK through Pointsman to upstreams of three dialects."""
import base64
import json
import struct

import openai
import pytest
from suite import CASES, KEY, SUITE, URL, seen, wait_until
from pydantic import BaseModel

TEXT = CASES["text"]
ASK = [{"role": "user", "content": "When does the train leave?"}]
TOOLS = [{"type": "function", "function": {"name": name, "description": name, "parameters": {
    "type": "object", "properties": {key: {"type": "string"} for key in keys}}}}
    for name, keys in [("departures", ["station", "limit"]), ("platform", ["train"])]]
CLIENT = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=20)


class Departure(BaseModel):
    train: str
    platform: int
    stops: list[str]


def create(model, **options):
    return CLIENT.chat.completions.create(model=model, messages=options.pop("messages", ASK), **options)


def check_usage(usage, name):
    want = CASES["usage"][name]
    assert (usage.prompt_tokens, usage.completion_tokens) == (want["prompt"], want["completion"])
    assert usage.total_tokens == want["prompt"] + want["completion"]
    if "cached" in want:
        assert usage.prompt_tokens_details.cached_tokens == want["cached"]


def calls(message):
    return [{"name": c.function.name, "arguments": json.loads(c.function.arguments)} for c in message.tool_calls]


def test_plain(dialect):
    answer = create(f"{dialect}-plain")
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    check_usage(answer.usage, "plain")


def test_stream(dialect):
    chunks = list(create(f"{dialect}-plain", stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert sum(1 for c in chunks if c.choices and c.choices[0].delta.content) == 5
    assert chunks[-1].choices == []
    check_usage(chunks[-1].usage, "plain")


def test_stream_without_usage(dialect):
    chunks = list(create(f"{dialect}-plain", stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
    assert all(c.usage is None for c in chunks) or dialect == "openai"


def test_async(dialect):
    import asyncio

    async def run():
        async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0) as client:
            stream = await client.chat.completions.create(model=f"{dialect}-plain", messages=ASK, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    assert asyncio.run(run()) == TEXT


def test_length(dialect):
    answer = create(f"{dialect}-length", max_tokens=4)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("The 17:42", "length")
    check_usage(answer.usage, "length")


@pytest.mark.parametrize("stream", [False, True])
def test_tools(dialect, stream):
    if stream:
        with CLIENT.chat.completions.stream(model=f"{dialect}-tools", messages=ASK, tools=TOOLS,
                                            stream_options={"include_usage": True}) as events:
            answer = events.get_final_completion()
    else:
        answer = create(f"{dialect}-tools", tools=TOOLS)
    message = answer.choices[0].message
    assert calls(message) == CASES["tool_calls"]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert len({c.id for c in message.tool_calls}) == 2
    check_usage(answer.usage, "tools")


def test_tool_results_go_back(dialect):
    first = create(f"{dialect}-tools", tools=TOOLS).choices[0].message
    results = [{"role": "tool", "tool_call_id": c.id, "content": f"result of {c.function.name}"} for c in first.tool_calls]
    turn = [*ASK, first.model_dump(exclude_none=True), *results]
    answer = create(f"{dialect}-plain", messages=turn, tools=TOOLS)
    assert answer.choices[0].message.content == TEXT
    sent = seen("plain")["bodies"][-1]
    if dialect == "openai":
        assert [m["content"] for m in sent["messages"] if m["role"] == "tool"] == ["result of departures", "result of platform"]
    elif dialect == "anthropic":
        blocks = [b for b in sent["messages"][-1]["content"] if b["type"] == "tool_result"]
        assert [b["tool_use_id"] for b in blocks] == [c.id for c in first.tool_calls]
        assert "result of platform" in json.dumps(blocks[1]["content"])
    else:
        parts = [p["functionResponse"] for p in sent["contents"][-1]["parts"] if "functionResponse" in p]
        assert [p["name"] for p in parts] == ["departures", "platform"]
        assert "c2lnbmF0dXJl" in json.dumps(sent), "the thought's signature goes back with its call"


def test_structured(dialect):
    answer = CLIENT.chat.completions.parse(model=f"{dialect}-structured", messages=ASK, response_format=Departure)
    assert answer.choices[0].message.parsed == Departure(**CASES["structured"])
    check_usage(answer.usage, "structured")


def test_structured_stream(dialect):
    with CLIENT.chat.completions.stream(model=f"{dialect}-structured", messages=ASK, response_format=Departure) as events:
        assert events.get_final_completion().choices[0].message.parsed == Departure(**CASES["structured"])


def test_image(dialect):
    image = CASES["image"]
    content = [{"type": "text", "text": "What is this?"},
               {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}]
    assert create(f"{dialect}-plain", messages=[{"role": "user", "content": content}]).choices[0].message.content == TEXT
    sent = seen("plain")["bodies"][-1]
    if dialect == "openai":
        assert sent["messages"][0]["content"] == content
    elif dialect == "anthropic":
        source = next(b for b in sent["messages"][0]["content"] if b["type"] == "image")["source"]
        assert source == {"type": "base64", "media_type": "image/png", "data": image}
    else:
        inline = next(p for p in sent["contents"][0]["parts"] if "inlineData" in p or "inline_data" in p)
        assert list(inline.values())[0]["data"] == image


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning(dialect, stream):
    answer = create(f"{dialect}-thinking", stream=stream, **({"stream_options": {"include_usage": True}} if stream else {}))
    if stream:
        chunks = list(answer)
        parts = [c.choices[0].delta for c in chunks if c.choices]
        text, usage = "".join(p.content or "" for p in parts), chunks[-1].usage
        thought = "".join(getattr(p, "reasoning_content", None) or "" for p in parts)
    else:
        message, usage = answer.choices[0].message, answer.usage
        text, thought = message.content, message.reasoning_content
    assert (text, thought) == (TEXT, CASES["thinking"])
    check_usage(usage, "thinking")
    details = usage.completion_tokens_details
    assert (details.reasoning_tokens if details else 0) in (CASES["reasoning_tokens"][dialect], None)


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs(stream):
    answer = create("openai-logprobs", logprobs=True, top_logprobs=2, stream=stream)
    pieces = [c.choices[0].logprobs for c in answer if c.choices] if stream else [answer.choices[0].logprobs]
    tokens = [t for p in pieces if p for t in p.content]
    assert [(t.token, t.logprob) for t in tokens] == [("Platform", -0.25), (" 9", -0.5)]
    assert tokens[0].top_logprobs[1].token == "A"


def test_refusal():
    message = create("openai-refusal").choices[0].message
    assert (message.content, message.refusal) == (None, "I can't help with that.")


# ---- what is no conversation -----------------------------------------------------------------

PICTURE = base64.b64decode(CASES["image"])


@pytest.mark.parametrize("provider", ["openai", "gemini"])
@pytest.mark.parametrize("form", [None, "float", "base64"])
def test_embeddings(provider, form):
    more = {"encoding_format": form} if form else {}
    answer = CLIENT.embeddings.create(model=f"{provider}-plain", input=["a", "b"], **more)
    got = [d.embedding for d in answer.data]
    if form == "base64":
        got = [list(struct.unpack("<3f", base64.b64decode(v))) for v in got]
    assert got == [[0.5, -0.25, 0.125], [1.0, 0.0, -1.0]]
    assert answer.usage.prompt_tokens == (7 if provider == "openai" else 0), "Gemini counts no tokens here"


def test_images():
    answer = CLIENT.images.generate(model="openai-plain", prompt="A train", size="1024x1024", quality="low")
    assert answer.data[0].b64_json == CASES["image"]
    sent = seen("plain")["bodies"][-1]
    assert (sent["prompt"], sent["size"], sent["quality"]) == ("A train", "1024x1024", "low")


def test_image_edit():
    answer = CLIENT.images.edit(model="openai-plain", prompt="A red train", image=("train.png", PICTURE, "image/png"))
    assert answer.data[0].b64_json == CASES["image"]
    sent = seen("plain")["bodies"][-1]
    assert (sent["prompt"], sent["image"]) == ("A red train", len(PICTURE))


@pytest.mark.parametrize("call", ["transcriptions", "translations"])
def test_listening(call):
    answer = getattr(CLIENT.audio, call).create(model="openai-plain", file=("a.wav", b"RIFF" + bytes(100_000), "audio/wav"))
    assert answer.text == TEXT
    assert seen("plain")["bodies"][-1]["file"] == 100_004


def test_speech():
    with CLIENT.audio.speech.with_streaming_response.create(model="openai-plain", voice="alloy", input="All aboard") as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert b"".join(answer.iter_bytes(512)) == bytes(range(256)) * 64


def test_speech_cancelled():
    before = seen(f"slow-{SUITE}").get("left", 0)
    with CLIENT.audio.speech.with_streaming_response.create(model=f"openai-slow-{SUITE}", voice="alloy", input="All aboard") as answer:
        next(answer.iter_bytes(512))
    assert wait_until(lambda: seen(f"slow-{SUITE}")["left"] == before + 1)


def test_moderation():
    answer = CLIENT.moderations.create(model="openai-plain", input="I will hit you")
    assert answer.results[0].flagged and answer.results[0].categories.violence
    assert answer.results[0].category_scores.violence == 0.9


PASSAGES = [
    lambda model: CLIENT.embeddings.create(model=model, input="a"),
    lambda model: CLIENT.images.generate(model=model, prompt="a"),
    lambda model: CLIENT.moderations.create(model=model, input="a"),
    lambda model: CLIENT.audio.speech.create(model=model, voice="alloy", input="a"),
    lambda model: CLIENT.audio.transcriptions.create(model=model, file=("a.wav", b"RIFF", "audio/wav")),
]


@pytest.mark.parametrize("ask", PASSAGES, ids=["embeddings", "images", "moderations", "speech", "transcriptions"])
def test_errors_of_passages(ask):
    with pytest.raises(openai.BadRequestError):
        ask("openai-fault-400")
    with pytest.raises(openai.NotFoundError):
        ask("openai-fault-404")


def test_passages_that_fail():
    with pytest.raises(openai.RateLimitError) as caught:
        PASSAGES[0]("openai-fault-429")
    assert caught.value.response.headers["retry-after"] == "7"
    with pytest.raises(openai.InternalServerError):
        PASSAGES[3]("openai-fault-500")


@pytest.mark.parametrize("stream", [False, True])
def test_responses(dialect, stream):
    asked = {"model": f"{dialect}-plain", "input": "When does the train leave?"}
    if stream:
        with CLIENT.responses.stream(**asked) as events:
            answer = events.get_final_response()
    else:
        answer = CLIENT.responses.create(**asked)
    assert (answer.output_text, answer.status) == (TEXT, "completed")
    assert answer.usage.output_tokens == CASES["usage"]["plain"]["completion"]


def test_models():
    listed = [m.id for m in CLIENT.models.list()]
    assert {"openai-plain", "anthropic-plain", "gemini-plain"} <= set(listed)
    assert CLIENT.models.retrieve("gemini-plain").id == "gemini-plain"


def test_headers(dialect):
    raw = CLIENT.chat.completions.with_raw_response.create(model=f"{dialect}-plain", messages=ASK)
    assert raw.headers["x-pointsman-model"] == f"{dialect}-plain"
    assert raw.headers["x-pointsman-provider"] == dialect
    assert raw.headers["x-pointsman-attempts"] == "1"
    assert float(raw.headers["x-pointsman-cost-usd"]) == pytest.approx((13 * 1.0 + 8 * 0.1 + 18 * 4.0) / 1e6)


# ---- errors ----------------------------------------------------------------------------------

ERRORS = [
    ("fault-400", openai.BadRequestError, 400, None),
    ("fault-401", openai.InternalServerError, 502, "upstream_auth"),
    ("fault-404", openai.NotFoundError, 404, None),
    ("fault-429", openai.RateLimitError, 429, "rate_limit_exceeded"),
    ("fault-500", openai.InternalServerError, 502, "upstream_failed"),
    ("fault-503", openai.InternalServerError, 503, "overloaded"),
    ("fault-malformed", openai.InternalServerError, 502, "upstream_invalid_response"),
    ("fault-hang", openai.InternalServerError, 504, "upstream_timeout"),
]


@pytest.mark.parametrize("fault,kind,status,code", ERRORS, ids=[e[0] for e in ERRORS])
def test_upstream_errors(dialect, fault, kind, status, code):
    with pytest.raises(kind) as caught:
        create(f"{dialect}-{fault}")
    assert caught.value.status_code == status
    assert code is None or caught.value.code == code
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("fault", ["fault-cut", "fault-stream-error"])
def test_broken_stream_raises(dialect, fault):
    got = []
    with pytest.raises(openai.APIError):
        for chunk in create(f"{dialect}-{fault}", stream=True):
            got.append(chunk)
    assert got, "what came before the break reaches the client"
    assert not any(c.choices and c.choices[0].finish_reason for c in got)


def test_wrong_key():
    with pytest.raises(openai.AuthenticationError) as caught:
        CLIENT.with_options(api_key="pm-wrong").chat.completions.create(model="openai-plain", messages=ASK)
    assert caught.value.code == "invalid_api_key"


def test_unknown_model():
    with pytest.raises(openai.NotFoundError) as caught:
        create("no-such-model")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("body", [{"messages": "hello"}, {"messages": [{"content": "hello"}]}, {"messages": ASK, "temperature": "hot"}])
def test_bad_request(body):
    with pytest.raises(openai.BadRequestError) as caught:
        create("gemini-plain", messages=[], extra_body=body)
    assert caught.value.type == "invalid_request_error"


def test_sdk_retries_429(dialect):
    answer = CLIENT.with_options(max_retries=2).chat.completions.create(model=f"{dialect}-flaky-429-{SUITE}", messages=ASK)
    assert answer.choices[0].message.content == TEXT


def test_gateway_retries_429(dialect):
    raw = CLIENT.chat.completions.with_raw_response.create(model=f"{dialect}-flaky-429-gateway-{SUITE}", messages=ASK)
    assert raw.parse().choices[0].message.content == TEXT


def test_client_time_out(dialect):
    with pytest.raises(openai.APITimeoutError):
        CLIENT.with_options(timeout=0.1).chat.completions.create(model=f"{dialect}-fault-hang", messages=ASK)


def test_cancel_in_mid_stream(dialect):
    before = seen(f"slow-{SUITE}").get("left", 0)
    with create(f"{dialect}-slow-{SUITE}", stream=True) as stream:
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                break
    assert wait_until(lambda: seen(f"slow-{SUITE}")["left"] == before + 1), "the upstream sees that the client has gone"
