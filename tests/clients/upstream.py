"""The providers of the client suites: answers from fixtures and recordings, and fails on demand.

The upstream model's name says what comes back, in the dialect that the path asks for:

    plain, tools, ...     fixtures/DIALECT/NAME.json, or NAME.sse for a stream
    fault-STATUS          an error of that status in the dialect's own form; 429 carries Retry-After: 7
    fault-hang            accepts and never answers
    fault-cut             a stream that breaks after its first half
    fault-malformed       200 with half a JSON object
    fault-stream-error    a stream that reports an error after its first half
    flaky-429-KEY         429 with Retry-After: 0 at first, `plain` from then on
    slow-KEY              `plain`, an event only every 50 ms, so that a client can leave in between
    record-PROVIDER-CASE  the answer of that recorded exchange

`GET /seen/MODEL` tells what was asked of a model: the bodies, and how many streams the client left early.
"""
import json
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
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


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log_message(self, *_):
        pass

    def do_GET(self):
        model = re.fullmatch(r"/seen/(.+)", self.path)
        self.answer(200, json.dumps(LEDGER.of(model[1]) if model else {}).encode())

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.loads(raw) if raw[:1] == b"{" else {}
        google = re.search(r"/models/([^:]+):(\w+)", self.path)
        dialect = "gemini" if google else "anthropic" if "/messages" in self.path else "openai"
        model = google[1] if google else body.get("model", "")
        stream = google[2].startswith("stream") if google else body.get("stream", False)
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
            return self.answer(429, json.dumps(error_body(dialect, 429)).encode(), {"retry-after": "0"})
        if model.startswith("record-"):
            return self.replay(model)
        name = model if (HERE / f"fixtures/{dialect}/{model}.json").exists() else "plain"
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
