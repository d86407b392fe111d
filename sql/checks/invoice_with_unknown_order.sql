select
    invoices.invoice_id,
    invoices.order_id
from warehouse.fct_invoice as invoices
left join warehouse.fct_order as orders on invoices.order_id = orders.order_id
where invoices.order_id is not null
    and orders.order_id is null
