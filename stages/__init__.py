"""One script per DVC stage: read parameters, load artifacts, one core call, write artifacts."""
