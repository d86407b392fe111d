-- The sums over all months, and the last month, against the marts and facts that say the same in another way.
with silo as (
    select
        count(*) as months,
        min(month) as first_month,
        max(month) as last_month,
        max(customers) as customers,
        sum(handoffs) as handoffs,
        sum(contacts) as contacts,
        sum(frictions) as frictions
    from marts.silo_index
),

last_month as (
    select
        silo_index.customers,
        silo_index.one_department_customers
    from marts.silo_index as silo_index
    inner join silo on silo_index.month = silo.last_month
),

customers as (
    select
        count(*) as customers,
        sum(case when systems_known = 1 then 1 else 0 end) as one_department_customers
    from marts.customer_360
),

department_handoffs as (
    select sum(handoffs) as handoffs from marts.department_handoffs
),

customer_value as (
    select sum(contacts) as contacts from marts.customer_value
),

frictions as (
    select count(*) as frictions
    from marts.friction
    where customer_id is not null
),

-- A repeat has another contact of the customer before it: not her first one.
first_contacts as (
    select count(*) as customers
    from marts.customer_value
    where contacts > 0
),

repeats as (
    select
        sum(repeat_contacts) as repeat_contacts,
        sum(contacts) as contacts
    from marts.silo_index
),

-- A journey is active in the month of its start at least; a customer in the month of any touchpoint.
journeys as (
    select
        cast(date_trunc('month', local_date(started_at, $time_zone)) as date) as month,
        count(*) as journeys
    from warehouse.fct_journey
    where customer_id is not null
    group by cast(date_trunc('month', local_date(started_at, $time_zone)) as date)
),

last_day as (
    select cast(date_trunc('month', local_date($as_of, $time_zone) - interval '1 day') as date) as month
),

compared as (
    select 'customers known at the end' as what, customers.customers as expected, last_month.customers as found
    from customers cross join last_month
    union all
    select 'customers known to one department' as what, customers.one_department_customers as expected, last_month.one_department_customers as found
    from customers cross join last_month
    union all
    select 'hand-offs' as what, department_handoffs.handoffs as expected, silo.handoffs as found
    from department_handoffs cross join silo
    union all
    select 'contacts' as what, customer_value.contacts as expected, silo.contacts as found
    from customer_value cross join silo
    union all
    select 'frictions' as what, frictions.frictions as expected, silo.frictions as found
    from frictions cross join silo
    union all
    select 'months without a gap' as what,
        (extract(year from silo.last_month) - extract(year from silo.first_month)) * 12
        + extract(month from silo.last_month) - extract(month from silo.first_month) + 1 as expected,
        silo.months as found
    from silo
    union all
    -- Where nobody was ever touched there is no month.
    select 'incomplete months' as what, 1 as expected,
        sum(case when not silo_index.is_complete and silo_index.month = last_day.month then 1 else 0 end) as found
    from marts.silo_index as silo_index
    cross join last_day
    group by last_day.month
    union all
    select 'complete months' as what, silo.months - 1 as expected,
        sum(case when silo_index.is_complete then 1 else 0 end) as found
    from marts.silo_index as silo_index
    cross join silo
    group by silo.months
),

final as (
    select
        what,
        coalesce(expected, 0) as expected_count,
        coalesce(found, 0) as found_count
    from compared
    where coalesce(expected, 0) <> coalesce(found, 0)
    union all
    select
        'repeat contacts' as what,
        repeats.contacts - first_contacts.customers as expected_count,
        repeats.repeat_contacts as found_count
    from repeats
    cross join first_contacts
    where repeats.repeat_contacts > repeats.contacts - first_contacts.customers
    union all
    select
        'journeys' as what,
        journeys.journeys as expected_count,
        coalesce(silo_index.journeys, 0) as found_count
    from journeys
    left join marts.silo_index as silo_index on journeys.month = silo_index.month
    where coalesce(silo_index.journeys, 0) < journeys.journeys
)

select * from final
