"""What is known of THUMOS14, whatever package it comes in."""

CLASSES = (
    "BaseballPitch", "BasketballDunk", "Billiards", "CleanAndJerk", "CliffDiving",
    "CricketBowling", "CricketShot", "Diving", "FrisbeeCatch", "GolfSwing", "HammerThrow",
    "HighJump", "JavelinThrow", "LongJump", "PoleVault", "Shotput", "SoccerPenalty",
    "TennisSwing", "ThrowDiscus", "VolleyballSpiking",
)  # fmt: skip
# The official numbers of these classes among the 101 of UCF101.
NUMBERS = (7, 9, 12, 21, 22, 23, 24, 26, 31, 33, 36, 40, 45, 51, 68, 79, 85, 92, 93, 97)

SUBSETS = {
    "train": "train", "training": "train", "validation": "train", "val": "train",
    "test": "test", "testing": "test",
}  # fmt: skip

# Test videos that packages disagree about.
DISPUTED = {
    "video_test_0000270": "annotated as HammerThrow, shows a haircut",
    "video_test_0001292": "holds ambiguous intervals alone",
    "video_test_0001496": "its class is wrong in the annotation",
}
# Which of them are missing where; `--drop` takes these names.
DROPS = {
    "um": ("video_test_0000270", "video_test_0001292", "video_test_0001496"),
    "opentad": ("video_test_0000270", "video_test_0001292"),
    "wtalc": ("video_test_0001292",),
    "none": (),
}
# Seconds, of videos that are shorter than their annotations say (W-TALC's duration.npy). For other
# videos the end of the last segment is a length that the video has at least; not so for these.
SHORT = {
    "video_validation_0000364": 112.638,
    "video_validation_0000856": 83.145,
    "video_test_0000270": 176.2453514,
    "video_test_0000814": 181.2343537,
    "video_test_0001081": 117.2343537,
}
