"""Why a detector errs, and what can be said of it without ground truth."""
