select
    product_id,
    margin_rate,
    _batch_id,
    _row
from landing.controlling__product_margins
