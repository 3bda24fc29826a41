// Files and batches by the openai SDK for Node.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { toFile } from "openai";

const { POINTSMAN_URL, POINTSMAN_KEY } = process.env;
const client = new OpenAI({ baseURL: `${POINTSMAN_URL}/v1`, apiKey: POINTSMAN_KEY, maxRetries: 0, timeout: 20000 });
const lines = (...models) => models.map((model, at) =>
  `${JSON.stringify({ custom_id: String(at), method: "POST", url: "/v1/chat/completions", body: { model, messages: [] } })}\n`).join("");

test("files: up, about, down, away", async () => {
  const content = Buffer.alloc(300_000, "departures \u0000\r\n");
  const file = await client.files.create({ file: await toFile(content, "departures.bin"), purpose: "user_data" });
  assert.deepEqual([file.bytes, file.filename, file.purpose], [content.length, "departures.bin", "user_data"]);
  assert.equal((await client.files.retrieve(file.id)).id, file.id);
  const ids = [];
  for await (const one of client.files.list()) ids.push(one.id);
  assert(ids.includes(file.id));
  const down = await client.files.content(file.id);
  assert(Buffer.from(await down.arrayBuffer()).equals(content));
  assert((await client.files.delete(file.id)).deleted);
  await assert.rejects(client.files.retrieve(file.id), OpenAI.NotFoundError);
});

test("a batch: from its file to its answers", async () => {
  // This SDK sends the file before its purpose.
  const file = await client.files.create({ file: await toFile(Buffer.from(lines("openai-plain", "openai-tools")), "work.jsonl"), purpose: "batch" });
  let batch = await client.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" });
  assert.equal(batch.status, "validating");
  while (batch.status !== "completed") batch = await client.batches.retrieve(batch.id);
  const answers = (await (await client.files.content(batch.output_file_id)).text()).trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(answers.map((one) => one.response.body.model), ["plain", "tools"]);
  assert.equal((await client.batches.cancel(batch.id)).status, "cancelling");
});

test("a large batch whose purpose comes last", async () => {
  const content = Buffer.from(lines(...Array(40_000).fill("openai-plain")));
  const file = await client.files.create({ file: await toFile(content, "large.jsonl"), purpose: "batch" });
  assert.equal(file.bytes, content.length - 40_000 * "openai-".length);
});
