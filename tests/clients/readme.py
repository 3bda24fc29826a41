"""The README's first command works as printed: start the example, run the curl line that it prints, get an answer."""
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "cargo run --release -- serve examples/quickstart"


def main(binary):
    readme = (ROOT / "README.md").read_text()
    assert COMMAND in readme and "\nscripts/test\n" in readme, "the README shows both commands"
    process = subprocess.Popen([Path(binary).resolve(), *COMMAND.split(" -- ")[1].split()], cwd=ROOT, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    told = ""
    try:
        for line in process.stdout:
            told += line
            found = re.search(r"curl .*", told)
            if found and line.endswith("\n"):
                break
        else:
            raise SystemExit(f"no curl line was printed:\n{told}")
        printed = re.search(r"curl .*", told)[0]
        in_readme = re.search(r"^curl .*$", readme, re.MULTILINE)[0]
        for curl in (printed, in_readme):
            out = subprocess.run(["sh", "-c", curl.replace("curl ", "curl --no-progress-meter --fail-with-body ", 1)], capture_output=True, text=True, timeout=30)
            body = out.stdout[out.stdout.find("{"):]
            answer = json.loads(body) if out.returncode == 0 else {}
            text = answer.get("choices", [{}])[0].get("message", {}).get("content")
            assert text, f"{curl}\ngave {out.stdout} {out.stderr}"
            print(f"works as printed: {curl[:100]}")
    finally:
        watchdog.cancel()
        process.terminate()
        process.wait(20)


main(sys.argv[1])
