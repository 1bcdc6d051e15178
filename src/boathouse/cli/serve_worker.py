"""The process that answers requests of this project's endpoints: the library's worker, told about the use case."""

from boathouse.serving.worker import ServedProblem, main
from boathouse.use_case import USE_CASE

if __name__ == "__main__":
    main(ServedProblem(USE_CASE.on_demand, USE_CASE.entity.personal_keys))
