select
    id,
    order_id,
    status,
    created_at,
    updated_at,
    delivered_at,
    _batch_id,
    _row
from landing.shopify__fulfillments
