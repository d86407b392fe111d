select
    tickets.ticket_id,
    tickets.order_id
from warehouse.fct_ticket as tickets
left join warehouse.fct_order as orders on tickets.order_id = orders.order_id
where tickets.order_id is not null
    and orders.order_id is null
