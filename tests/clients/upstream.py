"""The providers of the client suites: answers from fixtures and recordings, and fails on demand.

The upstream model's name says what comes back, in the dialect that the path asks for:

    plain, tools, ...     fixtures/DIALECT/NAME.json, or NAME.sse for a stream
    fault-STATUS          an error of that status in the dialect's own form; 429 carries Retry-After: 7
    fault-hang            accepts and never answers
    fault-cut             a stream that breaks after its first half
    fault-malformed       200 with half a JSON object
    fault-stream-error    a stream that reports an error after its first half
    agent                 a call of the tool `Bash` until its result, 1742, has come back; then `plain`
    flaky-429-KEY         429 with Retry-After: 0 (1 where KEY ends in `second`) at first, `plain` from then on
    slow-KEY              `plain`, an event only every 50 ms, so that a client can leave in between
    record-PROVIDER-CASE  the answer of that recorded exchange

What is no conversation (embeddings, images, sound, moderations) is answered alike for every model; faults hold there too.

`GET /seen/MODEL` tells what was asked of a model: the bodies, and how many streams the client left early.
"""
import base64
import json
import os
import re
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import depot

HERE = Path(__file__).resolve().parent
CASES = json.loads((HERE / "cases.json").read_text())
TRAFFIC = Path(os.environ.get("POINTSMAN_SHARED", HERE.parents[2] / "shared")) / "traffic"

TYPES = {400: ("invalid_request_error", "INVALID_ARGUMENT"), 401: ("authentication_error", "UNAUTHENTICATED"),
         403: ("permission_error", "PERMISSION_DENIED"), 404: ("not_found_error", "NOT_FOUND"),
         429: ("rate_limit_error", "RESOURCE_EXHAUSTED"), 500: ("api_error", "INTERNAL"), 503: ("overloaded_error", "UNAVAILABLE"),
         529: ("overloaded_error", "UNAVAILABLE")}


def error_body(dialect, status):
    anthropic, google = TYPES[status]
    message = f"fixture error {status}"
    if dialect == "anthropic":
        return {"type": "error", "error": {"type": anthropic, "message": message}, "request_id": "req_fixture"}
    if dialect == "gemini":
        return {"error": {"code": status, "message": message, "status": google}}
    return {"error": {"message": message, "type": anthropic, "param": None, "code": None}}


def stream_error(dialect):
    body = json.dumps(error_body(dialect, 500))
    return f"event: error\ndata: {body}\n\n" if dialect == "anthropic" else f"data: {body}\n\n"


def form(raw):
    """The text fields of a form, and the sizes of its files."""
    parts = re.findall(rb'name="(\w+(?:\[\])?)"(; filename="[^"]*")?[^\r]*\r\n(?:[^\r]+\r\n)*\r\n(.*?)\r\n--', raw, re.DOTALL)
    return {name.decode(): len(value) if file else value.decode() for name, file, value in parts}


class Ledger:
    """What was asked of each model."""

    def __init__(self):
        self.lock, self.bodies, self.cut, self.counts = threading.Lock(), {}, {}, {}

    def note(self, dialect, model, body):
        """Keeps the body; returns the how-manieth request this is."""
        with self.lock:
            self.bodies.setdefault(model, []).append(body)
            self.counts[dialect, model] = self.counts.get((dialect, model), 0) + 1
            return self.counts[dialect, model]

    def left(self, model):
        with self.lock:
            self.cut[model] = self.cut.get(model, 0) + 1

    def of(self, model):
        with self.lock:
            return {"bodies": self.bodies.get(model, []), "left": self.cut.get(model, 0)}


LEDGER = Ledger()

SOUND = bytes(range(256)) * 64
VECTORS = [[0.5, -0.25, 0.125], [1.0, 0.0, -1.0]]


def vectors(body):
    """OpenAI's form: base64 of little-endian floats where asked for, which the SDKs do unasked."""
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    packed = body.get("encoding_format") == "base64"
    made = [base64.b64encode(struct.pack("<3f", *v)).decode() if packed else v for v in VECTORS[:len(inputs)]]
    return {"object": "list", "model": body["model"], "usage": {"prompt_tokens": 7, "total_tokens": 7},
            "data": [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(made)]}


def verdict(body):
    names = ("harassment", "hate", "violence")
    return {"id": "modr-1", "model": body["model"], "results": [{"flagged": True, "categories": {n: n == "violence" for n in names},
            "category_scores": {n: 0.9 if n == "violence" else 0.1 for n in names}}]}


def picture(_):
    return {"created": 1, "data": [{"b64_json": CASES["image"]}], "usage": {"input_tokens": 9, "output_tokens": 4160, "total_tokens": 4169}}


def transcript(_):
    return {"text": CASES["text"], "usage": {"type": "duration", "seconds": 3}}


def count(_):
    return {"input_tokens": 7, "totalTokens": 7}


def response(body, status="completed"):
    """OpenAI's responses form of `plain`."""
    done = status == "completed"
    usage = CASES["usage"]["plain"]
    part = {"type": "output_text", "text": CASES["text"], "annotations": []}
    return {"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": body["model"], "error": None,
            "incomplete_details": None, "instructions": None, "metadata": {}, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": [part]}] if done else [],
            "usage": {"input_tokens": usage["prompt"], "input_tokens_details": {"cached_tokens": usage["cached"]},
                      "output_tokens": usage["completion"], "output_tokens_details": {"reasoning_tokens": 0},
                      "total_tokens": usage["prompt"] + usage["completion"]} if done else None}


def response_events(body):
    whole = response(body)
    item, place = whole["output"][0], {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    events = [{"type": "response.created", "response": response(body, "in_progress")},
              {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress", "content": []}},
              {"type": "response.content_part.added", **place, "part": {**item["content"][0], "text": ""}}]
    events += [{"type": "response.output_text.delta", **place, "delta": word, "logprobs": []} for word in re.findall(r"\S+\s*", CASES["text"])]
    events += [{"type": "response.output_text.done", **place, "text": CASES["text"], "logprobs": []},
               {"type": "response.content_part.done", **place, "part": item["content"][0]},
               {"type": "response.output_item.done", "output_index": 0, "item": item},
               {"type": "response.completed", "response": whole}]
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in numbered).encode()


PASSAGES = {":countTokens": count, "/messages/count_tokens": count, "/embeddings": vectors, "/moderations": verdict, "/images/generations": picture, "/images/edits": picture,
            "/audio/transcriptions": transcript, "/audio/translations": transcript}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log_message(self, *_):
        pass

    def do_DELETE(self):
        depot.serve(self)

    def do_GET(self):
        if depot.serve(self):
            return
        model = re.fullmatch(r"/seen/(.+)", self.path)
        self.answer(200, json.dumps(LEDGER.of(model[1]) if model else {}).encode())

    def do_POST(self):
        if depot.serve(self):
            return
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.loads(raw) if raw[:1] == b"{" else form(raw)
        google = re.search(r"/models/([^:]+):(\w+)", self.path)
        dialect = "gemini" if google else "anthropic" if "/messages" in self.path else "openai"
        model = google[1] if google else body.get("model", "")
        stream = google[2].startswith("stream") if google else body.get("stream", False)
        self.body = body
        number = LEDGER.note(dialect, model, body)
        try:
            self.serve(dialect, model, stream, number)
        except (BrokenPipeError, ConnectionResetError):
            LEDGER.left(model)
            self.close_connection = True

    def serve(self, dialect, model, stream, number):
        fault = re.fullmatch(r"fault-(\w.*)", model)
        if fault and fault[1].isdigit():
            status = int(fault[1])
            return self.answer(status, json.dumps(error_body(dialect, status)).encode(),
                               {"retry-after": "7"} if status == 429 else {})
        if model == "fault-hang":
            self.connection.settimeout(60)
            self.rfile.read(1)
            self.close_connection = True
            return None
        if model == "fault-malformed":
            return self.answer(200, b'{"id": "chatcmpl-fixture", "choices": [')
        if model.startswith("flaky-429-") and number == 1:
            return self.answer(429, json.dumps(error_body(dialect, 429)).encode(), {"retry-after": "1" if model.endswith("-second") else "0"})
        if model.startswith("record-"):
            return self.replay(model)
        if self.path.endswith(":batchEmbedContents"):
            return self.answer(200, json.dumps({"embeddings": [{"values": v} for v in VECTORS[:len(self.body["requests"])]]}).encode())
        if self.path.endswith("/audio/speech"):
            return self.sound(model)
        for path, made in PASSAGES.items():
            if self.path.endswith(path):
                return self.answer(200, json.dumps(made(self.body)).encode())
        if self.path.endswith("/responses"):
            if stream:
                return self.stream(dialect, model, response_events(self.body))
            return self.answer(200, json.dumps(response(self.body)).encode())
        name = model if (HERE / f"fixtures/{dialect}/{model}.json").exists() else "plain"
        if name == "agent" and "1742" in json.dumps(self.body):
            name = "plain"
        if not stream:
            return self.answer(200, (HERE / f"fixtures/{dialect}/{name}.json").read_bytes())
        return self.stream(dialect, model, (HERE / f"fixtures/{dialect}/{name}.sse").read_bytes())

    def stream(self, dialect, model, events):
        events = re.findall(rb".+?\r?\n\r?\n", events, re.DOTALL)
        if model in ("fault-cut", "fault-stream-error"):
            events = events[:max(2, len(events) // 2)]
        if model.startswith("slow-"):
            events = [again for event in events for again in [event] * (200 if b"The 17:42 to" in event else 1)]
        self.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        for event in events:
            self.chunk(event)
            if model.startswith("slow-"):
                time.sleep(0.05)
        if model == "fault-cut":
            self.close_connection = True
            return
        if model == "fault-stream-error":
            self.chunk(stream_error(dialect).encode())
        self.wfile.write(b"0\r\n\r\n")

    def sound(self, model):
        self.head(200, {"content-type": "audio/mpeg", "transfer-encoding": "chunked"})
        for at in range(0, len(SOUND), 1024):
            self.chunk(SOUND[at:at + 1024])
            if model.startswith("slow-"):
                time.sleep(0.05)
        self.wfile.write(b"0\r\n\r\n")

    def replay(self, model):
        folder = TRAFFIC / model.split("-", 2)[1] / model.split("-", 2)[2]
        meta = json.loads((folder / "meta.json").read_text())
        answer = next(path for path in folder.iterdir() if path.name.startswith("response."))
        kept = {k: v for k, v in meta.get("response_headers", {}).items() if k.lower() in ("retry-after", "content-type")}
        self.answer(meta["status"], answer.read_bytes(), kept)

    def answer(self, status, body, headers=()):
        self.head(status, {"content-type": "application/json", **dict(headers), "content-length": str(len(body))})
        self.wfile.write(body)

    def head(self, status, headers):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


def start():
    """Serves on a free port; returns the port. Ends with the process."""
    ThreadingHTTPServer.request_queue_size = 128
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
