"""Speed and memory, each as a ratio of a plain baseline measured in the same run (`make bench`)."""
