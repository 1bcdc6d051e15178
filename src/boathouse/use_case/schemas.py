"""What the extracts and the cleaned tables hold: every column, its unit and its rules."""

from __future__ import annotations

from boathouse.problem.spec import DataSource
from boathouse.tables.contract import Column, TableContract
from boathouse.use_case import cleaning
from boathouse.use_case.code_mappings import EDUCATION, MARRIAGE, SEX, USAGE
from boathouse.use_case.entity import CUSTOMER_ID

MONTH = "statement_month"
_MONTH = Column(name=MONTH, dtype="date", description="First day of the month that is billed.", pattern="-01$")
_LIMIT = Column(
    name="limit_bal", dtype="double", description="Credit given, family's cards included.", unit="NT$", minimum=1
)
_AGE = Column(name="age", dtype="int", description="Age in whole years.", unit="years", minimum=18, maximum=120)
_BILL = Column(
    name="bill_amt", dtype="double", description="Amount of the statement; negative is a credit balance.", unit="NT$"
)
_PAID = Column(name="pay_amt", dtype="double", description="Amount paid in the month.", unit="NT$", minimum=0)
_STATUS = Column(
    name="pay_status",
    dtype="int",
    description="-2 no use, -1 paid in full, 0 revolving credit, k from 1 on: payment k months late.",
    minimum=-2,
    maximum=12,
)
_TRANSACTED_ON = Column(name="transaction_date", dtype="date", description="Day of use; the row is known from it on.")
_AMOUNT = Column(name="amount", dtype="double", description="Sum of the day's transactions.", unit="NT$", minimum=0)
_USES = Column(
    name="n_transactions", dtype="int", description="Transactions of the day.", unit="transactions", minimum=1
)
_DEFAULT = Column(
    name="default_next_month",
    dtype="int",
    description="1 if the customer defaulted in the month after the last statement.",
    allowed=(0, 1),
)


def _coded(name: str, description: str, mapping: dict[int, str]) -> Column:
    return Column(name=name, dtype="int", description=description, allowed=tuple(mapping))


def _decoded(name: str, description: str, mapping: dict[int, str]) -> Column:
    return Column(name=name, dtype="string", description=description, allowed=tuple(dict.fromkeys(mapping.values())))


# The three files as a bank's systems deliver them, typed.
DELIVERED = {
    contract.name: contract
    for contract in (
        TableContract(
            name="customers",
            description="Customers with a credit card.",
            grain="One row per customer",
            columns=(
                CUSTOMER_ID,
                _LIMIT,
                _coded("sex", "0 man, 1 woman.", SEX),
                _coded(
                    "education",
                    "1 graduate school, 2 university, 3 high school, 4 other; else undocumented.",
                    EDUCATION,
                ),
                _coded("marriage", "1 married, 2 single, 3 other, 0 undocumented.", MARRIAGE),
                _AGE,
            ),
            keys=("customer_id",),
        ),
        TableContract(
            name="statements",
            description="Monthly credit-card statements.",
            grain="One row per customer and month",
            columns=(CUSTOMER_ID, _MONTH, _STATUS, _BILL, _PAID),
            keys=("customer_id", MONTH),
            time_column=MONTH,
            time_grain="month",
        ),
        TableContract(
            name="defaults",
            description="Who defaulted in the month after the last statement.",
            grain="One row per customer",
            columns=(CUSTOMER_ID, _DEFAULT),
            keys=("customer_id",),
        ),
        TableContract(
            name="transactions",
            description="Daily use of credit cards; a bank may not deliver it.",
            grain="One row per customer and day of use",
            columns=(CUSTOMER_ID, _TRANSACTED_ON, _AMOUNT, _USES),
            keys=("customer_id", "transaction_date"),
            time_column="transaction_date",
        ),
    )
}

_CLEANED = (
    TableContract(
        name="clean.customers",
        description="Customers with documented groups in place of codes.",
        grain="One row per customer.",
        columns=(
            CUSTOMER_ID,
            _LIMIT,
            _decoded("sex", "Sex as the bank records it; never a model input.", SEX),
            _decoded("education", "Highest education; codes without documentation are one group.", EDUCATION),
            _decoded("marriage", "Marital status; the code without documentation is a group.", MARRIAGE),
            _AGE,
        ),
        keys=("customer_id",),
    ),
    TableContract(
        name="clean.statements",
        description="Monthly statements, use of the card kept apart from lateness.",
        grain="One row per customer and month.",
        columns=(
            CUSTOMER_ID,
            _MONTH,
            Column(
                name="statement_date", dtype="date", description="Last day of the month: the row is known from it on."
            ),
            _STATUS,
            Column(
                name="months_late",
                dtype="int",
                description="Months the payment is late.",
                unit="months",
                minimum=0,
                maximum=12,
            ),
            Column(name="usage", dtype="string", description="How the card was used and paid.", allowed=USAGE),
            _BILL,
            _PAID,
        ),
        keys=("customer_id", "statement_month"),
        time_column="statement_date",
    ),
    TableContract(
        name="clean.defaults",
        description="The bank's own default flag for the month after the last statement.",
        grain="One row per customer.",
        columns=(CUSTOMER_ID, _DEFAULT),
        keys=("customer_id",),
    ),
    TableContract(
        name="clean.transactions",
        description="Daily use of credit cards; empty where the bank delivers none.",
        grain="One row per customer and day of use.",
        columns=(CUSTOMER_ID, _TRANSACTED_ON, _AMOUNT, _USES),
        keys=("customer_id", "transaction_date"),
        time_column="transaction_date",
    ),
)

_CLEANERS = (
    cleaning.clean_customers,
    cleaning.clean_statements,
    cleaning.clean_defaults,
    cleaning.clean_transactions,
)
SOURCES = tuple(
    DataSource(delivered=delivered, cleaned=cleaned, clean=clean, optional=delivered.name == "transactions")
    for delivered, cleaned, clean in zip(DELIVERED.values(), _CLEANED, _CLEANERS, strict=True)
)
