with frictions as (
    select * from marts.friction
),

-- One row per customer first: her revenue is at risk once, however often the rule found her in the month.
by_customer as (
    select
        cast(date_trunc('month', local_date(found_at, $time_zone)) as date) as month,
        rule,
        customer_id,
        count(*) as frictions,
        sum(cost_eur) as cost_eur,
        max(revenue_at_risk_eur) as revenue_at_risk_eur
    from frictions
    group by
        cast(date_trunc('month', local_date(found_at, $time_zone)) as date),
        rule,
        customer_id
),

final as (
    select
        month,
        rule,
        sum(frictions) as frictions,
        count(customer_id) as customers,
        sum(cost_eur) as cost_eur,
        sum(revenue_at_risk_eur) as revenue_at_risk_eur
    from by_customer
    group by month, rule
)

select * from final
