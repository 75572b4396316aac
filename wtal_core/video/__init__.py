"""From video files to frames and optical flow."""
