-- Do the customers of this year come back sooner than those of the year before?
-- By quarter of the first order: who placed a second one within 30, 90 and 180 days. A quarter counts only when its last customer has had that time.
with today as (
    select max(occurred_at) as now from warehouse.fct_touchpoint
),

numbered as (
    select
        customer_id,
        ordered_at,
        row_number() over (partition by customer_id order by ordered_at, order_id) as place
    from warehouse.fct_order
    where not is_cancelled and customer_id is not null
),

customers as (
    select
        customer_id,
        min(ordered_at) as first_at,
        min(case when place = 2 then ordered_at end) as second_at
    from numbered
    group by customer_id
),

quarters as (
    select
        cast(date_trunc('quarter', local_date(first_at, 'Europe/Berlin')) as date) as quarter,
        count(*) as customers,
        max(first_at) as last_first_at,
        sum(case when second_at <= first_at + interval '30 days' then 1 else 0 end) as within_30,
        sum(case when second_at <= first_at + interval '90 days' then 1 else 0 end) as within_90,
        sum(case when second_at <= first_at + interval '180 days' then 1 else 0 end) as within_180
    from customers
    group by cast(date_trunc('quarter', local_date(first_at, 'Europe/Berlin')) as date)
)

select
    quarters.quarter,
    quarters.customers,
    case when quarters.last_first_at + interval '30 days' <= today.now then div_round(quarters.within_30, quarters.customers, 3) end as within_30_days,
    case when quarters.last_first_at + interval '90 days' <= today.now then div_round(quarters.within_90, quarters.customers, 3) end as within_90_days,
    case when quarters.last_first_at + interval '180 days' <= today.now then div_round(quarters.within_180, quarters.customers, 3) end as within_180_days
from quarters
cross join today
order by quarters.quarter
