"""What views share: the selection, and the devices as a tree."""
