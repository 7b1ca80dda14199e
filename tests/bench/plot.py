"""`plot.py RESULTS.json PICTURE.svg`: seconds and peak memory of every contestant, group by group."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

OURS, OTHERS = "#0b6e99", "#b8b8b8"


def main() -> None:
    """Draw; runs in `.venv-bench`, where matplotlib lives."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {
        "svg.hashsalt": "sluice",
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    from matplotlib import pyplot as plt

    results: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    groups: dict[str, list[dict[str, Any]]] = results["groups"]
    heights = [len(cases) + 1 for cases in groups.values()]
    figure, axes = plt.subplots(
        len(groups), 2, figsize=(11, 0.36 * sum(heights)), height_ratios=heights, squeeze=False, layout="constrained"
    )
    for (group, cases), (seconds, memory) in zip(groups.items(), axes, strict=True):
        labels = [case["label"] for case in cases]
        colours = [OURS if label.startswith("Sluice") else OTHERS for label in labels]
        for axis, what in ((seconds, "wall"), (memory, "peak_mb")):
            bars = axis.barh(labels, [case[what] for case in cases], color=colours, height=0.7)
            axis.bar_label(bars, fmt="{:,.2f}" if what == "wall" else "{:,.0f}", padding=3, fontsize=8)
            axis.invert_yaxis()
            axis.margins(x=0.15)
            axis.tick_params(labelsize=8)
        memory.set_yticklabels([])
        seconds.set_title(group, loc="left", fontsize=9, fontweight="bold")
    axes[-1][0].set_xlabel("seconds (median)", fontsize=8)
    axes[-1][1].set_xlabel("peak memory of the process, MB", fontsize=8)
    figure.suptitle(f"Sluice beside its neighbours, {results['size']} rows, {results['measured']}", fontsize=10)
    figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
