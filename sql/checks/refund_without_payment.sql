select
    refunds.refund_id,
    refunds.payment_id
from warehouse.fct_refund as refunds
left join warehouse.fct_payment as payments on refunds.payment_id = payments.payment_id
where payments.payment_id is null
