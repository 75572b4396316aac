"""Average precision class by class, as a table."""

from wtal_core.evaluation.detection import DetectionResult


def class_table(detection: DetectionResult) -> tuple[list[str], list[list[object]]]:
    """Header and one row per class: its name, its instances, its AP at each threshold."""
    header = ["label", "instances", *(f"ap@{tiou:g}" for tiou in detection.tious)]
    rows = [
        [label, count, *(float(value) for value in ap_K)]
        for label, count, ap_K in zip(
            detection.classes, detection.instances_C, detection.ap_CK, strict=True
        )
    ]
    return header, rows
