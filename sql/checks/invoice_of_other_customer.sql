select
    invoices.invoice_id,
    invoices.order_id
from warehouse.fct_invoice as invoices
inner join warehouse.fct_order as orders on invoices.order_id = orders.order_id
where invoices.customer_id <> orders.customer_id
