"""llama-index through Pointsman to upstreams of three dialects."""
import asyncio
import gc

import openai
import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel
from suite import CASES, KEY, SUITE, URL, seen, wait_until

ASK = [ChatMessage(role="user", content="When does the train leave?")]


def llm(model, **options):
    return OpenAILike(model=model, api_base=f"{URL}/v1", api_key=KEY, is_chat_model=True, is_function_calling_model=True,
                      context_window=128000, **{"max_retries": 0, "timeout": 20, **options})


def departures(station: str, limit: int) -> str:
    """Departures of a station."""
    return f"{limit} from {station}"


def platform(train: str) -> str:
    """Platform of a train."""
    return f"platform of {train}"


def test_plain(dialect):
    assert llm(f"{dialect}-plain").chat(ASK).message.content == CASES["text"]


def test_stream(dialect):
    assert "".join(chunk.delta or "" for chunk in llm(f"{dialect}-plain").stream_chat(ASK)) == CASES["text"]


def test_tools(dialect):
    tools = [FunctionTool.from_defaults(departures), FunctionTool.from_defaults(platform)]
    model = llm(f"{dialect}-tools")
    calls = model.get_tool_calls_from_response(model.chat_with_tools(tools, user_msg="When?", allow_parallel_tool_calls=True))
    assert [{"name": c.tool_name, "arguments": c.tool_kwargs} for c in calls] == CASES["tool_calls"]


def test_errors(dialect):
    with pytest.raises(openai.RateLimitError):
        llm(f"{dialect}-fault-429").chat(ASK)


def test_retries_429_and_times_out(dialect):
    assert llm(f"{dialect}-flaky-429-{SUITE}", max_retries=2).chat(ASK).message.content == CASES["text"]
    with pytest.raises(openai.APITimeoutError):
        llm(f"{dialect}-fault-hang", timeout=0.1).chat(ASK)


def test_structured(dialect):
    class Departure(BaseModel):
        """A departure."""
        train: str
        platform: int
        stops: list[str]

    from llama_index.core.program import LLMTextCompletionProgram
    program = LLMTextCompletionProgram.from_defaults(output_cls=Departure, llm=llm(f"{dialect}-structured"), prompt_template_str="When?")
    assert program() == Departure(**CASES["structured"])


def left(before):
    """Whether the upstream saw one more stream end early. The library's callbacks hold the streams that it wraps
    in a circle: they close when it is collected."""
    gc.collect()
    return seen(f"slow-{SUITE}")["left"] == before + 1


def test_cancel_in_mid_stream(dialect):
    before = seen(f"slow-{SUITE}")["left"]
    stream = llm(f"{dialect}-slow-{SUITE}").stream_chat(ASK)
    assert next(chunk.delta for chunk in stream if chunk.delta)
    stream.close()
    del stream
    assert wait_until(lambda: left(before)), "the upstream sees that the client has gone"


def test_cancelled_task(dialect):
    before = seen(f"slow-{SUITE}")["left"]

    async def listen(heard):
        async for chunk in await llm(f"{dialect}-slow-{SUITE}").astream_chat(ASK):
            if chunk.delta:
                heard.set()

    async def cancel():
        heard = asyncio.Event()
        task = asyncio.create_task(listen(heard))
        await asyncio.wait_for(heard.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # While the event loop still lives: its end closes every connection.
        del task
        return await asyncio.to_thread(wait_until, lambda: left(before))

    assert asyncio.run(cancel()), "the upstream sees that the client has gone"
