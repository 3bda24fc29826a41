"""Files and batches by the anthropic SDK."""
import anthropic
import pytest
from suite import KEY, URL

CLIENT = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=20)


def order(*models):
    ask = {"max_tokens": 9, "messages": [{"role": "user", "content": "When?"}]}
    return CLIENT.messages.batches.create(requests=[{"custom_id": str(at), "params": {"model": model, **ask}} for at, model in enumerate(models)])


def test_batch():
    batch = order("anthropic-plain", "anthropic-tools")
    assert (batch.type, batch.processing_status, batch.request_counts.processing) == ("message_batch", "in_progress", 2)
    ended = CLIENT.messages.batches.retrieve(batch.id)
    # The SDK fetches results from the address that the batch states.
    assert (ended.processing_status, ended.results_url) == ("ended", f"{URL}/v1/messages/batches/{batch.id}/results")
    results = list(CLIENT.messages.batches.results(batch.id))
    assert [(one.custom_id, one.result.type, one.result.message.model) for one in results] == \
        [("0", "succeeded", "plain"), ("1", "succeeded", "tools")]
    assert batch.id in [one.id for one in CLIENT.messages.batches.list(limit=5)]
    assert CLIENT.messages.batches.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        CLIENT.messages.batches.retrieve(batch.id)


def test_batch_cancel():
    assert CLIENT.messages.batches.cancel(order("anthropic-plain").id).processing_status == "canceling"


def test_files():
    content = b"\x00\xff the departures \r\n" * 1000
    file = CLIENT.beta.files.upload(file=("departures.txt", content, "text/plain"))
    assert (file.type, file.size_bytes, file.filename) == ("file", len(content), "departures.txt")
    assert CLIENT.beta.files.retrieve_metadata(file.id).id == file.id
    assert file.id in [one.id for one in CLIENT.beta.files.list()]
    assert CLIENT.beta.files.download(file.id).read() == content
    assert CLIENT.beta.files.delete(file.id).type == "file_deleted"
    with pytest.raises(anthropic.NotFoundError):
        CLIENT.beta.files.retrieve_metadata(file.id)
