"""The whole way on a small network: from training and the verdict to the network in use, measured and compared.

Run it in an empty folder, with `pip install 'prunescope[onnx]'`; it takes about two minutes on two cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

NETWORK = ("--model", "preresnet8", "--model-option", "width=0.5", "--data", "digits")

BRIEF = ("--replicas", "2", "--retrain-epochs", "1", "--limit-batches", "4")

PRUNED = ("--density", "0.3")

COMMON = ("--family", "none", *BRIEF, *PRUNED)


def prunescope(*words: str, codes: tuple[int, ...] = (0,)) -> str:
    """Run a command; return what it prints on stdout, without the end of the line."""
    print("$ prunescope", *words)
    program = [sys.executable, "-P", "-m", "prunescope"]
    done = subprocess.run([*program, *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in codes:
        raise SystemExit(f"prunescope {words[0]} ended with {done.returncode}")
    return done.stdout.strip()


def main() -> None:
    """Go the whole way."""
    first = prunescope("train", "sgd", *NETWORK, "--epochs", "6")
    text = prunescope("diagnose", first, *COMMON, "--json", codes=(0, 4))
    Path("baseline.json").write_text(text, encoding="utf-8")
    (verdict,) = json.loads(text)["verdicts"]
    print(f"density 0.3: regime {verdict['regime']}, advice {verdict['advice']}")

    epochs = {"raise": "3", "lower": "12"}.get(verdict["advice"], "6")  # fewer epochs are hotter
    dense = prunescope("train", "sgd", *NETWORK, "--epochs", epochs)
    budget = json.loads(
        prunescope("fit-budget", dense, "--within", "20pt", "--least", "0.5", *BRIEF, "--tries", "1", "--json")
    )
    density = f"{budget['density']:g}"
    print(f"density {density}: {budget['reason']}")

    pruned = prunescope("prune", "magnitude", dense, "--density", density, "--recalibrate")
    soup = prunescope("retrain", "sgd", pruned, "--replicas", "2", "--epochs", "1", "--keep", "soup")
    prunescope("results", "export", soup, "--to", "timm", "--output", "pruned.safetensors")
    prunescope("results", "export", soup, "--to", "onnx", "--output", "pruned.onnx")
    prunescope("results", "export", soup, "--to", "hf", "--output", "pruned-folder")
    print(f"timm and onnxruntime differ by {load_both():.2g}")
    print(measure(soup))

    print("a worse network, as a pull request may bring it:")
    worse = prunescope("train", "sgd", *NETWORK, "--epochs", "1", "--learning-rate", "0.0001")
    print(f"worse: {worse}")


def measure(network: str) -> str:
    """Return test error, density and latency in words."""
    texts = {name: prunescope("probe", name, network, "--json") for name in ("errors", "size")}
    read = {name: json.loads(text)["readings"][name] for name, text in texts.items()}
    (error,), (density,) = read["errors"]["test_error"]["value"], read["size"]["density"]["value"]
    (latency,) = read["size"]["latency"]["value"]
    return f"measured: test error {error:.1%}, density {density:.2g}, latency {1000 * latency:.2g} ms"


def load_both() -> float:
    """Return the largest difference of the outputs of both files over the largest output."""
    import onnxruntime
    import timm
    import torch

    import prunescope.networks  # noqa: F401 - registers preresnet8 with timm

    images = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    arguments: dict[str, Any] = {"num_classes": 10, "in_chans": 1, "width": 0.5}
    model = timm.create_model("preresnet8", checkpoint_path="pruned.safetensors", **arguments).eval()
    with torch.no_grad():
        wanted = model(images)
    session = onnxruntime.InferenceSession("pruned.onnx", providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(None, {"input": images.numpy()})[0])
    return float((found - wanted).abs().max() / wanted.abs().max())


if __name__ == "__main__":
    main()
