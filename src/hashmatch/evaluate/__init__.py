"""Threshold evaluation: what thresholds find and what they find falsely, on an operator's pictures.

::

    from hashmatch.evaluate import Settings, evaluate, record

    evaluation = evaluate(["pictures/"], Settings(list_size=250_000, files_per_day=40_000))
    for rule in record(evaluation)["rules"]:
        print(rule["name"], rule["recommendation"]["sentence"])
"""

from hashmatch.evaluate.baseline import load_record, with_baseline
from hashmatch.evaluate.evaluation import Evaluation, RuleFigures, analyse, evaluate
from hashmatch.evaluate.labels import LabelledPair, read_pairs
from hashmatch.evaluate.record import SCHEMA, record
from hashmatch.evaluate.settings import Settings
from hashmatch.evaluate.transforms import SOURCES, TRANSFORMS, Transform, choose_transforms
from hashmatch.report.evaluation import to_json, write

__all__ = [
    "SCHEMA",
    "SOURCES",
    "TRANSFORMS",
    "Evaluation",
    "LabelledPair",
    "RuleFigures",
    "Settings",
    "Transform",
    "analyse",
    "choose_transforms",
    "evaluate",
    "load_record",
    "read_pairs",
    "record",
    "to_json",
    "with_baseline",
    "write",
]
