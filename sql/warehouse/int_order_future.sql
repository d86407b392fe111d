-- Rows that hang on such an order wait with it; nothing else would tell them from those whose order is unknown.
select id as order_id
from staging.stg_shopify__orders
where created_at >= $as_of
