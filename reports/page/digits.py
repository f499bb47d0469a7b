"""The digits that come with the page, shrunk to 4 × 4."""

import string

import numpy as np
from sklearn.datasets import load_digits

LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
TRAIN, TEST = 300, 100


def digits() -> dict[str, object]:
    """Return 4 × 4 grey levels, a letter each, of the first digits of scikit-learn's set.

    A level is the mean of four pixels (0 to 16), spread over the 62 letters.
    """
    images, labels = load_digits(return_X_y=True)
    blocks = images[: TRAIN + TEST].reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4))
    levels = np.rint(blocks.ravel() * (len(LETTERS) - 1) / 16).astype(int)
    return {
        "pixels": "".join(LETTERS[level] for level in levels),
        "labels": "".join(str(label) for label in labels[: TRAIN + TEST]),
        "train": TRAIN,
    }
