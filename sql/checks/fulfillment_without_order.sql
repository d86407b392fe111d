select
    fulfillments.id as fulfillment_id,
    fulfillments.order_id
from staging.stg_shopify__fulfillments as fulfillments
left join staging.stg_shopify__orders as orders on fulfillments.order_id = orders.id
where fulfillments.created_at < $as_of
    and orders.id is null
