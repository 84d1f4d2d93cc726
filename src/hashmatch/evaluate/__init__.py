"""Threshold evaluation: what thresholds find and what they find falsely, on an operator's pictures.

::

    from hashmatch.evaluate import Settings, evaluate, record

    evaluation = evaluate(["pictures/"], Settings(list_size=250_000, files_per_day=40_000))
    for rule in record(evaluation)["rules"]:
        print(rule["name"], rule["recommendation"]["sentence"])
"""

from hashmatch.evaluate.evaluation import Evaluation, RuleFigures, analyse, evaluate
from hashmatch.evaluate.settings import Settings
from hashmatch.evaluate.transforms import TRANSFORMS, Transform, choose_transforms

__all__ = [
    "TRANSFORMS",
    "Evaluation",
    "RuleFigures",
    "Settings",
    "Transform",
    "analyse",
    "choose_transforms",
    "evaluate",
]
