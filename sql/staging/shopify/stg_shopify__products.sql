select
    id,
    title,
    product_type,
    vendor,
    status,
    updated_at,
    _batch_id,
    _row
from landing.shopify__products
