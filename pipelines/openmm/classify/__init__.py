"""What the classify stage registers with mmpretrain."""
