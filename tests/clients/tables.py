"""The tables of both models, with the columns and types that the contracts of the models declare."""
import pyarrow as pa
import pytest

TEXT, MONEY = pa.string(), pa.decimal128(10, 2)
CONTRACT = [("plan", TEXT), ("term", TEXT), ("seats", pa.int32())]
CUSTOMERS = [("customer_id", pa.int64()), ("signup_date", pa.date32()), ("plan", TEXT), ("region", TEXT)]
USAGE = [("customer_id", pa.int64()), ("date", pa.date32()), ("sessions", pa.int32()), ("usage_minutes", pa.int32()),
         ("feature_events", pa.int32())]
BILLING = [("invoice_id", pa.int64()), ("customer_id", pa.int64()), ("bill_date", pa.date32()), ("amount", MONEY),
           ("payment_status", TEXT)]
SUPPORT = [("ticket_id", pa.int64()), ("customer_id", pa.int64()), ("ticket_date", pa.date32()), ("category", TEXT),
           ("priority", TEXT)]
USAGE_TRUTH = [*USAGE, ("logged", pa.bool_())]


def doubles(*names):
    return [(name, pa.float64()) for name in names]


# The schemas by model and table, in the order of the tables.
SCHEMAS = {
    "saas-v1": {
        "customers": CUSTOMERS,
        "usage_daily": USAGE,
        "billing": BILLING,
        "support": SUPPORT,
        "retention_curves": [("plan", TEXT), ("day", pa.int32()), ("retention_probability", pa.float64())],
        "usage_truth": USAGE_TRUTH,
    },
    "saas-v2": {
        "customers": [*CUSTOMERS, ("channel", TEXT), ("term", TEXT), ("seats", pa.int32())],
        "subscriptions": [("event_id", pa.int64()), ("customer_id", pa.int64()), ("event_date", pa.date32()),
                          ("event", TEXT), *CONTRACT, ("mrr", MONEY), ("mrr_change", MONEY)],
        "usage_daily": USAGE,
        "billing": [*BILLING, ("settled_date", pa.date32()), *CONTRACT],
        "support": SUPPORT,
        "cycles_truth": [("customer_id", pa.int64()), ("cycle", pa.int32()), ("spell", pa.int32()),
                         ("spell_age", pa.int32()), ("first_day", pa.date32()), ("last_day", pa.date32()), *CONTRACT,
                         ("engagement", TEXT), ("problem_tickets", pa.int32()), ("attempt", TEXT),
                         *doubles("p_fail", "p_end", "unused", "support", "billing", "other"),
                         ("decided", pa.bool_()), ("outcome", TEXT), ("reason", TEXT)],
        "customer_truth": [("customer_id", pa.int64()), *doubles("frailty", "intensity", "activity"),
                           ("ended_date", pa.date32()), ("reason", TEXT), ("spells", pa.int32())],
        "calendar": [("date", pa.date32()), *doubles("signup_weight", "week", "season", "incident", "loss_rate")],
        "expected_curves": [("plan", TEXT), ("term", TEXT), ("cycle", pa.int32()),
                            *doubles("survival", "hazard", "ended_unused", "ended_support", "ended_billing",
                                     "ended_other", "ended_payment", "active_days", "mrr")],
        "usage_truth": USAGE_TRUTH,
    },
}

# Runs a test for each model, or for each table of each model. The fixtures are then those of the model.
each_model = pytest.mark.parametrize("model", SCHEMAS, indirect=True)
each_table = pytest.mark.parametrize("model, table", [(model, table) for model in SCHEMAS for table in SCHEMAS[model]],
                                     indirect=["model"])


def schema(model, table):
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in SCHEMAS[model][table]])
