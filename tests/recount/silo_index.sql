with months as (
    select cast(unnest(generate_series(
        (select min(month_of(occurred_at)) from warehouse.fct_touchpoint where customer_id is not null), (select month from today), interval 1 month
    )) as date) as month
),

-- Which systems know her, since which month. What is dated later than today is known today.
systems as (
    select
        c.customer_id,
        r.source_system,
        least(month_of(min(r.first_seen_at)), (select month from today)) as since
    from identity.record as r
    join customer_of as c on c.object = r.source_system || '/' || r.source_object and c.record_id = r.record_id
    group by c.customer_id, r.source_system
),

known as (
    select month, customer_id, count(*) as systems
    from months
    join systems on since <= month
    group by month, customer_id
),

steps as (
    select
        customer_id,
        journey_id,
        month_of(occurred_at) as month,
        department <> lag(department) over (partition by journey_id order by step) as passed_on
    from warehouse.fct_touchpoint
    where customer_id is not null
),

asked as (
    select
        month_of(c.moment) as month,
        exists (
            select 1 from contacts as before
            where before.customer_id = c.customer_id
                and (before.moment, before.kind, before.id) < (c.moment, c.kind, c.id)
                and before.moment + to_days($ask_again_days) >= c.moment
        ) as is_repeat
    from contacts as c
),

counted as (
    select
        month,
        (select count(*) from known as k where k.month = months.month) as customers,
        (select count(*) from known as k where k.month = months.month and k.systems = 1) as one_department_customers,
        (select count(distinct s.customer_id) from steps as s where s.month = months.month) as active_customers,
        (select count(distinct s.journey_id) from steps as s where s.month = months.month) as journeys,
        (select count(*) from steps as s where s.month = months.month and s.passed_on) as handoffs,
        (select count(*) from asked as a where a.month = months.month) as contacts,
        (select count(*) from asked as a where a.month = months.month and a.is_repeat) as repeat_contacts,
        (select count(*) from marts.friction as f where month_of(f.found_at) = months.month and f.customer_id is not null) as frictions
    from months
)

select
    *,
    one_department_customers / nullif(customers, 0) as one_department_share,
    handoffs / nullif(journeys, 0) as handoffs_per_journey,
    repeat_contacts / nullif(contacts, 0) as repeat_contact_share,
    100 * frictions / nullif(active_customers, 0) as friction_per_100_customers,
    month < (select month from today) as is_complete
from counted
