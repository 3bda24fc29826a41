"""Files and batches by the openai SDK."""
import json

import openai
import pytest
from suite import KEY, URL

CLIENT = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=20)


def lines(*models):
    return "".join(json.dumps({"custom_id": str(at), "method": "POST", "url": "/v1/chat/completions",
                               "body": {"model": model, "messages": []}}) + "\n" for at, model in enumerate(models)).encode()


def test_files():
    content = b"\x00\xff the departures \r\n" * 1000
    file = CLIENT.files.create(file=("departures.bin", content), purpose="user_data")
    assert (file.object, file.bytes, file.filename, file.purpose) == ("file", len(content), "departures.bin", "user_data")
    assert CLIENT.files.retrieve(file.id) == file
    assert file.id in [one.id for one in CLIENT.files.list()]
    assert CLIENT.files.content(file.id).read() == content
    with CLIENT.files.with_streaming_response.content(file.id) as answer:
        assert b"".join(answer.iter_bytes(1000)) == content
    assert CLIENT.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        CLIENT.files.retrieve(file.id)


def test_batch():
    # The names are the gateway's; the provider gets its own.
    file = CLIENT.files.create(file=("work.jsonl", lines("openai-plain", "openai-tools")), purpose="batch")
    batch = CLIENT.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"of": "suite"})
    assert (batch.object, batch.status, batch.input_file_id, batch.metadata) == ("batch", "validating", file.id, {"of": "suite"})
    assert CLIENT.batches.retrieve(batch.id).status == "in_progress"
    batch = CLIENT.batches.retrieve(batch.id)
    assert batch.status == "completed"
    answers = [json.loads(line) for line in CLIENT.files.content(batch.output_file_id).text.splitlines()]
    assert [(one["custom_id"], one["response"]["body"]["model"]) for one in answers] == [("0", "plain"), ("1", "tools")]
    assert batch.id in [one.id for one in CLIENT.batches.list(limit=5)]


def test_batch_cancel():
    file = CLIENT.files.create(file=("work.jsonl", lines("openai-plain")), purpose="batch")
    batch = CLIENT.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert CLIENT.batches.cancel(batch.id).status == "cancelling"
    with pytest.raises(openai.NotFoundError):
        CLIENT.batches.retrieve("batch_unknown")


def test_large_file():
    content = lines(*["openai-plain"] * 40_000)
    file = CLIENT.files.create(file=("large.jsonl", content), purpose="batch")
    assert file.bytes == len(content) - 40_000 * len("openai-")


def test_errors_are_typed():
    with pytest.raises(openai.BadRequestError, match="no whole JSON value"):
        CLIENT.files.create(file=("work.jsonl", lines("openai-plain") + b'{"body":\n'), purpose="batch")
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{URL}/v1", api_key="wrong", max_retries=0).files.list()
