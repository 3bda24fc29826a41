// The openai SDK for Node through Pointsman to upstreams of three dialects.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import OpenAI, { toFile } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const CASES = JSON.parse(readFileSync(new URL("../cases.json", import.meta.url)));
const { POINTSMAN_URL, POINTSMAN_KEY, POINTSMAN_UPSTREAM, POINTSMAN_SUITE } = process.env;
const options = { baseURL: `${POINTSMAN_URL}/v1`, apiKey: POINTSMAN_KEY, maxRetries: 0, timeout: 20000 };
const client = new OpenAI(options);
const ASK = [{ role: "user", content: "When does the train leave?" }];
const TOOLS = [["departures", ["station", "limit"]], ["platform", ["train"]]].map(([name, keys]) => ({
  type: "function",
  function: { name, description: name, parameters: { type: "object", properties: Object.fromEntries(keys.map((k) => [k, { type: "string" }])) } },
}));
const Departure = z.object({ train: z.string(), platform: z.number(), stops: z.array(z.string()) });

const create = (model, more = {}) => client.chat.completions.create({ model, messages: ASK, ...more });
const seen = async (model) => (await fetch(`${POINTSMAN_UPSTREAM}/seen/${model}`)).json();
const calls = (message) => message.tool_calls.map((c) => ({ name: c.function.name, arguments: JSON.parse(c.function.arguments) }));

async function waitUntil(what) {
  for (const deadline = Date.now() + 5000; Date.now() < deadline; ) {
    if (await what()) return true;
    await new Promise((done) => setTimeout(done, 20));
  }
  return false;
}

function checkUsage(usage, name) {
  const { prompt, completion, cached } = CASES.usage[name];
  assert.deepEqual([usage.prompt_tokens, usage.completion_tokens, usage.total_tokens], [prompt, completion, prompt + completion]);
  if (cached !== undefined) assert.equal(usage.prompt_tokens_details.cached_tokens, cached);
}

for (const dialect of CASES.dialects) {
  test(`${dialect}: plain`, async () => {
    const answer = await create(`${dialect}-plain`);
    assert.equal(answer.choices[0].message.content, CASES.text);
    assert.equal(answer.choices[0].finish_reason, "stop");
    checkUsage(answer.usage, "plain");
  });

  test(`${dialect}: stream`, async () => {
    let text = "", finish = [], usage;
    for await (const chunk of await create(`${dialect}-plain`, { stream: true, stream_options: { include_usage: true } })) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (chunk.choices[0]?.finish_reason) finish.push(chunk.choices[0].finish_reason);
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, CASES.text);
    assert.deepEqual(finish, ["stop"]);
    checkUsage(usage, "plain");
  });

  for (const stream of [false, true]) {
    test(`${dialect}: tools${stream ? ", streamed" : ""}`, async () => {
      const answer = stream
        ? await client.chat.completions.stream({ model: `${dialect}-tools`, messages: ASK, tools: TOOLS }).finalChatCompletion()
        : await create(`${dialect}-tools`, { tools: TOOLS });
      assert.deepEqual(calls(answer.choices[0].message), CASES.tool_calls);
      assert.equal(answer.choices[0].finish_reason, "tool_calls");
    });
  }

  test(`${dialect}: tool results go back`, async () => {
    const { message } = (await create(`${dialect}-tools`, { tools: TOOLS })).choices[0];
    const results = message.tool_calls.map((c) => ({ role: "tool", tool_call_id: c.id, content: `result of ${c.function.name}` }));
    const answer = await create(`${dialect}-plain`, { messages: [...ASK, message, ...results], tools: TOOLS });
    assert.equal(answer.choices[0].message.content, CASES.text);
    const sent = JSON.stringify((await seen("plain")).bodies.at(-1));
    assert.ok(sent.includes("result of departures") && sent.includes("result of platform"));
  });

  test(`${dialect}: structured`, async () => {
    const answer = await client.chat.completions.parse({
      model: `${dialect}-structured`, messages: ASK, response_format: zodResponseFormat(Departure, "departure"),
    });
    assert.deepEqual(answer.choices[0].message.parsed, CASES.structured);
    checkUsage(answer.usage, "structured");
  });

  test(`${dialect}: image`, async () => {
    const url = `data:image/png;base64,${CASES.image}`;
    await create(`${dialect}-plain`, { messages: [{ role: "user", content: [{ type: "text", text: "What is this?" }, { type: "image_url", image_url: { url } }] }] });
    assert.ok(JSON.stringify((await seen("plain")).bodies.at(-1)).includes(CASES.image));
  });

  test(`${dialect}: reasoning`, async () => {
    const answer = await create(`${dialect}-thinking`);
    assert.equal(answer.choices[0].message.content, CASES.text);
    assert.equal(answer.choices[0].message.reasoning_content, CASES.thinking);
    checkUsage(answer.usage, "thinking");
  });

  const errors = [
    ["fault-400", OpenAI.BadRequestError, 400],
    ["fault-401", OpenAI.InternalServerError, 502],
    ["fault-404", OpenAI.NotFoundError, 404],
    ["fault-429", OpenAI.RateLimitError, 429],
    ["fault-500", OpenAI.InternalServerError, 502],
    ["fault-503", OpenAI.InternalServerError, 503],
    ["fault-malformed", OpenAI.InternalServerError, 502],
    ["fault-hang", OpenAI.InternalServerError, 504],
  ];
  for (const [fault, kind, status] of errors) {
    test(`${dialect}: ${fault}`, async () => {
      const error = await create(`${dialect}-${fault}`).then(() => assert.fail("no error"), (e) => e);
      assert.ok(error instanceof kind, `${error}`);
      assert.equal(error.status, status);
      if (status === 429) assert.equal(error.headers.get("retry-after"), "7");
    });
  }

  for (const fault of ["fault-cut", "fault-stream-error"]) {
    test(`${dialect}: ${fault} raises`, async () => {
      let got = 0;
      await assert.rejects(async () => {
        for await (const _ of await create(`${dialect}-${fault}`, { stream: true })) got += 1;
      });
      assert.ok(got > 0, "what came before the break reaches the client");
    });
  }

  test(`${dialect}: the SDK retries a 429`, async () => {
    const answer = await new OpenAI({ ...options, maxRetries: 2 }).chat.completions.create({ model: `${dialect}-flaky-429-${POINTSMAN_SUITE}`, messages: ASK });
    assert.equal(answer.choices[0].message.content, CASES.text);
  });

  test(`${dialect}: the client's time-out`, async () => {
    const error = await new OpenAI({ ...options, timeout: 100 }).chat.completions.create({ model: `${dialect}-fault-hang`, messages: ASK }).catch((e) => e);
    assert.ok(error instanceof OpenAI.APIConnectionTimeoutError, `${error}`);
  });

  test(`${dialect}: cancel in mid-stream`, async () => {
    const model = `slow-${POINTSMAN_SUITE}`;
    const before = (await seen(model)).left;
    const stream = await create(`${dialect}-${model}`, { stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    stream.controller.abort();
    assert.ok(await waitUntil(async () => (await seen(model)).left === before + 1), "the upstream sees that the client has gone");
  });
}

const VECTORS = [[0.5, -0.25, 0.125], [1, 0, -1]];
for (const provider of ["openai", "gemini"]) {
  test(`${provider}: embeddings`, async () => {
    for (const more of [{}, { encoding_format: "float" }]) {
      const answer = await client.embeddings.create({ model: `${provider}-plain`, input: ["a", "b"], ...more });
      assert.deepEqual(answer.data.map((d) => [...d.embedding]), VECTORS);
    }
  });
}

test("images", async () => {
  const answer = await client.images.generate({ model: "openai-plain", prompt: "A train", size: "1024x1024" });
  assert.equal(answer.data[0].b64_json, CASES.image);
  const image = await toFile(Buffer.from(CASES.image, "base64"), "train.png", { type: "image/png" });
  assert.equal((await client.images.edit({ model: "openai-plain", prompt: "A red train", image })).data[0].b64_json, CASES.image);
  assert.equal((await seen("plain")).bodies.at(-1).prompt, "A red train");
});

test("transcription", async () => {
  const file = await toFile(Buffer.concat([Buffer.from("RIFF"), Buffer.alloc(100_000)]), "a.wav", { type: "audio/wav" });
  assert.equal((await client.audio.transcriptions.create({ model: "openai-plain", file })).text, CASES.text);
  assert.equal((await seen("plain")).bodies.at(-1).file, 100_004);
});

test("speech", async () => {
  const answer = await client.audio.speech.create({ model: "openai-plain", voice: "alloy", input: "All aboard" });
  assert.equal(answer.headers.get("content-type"), "audio/mpeg");
  assert.equal((await answer.arrayBuffer()).byteLength, 256 * 64);
});

test("moderation", async () => {
  const answer = await client.moderations.create({ model: "openai-plain", input: "I will hit you" });
  assert.equal(answer.results[0].flagged, true);
  assert.equal(answer.results[0].categories.violence, true);
});

for (const dialect of CASES.dialects) {
  test(`${dialect}: responses`, async () => {
    const asked = { model: `${dialect}-plain`, input: "When does the train leave?" };
    assert.equal((await client.responses.create(asked)).output_text, CASES.text);
    const streamed = await client.responses.stream(asked).finalResponse();
    assert.equal(streamed.output.flatMap((item) => item.content ?? []).map((part) => part.text).join(""), CASES.text);
    assert.equal(streamed.status, "completed");
  });
}

test("logprobs", async () => {
  const answer = await create("openai-logprobs", { logprobs: true, top_logprobs: 2 });
  assert.deepEqual(answer.choices[0].logprobs.content.map((t) => [t.token, t.logprob]), [["Platform", -0.25], [" 9", -0.5]]);
});

test("models", async () => {
  const names = (await client.models.list()).data.map((m) => m.id);
  for (const dialect of CASES.dialects) assert.ok(names.includes(`${dialect}-plain`));
});

test("wrong key", async () => {
  const error = await new OpenAI({ ...options, apiKey: "pm-wrong" }).chat.completions.create({ model: "openai-plain", messages: ASK }).catch((e) => e);
  assert.ok(error instanceof OpenAI.AuthenticationError, `${error}`);
  assert.equal(error.code, "invalid_api_key");
});

test("unknown model", async () => {
  const error = await create("no-such-model").catch((e) => e);
  assert.ok(error instanceof OpenAI.NotFoundError, `${error}`);
  assert.equal(error.code, "model_not_found");
});

test("bad request", async () => {
  const error = await create("gemini-plain", { messages: "hello" }).catch((e) => e);
  assert.ok(error instanceof OpenAI.BadRequestError, `${error}`);
});
