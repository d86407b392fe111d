select
    currency,
    date,
    rate,
    _batch_id,
    _row
from landing.controlling__fx_rates
