"""What several tests share: fakes that pass the real thing's contract suite, small servers."""
