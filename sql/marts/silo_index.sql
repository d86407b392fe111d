with customers as (
    select * from warehouse.int_customer_known
),

journeys as (
    select * from warehouse.int_journey_month
),

contacts as (
    select * from warehouse.int_contact
),

frictions as (
    select * from marts.friction
),

-- as_of is the moment after the business day: the day itself is the one before.
bounds as (
    select
        min(month) as first_month,
        max(cast(date_trunc('month', local_date($as_of, $time_zone) - interval '1 day') as date)) as last_month
    from journeys
),

months as (
    select dim_date.date as month
    from warehouse.dim_date
    cross join bounds
    where dim_date.date = dim_date.month_start
        and dim_date.date >= bounds.first_month
        and dim_date.date <= bounds.last_month
),

-- Who was known before the first month counts from it on.
known as (
    select
        greatest(cast(date_trunc('month', local_date(customers.first_known_at, $time_zone)) as date), bounds.first_month) as month,
        1 as customers,
        0 as known_to_two
    from customers
    cross join bounds
    union all
    select
        greatest(cast(date_trunc('month', local_date(customers.second_known_at, $time_zone)) as date), bounds.first_month) as month,
        0 as customers,
        1 as known_to_two
    from customers
    cross join bounds
    where customers.second_known_at is not null
),

known_by_month as (
    select
        least(known.month, bounds.last_month) as month,
        sum(known.customers) as customers,
        sum(known.known_to_two) as known_to_two
    from known
    cross join bounds
    group by least(known.month, bounds.last_month)
),

journeys_by_month as (
    select
        month,
        count(*) as journeys,
        sum(handoffs) as handoffs
    from journeys
    group by month
),

active_by_month as (
    select
        month,
        count(*) as active_customers
    from (
        select
            customer_id,
            month
        from journeys
        group by customer_id, month
    ) as once_each
    group by month
),

contacts_by_month as (
    select
        cast(date_trunc('month', local_date(occurred_at, $time_zone)) as date) as month,
        count(*) as contacts,
        sum(case when is_repeat then 1 else 0 end) as repeat_contacts
    from contacts
    group by cast(date_trunc('month', local_date(occurred_at, $time_zone)) as date)
),

frictions_by_month as (
    select
        cast(date_trunc('month', local_date(found_at, $time_zone)) as date) as month,
        count(*) as frictions
    from frictions
    where customer_id is not null
    group by cast(date_trunc('month', local_date(found_at, $time_zone)) as date)
),

counted as (
    select
        months.month,
        sum(coalesce(known_by_month.customers, 0)) over (order by months.month) as customers,
        sum(coalesce(known_by_month.known_to_two, 0)) over (order by months.month) as known_to_two,
        coalesce(active_by_month.active_customers, 0) as active_customers,
        coalesce(journeys_by_month.journeys, 0) as journeys,
        coalesce(journeys_by_month.handoffs, 0) as handoffs,
        coalesce(contacts_by_month.contacts, 0) as contacts,
        coalesce(contacts_by_month.repeat_contacts, 0) as repeat_contacts,
        coalesce(frictions_by_month.frictions, 0) as frictions
    from months
    left join known_by_month on months.month = known_by_month.month
    left join active_by_month on months.month = active_by_month.month
    left join journeys_by_month on months.month = journeys_by_month.month
    left join contacts_by_month on months.month = contacts_by_month.month
    left join frictions_by_month on months.month = frictions_by_month.month
),

final as (
    select
        counted.month,
        counted.customers,
        counted.customers - counted.known_to_two as one_department_customers,
        counted.active_customers,
        counted.journeys,
        counted.handoffs,
        counted.contacts,
        counted.repeat_contacts,
        counted.frictions,
        div_round(counted.customers - counted.known_to_two, counted.customers, 6) as one_department_share,
        div_round(counted.handoffs, counted.journeys, 4) as handoffs_per_journey,
        div_round(counted.repeat_contacts, counted.contacts, 6) as repeat_contact_share,
        div_round(100 * counted.frictions, counted.active_customers, 2) as friction_per_100_customers,
        counted.month < bounds.last_month as is_complete
    from counted
    cross join bounds
)

select * from final
