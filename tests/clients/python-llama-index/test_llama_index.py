"""llama-index through Pointsman to upstreams of three dialects."""
import openai
import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel
from suite import CASES, KEY, SUITE, URL

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
