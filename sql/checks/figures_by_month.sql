-- Figures that several marts have by month: the mission's trend has to say what the others say, in each month.
with silo as (
    select
        month,
        active_customers,
        contacts,
        handoffs,
        frictions
    from marts.silo_index
),

-- Who had anything to do with the company in a month, and how often she asked.
timeline as (
    select
        month,
        count(*) as active_customers,
        sum(contacts) as contacts
    from (
        select
            customer_id,
            cast(date_trunc('month', local_date(occurred_at, $time_zone)) as date) as month,
            sum(case when is_contact then 1 else 0 end) as contacts
        from marts.customer_timeline
        group by customer_id, cast(date_trunc('month', local_date(occurred_at, $time_zone)) as date)
    ) as once_each
    group by month
),

department_handoffs as (
    select
        month,
        sum(handoffs) as handoffs
    from marts.department_handoffs
    group by month
),

friction as (
    select
        cast(date_trunc('month', local_date(found_at, $time_zone)) as date) as month,
        count(*) as frictions,
        count(customer_id) as of_known_customers
    from marts.friction
    group by cast(date_trunc('month', local_date(found_at, $time_zone)) as date)
),

friction_summary as (
    select
        month,
        sum(frictions) as frictions
    from marts.friction_summary
    group by month
),

compared as (
    select 'active customers in silo_index' as what, timeline.month, timeline.active_customers as expected, silo.active_customers as found
    from timeline
    left join silo on timeline.month = silo.month
    union all
    select 'contacts in silo_index' as what, timeline.month, timeline.contacts as expected, silo.contacts as found
    from timeline
    left join silo on timeline.month = silo.month
    union all
    select 'hand-offs in silo_index' as what, department_handoffs.month, department_handoffs.handoffs as expected, silo.handoffs as found
    from department_handoffs
    left join silo on department_handoffs.month = silo.month
    union all
    select 'frictions in silo_index' as what, friction.month, friction.of_known_customers as expected, silo.frictions as found
    from friction
    left join silo on friction.month = silo.month
    union all
    select 'frictions in friction_summary' as what, friction.month, friction.frictions as expected, friction_summary.frictions as found
    from friction
    left join friction_summary on friction.month = friction_summary.month
),

final as (
    select
        what,
        month,
        expected as expected_count,
        coalesce(found, 0) as found_count
    from compared
    where expected <> coalesce(found, 0)
)

select * from final
