select
    order_id,
    is_guest,
    ordered_at
from warehouse.fct_order
where customer_id is null
