select
    id,
    order_id,
    nullif(product_id, '') as product_id,
    sku,
    title,
    quantity,
    price,
    total_discount,
    _batch_id,
    _row
from landing.shopify__order_lines
