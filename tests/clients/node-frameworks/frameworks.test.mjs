// LangChain and the AI SDK through Pointsman to upstreams of three dialects.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI } from "@langchain/openai";
import { APICallError, Output, generateText, jsonSchema, streamText, tool } from "ai";
import { z } from "zod";

const CASES = JSON.parse(readFileSync(new URL("../cases.json", import.meta.url)));
const { POINTSMAN_URL, POINTSMAN_KEY } = process.env;
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
}
