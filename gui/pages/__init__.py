"""Pages of the window's main stack: review of a plan, and the push of one."""
