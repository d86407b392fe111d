select
    id,
    -- Empty text is no account: such an order is a guest's.
    nullif(customer_id, '') as customer_id,
    email,
    phone,
    currency,
    financial_status,
    fulfillment_status,
    cancel_reason,
    source_name,
    note,
    subtotal_price,
    total_discounts,
    total_tax,
    total_price,
    created_at,
    processed_at,
    cancelled_at,
    updated_at,
    _batch_id,
    _row
from landing.shopify__orders
