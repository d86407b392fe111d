select
    tickets.ticket_id,
    tickets.order_id
from warehouse.fct_ticket as tickets
inner join warehouse.fct_order as orders on tickets.order_id = orders.order_id
where tickets.customer_id <> orders.customer_id
