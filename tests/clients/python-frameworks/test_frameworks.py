"""Frameworks through Pointsman, each by its own client: plain, streamed, tools, structured, errors; upstreams of three dialects."""
import asyncio

import openai
import pytest
from pydantic import BaseModel
from suite import CASES, KEY, SUITE, URL, seen, wait_until

TEXT, QUESTION = CASES["text"], "When does the train leave?"
BASE = f"{URL}/v1"


class Departure(BaseModel):
    """A departure."""

    train: str
    platform: int
    stops: list[str]


def departures(station: str, limit: int) -> str:
    """Departures of a station."""
    return f"{limit} from {station}"


def platform(train: str) -> str:
    """Platform of a train."""
    return f"platform of {train}"


WANTED = Departure(**CASES["structured"])


# ---- langchain -------------------------------------------------------------------------------

def langchain(model, **options):
    from langchain_openai import ChatOpenAI
    return ChatOpenAI(model=model, base_url=BASE, api_key=KEY, max_retries=0, timeout=20, **options)


def test_langchain_plain(dialect):
    answer = langchain(f"{dialect}-plain").invoke(QUESTION)
    assert answer.content == TEXT
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (21, 18)


def test_langchain_stream(dialect):
    chunks = list(langchain(f"{dialect}-plain", stream_usage=True).stream(QUESTION))
    assert "".join(c.content for c in chunks) == TEXT
    assert sum((c.usage_metadata or {}).get("output_tokens", 0) for c in chunks) == 18


def test_langchain_tools(dialect):
    answer = langchain(f"{dialect}-tools").bind_tools([departures, platform]).invoke(QUESTION)
    assert [{"name": c["name"], "arguments": c["args"]} for c in answer.tool_calls] == CASES["tool_calls"]


def test_langchain_structured(dialect):
    bound = langchain(f"{dialect}-structured").with_structured_output(Departure, method="json_schema")
    assert bound.invoke(QUESTION) == WANTED


def test_langchain_errors(dialect):
    with pytest.raises(openai.RateLimitError):
        langchain(f"{dialect}-fault-429").invoke(QUESTION)


def test_langchain_retries_429_and_times_out(dialect):
    from langchain_openai import ChatOpenAI
    patient = ChatOpenAI(model=f"{dialect}-flaky-429-{SUITE}", base_url=BASE, api_key=KEY, max_retries=2, timeout=20)
    assert patient.invoke(QUESTION).content == TEXT
    with pytest.raises(openai.APITimeoutError):
        ChatOpenAI(model=f"{dialect}-fault-hang", base_url=BASE, api_key=KEY, max_retries=0, timeout=0.1).invoke(QUESTION)


def test_langchain_cancel_in_mid_stream(dialect):
    before = seen(f"slow-{SUITE}")["left"]
    stream = langchain(f"{dialect}-slow-{SUITE}").stream(QUESTION)
    assert next(chunk.content for chunk in stream if chunk.content)
    stream.close()
    assert wait_until(lambda: seen(f"slow-{SUITE}")["left"] == before + 1)


def test_langchain_embeddings():
    from langchain_openai import OpenAIEmbeddings
    embeddings = OpenAIEmbeddings(model="openai-plain", base_url=BASE, api_key=KEY, max_retries=0, check_embedding_ctx_length=False)
    assert embeddings.embed_documents(["a", "b"]) == [[0.5, -0.25, 0.125], [1.0, 0.0, -1.0]]


# ---- langchain-anthropic ---------------------------------------------------------------------

def claude(model, **options):
    from langchain_anthropic import ChatAnthropic
    return ChatAnthropic(model_name=model, base_url=URL, api_key=KEY, **{"max_retries": 0, "timeout": 20, "max_tokens": 256, **options})


def test_langchain_anthropic(dialect):
    answer = claude(f"{dialect}-plain").invoke(QUESTION)
    assert answer.text == TEXT
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (21, 18)
    assert "".join(chunk.text for chunk in claude(f"{dialect}-plain").stream(QUESTION)) == TEXT
    called = claude(f"{dialect}-tools").bind_tools([departures, platform]).invoke(QUESTION)
    assert [{"name": c["name"], "arguments": c["args"]} for c in called.tool_calls] == CASES["tool_calls"]


def test_langchain_anthropic_errors(dialect):
    import anthropic
    with pytest.raises(anthropic.RateLimitError):
        claude(f"{dialect}-fault-429").invoke(QUESTION)
    with pytest.raises(anthropic.APITimeoutError):
        claude(f"{dialect}-fault-hang", timeout=0.1).invoke(QUESTION)
    assert claude(f"{dialect}-flaky-429-{SUITE}-anthropic", max_retries=2).invoke(QUESTION).text == TEXT


# ---- haystack --------------------------------------------------------------------------------

def haystack(model, callback=None, **options):
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.dataclasses import ChatMessage
    from haystack.utils import Secret
    generator = OpenAIChatGenerator(model=model, api_base_url=BASE, api_key=Secret.from_token(KEY), max_retries=0, timeout=20,
                                    streaming_callback=callback, **options)
    return generator.run(messages=[ChatMessage.from_user(QUESTION)])["replies"][0]


def test_haystack_plain(dialect):
    answer = haystack(f"{dialect}-plain")
    assert answer.text == TEXT
    assert answer.meta["usage"]["completion_tokens"] == 18


def test_haystack_stream(dialect):
    pieces = []
    assert haystack(f"{dialect}-plain", callback=lambda chunk: pieces.append(chunk.content)).text == TEXT
    assert "".join(pieces) == TEXT


def test_haystack_tools(dialect):
    from haystack.tools import create_tool_from_function
    answer = haystack(f"{dialect}-tools", tools=[create_tool_from_function(departures), create_tool_from_function(platform)])
    assert [{"name": c.tool_name, "arguments": c.arguments} for c in answer.tool_calls] == CASES["tool_calls"]


def test_haystack_errors(dialect):
    with pytest.raises(openai.RateLimitError):
        haystack(f"{dialect}-fault-429")


# ---- pydantic-ai -----------------------------------------------------------------------------

def agent(model, **options):
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider
    client = openai.AsyncOpenAI(base_url=BASE, api_key=KEY, max_retries=0)
    return Agent(OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client)), **options)


def test_pydantic_ai_plain(dialect):
    answer = agent(f"{dialect}-plain").run_sync(QUESTION)
    assert answer.output == TEXT


def test_pydantic_ai_stream(dialect):
    async def run():
        async with agent(f"{dialect}-plain").run_stream(QUESTION) as stream:
            return [text async for text in stream.stream_text()][-1]

    assert asyncio.run(run()) == TEXT


def test_pydantic_ai_structured(dialect):
    from pydantic_ai import NativeOutput
    assert agent(f"{dialect}-structured", output_type=NativeOutput(Departure)).run_sync(QUESTION).output == WANTED


def test_pydantic_ai_errors(dialect):
    from pydantic_ai.exceptions import ModelHTTPError
    with pytest.raises(ModelHTTPError) as caught:
        agent(f"{dialect}-fault-429").run_sync(QUESTION)
    assert caught.value.status_code == 429


def test_pydantic_ai_tools(dialect):
    async def run():
        from pydantic_ai.messages import ModelRequest
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.tools import ToolDefinition
        named = [ToolDefinition(name=name, parameters_json_schema={"type": "object", "properties": {k: {} for k in keys}})
                 for name, keys in [("departures", ["station", "limit"]), ("platform", ["train"])]]
        return await agent(f"{dialect}-tools").model.request([ModelRequest.user_text_prompt(QUESTION)], None,
                                                             ModelRequestParameters(function_tools=named))

    calls = [p for p in asyncio.run(run()).parts if p.part_kind == "tool-call"]
    assert [{"name": c.tool_name, "arguments": c.args_as_dict()} for c in calls] == CASES["tool_calls"]


# ---- instructor ------------------------------------------------------------------------------

def test_instructor_structured(dialect):
    import instructor
    client = instructor.from_openai(openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0), mode=instructor.Mode.JSON_SCHEMA)
    answer = client.chat.completions.create(model=f"{dialect}-structured", response_model=Departure, max_retries=0,
                                            messages=[{"role": "user", "content": QUESTION}])
    assert answer.model_dump() == WANTED.model_dump()


def test_instructor_errors(dialect):
    import instructor
    client = instructor.from_openai(openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0), mode=instructor.Mode.JSON_SCHEMA)
    with pytest.raises(Exception, match="429|fixture error"):
        client.chat.completions.create(model=f"{dialect}-fault-429", response_model=Departure, max_retries=0,
                                       messages=[{"role": "user", "content": QUESTION}])
