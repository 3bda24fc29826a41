// Claude Code itself through Pointsman, to upstreams of three dialects: it calls a tool, sends the result, reads the answer.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const CASES = JSON.parse(readFileSync(new URL("../cases.json", import.meta.url)));
const { POINTSMAN_URL, POINTSMAN_KEY, POINTSMAN_UPSTREAM, PATH } = process.env;
const modules = fileURLToPath(new URL("node_modules/@anthropic-ai", import.meta.url));
const program = ["", "-musl"].map((libc) => join(modules, `claude-code-${process.platform}-${process.arch}${libc}`, "claude")).find(existsSync);
const home = mkdtempSync(join(tmpdir(), "claude-"));
const env = {
  PATH, HOME: home, ANTHROPIC_BASE_URL: POINTSMAN_URL, ANTHROPIC_AUTH_TOKEN: POINTSMAN_KEY,
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", DISABLE_AUTOUPDATER: "1", DISABLE_TELEMETRY: "1",
};

const run = (args) => new Promise((done, fail) => {
  const child = execFile(program, args, { env, cwd: home, timeout: 60000 }, (error, out, complaint) => (error ? fail(new Error(`${error}\n${out}\n${complaint}`)) : done(out)));
  child.stdin.end();
});

for (const dialect of CASES.dialects) {
  test(`${dialect}: a tool is called and its result understood`, { skip: program ? false : "there is no Claude Code for this machine" }, async () => {
    const out = await run(["-p", "What is twice 871?", "--model", `${dialect}-agent`, "--allowedTools", "Bash(expr:*)", "--output-format", "json"]);
    const answer = JSON.parse(out);
    assert.deepEqual([answer.result, answer.is_error, answer.num_turns], [CASES.text, false, 2], out);
    assert.deepEqual(answer.permission_denials, []);
    const { bodies } = await (await fetch(`${POINTSMAN_UPSTREAM}/seen/agent`)).json();
    const last = JSON.stringify(bodies.at(-1));
    // OpenAI takes no longer one; Claude Code's own has 190 letters.
    assert.ok((bodies.at(-1).user ?? "").length <= 64, bodies.at(-1).user);
    assert.ok(last.includes("1742") && last.includes("What is twice 871?"), last.slice(-2000));
  });
}
