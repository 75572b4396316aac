"""A trained run on new videos: from a file to segments in one pass, in bounded memory."""
