select
    ticket_id,
    opened_at
from warehouse.fct_ticket
where customer_id is null
