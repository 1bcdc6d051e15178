"""The process that answers requests of this project's endpoints: the library's worker with its on-demand features."""

from boathouse.serving.worker import main
from boathouse.use_case import USE_CASE

if __name__ == "__main__":
    main(USE_CASE.on_demand)
