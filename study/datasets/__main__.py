"""``python -m study.datasets`` makes data/checksums.json anew from the installed scikit-learn."""

from study.datasets.stored import remake_checksums

if __name__ == "__main__":
    for name, digest in remake_checksums().items():
        print(f"{digest}  {name}")
