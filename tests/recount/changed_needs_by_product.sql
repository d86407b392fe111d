with months as (
    select cast(unnest(generate_series((select min(date_trunc('month', day)) from orders), (select month from today), interval 1 month)) as date) as month
),

-- From the first day of the recent window to the last day of its month, and as many months before.
windows as (
    select
        month,
        cast(month - to_months($needs_months - 1) as date) as recent_from,
        cast(month + interval 1 month as date) as recent_to,
        cast(recent_from - to_months($needs_months) as date) as before_from
    from months
    where before_from >= (select min(date_trunc('month', day)) from orders)
),

all_orders as (
    select
        month,
        count(*) filter (day < recent_from) as before,
        count(*) filter (day >= recent_from) as recent
    from windows
    join orders on day >= before_from and day < recent_to
    group by month
),

with_product as (
    select
        month,
        product_id,
        any_value(product) as product,
        any_value(category) as category,
        count(distinct order_id) filter (day < recent_from) as before,
        count(distinct order_id) filter (day >= recent_from) as recent
    from windows
    join order_products on day >= before_from and day < recent_to
    group by month, product_id
)

select
    p.month,
    p.product_id,
    p.product,
    p.category,
    p.before as orders_before,
    p.recent as orders_recent,
    a.before as all_orders_before,
    a.recent as all_orders_recent,
    coalesce(round(p.before / nullif(a.before, 0), 6), 0) as share_before,
    coalesce(round(p.recent / nullif(a.recent, 0), 6), 0) as share_recent,
    share_recent - share_before as shift,
    p.before + p.recent as support,
    p.month < (select month from today) as is_complete
from with_product as p
join all_orders as a using (month)
