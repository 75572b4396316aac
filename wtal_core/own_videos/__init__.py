"""From a folder of somebody's own videos and tags to the folder of a data set, and its health."""
