-- Counted from single records, a customer of the tables is what customer_360 says; and the customers of a draw add up.
select
    drawn.customer_id as place,
    'records' as differs
from warehouse.int_draw_customer as drawn
left join marts.customer_360 as shown on drawn.customer_id = shown.customer_id
where not drawn.is_drawn
    and (
        (drawn.orders_count is distinct from shown.orders_count)
        or (drawn.open_tickets is distinct from shown.open_tickets)
        or (drawn.systems_known is distinct from shown.systems_known)
    )
union all
select
    cast(draws.draw as varchar) as place,
    'customers' as differs
from warehouse.int_draw as draws
cross join (select count(*) as customers from warehouse.dim_customer) as counted
where draws.customers_in_all <> counted.customers + draws.customers
