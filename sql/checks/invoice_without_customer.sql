select
    invoice_id,
    created_at
from warehouse.fct_invoice
where customer_id is null
