-- After which hand-off between departments do customers stay away?
-- The hand-offs that are at least 90 days old: how many of the customers concerned ordered again within 90 days. Each customer counts once for
-- each pair of departments, by her first hand-off there. Pairs with fewer than ten customers tell nothing.
with today as (
    select max(occurred_at) as now from warehouse.fct_touchpoint
),

handoffs as (
    select
        touchpoint.customer_id,
        touchpoint.previous_department as from_department,
        touchpoint.department as to_department,
        min(touchpoint.occurred_at) as handed_at
    from warehouse.fct_touchpoint as touchpoint
    where touchpoint.is_handoff and touchpoint.customer_id is not null
    group by touchpoint.customer_id, touchpoint.previous_department, touchpoint.department
),

ripe as (
    select handoffs.*
    from handoffs
    cross join today
    where handoffs.handed_at <= today.now - interval '90 days'
),

back as (
    select
        ripe.customer_id,
        ripe.from_department,
        ripe.to_department,
        max(case when orders.order_id is not null then 1 else 0 end) as came_back
    from ripe
    left join warehouse.fct_order as orders
        on ripe.customer_id = orders.customer_id
        and orders.is_cancelled = false
        and orders.ordered_at > ripe.handed_at
        and orders.ordered_at <= ripe.handed_at + interval '90 days'
    group by ripe.customer_id, ripe.from_department, ripe.to_department
)

select
    from_department,
    to_department,
    count(*) as customers,
    sum(came_back) as came_back,
    div_round(count(*) - sum(came_back), count(*), 3) as share_lost
from back
group by from_department, to_department
having count(*) >= 10
order by share_lost desc, from_department, to_department
