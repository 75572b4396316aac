"""What is known of the planned videos: weak labels for training, segments for evaluation."""

from typing import Any

from wtal_core.synthetic.world import VideoPlan


def weak_labels(plans: tuple[VideoPlan, ...], classes: tuple[str, ...]) -> dict[str, Any]:
    """Content of labels.json: video-level labels, of the training split only."""
    videos: dict[str, Any] = {}
    for plan in plans:
        videos[plan.name] = {"file": f"videos/{plan.name}.mp4", "subset": plan.subset}
        if plan.subset == "train":
            videos[plan.name]["labels"] = [classes[c] for c in plan.labels]
    return {"classes": list(classes), "videos": videos}


def ground_truth(plans: tuple[VideoPlan, ...], classes: tuple[str, ...]) -> dict[str, Any]:
    """Content of ground_truth.json, ActivityNet's form, seconds to three decimals."""
    database = {
        plan.name: {
            "subset": plan.subset,
            "duration": plan.duration_s,
            "annotations": [
                {
                    "segment": [round(i.start_s, 3), round(i.end_s, 3)],
                    "label": classes[i.class_index],
                }
                for i in plan.instances
            ],
        }
        for plan in plans
    }
    return {"version": "synthetic", "database": database}
