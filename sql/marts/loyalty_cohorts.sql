with orders as (
    select * from warehouse.fct_order
),

-- One row per customer and month in which she ordered something that was not cancelled. Months are numbered through.
active as (
    select
        customer_id,
        extract(year from order_date) * 12 + extract(month from order_date) as month_number,
        cast(date_trunc('month', order_date) as date) as month,
        sum(coalesce(total_eur, 0)) - sum(refunds_eur) as revenue_eur
    from orders
    where not is_cancelled and customer_id is not null
    group by
        customer_id,
        extract(year from order_date) * 12 + extract(month from order_date),
        cast(date_trunc('month', order_date) as date)
),

firsts as (
    select
        customer_id,
        min(month) as cohort_month,
        min(month_number) as cohort_number
    from active
    group by customer_id
),

cohorts as (
    select
        cohort_month,
        cohort_number,
        count(*) as cohort_customers
    from firsts
    group by cohort_month, cohort_number
),

activity as (
    select
        firsts.cohort_number,
        active.month_number - firsts.cohort_number as months_since,
        count(*) as active_customers,
        sum(active.revenue_eur) as revenue_eur
    from active
    inner join firsts on active.customer_id = firsts.customer_id
    group by firsts.cohort_number, active.month_number - firsts.cohort_number
),

-- as_of is the moment after the business day: the day itself is the one before.
last_day as (
    select cast(local_date($as_of, $time_zone) - interval '1 day' as date) as day
),

digits as (
    select digit from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as numbers (digit)
),

numbers as (
    select a.digit * 1000 + b.digit * 100 + c.digit * 10 + d.digit as number
    from digits as a
    cross join digits as b
    cross join digits as c
    cross join digits as d
),

-- Every month since then has its row, also one in which nobody came back.
cells as (
    select
        cohorts.cohort_month,
        cohorts.cohort_number,
        cohorts.cohort_customers,
        numbers.number as months_since
    from cohorts
    cross join last_day
    cross join numbers
    where numbers.number
        <= extract(year from last_day.day) * 12 + extract(month from last_day.day) - cohorts.cohort_number
),

final as (
    select
        cells.cohort_month,
        cells.months_since,
        cells.cohort_customers,
        coalesce(activity.active_customers, 0) as active_customers,
        div_round(coalesce(activity.active_customers, 0), cells.cohort_customers, 6) as repeat_rate,
        coalesce(activity.revenue_eur, 0) as revenue_eur
    from cells
    left join activity
        on cells.cohort_number = activity.cohort_number
        and cells.months_since = activity.months_since
)

select * from final
