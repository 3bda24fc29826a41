// Batches by the anthropic SDK for Node.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";

const { POINTSMAN_URL, POINTSMAN_KEY } = process.env;
const client = new Anthropic({ baseURL: POINTSMAN_URL, apiKey: POINTSMAN_KEY, maxRetries: 0, timeout: 20000 });

test("a batch: from its requests to its results", async () => {
  const params = { model: "anthropic-plain", max_tokens: 9, messages: [{ role: "user", content: "When?" }] };
  const batch = await client.messages.batches.create({ requests: [{ custom_id: "a", params }, { custom_id: "b", params }] });
  assert.equal(batch.processing_status, "in_progress");
  assert.equal((await client.messages.batches.retrieve(batch.id)).processing_status, "ended");
  const results = [];
  for await (const one of await client.messages.batches.results(batch.id)) results.push([one.custom_id, one.result.message.model]);
  assert.deepEqual(results, [["a", "plain"], ["b", "plain"]]);
  assert.equal((await client.messages.batches.cancel(batch.id)).processing_status, "canceling");
  assert.equal((await client.messages.batches.delete(batch.id)).type, "message_batch_deleted");
  await assert.rejects(client.messages.batches.retrieve(batch.id), Anthropic.NotFoundError);
});
