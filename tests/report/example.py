"""A run's record with round numbers."""

from typing import Any

from codesign.report import Accuracies, Accuracy, Arrays, Cycles, Metrics


def example(**changes: Any) -> Metrics:
    content: dict[str, Any] = {
        "name": "digits_mlp",
        "chip": "reference-128",
        "chip_id": "0x0000beef",
        "accuracy": Accuracies(
            float=Accuracy(percent=97.5, images=360),
            quantized=Accuracy(percent=96.25, images=360),
            reference=Accuracy(percent=96.25, images=360),
            reference_simulated=Accuracy(percent=100, images=64),
            rtl=Accuracy(percent=100, images=64),
        ),
        "arrays": Arrays(used=2, lower_bound=1, least=1, budget=16),
        "cycles": Cycles(bound=40, predicted=67, simulated=67, interval=49, interval_simulated=49, timing_errors=0),
        "mismatches": 0,
        "first_mismatch": None,
        "seed": 1,
        "simulator": "icarus",
        "images_per_second": 1234.5,
        "time_s": {"train": 7.41, "compile": 0.2, "reference": 0.0, "simulate": 4.2},
    }
    return Metrics(**(content | changes))
