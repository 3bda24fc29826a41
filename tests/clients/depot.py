"""Files and batches of the providers of the client suites: kept in memory, in OpenAI's form and in Anthropic's.

A batch is done when it is asked after for the second time. Its answers echo the custom ids and models.
"""
import json
import re
import threading
from email.parser import BytesParser

LOCK = threading.Lock()
FILES, BATCHES = {}, {}


def serve(handler):
    """Answers a request for files or batches; says whether it was one."""
    path, _, _ = handler.path.partition("?")
    match = re.fullmatch(r"/v1/(files|batches|messages/batches)(?:/([^/]+))?(?:/(content|cancel|results))?", path)
    if not match:
        return False
    root, thing, part = match.groups()
    body = read(handler)
    with LOCK:
        status, content_type, answer = ROOTS[root](handler, thing, part, body)
    if isinstance(answer, dict):
        answer = json.dumps(answer).encode()
    handler.answer(status, answer, {"content-type": content_type})
    return True


def read(handler):
    if handler.headers.get("transfer-encoding", "") != "chunked":
        return handler.rfile.read(int(handler.headers.get("content-length", 0)))
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def found(answer):
    return 200, "application/json", answer


def missing(anthropic):
    error = {"type": "not_found_error", "message": "no such thing"} if anthropic else \
        {"message": "no such thing", "type": "invalid_request_error", "param": None, "code": None}
    return 404, "application/json", {"type": "error", "error": error} if anthropic else {"error": error}


def files(handler, thing, part, body):
    anthropic = "anthropic-version" in handler.headers
    if handler.command == "POST":
        head = b"content-type: " + handler.headers["content-type"].encode() + b"\r\n\r\n"
        fields = {p.get_param("name", header="content-disposition"): p for p in BytesParser().parsebytes(head + body).get_payload()}
        content, name = fields["file"].get_payload(decode=True), fields["file"].get_filename()
        purpose = fields["purpose"].get_payload() if "purpose" in fields else None
        return found(keep_file(content, name, purpose, anthropic))
    if thing is None:
        page = [about for about, _ in FILES.values() if ("mime_type" in about) == anthropic]
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
        return found({"object": "list", "data": page, "has_more": False, **ends})
    if thing not in FILES:
        return missing(anthropic)
    if handler.command == "DELETE":
        del FILES[thing]
        return found({"id": thing, "type": "file_deleted"} if anthropic else {"id": thing, "object": "file", "deleted": True})
    about, content = FILES[thing]
    return (200, "application/octet-stream", content) if part else found(about)


def keep_file(content, name, purpose, anthropic=False):
    thing = f"file_{len(FILES)}" if anthropic else f"file-{len(FILES)}"
    about = {"id": thing, "type": "file", "filename": name, "mime_type": "text/plain", "size_bytes": len(content),
             "created_at": "2026-01-01T00:00:00Z", "downloadable": True} if anthropic else \
        {"id": thing, "object": "file", "bytes": len(content), "created_at": 1, "filename": name, "purpose": purpose, "status": "processed"}
    FILES[thing] = about, content
    return about


def batches(handler, thing, part, body):
    if handler.command == "POST" and thing is None:
        order = json.loads(body)
        if order["input_file_id"] not in FILES:
            return missing(False)
        batch = {"id": f"batch_{len(BATCHES)}", "object": "batch", "status": "validating", "created_at": 1,
                 "output_file_id": None, "error_file_id": None, **order}
        BATCHES[batch["id"]] = batch
        return found(batch)
    if thing is None:
        page = [batch for batch in BATCHES.values() if "input_file_id" in batch]
        return found({"object": "list", "data": page, "has_more": False, "first_id": page[0]["id"], "last_id": page[-1]["id"]})
    if thing not in BATCHES:
        return missing(False)
    batch = BATCHES[thing]
    if part == "cancel":
        batch["status"] = "cancelling"
    elif batch["status"] == "validating":
        batch["status"] = "in_progress"
    elif batch["status"] == "in_progress":
        lines = [json.loads(line) for line in FILES[batch["input_file_id"]][1].splitlines()]
        answers = [{"id": f"r{at}", "custom_id": line["custom_id"], "error": None,
                    "response": {"status_code": 200, "request_id": "r", "body": {"model": line["body"]["model"]}}} for at, line in enumerate(lines)]
        content = "".join(json.dumps(answer) + "\n" for answer in answers).encode()
        batch.update(status="completed", output_file_id=keep_file(content, "out.jsonl", "batch_output")["id"])
    return found(batch)


def message_batches(handler, thing, part, body):
    if handler.command == "POST" and thing is None:
        requests = json.loads(body)["requests"]
        thing = f"msgbatch_{len(BATCHES)}"
        batch = {"id": thing, "type": "message_batch", "processing_status": "in_progress", "created_at": "2026-01-01T00:00:00Z",
                 "expires_at": "2026-01-02T00:00:00Z", "ended_at": None, "archived_at": None, "cancel_initiated_at": None, "results_url": None,
                 "request_counts": {"processing": len(requests), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}}
        BATCHES[thing] = {"about": batch, "requests": requests}
        return found(batch)
    if thing is None:
        page = [batch["about"] for batch in BATCHES.values() if "about" in batch]
        return found({"data": page, "has_more": False, "first_id": page[0]["id"], "last_id": page[-1]["id"]})
    if thing not in BATCHES:
        return missing(True)
    if handler.command == "DELETE":
        del BATCHES[thing]
        return found({"id": thing, "type": "message_batch_deleted"})
    batch = BATCHES[thing]["about"]
    if part == "results":
        lines = [{"custom_id": one["custom_id"], "result": {"type": "succeeded", "message": {
            "id": "m", "type": "message", "role": "assistant", "model": one["params"]["model"], "stop_reason": "end_turn", "stop_sequence": None,
            "content": [{"type": "text", "text": "done"}], "usage": {"input_tokens": 1, "output_tokens": 1}}}} for one in BATCHES[thing]["requests"]]
        return 200, "application/x-jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode()
    if part == "cancel":
        batch.update(processing_status="canceling", cancel_initiated_at="2026-01-01T00:00:00Z")
    else:
        batch.update(processing_status="ended", ended_at="2026-01-01T00:00:00Z",
                     results_url=f"https://api.anthropic.com/v1/messages/batches/{thing}/results")
    return found(batch)


ROOTS = {"files": files, "batches": batches, "messages/batches": message_batches}
