"""Whether everything that runs on a node has room on the others when that node is lost."""
