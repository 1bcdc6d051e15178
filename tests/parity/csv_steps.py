"""Delivered files as one engine reads them, by data preparation and by ``boathouse infer``."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from kedro.io import DatasetError

from boathouse.errors import DataQualityError
from boathouse.inference.inputs import judge_input, open_input
from boathouse.tables.contract import Column, TableContract
from boathouse.tables.extracts import CsvExtractDataset
from boathouse.tables.quality import judge_rows, raw_contract

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Texts by type; each is a row of its own.
TEXTS = {
    "bigint": ["17", " 17 ", "+17", "-0", "0017", "17.0", "1,000", "1 000", "0x10", "1e3", "٣", "17\t", str(2**63)],
    "int": [str(2**31), "-2147483648"],
    "double": [
        "1.5",
        ".5",
        "1.",
        "1e3",
        "1e400",
        "-1E-400",
        "NaN",
        "Infinity",
        "inf",
        "1,5",
        "1d",
        "1_0",
        "-0",
        "1.5 e3",
    ],
    "decimal(5,2)": ["1.5", "1.555", "1234.5", "-999.99", "1e2"],
    "date": ["2005-09-30", "2005-9-30", "2005-02-30", "2005-09", "2005", "20050930", "0000-01-01", "0001-01-01"],
    "timestamp": [
        *("2005-09-30 12:00:00", "2005-09-30T12:00:00.123456Z", "2005-09-30T12:00:00+08:00", "2005-09-30"),
        *("2005-09-30 25:00:00", "2005-09-30T12:00:00 Europe/Berlin", "2005-09-30T12:00", "12:00:00"),
    ],
    "boolean": ["true", "FALSE", "yes", "1", "t"],
    "string": ["x", " x ", "it's", "\\n\\", "月", "NULL", "-"],
}
NAMES = ("book[1].csv", "a b*?.csv", "50% #1.csv", "_book.csv", ".book.csv", "{a,b}.csv", "月'é.csv")


KEY = Column(name="k", dtype="bigint", description="Number of the row.")


def make_contract(**types: str) -> TableContract:
    """Return a contract of a key and columns of ``types``."""
    values = [Column(name=name, dtype=dtype, description=name, nullable=True) for name, dtype in types.items()]
    return TableContract(name="clean.texts", description="Texts.", grain="a row", columns=(KEY, *values), keys=("k",))


def prepare(file: Path, contract: TableContract, engine: str) -> list[dict[str, Any]]:
    """Return the rows that data preparation takes."""
    lakehouse = {"engine": engine, "root": "unused"}
    raw = CsvExtractDataset(filepath=file.as_posix(), lakehouse=lakehouse, contract=raw_contract(contract))
    return collect(judge_rows(raw.load(), contract).valid)


def infer(path: Path, contract: TableContract, engine: str) -> list[dict[str, Any]]:
    """Return the rows that ``boathouse infer`` takes."""
    environment: Any = SimpleNamespace(engine=engine)
    wanted = {column.name: column.dtype for column in contract.columns}
    return collect(judge_input(open_input(str(path), environment).rows, wanted, keys=["k"]).scorable)


WAYS = {"data_prep": prepare, "infer": infer}


def collect(frame: DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.orderBy("k").toArrow().to_pylist()
    return rows


def read_texts(engine: str, folder: Path) -> dict[str, Any]:
    """Return for each way and type the texts that are taken, with their values; each text is in a row of its own."""
    columns = {f"x{number}": dtype for number, dtype in enumerate(TEXTS)}
    cells = [(name, text) for name, dtype in columns.items() for text in (*TEXTS[dtype], "", "  ")]
    lines = [
        ",".join([str(k), *(quote(text) if each == name else "" for each in columns)])
        for k, (name, text) in enumerate(cells)
    ]
    file = folder / "texts.csv"
    file.write_text("\n".join([",".join(["k", *columns]), *lines]), encoding="utf-8")
    found: dict[str, Any] = {}
    for way, read in WAYS.items():
        for row in read(file, make_contract(**columns), engine):
            name, text = cells[row["k"]]
            found.setdefault(f"{columns[name]} {way}", {})[text] = repr(row[name])
    return found


def quote(text: str) -> str:
    return f'"{text}"' if "," in text else text


def read_everything(engine: str, folder: str) -> dict[str, Any]:
    """Return what comes of each text, each file name and a broken file."""
    root, contract = Path(folder), make_contract(x="string")
    found = read_texts(engine, root)
    for name in NAMES:
        (root / name).write_text('k,x\n1,"a\nb"\n', encoding="utf-8")
        found |= {f"{name} {way}": read(root / name, contract, engine) for way, read in WAYS.items()}
    (root / "open.csv").write_text('k,x\n1,"a\n2,b\n', encoding="utf-8")
    for way, read in WAYS.items():
        try:
            found[f"open.csv {way}"] = read(root / "open.csv", contract, engine)
        except (DatasetError, DataQualityError) as error:
            found[f"open.csv {way}"] = str(error.__cause__ if isinstance(error, DatasetError) else error).rpartition(
                "open.csv"
            )[2]
    return found
