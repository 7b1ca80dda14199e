"""Looks into the objects and arrays of JSON columns, and measures the values inside like those of columns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from math import ceil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sluice.adapters.duck.casting.leaves import exactly, write
from sluice.adapters.duck.looks.evidence import measuring
from sluice.adapters.duck.looks.texts import Texts
from sluice.contract.types import NESTED, Kind
from sluice.draft.choice import Choice, choose_all
from sluice.draft.evidence import TextColumn
from sluice.draft.nested import MOST_LEAVES, PERSONAL, Shape, as_json, in_place_of, spelt_out
from sluice.pii import find

_MOST_BYTES = 24 << 20
"""Text of one column that is looked into; of more, rows are taken evenly. What they lack, the landing finds."""

_BATCH = 10_000


def unfolded(
    files: Sequence[Path],
    names: Sequence[str],
    choices: Sequence[Choice],
    *,
    memory_limit: str,
    threads: int,
    scratch: Path,
) -> list[Choice]:
    """The choices again, objects and arrays spelt out where they can be. The files hold their texts.

    In delimited files some of them may be words for null, and a few no JSON.
    """
    found = list(choices)
    for i, name in enumerate(names):
        if found[i].type.kind is not Kind.JSON:
            continue
        shape, step = _shape(files, len(names), i, found[i].nulls)
        leaves = list(shape.leaves(name))
        if shape.kind not in NESTED or len(leaves) > MOST_LEAVES:
            found[i] = as_json(found[i])
            continue
        measured = _measured(leaves, memory_limit=memory_limit, threads=threads, scratch=scratch)
        spelt = spelt_out(shape, {id(leaf): choice for (_, leaf), choice in zip(leaves, measured, strict=True)})
        notes = () if step == 1 else (f"What is in it was told from every {step:,}th row.",)
        found[i] = in_place_of(found[i], replace(spelt, notes=notes))
    return found


def _shape(files: Sequence[Path], columns: int, i: int, nulls: Sequence[str]) -> tuple[Shape, int]:
    """The column's shape, from every so many-th row."""
    texts = Texts(files, columns)
    size = sum(pc.sum(pc.binary_length(some)).as_py() or 0 for some in texts.batches(i, _BATCH))
    step, number, shape = max(1, ceil(size / _MOST_BYTES)), 0, Shape()
    for some in texts.batches(i, _BATCH):
        chosen = range(-number % step, len(some), step)
        number += len(some)
        for text in some.take(pa.array(chosen, pa.int64())).to_pylist():
            if text is not None and text not in nulls:
                with suppress(ValueError, RecursionError):  # the landing says what is wrong with such a text
                    shape.add(exactly(text), write)
    return shape, step


def _measured(leaves: Sequence[tuple[str, Shape]], *, memory_limit: str, threads: int, scratch: Path) -> list[Choice]:
    path = scratch / "leaves.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([(f"c{i}", pa.large_string()) for i in range(len(leaves))])
    with pq.ParquetWriter(path, schema, compression="lz4") as writer:
        for start in range(0, max((len(s.texts) for _, s in leaves), default=0), _BATCH):
            parts = [s.texts[start : start + _BATCH] for _, s in leaves]
            rows = max(map(len, parts))
            arrays = [pa.array([*p, *[None] * (rows - len(p))], pa.large_string()) for p in parts]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    with measuring({"leaves": [path]}, memory_limit=memory_limit, threads=threads, scratch=scratch) as measure:
        texts = measure.texts("leaves", [name for name, _ in leaves], is_json=True)
    path.unlink()
    return [_marked(text, choice) for text, choice in zip(texts, choose_all(texts), strict=True)]


def _marked(text: TextColumn, choice: Choice) -> Choice:
    personal = tuple(f.kind for f in find(text.sample, name=text.name)) if choice.type.kind in PERSONAL else ()
    return replace(choice, personal=personal)
