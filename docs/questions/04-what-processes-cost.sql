-- Which inner process hurts most, in money?
-- The last year by rule: what the contacts cost that a friction drew after it, and the revenue of the customers concerned. Each customer's revenue
-- counts once for each rule, so it may be added up within a rule, but not over rules.
with today as (
    select max(occurred_at) as now from warehouse.fct_touchpoint
),

recent as (
    select friction.*
    from marts.friction as friction
    cross join today
    where friction.found_at >= today.now - interval '365 days'
),

customers as (
    select
        rule,
        customer_id,
        max(revenue_at_risk_eur) as revenue_eur
    from recent
    where customer_id is not null
    group by rule, customer_id
),

risks as (
    select
        rule,
        count(*) as customers,
        sum(revenue_eur) as revenue_at_risk_eur
    from customers
    group by rule
),

costs as (
    select
        rule,
        count(*) as frictions,
        sum(cost_eur) as cost_eur
    from recent
    group by rule
)

select
    costs.rule,
    costs.frictions,
    risks.customers,
    costs.cost_eur,
    div_round(costs.cost_eur, costs.frictions, 2) as cost_each_eur,
    risks.revenue_at_risk_eur
from costs
left join risks on costs.rule = risks.rule
order by risks.revenue_at_risk_eur desc, costs.rule
