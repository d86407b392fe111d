select
    lines.order_line_id,
    lines.order_id
from warehouse.fct_order_line as lines
left join warehouse.fct_order as orders on lines.order_id = orders.order_id
where orders.order_id is null
