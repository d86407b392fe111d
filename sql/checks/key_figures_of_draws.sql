-- Counted from single records, a customer of the tables is what customer_360 says; the customers of a draw add up; and low and high
-- of their number are its nearest ranks: fewer than 5 (95) of 100 draws have less, and at least so many have no more.
select
    drawn.customer_id as place,
    'records' as differs
from warehouse.dim_draw_customer as drawn
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
from identity.draw as draws
left join (
    select
        draw,
        sum(change) as more
    from identity.draw_customer
    group by draw
) as changes on changes.draw = draws.draw
cross join (select count(*) as customers from warehouse.dim_customer) as counted
where draws.customers <> counted.customers + coalesce(changes.more, 0)
union all
select
    figures.figure as place,
    'low or high' as differs
from marts.key_figures as figures
cross join identity.draw as draws
where figures.figure = 'customers'
group by figures.figure, figures.low, figures.high, figures.draws
having not (
    count(*) = figures.draws
    and sum(case when draws.customers < figures.low then 100 else 0 end) < 5 * figures.draws
    and sum(case when draws.customers <= figures.low then 100 else 0 end) >= 5 * figures.draws
    and sum(case when draws.customers < figures.high then 100 else 0 end) < 95 * figures.draws
    and sum(case when draws.customers <= figures.high then 100 else 0 end) >= 95 * figures.draws
)
