select
    refunds.refund_id,
    refunds.order_id
from warehouse.fct_order_refund as refunds
left join warehouse.fct_order as orders on refunds.order_id = orders.order_id
where orders.order_id is null
