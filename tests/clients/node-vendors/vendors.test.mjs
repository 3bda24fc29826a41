// The anthropic and google-genai SDKs through Pointsman to upstreams of three dialects.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";

const CASES = JSON.parse(readFileSync(new URL("../cases.json", import.meta.url)));
const { POINTSMAN_URL, POINTSMAN_KEY, POINTSMAN_SUITE } = process.env;
const options = { baseURL: POINTSMAN_URL, apiKey: POINTSMAN_KEY, maxRetries: 0, timeout: 20000 };
const anthropic = new Anthropic(options);
const google = new GoogleGenAI({ apiKey: POINTSMAN_KEY, httpOptions: { baseUrl: POINTSMAN_URL } });
const PROMPT = "When does the train leave?";
const ask = (model, more = {}) => ({ model, max_tokens: 256, messages: [{ role: "user", content: PROMPT }], ...more });
const properties = (keys) => Object.fromEntries(keys.map((key) => [key, { type: "string" }]));
const TOOLS = [["departures", ["station", "limit"]], ["platform", ["train"]]].map(([name, keys]) => ({
  name, description: name, input_schema: { type: "object", properties: properties(keys) },
}));

const seen = async (model) => (await fetch(`${process.env.POINTSMAN_UPSTREAM}/seen/${model}`)).json();

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
  test(`${dialect}: anthropic plain`, async () => {
    const answer = await anthropic.messages.create(ask(`${dialect}-plain`));
    assert.deepEqual(answer.content.map((b) => b.text), [CASES.text]);
    assert.equal(answer.stop_reason, "end_turn");
    assert.equal(answer.usage.output_tokens, 18);
  });

  test(`${dialect}: anthropic stream`, async () => {
    const answer = await anthropic.messages.stream(ask(`${dialect}-plain`)).finalMessage();
    assert.equal(answer.content[0].text, CASES.text);
  });

  test(`${dialect}: anthropic tools, streamed`, async () => {
    const answer = await anthropic.messages.stream(ask(`${dialect}-tools`, { tools: TOOLS })).finalMessage();
    const calls = answer.content.filter((b) => b.type === "tool_use").map((b) => ({ name: b.name, arguments: b.input }));
    assert.deepEqual(calls, CASES.tool_calls);
    assert.equal(answer.stop_reason, "tool_use");
  });

  for (const [fault, kind, status] of [["fault-400", Anthropic.BadRequestError, 400], ["fault-429", Anthropic.RateLimitError, 429], ["fault-500", Anthropic.InternalServerError, 502]]) {
    test(`${dialect}: anthropic ${fault}`, async () => {
      const error = await anthropic.messages.create(ask(`${dialect}-${fault}`)).catch((e) => e);
      assert.ok(error instanceof kind, `${error}`);
      assert.equal(error.status, status);
    });
  }

  test(`${dialect}: anthropic retries a 429`, async () => {
    const answer = await new Anthropic({ ...options, maxRetries: 2 }).messages.create(ask(`${dialect}-flaky-429-${POINTSMAN_SUITE}`));
    assert.equal(answer.content[0].text, CASES.text);
  });

  test(`${dialect}: anthropic time-out`, async () => {
    const error = await new Anthropic({ ...options, timeout: 100 }).messages.create(ask(`${dialect}-fault-hang`)).catch((e) => e);
    assert.ok(error instanceof Anthropic.APIConnectionTimeoutError, `${error}`);
  });

  test(`${dialect}: anthropic cancel in mid-stream`, async () => {
    await cancelled(async (model) => {
      const stream = anthropic.messages.stream(ask(`${dialect}-${model}`));
      for await (const event of stream) if (event.type === "content_block_delta") break;
      stream.abort();
    });
  });

  test(`${dialect}: google time-out and cancel`, async () => {
    const error = await google.models.generateContent({ model: `${dialect}-fault-hang`, contents: PROMPT, config: { httpOptions: { timeout: 100 } } }).catch((e) => e);
    assert.ok(/abort|time/i.test(`${error}`), `${error}`);
    await cancelled(async (model) => {
      const leave = new AbortController();
      const stream = await google.models.generateContentStream({ model: `${dialect}-${model}`, contents: PROMPT, config: { abortSignal: leave.signal } });
      try {
        for await (const chunk of stream) if (chunk.text) leave.abort();
      } catch (error) {
        assert.ok(/abort/i.test(`${error}`), `${error}`);
      }
    });
  });

  test(`${dialect}: google plain`, async () => {
    const answer = await google.models.generateContent({ model: `${dialect}-plain`, contents: PROMPT });
    assert.equal(answer.text, CASES.text);
    assert.equal(answer.candidates[0].finishReason, "STOP");
    assert.equal(answer.usageMetadata.candidatesTokenCount, 18);
  });

  test(`${dialect}: google stream`, async () => {
    let text = "";
    for await (const chunk of await google.models.generateContentStream({ model: `${dialect}-plain`, contents: PROMPT })) text += chunk.text ?? "";
    assert.equal(text, CASES.text);
  });

  test(`${dialect}: google tools`, async () => {
    const declarations = TOOLS.map(({ name, description, input_schema }) => ({ name, description, parametersJsonSchema: input_schema }));
    const answer = await google.models.generateContent({ model: `${dialect}-tools`, contents: PROMPT, config: { tools: [{ functionDeclarations: declarations }] } });
    assert.deepEqual(answer.functionCalls.map((c) => ({ name: c.name, arguments: c.args })), CASES.tool_calls);
  });

  test(`${dialect}: google errors`, async () => {
    const error = await google.models.generateContent({ model: `${dialect}-fault-429`, contents: PROMPT }).catch((e) => e);
    assert.equal(error.status, 429);
  });
}
