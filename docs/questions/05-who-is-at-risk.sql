-- Which customers are we about to lose, and why?
-- Customers with three orders or more who have been silent for more than twice their usual gap between orders (and for a month at least), the most expected value first.
-- Beside each: what went wrong lately, and what should be done next.
with today as (
    select max(occurred_at) as now from warehouse.fct_touchpoint
),

gaps as (
    select
        customer_id,
        count(*) as orders,
        max(ordered_at) as last_at,
        div_round(epoch_us(max(ordered_at)) - epoch_us(min(ordered_at)), (count(*) - 1) * 86400000000, 1) as usual_gap_days
    from warehouse.fct_order
    where not is_cancelled and customer_id is not null
    group by customer_id
    having count(*) >= 3
),

silent as (
    select
        gaps.*,
        div_round(epoch_us(today.now) - epoch_us(gaps.last_at), 86400000000, 1) as silent_days
    from gaps
    cross join today
)

select
    customer.display_name,
    silent.orders,
    silent.usual_gap_days,
    silent.silent_days,
    customer.friction_90d,
    customer.open_tickets,
    customer.next_best_step,
    value.value_to_date_eur
from silent
inner join marts.customer_360 as customer on silent.customer_id = customer.customer_id
inner join marts.customer_value as value on silent.customer_id = value.customer_id
where silent.silent_days > 2 * silent.usual_gap_days
    and silent.silent_days >= 30
order by value.value_to_date_eur desc, customer.customer_id
limit 10
