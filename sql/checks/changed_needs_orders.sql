-- The windows counted again from the orders: of each customer, and of the whole company by month.
with orders as (
    select
        customer_id,
        ordered_at,
        extract(year from order_date) * 12 + extract(month from order_date) as month_number
    from warehouse.fct_order
    where not is_cancelled
),

customers as (
    select
        customer_id,
        count(*) as orders,
        sum(case when ordered_at >= add_days($as_of, - $needs_days) then 1 else 0 end) as orders_recent
    from orders
    where customer_id is not null and ordered_at >= add_days($as_of, -2 * $needs_days)
    group by customer_id
),

mart as (
    select * from marts.changed_needs
),

months as (
    select
        month_number,
        count(*) as orders
    from orders
    group by month_number
),

mart_months as (
    select
        extract(year from month) * 12 + extract(month from month) as month_number,
        min(all_orders_before) as least_before,
        max(all_orders_before) as orders_before,
        min(all_orders_recent) as least_recent,
        max(all_orders_recent) as orders_recent,
        min(case when is_complete then 1 else 0 end) as least_complete,
        max(case when is_complete then 1 else 0 end) as is_complete
    from marts.changed_needs_by_product
    group by extract(year from month) * 12 + extract(month from month)
),

counted_months as (
    select
        mart_months.month_number,
        sum(case when months.month_number > mart_months.month_number - greatest($needs_months, 1) then 0 else months.orders end) as orders_before,
        sum(case when months.month_number > mart_months.month_number - greatest($needs_months, 1) then months.orders else 0 end) as orders_recent
    from mart_months
    inner join months
        on months.month_number <= mart_months.month_number
        and months.month_number > mart_months.month_number - 2 * greatest($needs_months, 1)
    group by mart_months.month_number
),

last_day as (
    select cast(local_date($as_of, $time_zone) - interval '1 day' as date) as day
)

select
    coalesce(customers.customer_id, mart.customer_id) as place,
    'customer' as what
from customers
full join mart on customers.customer_id = mart.customer_id
where (mart.orders_recent is distinct from customers.orders_recent)
    or (mart.orders_before is distinct from (customers.orders - customers.orders_recent))
    or (mart.is_supported is distinct from (mart.shift is not null and mart.support >= $needs_min_orders))
union all
select
    cast(mart_months.month_number as text) as place,
    'month' as what
from mart_months
left join counted_months on mart_months.month_number = counted_months.month_number
cross join last_day
where (mart_months.least_before is distinct from mart_months.orders_before)
    or (mart_months.least_recent is distinct from mart_months.orders_recent)
    or (mart_months.orders_before is distinct from counted_months.orders_before)
    or (mart_months.orders_recent is distinct from counted_months.orders_recent)
    or mart_months.least_complete <> mart_months.is_complete
    or (mart_months.is_complete = 1)
    <> (mart_months.month_number < extract(year from last_day.day) * 12 + extract(month from last_day.day))
