"""The worker process of this project's endpoints: the library's worker with the use case's declarations."""

from boathouse.serving.worker import ServedUseCase, main
from boathouse.use_case import USE_CASE

if __name__ == "__main__":
    entity = USE_CASE.entity
    main(ServedUseCase(USE_CASE.on_demand, entity.personal_keys, keys=entity.keys, given=USE_CASE.given_columns))
