"""What can be wrong with an installation and its DVC workspace, each with its remedy."""
