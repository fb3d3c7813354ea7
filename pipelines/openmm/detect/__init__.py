"""What the detect stage registers with mmdet."""
