with taken as (
    select * from warehouse.int_order_product
),

-- Months are numbered through.
orders_by_month as (
    select
        extract(year from order_date) * 12 + extract(month from order_date) as month_number,
        min(cast(date_trunc('month', order_date) as date)) as month,
        count(*) as orders
    from warehouse.fct_order
    where not is_cancelled
    group by extract(year from order_date) * 12 + extract(month from order_date)
),

products_by_month as (
    select
        extract(year from order_date) * 12 + extract(month from order_date) as month_number,
        product_id,
        max(product) as product,
        max(category) as category,
        count(*) as orders
    from taken
    group by extract(year from order_date) * 12 + extract(month from order_date), product_id
),

products as (
    select
        product_id,
        max(product) as product,
        max(category) as category
    from products_by_month
    group by product_id
),

-- as_of is the moment after the business day: the day itself is the one before.
last_day as (
    select cast(local_date($as_of, $time_zone) - interval '1 day' as date) as day
),

bounds as (
    select
        min(orders_by_month.month_number) as first_month,
        max(extract(year from last_day.day) * 12 + extract(month from last_day.day)) as last_month
    from orders_by_month
    cross join last_day
),

calendar as (
    select
        date as month,
        year * 12 + month as month_number
    from warehouse.dim_date
    where date = month_start
),

-- Months before whose two windows the company had orders already. One month is in several windows, of its own and later ones.
windows as (
    select
        calendar.month,
        calendar.month_number,
        bounds.last_month
    from calendar
    cross join bounds
    where calendar.month_number >= bounds.first_month + 2 * greatest($needs_months, 1) - 1
        and calendar.month_number <= bounds.last_month
),

totals as (
    select
        windows.month_number,
        sum(case when orders.month_number > windows.month_number - greatest($needs_months, 1) then 0 else orders.orders end) as before,
        sum(case when orders.month_number > windows.month_number - greatest($needs_months, 1) then orders.orders else 0 end) as recent
    from windows
    inner join orders_by_month as orders
        on orders.month_number <= windows.month_number
        and orders.month_number > windows.month_number - 2 * greatest($needs_months, 1)
    group by windows.month_number
),

counted as (
    select
        windows.month,
        windows.month_number,
        windows.last_month,
        taken.product_id,
        sum(case when taken.month_number > windows.month_number - greatest($needs_months, 1) then 0 else taken.orders end) as before,
        sum(case when taken.month_number > windows.month_number - greatest($needs_months, 1) then taken.orders else 0 end) as recent
    from windows
    inner join products_by_month as taken
        on taken.month_number <= windows.month_number
        and taken.month_number > windows.month_number - 2 * greatest($needs_months, 1)
    group by windows.month, windows.month_number, windows.last_month, taken.product_id
),

final as (
    select
        counted.month,
        counted.product_id,
        products.product,
        products.category,
        counted.before as orders_before,
        counted.recent as orders_recent,
        totals.before as all_orders_before,
        totals.recent as all_orders_recent,
        coalesce(div_round(counted.before, totals.before, 6), 0) as share_before,
        coalesce(div_round(counted.recent, totals.recent, 6), 0) as share_recent,
        coalesce(div_round(counted.recent, totals.recent, 6), 0)
        - coalesce(div_round(counted.before, totals.before, 6), 0) as shift,
        counted.before + counted.recent as support,
        counted.month_number < counted.last_month as is_complete
    from counted
    inner join totals on counted.month_number = totals.month_number
    inner join products on counted.product_id = products.product_id
)

select * from final
