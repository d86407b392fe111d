with calendar as (

    select * from project.calendar

),

-- The first day that anything is known of: without facts, the year of as_of alone.
facts as (

    select min(order_date) as first_date from warehouse.fct_order
    union all
    select min(invoice_date) as first_date from warehouse.fct_invoice
    union all
    select min(local_date(opened_at, $time_zone)) as first_date from warehouse.fct_ticket
    union all
    select local_date($as_of, $time_zone) as first_date

),

bounds as (

    select extract(year from min(first_date)) as first_year from facts

),

final as (

    select
        calendar.date,
        extract(year from calendar.date) as year,
        extract(quarter from calendar.date) as quarter,
        extract(month from calendar.date) as month,
        extract(isoyear from calendar.date) as iso_year,
        extract(week from calendar.date) as iso_week,
        calendar.iso_weekday,
        calendar.holiday_name,
        calendar.is_holiday,
        calendar.is_business_day,
        cast(date_trunc('month', calendar.date) as date) as month_start
    from calendar
    cross join bounds
    where extract(year from calendar.date) >= bounds.first_year

)

select * from final
