"""Which thresholds suit an operator's pictures: what each finds, and what it matches falsely.

The CLI and library users call ``evaluate`` with folders of ordinary pictures. Sandboxed workers
(``examine.transform``) hash each picture and its everyday variants; ``gather`` collects the
distances. Only then are hash lists loaded. All else is arithmetic in the calling thread:
``identity`` finds copies and splits the pictures in halves, ``negatives`` compares all pairs,
``figures`` and ``intervals`` count with error bounds, ``recommend`` chooses a threshold on one half
and scores it on the other. ``record`` turns the result into plain values that ``report`` renders.
Files that cannot be used are left out with a reason; too few usable pictures raise ``InputError``.
Videos are measured beside them if asked for: ``videos`` has the workers encode each again, and
``video_figures`` counts what is found of them and what chance finds in others.

::

    from hashmatch.evaluate import EvaluationSettings, evaluate, record

    evaluation = evaluate(["pictures/"], EvaluationSettings(files_per_day=40_000))
    for rule in record(evaluation)["rules"]:
        print(rule["name"], rule["recommendation"]["sentence"])
"""

from hashmatch.evaluate.baseline import load_record, with_baseline
from hashmatch.evaluate.evaluation import Evaluation, RuleFigures, analyse, evaluate
from hashmatch.evaluate.labels import LabelledPair, read_pairs
from hashmatch.evaluate.record import SCHEMA, record
from hashmatch.evaluate.settings import EvaluationSettings
from hashmatch.examine.transform import SOURCES, TRANSFORMS, Transform, choose_transforms
from hashmatch.report.evaluation import to_json, write

__all__ = [
    "SCHEMA",
    "SOURCES",
    "TRANSFORMS",
    "Evaluation",
    "EvaluationSettings",
    "LabelledPair",
    "RuleFigures",
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
