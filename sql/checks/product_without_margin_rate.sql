select
    product_id,
    count(*) as order_lines,
    sum(line_net_eur) as line_net_eur
from warehouse.fct_order_line
where not has_margin_rate and is_cancelled = false
group by product_id
