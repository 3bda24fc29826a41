// LangChain and the AI SDK through Pointsman to upstreams of three dialects.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatAnthropic } from "@langchain/anthropic";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { APICallError, Output, embedMany, generateImage, generateText, jsonSchema, streamText, tool } from "ai";
import { z } from "zod";

const CASES = JSON.parse(readFileSync(new URL("../cases.json", import.meta.url)));
const { POINTSMAN_URL, POINTSMAN_KEY, POINTSMAN_SUITE, POINTSMAN_UPSTREAM } = process.env;
const PROMPT = "When does the train leave?";
const Departure = z.object({ train: z.string(), platform: z.number(), stops: z.array(z.string()) });
const provider = createOpenAICompatible({ name: "pointsman", baseURL: `${POINTSMAN_URL}/v1`, apiKey: POINTSMAN_KEY, supportsStructuredOutputs: true, includeUsage: true });
const parameters = (...keys) => ({ type: "object", properties: Object.fromEntries(keys.map((key) => [key, {}])) });
const aiTools = {
  departures: tool({ description: "departures", inputSchema: jsonSchema(parameters("station", "limit")) }),
  platform: tool({ description: "platform", inputSchema: jsonSchema(parameters("train")) }),
};
const langchainTools = [["departures", ["station", "limit"]], ["platform", ["train"]]].map(([name, keys]) => ({
  type: "function", function: { name, description: name, parameters: parameters(...keys) },
}));
const langchain = (model, more = {}) =>
  new ChatOpenAI({ model, apiKey: POINTSMAN_KEY, maxRetries: 0, timeout: 20000, configuration: { baseURL: `${POINTSMAN_URL}/v1` }, ...more });

const claude = createAnthropic({ baseURL: `${POINTSMAN_URL}/v1`, apiKey: POINTSMAN_KEY });
const langchainClaude = (model, more = {}) =>
  new ChatAnthropic({ model, apiKey: POINTSMAN_KEY, anthropicApiUrl: POINTSMAN_URL, maxRetries: 0, maxTokens: 256, ...more });
const seen = async (model) => (await fetch(`${POINTSMAN_UPSTREAM}/seen/${model}`)).json();

// The upstream sees that the client of a slow stream has gone.
async function cancelled(leave) {
  const model = `slow-${POINTSMAN_SUITE}`;
  const before = (await seen(model)).left;
  await leave(model);
  for (const deadline = Date.now() + 5000; Date.now() < deadline; ) {
    if ((await seen(model)).left === before + 1) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  assert.fail("the upstream does not see that the client has gone");
}

for (const dialect of CASES.dialects) {
  const options = (name) => ({ model: provider(`${dialect}-${name}`), prompt: PROMPT, maxRetries: 0 });

  test(`${dialect}: ai plain`, async () => {
    const answer = await generateText(options("plain"));
    assert.equal(answer.text, CASES.text);
    assert.deepEqual([answer.usage.inputTokens, answer.usage.outputTokens], [21, 18]);
  });

  test(`${dialect}: ai stream`, async () => {
    const stream = streamText(options("plain"));
    let text = "";
    for await (const piece of stream.textStream) text += piece;
    assert.equal(text, CASES.text);
    assert.equal((await stream.usage).outputTokens, 18);
  });

  test(`${dialect}: ai tools`, async () => {
    const answer = await generateText({ ...options("tools"), tools: aiTools });
    assert.deepEqual(answer.toolCalls.map((c) => ({ name: c.toolName, arguments: c.input })), CASES.tool_calls);
  });

  test(`${dialect}: ai structured`, async () => {
    const answer = await generateText({ ...options("structured"), output: Output.object({ schema: Departure }) });
    assert.deepEqual(answer.output, CASES.structured);
  });

  test(`${dialect}: ai errors`, async () => {
    const error = await generateText(options("fault-429")).catch((e) => e);
    assert.ok(APICallError.isInstance(error), `${error}`);
    assert.deepEqual([error.statusCode, error.isRetryable], [429, true]);
  });

  test(`${dialect}: langchain plain`, async () => {
    const answer = await langchain(`${dialect}-plain`).invoke(PROMPT);
    assert.equal(answer.content, CASES.text);
    assert.equal(answer.usage_metadata.output_tokens, 18);
  });

  test(`${dialect}: langchain stream`, async () => {
    let text = "";
    for await (const chunk of await langchain(`${dialect}-plain`).stream(PROMPT)) text += chunk.content;
    assert.equal(text, CASES.text);
  });

  test(`${dialect}: langchain tools`, async () => {
    const answer = await langchain(`${dialect}-tools`).bindTools(langchainTools).invoke(PROMPT);
    assert.deepEqual(answer.tool_calls.map((c) => ({ name: c.name, arguments: c.args })), CASES.tool_calls);
  });

  test(`${dialect}: langchain structured`, async () => {
    const answer = await langchain(`${dialect}-structured`).withStructuredOutput(Departure, { method: "jsonSchema" }).invoke(PROMPT);
    assert.deepEqual(answer, CASES.structured);
  });

  test(`${dialect}: ai-anthropic plain, stream, tools, errors`, async () => {
    const ask = (name) => ({ model: claude(`${dialect}-${name}`), prompt: PROMPT, maxRetries: 0 });
    const answer = await generateText(ask("plain"));
    assert.equal(answer.text, CASES.text);
    assert.equal(answer.usage.outputTokens, 18);
    const stream = streamText(ask("plain"));
    let text = "";
    for await (const piece of stream.textStream) text += piece;
    assert.equal(text, CASES.text);
    const called = await generateText({ ...ask("tools"), tools: aiTools });
    assert.deepEqual(called.toolCalls.map((c) => ({ name: c.toolName, arguments: c.input })), CASES.tool_calls);
    const error = await generateText(ask("fault-429")).catch((e) => e);
    assert.deepEqual([error.statusCode, error.isRetryable], [429, true]);
    const refused = await generateText(ask("fault-400")).catch((e) => e);
    assert.deepEqual([refused.statusCode, refused.isRetryable], [400, false]);
  });

  test(`${dialect}: langchain-anthropic plain, stream, tools, errors`, async () => {
    const answer = await langchainClaude(`${dialect}-plain`).invoke(PROMPT);
    assert.equal(answer.text, CASES.text);
    assert.equal(answer.usage_metadata.output_tokens, 18);
    let text = "";
    for await (const chunk of await langchainClaude(`${dialect}-plain`).stream(PROMPT)) text += chunk.text;
    assert.equal(text, CASES.text);
    const called = await langchainClaude(`${dialect}-tools`).bindTools(langchainTools).invoke(PROMPT);
    assert.deepEqual(called.tool_calls.map((c) => ({ name: c.name, arguments: c.args })), CASES.tool_calls);
    const error = await langchainClaude(`${dialect}-fault-429`).invoke(PROMPT).catch((e) => e);
    assert.equal(error.status, 429);
  });

  test(`${dialect}: ai cancel in mid-stream`, async () => {
    await cancelled(async (model) => {
      const leave = new AbortController();
      const stream = streamText({ ...options(model), abortSignal: leave.signal, onError: () => {} });
      for await (const piece of stream.textStream) if (piece) leave.abort();
    });
  });

  test(`${dialect}: langchain time-out`, async () => {
    const error = await langchain(`${dialect}-fault-hang`, { timeout: 100 }).invoke(PROMPT).catch((e) => e);
    assert.ok(/time/i.test(`${error.name} ${error.message}`), `${error}`);
  });
}

test("ai and langchain retry a 429", async () => {
  const flaky = (dialect) => `${dialect}-flaky-429-${POINTSMAN_SUITE}`;
  assert.equal((await generateText({ model: provider(flaky("openai")), prompt: PROMPT, maxRetries: 2 })).text, CASES.text);
  assert.equal((await langchain(`${flaky("anthropic")}-second`, { maxRetries: 2 }).invoke(PROMPT)).content, CASES.text);
  assert.equal((await generateText({ model: claude(flaky("gemini")), prompt: PROMPT, maxRetries: 2 })).text, CASES.text);
});

test("ai embeddings and images", async () => {
  const { embeddings } = await embedMany({ model: provider.textEmbeddingModel("openai-plain"), values: ["a", "b"], maxRetries: 0 });
  assert.deepEqual(embeddings, [[0.5, -0.25, 0.125], [1, 0, -1]]);
  const { image } = await generateImage({ model: provider.imageModel("openai-plain"), prompt: "A train", maxRetries: 0 });
  assert.equal(image.base64, CASES.image);
});

test("langchain embeddings", async () => {
  const embeddings = new OpenAIEmbeddings({ model: "openai-plain", apiKey: POINTSMAN_KEY, maxRetries: 0, configuration: { baseURL: `${POINTSMAN_URL}/v1` } });
  assert.deepEqual(await embeddings.embedDocuments(["a", "b"]), [[0.5, -0.25, 0.125], [1, 0, -1]]);
});
