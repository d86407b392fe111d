select
    disputes.dispute_id,
    disputes.payment_id
from warehouse.fct_dispute as disputes
left join warehouse.fct_payment as payments on disputes.payment_id = payments.payment_id
where payments.payment_id is null
