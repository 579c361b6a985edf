"""One solve in several processes: the ranks of a torch.distributed process group."""
