select
    id,
    order_id,
    note,
    currency,
    amount,
    created_at,
    _batch_id,
    _row
from landing.shopify__refunds
