"""Recorded exchanges of the three dialects, read by the openai SDK: the same text, tool calls and errors as recorded."""
import json
import os
from pathlib import Path

import openai
import pytest
from suite import KEY, URL

CLIENT = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=20)
RECORDED = json.loads(os.environ["RECORDED"])


def load(name):
    _, provider, case = name.split("-", 2)
    folder = Path(os.environ["TRAFFIC"]) / provider / case
    answer = next(p for p in folder.iterdir() if p.name.startswith("response."))
    request = folder / "request.json"
    return (provider, json.loads((folder / "meta.json").read_text()), answer,
            json.loads(request.read_text()) if request.exists() else {})


def events(path):
    """The JSON of each `data:` line of a recorded stream."""
    for line in path.read_text().splitlines():
        if line.startswith("data:") and line[5:].strip() not in ("", "[DONE]"):
            yield json.loads(line[5:])


def read_openai(bodies):
    text, calls = "", {}
    for body in bodies:
        for choice in body.get("choices", [])[:1] if body.get("choices") else []:
            if choice.get("index", 0) != 0:
                continue
            said = choice.get("message") or choice.get("delta") or {}
            text += said.get("content") or ""
            for place, call in enumerate(said.get("tool_calls") or []):
                call_name, so_far = calls.get(call.get("index", place), ("", ""))
                function = call.get("function") or {}
                calls[call.get("index", place)] = (function.get("name") or call_name, so_far + (function.get("arguments") or ""))
    return text, list(calls.values())


def read_anthropic(bodies):
    text, calls = "", {}
    for body in bodies:
        for place, block in enumerate(body.get("content") or []):
            text += block.get("text", "") if block["type"] == "text" else ""
            if block["type"] == "tool_use":
                calls[place] = (block["name"], json.dumps(block["input"]))
        block, delta = body.get("content_block") or {}, body.get("delta") or {}
        if block.get("type") == "tool_use":
            calls[body["index"]] = (block["name"], json.dumps(block["input"]) if block.get("input") else "")
        text += (block.get("text") or "") if block.get("type") == "text" else ""
        text += delta.get("text", "") if delta.get("type") == "text_delta" else ""
        if delta.get("type") == "input_json_delta" and body["index"] in calls:
            name, so_far = calls[body["index"]]
            calls[body["index"]] = (name, so_far + delta["partial_json"])
    return text, list(calls.values())


def read_gemini(bodies):
    text, calls = "", []
    for body in bodies:
        for part in ((body.get("candidates") or [{}])[0].get("content") or {}).get("parts") or []:
            text += "" if part.get("thought") else part.get("text", "")
            if "functionCall" in part:
                calls.append((part["functionCall"]["name"], json.dumps(part["functionCall"].get("args") or {})))
    return text, calls


READERS = {"openai": read_openai, "anthropic": read_anthropic, "gemini": read_gemini}


def arguments(text):
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


@pytest.mark.skipif(not RECORDED, reason="recorded traffic is not at hand")
@pytest.mark.parametrize("name", RECORDED or ["none"])
def test_recorded(name):
    provider, meta, path, request = load(name)
    body = dict(request) if provider == "openai" and isinstance(request, dict) else {}
    for key in ("model", "messages", "stream"):
        body.pop(key, None)
    messages = request.get("messages") if provider == "openai" and request else [{"role": "user", "content": "hello"}]
    stream = path.suffix == ".sse"
    if meta["status"] >= 400:
        with pytest.raises(openai.APIStatusError) as caught:
            CLIENT.chat.completions.create(model=name, messages=messages, stream=stream, extra_body=body)
        refused_key = meta["status"] in (401, 403) or "api key" in path.read_text().lower()
        want = 502 if refused_key else meta["status"]  # the client's own key is fine
        assert caught.value.status_code == want
        return
    if "willContinue" in path.read_text():
        pytest.skip("arguments in pieces of Gemini's own form: the dialect's own tests hold them")
    recorded = list(events(path)) if stream else json.loads(path.read_text())
    wanted_text, wanted_calls = READERS[provider](recorded if isinstance(recorded, list) else [recorded])
    answer = CLIENT.chat.completions.create(model=name, messages=messages, stream=stream, extra_body=body)
    text, calls = read_openai([c.model_dump() for c in answer] if stream else [answer.model_dump()])
    assert text == wanted_text
    assert [(n, arguments(a)) for n, a in calls] == [(n, arguments(a)) for n, a in wanted_calls]
