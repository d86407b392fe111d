-- The summary counts a customer once per month and rule, and her revenue with her.
with expected as (
    select
        month,
        rule,
        count(*) as customers,
        sum(revenue_at_risk_eur) as revenue_at_risk_eur
    from (
        select distinct
            cast(date_trunc('month', local_date(found_at, $time_zone)) as date) as month,
            rule,
            customer_id,
            revenue_at_risk_eur
        from marts.friction
        where customer_id is not null
    ) as customers
    group by month, rule
),

final as (
    select
        summary.month,
        summary.rule,
        coalesce(expected.customers, 0) as expected_customers,
        summary.customers as found_customers,
        coalesce(expected.revenue_at_risk_eur, 0) as expected_eur,
        summary.revenue_at_risk_eur as found_eur
    from marts.friction_summary as summary
    left join expected
        on summary.month = expected.month
        and summary.rule = expected.rule
    where coalesce(expected.customers, 0) <> summary.customers
        or coalesce(expected.revenue_at_risk_eur, 0) <> summary.revenue_at_risk_eur
)

select * from final
