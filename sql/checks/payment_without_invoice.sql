select
    payments.payment_id,
    payments.invoice_id
from warehouse.fct_payment as payments
left join warehouse.fct_invoice as invoices on payments.invoice_id = invoices.invoice_id
where invoices.invoice_id is null
