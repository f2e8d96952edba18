"""PyTorch's DataLoader with two workers, which hand 48 MiB a batch to this process. Argument: the sharing strategy."""

import sys

import torch
import torch.multiprocessing
from torch.utils.data import DataLoader, Dataset

ITEM = 3 << 20  # of 4 bytes each
ITEMS = 32


class Numbers(Dataset):
    def __len__(self):
        return ITEMS

    def __getitem__(self, index):
        return torch.full((ITEM,), float(index))


if __name__ == "__main__":
    strategy = sys.argv[1]
    torch.multiprocessing.set_sharing_strategy(strategy)
    torch.set_num_threads(1)
    seen = []
    # Batches are kept, so that all of them are in memory together.
    batches = list(DataLoader(Numbers(), batch_size=4, num_workers=2))
    for batch in batches:
        assert batch.is_shared() and batch.shape == (4, ITEM), batch.shape
        for item in batch:
            assert item.min() == item.max()
            seen.append(int(item[-1]))
    print(torch.multiprocessing.get_sharing_strategy(), seen == list(range(ITEMS)))
